/**
 * Emits the state machine: skeletons of the scopes as states, values as variables. In: a checked pipeline.
 * Out: Amazon States Language (JSONata) and the origin of every state.
 *
 * Data: a node's variable holds what is read of it (`reads`). Variables die with their Parallel, so a branch outputs
 * the values that live on and the Parallel assigns them again. Inside a map, the iteration's item, index and path
 * travel as the states' input, which every state hands on; this costs no state of its own.
 *
 * Here: scopes, their order and their forks. Jobs, approvals, branches, maps and gates have files of their own (`emit-…`).
 */
import type { PipelineArtifact, StateOrigin } from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';
import type { NodeIr, PipelineIr } from '../ir/nodes.ts';
import { hasFunction } from '../ir/operations.ts';
import { placedNodes } from '../ir/walk.ts';
import { gatesOf } from './behind-gates.ts';
import {
  type Around,
  type Emitter,
  type Exit,
  type Frame,
  type Identity,
  newEmitter,
  noOverrides,
  noteOrigin,
  type Overrides,
  ownIdentity,
  type ScopeBarriers,
  type ScopeToEmit,
  type State,
  type States,
} from './emit-context.ts';
import { emitApproval } from './emit-approval.ts';
import { exitTo, handedOn } from './emit-exits.ts';
import { emitBefore, emitSteps, firstState, stepsAfter } from './emit-gates.ts';
import { emitCondition, emitJob } from './emit-job.ts';
import { emitGuard } from './emit-guard.ts';
import { emitLoop, emitWait } from './emit-loop.ts';
import { emitMapS3, readFromOutside } from './emit-map-s3.ts';
import { emitMap, emitSides } from './emit-structures.ts';
import { printScope, valueAt } from './emit-values.ts';
import { access, quoted, template, text } from './jsonata.ts';
import { forkState, shardState } from './names.ts';
import { handedToMachine, shardFields } from './emit-shard.ts';
import type { GatePlace } from './gates.ts';
import type { Groundwork } from './groundwork.ts';
import { inputId } from './inline-bytes.ts';
import { type Layout, layoutOf } from './layout.ts';
import { ownerOf, readByOutput, readersTargets, valuesOf } from './reads.ts';
import type { Skeleton } from './skeleton.ts';

/** What a machine comes to: its definition, and what is to be known of it beside that. */
export interface Emitted {
  readonly definition: { readonly [key: string]: Json };
  /** Child machines, which it starts by their numbers. */
  readonly shards?: PipelineArtifact['shards'];
  readonly states: { readonly [stateName: string]: StateOrigin };
  readonly barriers: readonly ScopeBarriers[];
  /** Whether durations were recorded by which barriers could be weighed. */
  readonly estimated: boolean;
  readonly gates: PipelineArtifact['gates'];
  readonly input: NonNullable<PipelineArtifact['input']>;
  readonly approvals: PipelineArtifact['approvals'];
}

/** A scope that is being emitted. */
interface Scope extends Around {
  readonly pipeline: PipelineIr;
  readonly nodes: ReadonlyMap<string, NodeIr>;
  readonly layout: Layout;
  /** Parts that are machines of their own, with their numbers. */
  readonly shards: ReadonlyMap<Skeleton, number>;
  /** Names of the states with which parts begin, as far as somebody has asked. */
  readonly entries: Map<Skeleton, string>;
  /** Nodes of the scope that read a value of it, by that value. */
  readonly readers: ReadonlyMap<string, readonly string[]>;
  readonly readOutside: ReadonlySet<string>;
}

/** Emits the machine of a checked pipeline. */
export function emitMachine(groundwork: Groundwork, cut?: Emitter['cut']): Emitted {
  const { pipeline } = groundwork;
  const emitter = newEmitter(groundwork, emitScope, cut);
  const states: States = {};
  const { output } = pipeline;
  const body: ScopeToEmit = { scope: pipeline.body, name: '', readOutside: readByOutput(pipeline) };
  const entry = emitScope(
    emitter,
    body,
    { depth: 0, maps: [], listed: false, known: [], identity: ownIdentity, states },
    {
      next: undefined,
      assign: () => ({}),
      output: (overrides) => (output ? template(printScope(emitter, overrides), output.value) : {}),
    },
  );
  const { gated, openedBy, openedByStates } = emitter.gateUse;
  return {
    definition: {
      Comment: pipeline.description ?? pipeline.id,
      QueryLanguage: 'JSONata',
      StartAt: entry ?? '',
      ...(pipeline.timeoutSeconds === undefined ? {} : { TimeoutSeconds: pipeline.timeoutSeconds }),
      States: states,
    },
    ...(emitter.shards.length === 0 ? {} : { shards: emitter.shards }),
    states: emitter.origins,
    barriers: emitter.barriers,
    estimated: emitter.estimates.known,
    input: { keep: emitter.keeps.input, inline: emitter.inline.ofInput() },
    approvals: emitter.approvals.size === 0 ? undefined : [...emitter.approvals].sort(),
    gates: gated ? { openedBy: [...openedBy].sort(), openedByStates } : undefined,
  };
}

function emitScope(emitter: Emitter, which: ScopeToEmit, frame: Frame, exit: Exit): string | undefined {
  const { pipeline } = emitter;
  const { scope, name, readOutside } = which;
  const nodes = new Map(scope.nodes.map((node) => [node.id, node]));
  const { skeleton: whole, gates: edges, ...built } = emitter.skeletonOf(scope);
  if (built.barriers.length > 0) emitter.barriers.push({ scope: name, ...built });
  if (!whole) return undefined;
  const { skeleton, shards } = (isCut(name) ? emitter.cut?.(whole) : undefined) ?? { skeleton: whole, shards: [] };
  const gates = gatesOf({ pipeline, nodes: emitter.nodes, scope, skeleton, edges, known: frame.known });
  emitter.gateUse.gated ||= edges.length > 0;
  const path = frame.maps.length === 0 ? undefined : '$states.input.path';
  const place = placeIn(frame.identity, path);
  const layout = layoutOf(skeleton, (id) => {
    const node = nodes.get(id);
    return node === undefined ? [] : valuesOf(node).filter((value) => emitter.reads.has(value));
  });
  const inside: Scope = {
    ...{ pipeline, nodes, gates, place, layout, entries: new Map(), readers: readersIn(nodes), readOutside },
    shards: new Map(shards.map((part, index) => [part, index + 1])),
  };
  meetInForks(emitter, inside, skeleton);
  for (const part of shards) meetInShard(emitter, inside, part);
  // An execution is handed with its records what is read in it.
  for (const node of scope.nodes) if (node.kind === 'mapS3') emitter.inline.meet([inputId, ...readFromOutside(node)]);
  if (shards.length > 0) emitter.inline.hold(heldByMachine(emitter, inside, shards));
  emitPart(emitter, inside, skeleton, frame, exit);
  return entryOf(inside, skeleton);
}

/** Only the pipeline's own scope is cut, which stands in a guard where its end is seen to. */
const isCut = (name: string): boolean => name === '' || name.endsWith('.guarded');

const placeIn = ({ execution }: Identity, path: string | undefined): GatePlace => ({
  execution: `$states.context.${execution}`,
  path,
});

function readersIn(nodes: ReadonlyMap<string, NodeIr>): ReadonlyMap<string, readonly string[]> {
  const readers = new Map<string, string[]>();
  for (const node of nodes.values()) {
    for (const id of readersTargets(node)) {
      if (!nodes.has(ownerOf(id))) continue;
      const others = readers.get(id);
      if (others === undefined) readers.set(id, [node.id]);
      else others.push(node.id);
    }
  }
  return readers;
}

/** Name of the state with which a part begins. */
function entryOf(scope: Scope, part: Skeleton): string {
  const shard = scope.shards.get(part);
  return shard === undefined ? insideEntryOf(scope, part) : shardState(shard);
}

function insideEntryOf(scope: Scope, part: Skeleton): string {
  const known = scope.entries.get(part);
  if (known !== undefined) return known;
  const [first] = part.kind === 'sequence' ? part.parts : [];
  const node = scope.nodes.get(part.kind === 'leaf' ? part.id : '');
  const name =
    part.kind === 'parallel'
      ? forkState(part.parts.map((inner) => entryOf(scope, inner)))
      : first
        ? entryOf(scope, first)
        : node === undefined
          ? ''
          : firstState(scope.pipeline, node, scope.gates);
  scope.entries.set(part, name);
  return name;
}

function emitPart(emitter: Emitter, scope: Scope, part: Skeleton, frame: Frame, exit: Exit): void {
  const shard = scope.shards.get(part);
  if (shard === undefined) emitInside(emitter, scope, part, frame, exit);
  else emitShard(emitter, scope, part, shard, frame, exit);
}

function emitInside(emitter: Emitter, scope: Scope, part: Skeleton, frame: Frame, exit: Exit): void {
  switch (part.kind) {
    case 'leaf': {
      const node = scope.nodes.get(part.id);
      if (!node) return;
      const forget = emitBefore(emitter, node, frame, scope);
      emitNode(emitter, node, frame, exit, scope);
      forget();
      return;
    }
    case 'sequence':
      for (const [index, inner] of part.parts.entries()) {
        const following = part.parts[index + 1];
        emitPart(emitter, scope, inner, frame, following ? exitTo(entryOf(scope, following)) : exit);
      }
      return;
    case 'parallel':
      emitFork(emitter, scope, part, frame, exit);
  }
}

/** Notes whose values leave a fork together. Before anything is emitted: the jobs in it are to know. */
function meetInForks(emitter: Emitter, scope: Scope, part: Skeleton): void {
  const open = [part];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.kind === 'leaf') continue;
    open.push(...next.parts);
    if (next.kind !== 'parallel') continue;
    const fork = next;
    emitter.inline.meet(scope.layout.readIn(fork).filter((id) => livesOn(scope, id, fork)));
  }
}

/**
 * Notes whose values meet at a child machine. The answer of the state that runs it has both what the child was handed,
 * the pipeline's input too, and what it puts out.
 */
function meetInShard({ inline }: Emitter, scope: Scope, part: Skeleton): void {
  inline.meet([inputId, ...readFromBefore(scope, part), ...livingOn(scope, part, part)]);
}

/** Values that stand in variables of each machine: what it makes, and what it is handed or is given back by a child. */
function heldByMachine({ reads }: Emitter, scope: Scope, shards: readonly Skeleton[]): readonly Iterable<string>[] {
  const own = new Set(reads.keys());
  const made = shards.map((part) => {
    const inside = scope.layout.nodesIn(part).flatMap((id) => {
      const node = scope.nodes.get(id);
      return node === undefined ? [] : placedNodes({ nodes: [node] }).map((placed) => placed.node.id);
    });
    return inside.filter((id) => own.delete(id));
  });
  for (const part of shards) for (const id of livingOn(scope, part, part)) own.add(id);
  return [own, ...shards.map((part, at) => [...(made[at] ?? []), ...readFromBefore(scope, part)])];
}

/** A Parallel: its branches put out what lives on, and it assigns that again. */
function emitFork(
  emitter: Emitter,
  scope: Scope,
  fork: Skeleton & { readonly kind: 'parallel' },
  frame: Frame,
  exit: Exit,
): void {
  const { variable } = emitter;
  const name = insideEntryOf(scope, fork);
  const ended = new Map<string, string>();
  const branches = fork.parts.map((part, index) => {
    const exports = livingOn(scope, part, fork);
    const inner: Frame = { ...frame, depth: frame.depth + 1, states: {} };
    emitPart(emitter, scope, part, inner, exportsOf(emitter, exports));
    for (const id of exports) ended.set(id, access(`$states.result[${index}]`, [variable(id, 0)]));
    return { StartAt: entryOf(scope, part), States: inner.states };
  });
  joined(emitter, name, { Type: 'Parallel', Branches: branches }, ended, frame, exit);
  noteOrigin(
    emitter,
    name,
    'fork',
    scope.nodes.get(scope.layout.firstOf(fork)) ?? { id: '', source: emitter.pipeline.source },
  );
}

/** A part of a scope as a machine of its own: a state runs it, hands it what it reads, and assigns what lives on. */
function emitShard(emitter: Emitter, scope: Scope, part: Skeleton, number: number, frame: Frame, exit: Exit): void {
  const { home, variable } = emitter;
  const exports = livingOn(scope, part, part);
  const imports = readFromBefore(scope, part);
  const inner: Frame = { ...frame, depth: 0, identity: handedToMachine.identity, states: {} };
  const outside = imports.map((id) => [id, home.get(id) ?? 'null'] as const);
  for (const id of imports) home.set(id, handedToMachine.value(variable(id, 0)));
  const there: Scope = { ...scope, place: placeIn(handedToMachine.identity, scope.place.path) };
  emitInside(emitter, there, part, inner, exportsOf(emitter, exports));
  for (const [id, where] of outside) home.set(id, where);
  emitter.shards[number - 1] = {
    Comment: `part ${number} of ${emitter.pipeline.id}`,
    QueryLanguage: 'JSONata',
    StartAt: insideEntryOf(scope, part),
    States: inner.states,
  };
  const name = shardState(number);
  const values = outside.map(([id, where]) => [variable(id, 0), where] as const);
  const ended = new Map(exports.map((id) => [id, access('$states.result.Output', [variable(id, 0)])]));
  joined(emitter, name, shardFields(number, frame.identity, values), ended, frame, exit);
  noteOrigin(
    emitter,
    name,
    'shard',
    scope.nodes.get(scope.layout.firstOf(part)) ?? { id: '', source: emitter.pipeline.source },
  );
}

/** Values that nodes of a part read of nodes that the skeleton puts before them and that are not in the part. */
function readFromBefore(scope: Scope, part: Skeleton): readonly string[] {
  const found = new Set<string>();
  for (const leaf of scope.layout.nodesIn(part)) {
    const node = scope.nodes.get(leaf);
    for (const id of node === undefined ? [] : readersTargets(node))
      if (
        scope.nodes.has(ownerOf(id)) &&
        !scope.layout.isIn(part, ownerOf(id)) &&
        scope.gates.isBefore(ownerOf(id), leaf)
      )
        found.add(id);
  }
  return [...found].sort();
}

/** The end of a branch or a child machine: it puts these values out. */
function exportsOf(emitter: Emitter, exports: readonly string[]): Exit {
  const fields = (overrides: Overrides) =>
    exports.map((id) => `${text(emitter.variable(id, 0))}: ${valueAt(emitter, overrides, id)}`);
  return {
    next: undefined,
    assign: () => ({}),
    output: (overrides) => (exports.length === 0 ? {} : quoted(`{${fields(overrides).join(', ')}}`)),
  };
}

/** A state in which nodes have ended: it assigns their values, which stand in its result. */
function joined(
  emitter: Emitter,
  name: string,
  fields: State,
  ended: ReadonlyMap<string, string>,
  frame: Frame,
  exit: Exit,
): void {
  const { home, variable } = emitter;
  // What came out of a branch is projected already: it is taken as it is.
  for (const [id, where] of ended) home.set(id, where);
  const assign =
    exit.next === undefined
      ? {}
      : {
          ...Object.fromEntries([...ended].map(([id, where]) => [variable(id, frame.depth), quoted(where)])),
          ...exit.assign(noOverrides),
        };
  frame.states[name] = {
    ...fields,
    ...(Object.keys(assign).length === 0 ? {} : { Assign: assign }),
    ...(exit.next === undefined
      ? { Output: exit.output(noOverrides), End: true }
      : { Output: handedOn(frame), Next: exit.next }),
  };
  for (const id of ended.keys()) home.set(id, `$${variable(id, frame.depth)}`);
}

/** The values of a part that are read after the fork that the part is a branch of. */
function livingOn(scope: Scope, part: Skeleton, fork: Skeleton): readonly string[] {
  return scope.layout.readIn(part).filter((id) => livesOn(scope, id, fork));
}

/** Whether a value of a fork, which somebody reads, is read after the fork. */
function livesOn(scope: Scope, id: string, fork: Skeleton): boolean {
  const readers = scope.readers.get(id) ?? [];
  const isRead = (reader: string) => !scope.layout.isIn(fork, reader) && scope.gates.isBefore(ownerOf(id), reader);
  return scope.readOutside.has(id) || readers.some(isRead);
}

/** A node, and after it the states that open its gates, where it has no function that does. */
function emitNode(emitter: Emitter, node: NodeIr, frame: Frame, exit: Exit, around: Around): void {
  const { gates, place } = around;
  const steps = stepsAfter(emitter, node, gates);
  const [first] = steps;
  const opened = first?.name;
  if (node.when) emitCondition(emitter, node, node.when, frame, exit, opened);
  const inside = node.when ? { ...frame, known: [...frame.known, node.when] } : frame;
  const leave = opened === undefined ? exit : exitTo(opened);
  switch (node.kind) {
    case 'job':
      // A function opens its job's gates; states do where it is skipped or has failed, and of jobs without one always.
      emitJob(emitter, node, inside, hasFunction(emitter.pipeline, node) ? exit : leave, {
        ...{ gates, place },
        ...(opened !== undefined && { opened }),
      });
      break;
    case 'branch':
    case 'switch':
      emitSides(emitter, node, inside, leave);
      break;
    case 'map':
      emitMap(emitter, node, inside, leave);
      break;
    case 'mapS3':
      emitMapS3(emitter, node, inside, leave);
      break;
    case 'loop':
      emitLoop(emitter, node, inside, leave);
      break;
    case 'wait':
      emitWait(emitter, node, inside, leave);
      break;
    case 'guard':
      emitGuard(emitter, node, inside, leave);
      break;
    case 'approval':
      emitApproval(emitter, node, inside, leave);
  }
  emitSteps(emitter, node, steps, frame, exit, place);
}
