/**
 * Explanation: what a compiled pipeline will do and why. When each job starts and what it waits for, which chain of
 * jobs decides how long it takes, what gates cost, how many states a run enters. In: the artifact. Out: data to print.
 */
import type { SourcePosition } from '../errors.ts';
import type { PipelineArtifact, StateOrigin } from '../ir/artifact.ts';
import { type Expression, nodeOf } from '../ir/expressions.ts';
import type { NodeIr, PipelineIr, ScopeIr } from '../ir/nodes.ts';
import { isContainer, isLambda } from '../ir/operations.ts';
import { transitiveReduction } from '../ir/reduction.ts';
import { dependenciesOf, innerScopes, refsWithin } from '../ir/walk.ts';
import { boundsOf, type MachineBounds, type Range } from './bounds.ts';
import { type Estimates, estimatesOf } from './estimates.ts';
import { skeletonOf } from './scope-skeleton.ts';
import { type Before, startTimes } from './start-times.ts';

/** One thing that a node waits for. */
export interface WaitReason {
  readonly node: string;
  /** Fields of its output that are read, as paths; empty where the order alone was asked for. */
  readonly reads: readonly (readonly (string | number)[])[];
  /**
   * Where nothing but a barrier asks for it: how many nodes the barrier puts before this one that the graph does not.
   * Of those this is the one that ends last.
   */
  readonly barrierOf?: number;
}

/** A job, branch or map. */
export interface ExplainedNode {
  readonly id: string;
  readonly kind: NodeIr['kind'];
  readonly operation?: string;
  /** What its state calls, where that is no function of its own: `glue:startJobRun.sync`. */
  readonly calls?: string;
  readonly source: SourcePosition;
  /** Branches and maps around it, from the outside in. */
  readonly inside: readonly string[];
  /** Under which condition it runs. */
  readonly when?: Expression;
  /** Of a switch: the text by which it takes a case. */
  readonly by?: Expression;
  /** What decides when it starts, without what is implied by that; a barrier too. Empty: it starts with what is around it. */
  readonly waitsFor: readonly WaitReason[];
  /** Seconds after what is around it has started, at the earliest, by the estimates. */
  readonly startsAfterSeconds: number;
  readonly seconds: number;
  /** On the longest path of what is around it. */
  readonly isCritical: boolean;
  /** The states that serve it, by what they do. */
  readonly states: { readonly [role in StateOrigin['role']]?: readonly string[] };
}

/** All of it. */
export interface Explanation {
  readonly pipeline: string;
  readonly source: SourcePosition;
  readonly version: string;
  readonly mode: 'exact' | 'barrier' | 'auto';
  /** Whether durations were recorded; otherwise each job counts as one second. */
  readonly estimated: boolean;
  readonly nodes: readonly ExplainedNode[];
  /** Ids on the longest path of the pipeline's own scope, in order, and how long it takes by the estimates. */
  readonly criticalPath: { readonly nodes: readonly string[]; readonly seconds: number };
  readonly transitions: Range;
  /** Those of them that gates cost. */
  readonly gateTransitions: Range;
  readonly gateWrites: Range;
  /** The machine that is started, then the child machines. */
  readonly machines: readonly (MachineBounds & { readonly bytes: number })[];
}

type Explained = PipelineArtifact & { readonly shards?: readonly PipelineArtifact['definition'][] };

/** Explains a compiled pipeline. */
export function explainPipeline(artifact: Explained): Explanation {
  const { pipeline, version, states } = artifact;
  const estimates = estimatesOf(pipeline);
  const timesOf = scopeTimes(pipeline, estimates);
  const served = statesByNode(states);
  const nodes: ExplainedNode[] = [];
  const explainScope = (scope: ScopeIr, inside: readonly string[]) => {
    const times = timesOf(scope);
    const critical = new Set(times.path);
    for (const node of scope.nodes) {
      const found = times.nodes.get(node.id);
      nodes.push({
        id: node.id,
        kind: node.kind,
        ...(node.kind === 'job' ? { operation: node.operation, ...callOf(pipeline, node.operation) } : {}),
        source: node.source,
        inside,
        ...conditionOf(node),
        waitsFor: reasonsOf(node, times.parents.get(node.id) ?? [], found?.before),
        startsAfterSeconds: found?.start ?? 0,
        seconds: times.secondsOf(node),
        isCritical: critical.has(node.id),
        states: served.get(node.id) ?? {},
      });
      for (const { scope: inner } of innerScopes(node)) explainScope(inner, [...inside, node.id]);
    }
    return times;
  };
  const { path, seconds } = explainScope(pipeline.body, []);
  const { transitions, gates, gateWrites, machines } = boundsOf(artifact);
  const definitions = [artifact.definition, ...(artifact.shards ?? [])];
  return {
    pipeline: pipeline.id,
    source: pipeline.source,
    version,
    mode: pipeline.mode ?? 'exact',
    estimated: estimates.known,
    nodes,
    criticalPath: { nodes: path, seconds },
    transitions,
    gateTransitions: gates,
    gateWrites,
    machines: machines.map((bounds, index) => ({ ...bounds, bytes: bytesOf(definitions[index]) })),
  };
}

function callOf({ operations }: PipelineIr, id: string): { readonly calls?: string } {
  const operation = operations[id];
  if (operation === undefined || isLambda(operation)) return {};
  if (isContainer(operation)) return { calls: 'ecs:runTask.sync' };
  if (operation.call) return { calls: `pipeline ${operation.call.pipeline}` };
  return { calls: operation.task.resource.replace('arn:aws:states:::', '').replace('aws-sdk:', '') };
}

/** What decides whether it runs, and which side of it. */
function conditionOf(node: NodeIr): Pick<ExplainedNode, 'when' | 'by'> {
  const conditions = [...(node.when ? [node.when] : []), ...(node.kind === 'branch' ? [node.condition] : [])];
  const [only, more] = conditions;
  const when: Expression | undefined = more ? { kind: 'call', name: 'and', arguments: conditions } : only;
  return { ...(when && { when }), ...(node.kind === 'switch' && { by: node.value }) };
}

function statesByNode(states: Explained['states']): ReadonlyMap<string, ExplainedNode['states']> {
  const found = new Map<string, { [role in StateOrigin['role']]?: string[] }>();
  for (const [name, { node, role }] of Object.entries(states)) {
    const roles = found.get(node) ?? {};
    found.set(node, roles);
    const names = roles[role];
    if (names === undefined) roles[role] = [name];
    else names.push(name);
  }
  return found;
}

/** Starts in each scope as its skeleton gives them, and its longest path. A branch or map takes as long as what is inside. */
function scopeTimes(pipeline: PipelineIr, estimates: Estimates) {
  const known = new Map<ScopeIr, ReturnType<typeof made>>();
  const secondsOf = (node: NodeIr): number =>
    estimates.recordedOf(node) ??
    (innerScopes(node).length === 0
      ? estimates.secondsOf(node)
      : Math.max(0, ...innerScopes(node).map(({ scope }) => timesOf(scope).seconds)));
  const made = (scope: ScopeIr) => {
    const byId = new Map(scope.nodes.map((node) => [node.id, node]));
    const { skeleton, gates } = skeletonOf(pipeline, estimates, scope);
    const nodes = startTimes(skeleton, gates, (id) => {
      const node = byId.get(id);
      return node === undefined ? 0 : secondsOf(node);
    });
    let last: string | undefined;
    let seconds = 0;
    for (const [id, { end }] of nodes) if (last === undefined || end > seconds) [last, seconds] = [id, end];
    const path: string[] = [];
    for (let at = last; at !== undefined; at = nodes.get(at)?.last) path.push(at);
    const { parents } = transitiveReduction(dependenciesOf(scope));
    return { nodes, parents, secondsOf, path: path.reverse(), seconds };
  };
  const timesOf = (scope: ScopeIr): ReturnType<typeof made> => {
    const found = known.get(scope) ?? made(scope);
    known.set(scope, found);
    return found;
  };
  return timesOf;
}

/** What the graph asks for, then what only a barrier does. */
function reasonsOf(node: NodeIr, parents: readonly string[], before: Before | undefined): readonly WaitReason[] {
  const reads = new Map<string, Map<string, readonly (string | number)[]>>();
  for (const { target, path } of refsWithin(node)) {
    const from = nodeOf(target);
    if (from === undefined) continue;
    const paths = reads.get(from) ?? new Map<string, readonly (string | number)[]>();
    const read = target.kind === 'failure' ? ['failure', ...path] : path;
    // Each once.
    reads.set(from, paths.set(JSON.stringify(read), read));
  }
  const reasons = parents.map((parent) => ({ node: parent, reads: [...(reads.get(parent)?.values() ?? [])] }));
  if (before === undefined) return reasons;
  const own = new Set(parents);
  const added = before.nodes.find((id) => !own.has(id));
  if (added === undefined) return reasons;
  const barrierOf = before.nodes.length - parents.filter((id) => before.has.has(id)).length;
  return [...reasons, { node: added, reads: [], barrierOf }];
}

function bytesOf(definition: unknown): number {
  return new TextEncoder().encode(JSON.stringify(definition)).length;
}
