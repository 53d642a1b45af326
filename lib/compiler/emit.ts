/**
 * Emits the state machine: skeletons of the scopes as states, values as variables. In: a checked pipeline.
 * Out: Amazon States Language (JSONata) and the origin of every state.
 *
 * Data: a node's variable holds what is read of it (`reads`). Variables die with their Parallel, so a branch outputs
 * the values that live on and the Parallel assigns them again. Inside a map, the iteration's item, index and path
 * travel as the states' input, which every state hands on; this costs no state of its own.
 *
 * Here: scopes, their order and their forks. Jobs, branches, maps and gates have files of their own (`emit-…`).
 */
import type { PipelineArtifact, StateOrigin } from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';
import type { NodeIr, PipelineIr } from '../ir/nodes.ts';
import { transitiveReduction } from '../ir/reduction.ts';
import { dependenciesOf } from '../ir/walk.ts';
import { gatesOf } from './behind-gates.ts';
import {
  type Around,
  type Emitter,
  type Exit,
  type Frame,
  newEmitter,
  noOverrides,
  noteOrigin,
  type ScopeBarriers,
  type ScopeToEmit,
  type States,
} from './emit-context.ts';
import { exitTo, handedOn } from './emit-exits.ts';
import { emitBefore, emitSteps, firstState, stepsAfter } from './emit-gates.ts';
import { emitJob } from './emit-job.ts';
import { emitBranch, emitMap } from './emit-structures.ts';
import { printScope, valueAt } from './emit-values.ts';
import { access, quoted, template, text } from './jsonata.ts';
import { forkState } from './names.ts';
import { readByOutput, readersTargets } from './reads.ts';
import { buildSkeleton, type Skeleton } from './skeleton.ts';

/** What a machine comes to: its definition, and what is to be known of it beside that. */
export interface Emitted {
  readonly definition: { readonly [key: string]: Json };
  readonly states: { readonly [stateName: string]: StateOrigin };
  readonly barriers: readonly ScopeBarriers[];
  readonly gates: PipelineArtifact['gates'];
}

/** A scope that is being emitted. */
interface Scope extends Around {
  readonly nodes: ReadonlyMap<string, NodeIr>;
  /** Nodes of the scope that read a node of it, by the one that is read. */
  readonly readers: ReadonlyMap<string, readonly string[]>;
  readonly readOutside: ReadonlySet<string>;
}

/** Emits the machine of a checked pipeline. */
export function emitMachine(pipeline: PipelineIr): Emitted {
  const emitter = newEmitter(pipeline, emitScope);
  const states: States = {};
  const { output } = pipeline;
  const body: ScopeToEmit = { scope: pipeline.body, name: '', readOutside: readByOutput(pipeline) };
  const entry = emitScope(
    emitter,
    body,
    { depth: 0, maps: [], known: [], states },
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
    states: emitter.origins,
    barriers: emitter.barriers,
    gates: gated ? { openedBy: [...openedBy].sort(), openedByStates } : undefined,
  };
}

function emitScope(emitter: Emitter, which: ScopeToEmit, frame: Frame, exit: Exit): string | undefined {
  const { pipeline } = emitter;
  const { scope, name, readOutside } = which;
  const nodes = new Map(scope.nodes.map((node) => [node.id, node]));
  const built = buildSkeleton(transitiveReduction(dependenciesOf(scope)), { mode: pipeline.mode ?? 'exact' });
  const { skeleton, barriers, longestPath } = built;
  if (barriers.length > 0) emitter.barriers.push({ scope: name, barriers, longestPath });
  if (!skeleton) return undefined;
  const edges = built.gates;
  const gates = gatesOf({ pipeline, nodes: emitter.nodes, scope, skeleton, edges, known: frame.known });
  emitter.gateUse.gated ||= edges.length > 0;
  const path = frame.maps.length === 0 ? undefined : '$states.input.path';
  const inside: Scope = { nodes, gates, path, readers: readersIn(nodes), readOutside };
  emitPart(emitter, inside, skeleton, frame, exit);
  return entryOf(inside, skeleton);
}

function readersIn(nodes: ReadonlyMap<string, NodeIr>): ReadonlyMap<string, readonly string[]> {
  const readers = new Map<string, string[]>();
  for (const node of nodes.values())
    for (const id of readersTargets(node)) if (nodes.has(id)) readers.set(id, [...(readers.get(id) ?? []), node.id]);
  return readers;
}

/** Name of the state with which a part begins. */
function entryOf(scope: Scope, part: Skeleton): string {
  if (part.kind === 'parallel') return forkOf(scope, part.parts);
  const [first] = part.kind === 'sequence' ? part.parts : [];
  if (first) return entryOf(scope, first);
  const node = scope.nodes.get(part.kind === 'leaf' ? part.id : '');
  return node === undefined ? '' : firstState(node, scope.gates);
}

function forkOf(scope: Scope, parts: readonly Skeleton[]): string {
  return forkState(parts.map((part) => entryOf(scope, part)));
}

function leavesOf(part: Skeleton): readonly string[] {
  return part.kind === 'leaf' ? [part.id] : part.parts.flatMap(leavesOf);
}

function emitPart(emitter: Emitter, scope: Scope, part: Skeleton, frame: Frame, exit: Exit): void {
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
      emitFork(emitter, scope, part.parts, frame, exit);
  }
}

/** A Parallel: its branches put out what lives on, and it assigns that again. */
function emitFork(emitter: Emitter, scope: Scope, parts: readonly Skeleton[], frame: Frame, exit: Exit): void {
  const { home, variable } = emitter;
  const forkName = forkOf(scope, parts);
  const all = new Set(parts.flatMap(leavesOf));
  const ended = new Map<string, string>();
  const branches = parts.map((part, index) => {
    const exports = leavesOf(part).filter((id) => livesOn(emitter, scope, id, all));
    const inner: Frame = { ...frame, depth: frame.depth + 1, states: {} };
    emitPart(emitter, scope, part, inner, {
      next: undefined,
      assign: () => ({}),
      output: (overrides) =>
        exports.length === 0
          ? {}
          : quoted(
              `{${exports.map((id) => `${text(variable(id, 0))}: ${valueAt(emitter, overrides, id)}`).join(', ')}}`,
            ),
    });
    for (const id of exports) ended.set(id, access(`$states.result[${index}]`, [variable(id, 0)]));
    return { StartAt: entryOf(scope, part), States: inner.states };
  });
  // What came out of a branch is projected already: it is taken as it is.
  for (const [id, where] of ended) home.set(id, where);
  const assign =
    exit.next === undefined
      ? {}
      : {
          ...Object.fromEntries([...ended].map(([id, where]) => [variable(id, frame.depth), quoted(where)])),
          ...exit.assign(noOverrides),
        };
  frame.states[forkName] = {
    Type: 'Parallel',
    Branches: branches,
    ...(Object.keys(assign).length === 0 ? {} : { Assign: assign }),
    ...(exit.next === undefined
      ? { Output: exit.output(noOverrides), End: true }
      : { Output: handedOn(frame), Next: exit.next }),
  };
  const first = scope.nodes.get([...all][0] ?? '');
  noteOrigin(emitter, forkName, 'fork', first ?? { id: '', source: emitter.pipeline.source });
  for (const id of ended.keys()) home.set(id, `$${variable(id, frame.depth)}`);
}

/** Whether a node's value is read after the fork over these nodes, which it is one of. */
function livesOn({ reads }: Emitter, scope: Scope, id: string, fork: ReadonlySet<string>): boolean {
  if (!reads.has(id)) return false;
  const readers = scope.readers.get(id) ?? [];
  return scope.readOutside.has(id) || readers.some((reader) => !fork.has(reader) && scope.gates.isBefore(id, reader));
}

/** A node, and after it the states that open its gates, where it has no function that does. */
function emitNode(emitter: Emitter, node: NodeIr, frame: Frame, exit: Exit, around: Around): void {
  const { gates, path } = around;
  const steps = stepsAfter(node, gates);
  const [first] = steps;
  if (node.kind === 'job') {
    emitJob(emitter, node, frame, exit, { gates, path, ...(first === undefined ? {} : { skipped: first.name }) });
    const ended = new Map([[node.id, 'null']]);
    if (node.when) emitSteps(emitter, node, steps, frame, exit, { path, ended });
    return;
  }
  const leave = first === undefined ? exit : exitTo(first.name);
  if (node.kind === 'branch') emitBranch(emitter, node, frame, leave);
  else emitMap(emitter, node, frame, leave);
  emitSteps(emitter, node, steps, frame, exit, { path, ended: noOverrides });
}
