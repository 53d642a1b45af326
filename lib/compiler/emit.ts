/**
 * Emits the state machine: skeletons of the scopes as states, values as variables. In: a checked pipeline.
 * Out: Amazon States Language (JSONata) and the origin of every state.
 *
 * Data: a node's variable holds what is read of it (`reads`). Variables die with their Parallel, so a branch outputs
 * the values that live on and the Parallel assigns them again. Inside a map, the iteration's item, index and path
 * travel as the states' input, which every state hands on; this costs no state of its own.
 */
import type { SourcePosition } from '../errors.ts';
import { jobErrors } from '../errors.ts';
import { functionPlaceholder, type PipelineArtifact, type StateOrigin } from '../ir/artifact.ts';
import type { Expression, Json, RefExpression, RefTarget } from '../ir/expressions.ts';
import type { BranchIr, JobIr, MapIr, NodeIr, PipelineIr, RetryIr, ScopeIr } from '../ir/nodes.ts';
import { transitiveReduction } from '../ir/reduction.ts';
import { shapeOf } from '../ir/shapes.ts';
import { dependenciesOf, nodeIndex, refsWithin } from '../ir/walk.ts';
import { reservedInputKey } from '../storage-layout.ts';
import { gatesOf, type ScopeGates } from './behind-gates.ts';
import { type Gate, keepFields, openingFields, readFields, type ScopePath, valueKey, waitFields } from './gates.ts';
import { access, literal, type PrintScope, print, quoted, template, text } from './jsonata.ts';
import { conditionState, forkState, gateState, skipState, variableNames } from './names.ts';
import {
  itemReads,
  keptOf,
  projection,
  type Reads,
  readByOutput,
  readByResult,
  readersTargets,
  readsOf,
} from './reads.ts';
import { type Barrier, buildSkeleton, type Skeleton } from './skeleton.ts';

type State = { readonly [field: string]: Json };
type States = { [name: string]: State };

/** Values known at one state: of the nodes that end with this very state, where their raw value is. */
type Overrides = ReadonlyMap<string, string>;

/** What a state assigns or puts out when it leaves a scope, printed where it is known what the state itself gives. */
interface Exit {
  /** The state that follows; `undefined` ends the Parallel branch, the map iteration or the machine. */
  readonly next: string | undefined;
  /** Variables to assign on the way out, beyond the node's own. */
  readonly assign: (overrides: Overrides) => { readonly [variable: string]: Json };
  /** Output of the last state. Called only when `next` is undefined. */
  readonly output: (overrides: Overrides) => Json;
}

/** One scope of the machine: its top, a Parallel branch or a map iteration. */
interface Frame {
  readonly depth: number;
  /** Maps around, outermost first. */
  readonly maps: readonly string[];
  /** Conditions known to be true here: those of the sides around. */
  readonly known: readonly Expression[];
}

/** Where barriers were put, by the scope they are in. */
export interface ScopeBarriers {
  readonly scope: string;
  readonly barriers: readonly Barrier[];
  readonly longestPath: number;
}

export interface Emitted {
  readonly definition: { readonly [key: string]: Json };
  readonly states: { readonly [stateName: string]: StateOrigin };
  readonly barriers: readonly ScopeBarriers[];
  readonly gates: PipelineArtifact['gates'];
}

/** A state before a node: it waits at a gate, or fetches a value from behind one. */
type Waiting = { readonly name: string } & ({ readonly gate: Gate } | { readonly from: string });

/** A state after a node that opens a gate; without one it leaves the node's value. */
interface Step {
  readonly name: string;
  readonly gate?: Gate;
}

/** The gates of the scope that a node is in, and the path of its iteration. */
interface Around {
  readonly gates: ScopeGates;
  readonly path: ScopePath;
}

interface JobAround extends Around {
  /** The state that goes on when the job is skipped, where its gates are to be opened then. */
  readonly skipped?: string;
}

const noOverrides: Overrides = new Map();

/** What the function of a job gave, at the job's own state. */
const payload = '$states.result.Payload';

/** Emits the machine of a checked pipeline. */
export function emitMachine(pipeline: PipelineIr): Emitted {
  const emitter = newEmitter(pipeline);
  const states: States = {};
  const { output } = pipeline;
  const entry = emitter.scope(pipeline.body, '', readByOutput(pipeline), { depth: 0, maps: [], known: [] }, states, {
    next: undefined,
    assign: () => ({}),
    output: (overrides) => (output ? template(emitter.print(overrides), output.value) : {}),
  });
  return {
    definition: {
      Comment: pipeline.description ?? pipeline.id,
      QueryLanguage: 'JSONata',
      StartAt: entry ?? '',
      ...(pipeline.timeoutSeconds === undefined ? {} : { TimeoutSeconds: pipeline.timeoutSeconds }),
      States: states,
    },
    states: emitter.origins,
    barriers: emitter.barriers,
    gates: emitter.gateUse(),
  };
}

function newEmitter(pipeline: PipelineIr) {
  const reads = readsOf(pipeline);
  const variable = variableNames();
  const nodes = nodeIndex(pipeline);
  const origins: { [name: string]: StateOrigin } = {};
  const barriers: ScopeBarriers[] = [];
  const openedBy = new Set<string>();
  let gated = false;
  let openedByStates = false;
  /** Where each node's value is, as JSONata, at the place being emitted. Grows as emission goes forward. */
  const home = new Map<string, string>();
  /** Nodes whose output functions read for themselves where is being emitted; and how many maps are around them. */
  const behind = new Map<string, number>();

  function base(overrides: Overrides, target: RefTarget): string {
    switch (target.kind) {
      case 'input':
        return '$states.context.Execution.Input';
      case 'node':
        return overrides.get(target.id) ?? home.get(target.id) ?? 'null';
      case 'item':
        return access('$states.input.items', [target.map]);
      case 'index':
        return access('$states.input.indexes', [target.map]);
    }
  }

  function printScope(overrides: Overrides, known: readonly Expression[] = []): PrintScope {
    return { base: (target) => base(overrides, target), shapes: { pipeline, nodes, known } };
  }

  /** A job's input. Values behind gates are left out of it and listed: the job's function fetches them. */
  function inputOf(
    node: JobIr,
    frame: Frame,
    known: readonly Expression[],
  ): { readonly template: Json; readonly fetched: readonly string[] } {
    const fetched: string[] = [];
    const fetches = ({ target, path }: RefExpression, at: readonly (string | number)[]): boolean => {
      const maps = target.kind === 'node' ? behind.get(target.id) : undefined;
      if (maps === undefined || target.kind !== 'node') return false;
      const job = pathTo(target.id, maps, frame);
      fetched.push(`{"at": ${literal([...at])}, "job": ${job}, "path": ${literal([...path])}}`);
      return true;
    };
    return { template: template({ ...printScope(noOverrides, known), fetches }, node.input), fetched };
  }

  /** The path of a job that has so many maps around it, as JSONata, seen from a frame inside the innermost of them. */
  function pathTo(job: string, maps: number, frame: Frame): string {
    if (maps === 0) return text(job);
    const own = '$states.input.path';
    const outer = `$join($filter($split(${own}, "/"), function($part, $index){ $index < ${maps} }), "/")`;
    return `${maps === frame.maps.length ? own : outer} & ${text(`/${job}`)}`;
  }

  function readsFor(id: string): Reads {
    return reads.get(id) ?? { whole: false, fields: new Map() };
  }

  /** What is read of a node, as JSONata: projected from the raw value, or the variable as it is. */
  function value(overrides: Overrides, id: string): string {
    const raw = overrides.get(id);
    if (raw === undefined) return home.get(id) ?? 'null';
    return nodes.get(id)?.node.kind === 'map'
      ? raw
      : projected(raw, { kind: 'ref', target: { kind: 'node', id }, path: [] }, readsFor(id));
  }

  /** The part of a value that is read. What is absent stands there as null and stays that. */
  function projected(raw: string, expression: Expression, wanted: Reads): string {
    if (raw === 'null') return raw;
    const part = projection(raw, wanted);
    const present = part === raw || raw === payload || !shapeOf(printScope(noOverrides).shapes, expression).absent;
    return present ? part : `($type(${raw}) = "null" ? null : ${part})`;
  }

  function origin(
    name: string,
    role: StateOrigin['role'],
    node: string,
    source: SourcePosition,
    operation?: string,
  ): void {
    origins[name] = { node, role, source, ...(operation === undefined ? {} : { operation }) };
  }

  /** Input of every state of a frame is its output too; at the top nothing needs to travel. */
  function handedOn(frame: Frame): Json {
    return frame.maps.length === 0 ? {} : quoted('$states.input');
  }

  /** Fields of a state that ends a node: own variable, what the exit assigns, and where to go. */
  function leaving(exit: Exit, frame: Frame, ended: Overrides): State {
    if (exit.next === undefined) return { Output: exit.output(ended), End: true };
    const own = [...ended.keys()]
      .filter((id) => reads.has(id) && !innerOnly.has(id))
      .map((id) => [variable(id, frame.depth), assigned(value(ended, id))] as const);
    const assign = { ...Object.fromEntries(own), ...exit.assign(ended) };
    return {
      ...(Object.keys(assign).length === 0 ? {} : { Assign: assign }),
      Output: handedOn(frame),
      Next: exit.next,
    };
  }

  function assigned(jsonata: string): Json {
    return jsonata === 'null' ? null : jsonata === '{}' ? {} : quoted(jsonata);
  }

  /** Where a path goes on that runs nothing: to the next state, or to a Pass that ends the scope. */
  function skipTo(
    exit: Exit,
    frame: Frame,
    states: States,
    name: string,
    node: NodeIr,
    ended: Overrides,
  ): { readonly next: string; readonly assign: State } {
    if (exit.next !== undefined) {
      const { Assign } = leaving(exit, frame, ended);
      return { next: exit.next, assign: Assign === undefined ? {} : { Assign } };
    }
    states[name] = { Type: 'Pass', ...leaving(exit, frame, ended) };
    origin(name, 'skip', node.id, node.source);
    return { next: name, assign: {} };
  }

  function emitScope(
    scope: ScopeIr,
    name: string,
    readOutside: ReadonlySet<string>,
    frame: Frame,
    states: States,
    exit: Exit,
  ): string | undefined {
    const own = new Map(scope.nodes.map((node) => [node.id, node]));
    const built = buildSkeleton(transitiveReduction(dependenciesOf(scope)), { mode: pipeline.mode ?? 'exact' });
    const { skeleton, barriers: added, longestPath } = built;
    if (added.length > 0) barriers.push({ scope: name, barriers: added, longestPath });
    if (!skeleton) return undefined;
    const gates = gatesOf({ pipeline, nodes, scope, skeleton, edges: built.gates, known: frame.known });
    gated ||= built.gates.length > 0;
    const scopePath: ScopePath = frame.maps.length === 0 ? undefined : '$states.input.path';
    const readers = new Map<string, string[]>();
    for (const node of scope.nodes)
      for (const id of readersTargets(node)) if (own.has(id)) readers.set(id, [...(readers.get(id) ?? []), node.id]);

    const entryOf = (part: Skeleton): string => {
      if (part.kind === 'parallel') return forkState(part.parts.map(entryOf));
      const [first] = part.kind === 'sequence' ? part.parts : [];
      if (first) return entryOf(first);
      const node = own.get(part.kind === 'leaf' ? part.id : '');
      return node === undefined ? '' : (before(node)[0]?.name ?? startOf(node));
    };
    const startOf = (node: NodeIr) => (node.kind === 'job' && node.when ? conditionState(node.id) : node.id);
    /** The states before a node: where it waits at gates, and where it fetches what stands behind them. */
    const before = (node: NodeIr): readonly Waiting[] => [
      ...(gates.waits.get(node.id) ?? []).map((gate, index) => ({ name: gateState(node.id, 'waits', index), gate })),
      ...(gates.fetched.get(node.id) ?? []).map((from) => ({ name: gateState(node.id, `reads ${from}`), from })),
    ];
    const emitBefore = (node: NodeIr, within: Frame, into: States): void => {
      const states = before(node);
      for (const [index, waiting] of states.entries()) {
        const on = { next: states[index + 1]?.name ?? startOf(node), output: handedOn(within) };
        if ('gate' in waiting) into[waiting.name] = waitFields(waiting.gate, scopePath, on);
        else {
          const to = variable(`${waiting.from}-for-${node.id}`, within.depth);
          into[waiting.name] = readFields(waiting.from, scopePath, to, on);
          home.set(waiting.from, `$${to}`);
        }
        origin(waiting.name, 'gate', node.id, node.source);
      }
      for (const from of gates.pointed.get(node.id) ?? []) behind.set(from, frame.maps.length);
    };

    const emitPart = (part: Skeleton, within: Frame, into: States, leave: Exit): void => {
      switch (part.kind) {
        case 'leaf': {
          const node = own.get(part.id);
          if (!node) return;
          const seen = [...(gates.fetched.get(node.id) ?? [])].map((from) => [from, home.get(from)] as const);
          const pointed = (gates.pointed.get(node.id) ?? []).filter((from) => !behind.has(from));
          emitBefore(node, within, into);
          emitNode(node, within, into, leave, { gates, path: scopePath });
          // What this node has fetched or points to is nothing to another.
          for (const [from, where] of seen) {
            if (where === undefined) home.delete(from);
            else home.set(from, where);
          }
          for (const from of pointed) behind.delete(from);
          return;
        }
        case 'sequence':
          for (const [index, inner] of part.parts.entries()) {
            const following = part.parts[index + 1];
            emitPart(
              inner,
              within,
              into,
              following ? { next: entryOf(following), assign: () => ({}), output: () => ({}) } : leave,
            );
          }
          return;
        case 'parallel':
          emitFork(part.parts, within, into, leave);
      }
    };

    const emitFork = (parts: readonly Skeleton[], within: Frame, into: States, leave: Exit): void => {
      const forkName = forkState(parts.map(entryOf));
      const all = new Set(parts.flatMap(leavesOf));
      const lives = (id: string) =>
        reads.has(id) &&
        (readOutside.has(id) ||
          (readers.get(id) ?? []).some((reader) => !all.has(reader) && gates.isBefore(id, reader)));
      const inner: Frame = { ...within, depth: within.depth + 1 };
      const ended = new Map<string, string>();
      const branches = parts.map((part, index) => {
        const exports = leavesOf(part).filter(lives);
        const branchStates: States = {};
        emitPart(part, inner, branchStates, {
          next: undefined,
          assign: () => ({}),
          output: (overrides) =>
            exports.length === 0
              ? {}
              : quoted(`{${exports.map((id) => `${text(variable(id, 0))}: ${value(overrides, id)}`).join(', ')}}`),
        });
        for (const id of exports) ended.set(id, access(`$states.result[${index}]`, [variable(id, 0)]));
        return { StartAt: entryOf(part), States: branchStates };
      });
      // What came out of a branch is projected already: it is taken as it is.
      for (const [id, where] of ended) home.set(id, where);
      const first = own.get([...all][0] ?? '');
      const assign =
        leave.next === undefined
          ? {}
          : {
              ...Object.fromEntries([...ended].map(([id, where]) => [variable(id, within.depth), quoted(where)])),
              ...leave.assign(noOverrides),
            };
      into[forkName] = {
        Type: 'Parallel',
        Branches: branches,
        ...(Object.keys(assign).length === 0 ? {} : { Assign: assign }),
        ...(leave.next === undefined
          ? { Output: leave.output(noOverrides), End: true }
          : { Output: handedOn(within), Next: leave.next }),
      };
      origin(forkName, 'fork', first?.id ?? '', first?.source ?? pipeline.source);
      for (const id of ended.keys()) home.set(id, `$${variable(id, within.depth)}`);
    };

    emitPart(skeleton, frame, states, exit);
    return entryOf(skeleton);
  }

  /** A node, and after it the states that open its gates, where it has no function that does. */
  function emitNode(node: NodeIr, frame: Frame, states: States, exit: Exit, around: Around): void {
    const steps = openingSteps(node, around.gates);
    const [first] = steps;
    if (node.kind === 'job') {
      emitJob(node, frame, states, exit, { ...around, ...(first === undefined ? {} : { skipped: first.name }) });
      if (node.when) emitSteps(node, steps, frame, states, exit, around.path, new Map([[node.id, 'null']]));
      return;
    }
    const leave: Exit = first === undefined ? exit : { next: first.name, assign: () => ({}), output: () => ({}) };
    if (node.kind === 'branch') emitBranch(node, frame, states, leave);
    else emitMap(node, frame, states, leave);
    emitSteps(node, steps, frame, states, exit, around.path, noOverrides);
  }

  function openingSteps(node: NodeIr, gates: ScopeGates): readonly Step[] {
    const opens = gates.opens.get(node.id) ?? [];
    const steps: Step[] = opens.map((gate) => ({ name: gateState(node.id, `opens ${gate.key}`), gate }));
    const keeps = node.kind !== 'job' && gates.kept.has(node.id);
    return keeps ? [{ name: gateState(node.id, 'is kept') }, ...steps] : steps;
  }

  function emitSteps(
    node: NodeIr,
    steps: readonly Step[],
    frame: Frame,
    states: States,
    exit: Exit,
    path: ScopePath,
    ended: Overrides,
  ): void {
    for (const [index, { name, gate }] of steps.entries()) {
      const following = steps[index + 1];
      const on: State =
        following === undefined ? leaving(exit, frame, ended) : { Output: handedOn(frame), Next: following.name };
      origin(name, 'gate', node.id, node.source);
      if (gate === undefined) {
        states[name] = { ...keepFields(node.id, path, value(noOverrides, node.id)), ...on };
        continue;
      }
      const told = (what: string) => gateState(node.id, `${what} ${gate.key}`);
      openedByStates = true;
      const names = { take: told('finds who waits at'), send: told('wakes who waits at'), done: told('has opened') };
      const one = told('wakes one at');
      const dead = told('wakes nobody at');
      const { open, take, send } = openingFields(gate, node.id, path, { take: names.take, one, dead });
      states[name] = { ...open, ...on };
      states[names.take] = { ...take, Next: names.send };
      states[names.send] = { ...send, Output: quoted('$states.input.given'), Next: names.done };
      states[names.done] = { Type: 'Pass', ...on };
      for (const other of [...Object.values(names), one, dead]) origin(other, 'gate', node.id, node.source);
    }
  }

  function emitJob(node: JobIr, frame: Frame, states: States, exit: Exit, around: JobAround): void {
    const operation = pipeline.operations[node.operation];
    if (!operation) return;
    const here = printScope(noOverrides, frame.known);
    if (node.when) {
      const { next, assign } =
        around.skipped === undefined
          ? skipTo(exit, frame, states, skipState(node.id), node, new Map([[node.id, 'null']]))
          : { next: around.skipped, assign: {} };
      states[conditionState(node.id)] = {
        Type: 'Choice',
        Choices: [{ Condition: quoted(print(here, node.when)), Next: node.id }],
        ...assign,
        Default: next,
      };
      origin(conditionState(node.id), 'condition', node.id, node.source);
    }
    const jobPath = frame.maps.length === 0 ? text(node.id) : `$states.input.path & ${text(`/${node.id}`)}`;
    const input = inputOf(node, frame, node.when ? [...frame.known, node.when] : frame.known);
    const envelope = [
      `"job": ${jobPath}`,
      `"operation": ${text(operation.id)}`,
      '"attempt": State.RetryCount',
      '"redrive": Execution.RedriveCount',
      '"execution": Execution.Id',
      '"startedAt": Execution.StartTime',
      `"block": ${access('Execution.Input', [reservedInputKey])}`,
      ...gateWork(node, around, input.fetched),
    ];
    states[node.id] = {
      Type: 'Task',
      Resource: 'arn:aws:states:::lambda:invoke',
      Arguments: {
        FunctionName: functionPlaceholder(operation.id),
        // A step of a path into the context: every definition holds this once for each job.
        Payload: { bunsui: quoted(`$states.context.{${envelope.join(', ')}}`), input: input.template },
      },
      ...(node.timeoutSeconds === undefined ? {} : { TimeoutSeconds: node.timeoutSeconds }),
      Retry: retriers(node.retry ?? operation.retry),
      ...leaving(exit, frame, new Map([[node.id, payload]])),
    };
    origin(node.id, 'job', node.id, node.source, operation.id);
    home.set(node.id, `$${variable(node.id, frame.depth)}`);
  }

  /** What the job's function has to do for gates, as a field of the envelope: a `GateWork`. */
  function gateWork(node: JobIr, { gates, path }: Around, fetched: readonly string[]): readonly string[] {
    const opens = (gates.opens.get(node.id) ?? []).map(({ kind, key, producers }) =>
      kind === 'flag' ? { flag: key } : { latch: key, all: producers.length, self: node.id },
    );
    const keeps = gates.kept.has(node.id);
    if (opens.length > 0 || keeps) openedBy.add(node.operation);
    const keep = { key: valueKey(node.id), fields: keptOf(readsFor(node.id)) };
    const fields = [
      ...(path === undefined || (opens.length === 0 && !keeps) ? [] : [`"path": ${path}`]),
      ...(fetched.length === 0 ? [] : [`"inputs": [${fetched.join(', ')}]`]),
      ...(opens.length === 0 ? [] : [`"open": ${literal(opens)}`]),
      ...(keeps ? [`"keep": ${literal(keep as unknown as Json)}`] : []),
    ];
    return fields.length === 0 ? [] : [`"gates": {${fields.join(', ')}}`];
  }

  function emitBranch(node: BranchIr, frame: Frame, states: States, exit: Exit): void {
    const here = printScope(noOverrides, frame.known);
    const sideExit = (side: ScopeIr | undefined): Exit => {
      const result = (overrides: Overrides) => (side?.result ? resultValue(overrides, side.result) : 'null');
      const withResult = (overrides: Overrides): Overrides => new Map(overrides).set(node.id, result(overrides));
      return {
        next: exit.next,
        assign: (overrides) => ({
          ...(reads.has(node.id)
            ? { [variable(node.id, frame.depth)]: assigned(ownValue(overrides, node.id, side)) }
            : {}),
          ...exit.assign(withResult(overrides)),
        }),
        output: (overrides) => exit.output(withResult(overrides)),
      };
    };
    const ownValue = (overrides: Overrides, id: string, side: ScopeIr | undefined): string =>
      side?.result ? resultOf(overrides, side.result, readsFor(id)) : 'null';
    const emitSide = (
      side: ScopeIr | undefined,
      part: 'yes' | 'no',
    ): { readonly next: string; readonly assign: State } => {
      const leave = sideExit(side);
      const fact: Expression =
        part === 'yes' ? node.condition : { kind: 'call', name: 'not', arguments: [node.condition] };
      const inside: Frame = { ...frame, known: [...frame.known, fact] };
      const entry = side && emitScope(side, `${node.id}.${part}`, readByResult(side), inside, states, leave);
      if (entry !== undefined) return { next: entry, assign: {} };
      return skipTo(leave, frame, states, part === 'yes' ? `${node.id} empty` : skipState(node.id), node, noOverrides);
    };
    const yes = emitSide(node.yes, 'yes');
    const no = emitSide(node.no, 'no');
    states[node.id] = {
      Type: 'Choice',
      Choices: [{ Condition: quoted(print(here, node.condition)), Next: yes.next, ...yes.assign }],
      ...no.assign,
      Default: no.next,
    };
    origin(node.id, 'condition', node.id, node.source);
    home.set(node.id, `$${variable(node.id, frame.depth)}`);
  }

  /** A scope's result as JSONata over raw values: null when it is absent. */
  function resultValue(overrides: Overrides, result: Expression): string {
    if (result.kind === 'ref' && result.path.length === 0) return base(overrides, result.target);
    const here = printScope(overrides);
    const printed = print(here, result);
    return shapeOf(here.shapes, result).absent ? `($exists(${printed}) ? ${printed} : null)` : printed;
  }

  /** What is read of a scope's result. */
  function resultOf(overrides: Overrides, result: Expression, wanted: Reads): string {
    return projected(resultValue(overrides, result), result, wanted);
  }

  function emitMap(node: MapIr, frame: Frame, states: States, exit: Exit): void {
    const here = printScope(noOverrides, frame.known);
    const inner: Frame = { ...frame, depth: frame.depth + 1, maps: [...frame.maps, node.id] };
    const used = new Set(
      refsWithin(node).flatMap(({ target }) =>
        target.kind === 'item' || target.kind === 'index' ? [`${target.kind} ${target.map}`] : [],
      ),
    );
    const carried = (kind: 'item' | 'index', folder: string, own: string) =>
      Object.fromEntries(
        inner.maps
          .filter((map) => used.has(`${kind} ${map}`))
          .map((map) => [map, quoted(map === node.id ? own : access(`$states.input.${folder}`, [map]))]),
      );
    const items = carried('item', 'items', '$states.context.Map.Item.Value');
    const indexes = carried('index', 'indexes', '$states.context.Map.Item.Index');
    const prefix = frame.maps.length === 0 ? text(`${node.id}[`) : `$states.input.path & ${text(`/${node.id}[`)}`;
    const bodyStates: States = {};
    const { body } = node;
    const wanted = reads.get(node.id);
    const entry = emitScope(body, node.id, readByResult(body), inner, bodyStates, {
      next: undefined,
      assign: () => ({}),
      output: (overrides) => {
        if (!wanted) return {};
        if (!body.result) return null;
        return assigned(resultOf(overrides, body.result, itemReads(wanted)));
      },
    });
    states[node.id] = {
      Type: 'Map',
      Items: node.items.kind === 'literal' ? template(here, node.items) : quoted(print(here, node.items)),
      ItemSelector: {
        path: quoted(`${prefix} & $string($states.context.Map.Item.Index) & "]"`),
        ...(Object.keys(items).length === 0 ? {} : { items }),
        ...(Object.keys(indexes).length === 0 ? {} : { indexes }),
      },
      ...(node.concurrency === 0 ? {} : { MaxConcurrency: node.concurrency }),
      ItemProcessor: { ProcessorConfig: { Mode: 'INLINE' }, StartAt: entry ?? '', States: bodyStates },
      ...leaving(exit, frame, new Map([[node.id, '$states.result']])),
    };
    origin(node.id, 'map', node.id, node.source);
    home.set(node.id, `$${variable(node.id, frame.depth)}`);
  }

  /** Nodes that only `leaving` must not assign: branches assign theirs on the way out of their sides. */
  const innerOnly = new Set(
    [...nodes.values()].filter(({ node }) => node.kind === 'branch').map(({ node }) => node.id),
  );
  const gateUse = () => (gated ? { openedBy: [...openedBy].sort(), openedByStates } : undefined);
  return { scope: emitScope, print: printScope, origins, barriers, gateUse };
}

function leavesOf(part: Skeleton): readonly string[] {
  return part.kind === 'leaf' ? [part.id] : part.parts.flatMap(leavesOf);
}

/** Faults of the Lambda service itself, which say nothing about the job. @see https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html */
const lambdaServiceErrors = [
  'Lambda.ClientExecutionTimeoutException',
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.TooManyRequestsException',
];

/** Errors that a repetition cannot mend. */
const hopeless = [jobErrors.inputInvalid, jobErrors.outputInvalid, jobErrors.outputTooLarge];

function retriers(retry: RetryIr | undefined): Json {
  const service = {
    ErrorEquals: [...lambdaServiceErrors, jobErrors.recordFailed],
    IntervalSeconds: 2,
    MaxAttempts: 6,
    BackoffRate: 2,
    JitterStrategy: 'FULL',
  };
  if (!retry || retry.max === 0) return [service];
  return [
    { ErrorEquals: hopeless, MaxAttempts: 0 },
    service,
    {
      ErrorEquals: retry.errors,
      IntervalSeconds: retry.delaySeconds,
      MaxAttempts: retry.max,
      BackoffRate: retry.backoff,
      ...(retry.maxDelaySeconds === undefined ? {} : { MaxDelaySeconds: retry.maxDelaySeconds }),
      ...(retry.jitter ? { JitterStrategy: 'FULL' } : {}),
    },
  ];
}
