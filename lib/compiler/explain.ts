/**
 * Explanation: what a compiled pipeline will do and why. When each job starts and what it waits for, which chain of
 * jobs decides how long it takes, what gates cost, how many states a run enters. In: the artifact. Out: data to print.
 */
import type { SourcePosition } from '../errors.ts';
import type { PipelineArtifact, StateOrigin } from '../ir/artifact.ts';
import type { Expression } from '../ir/expressions.ts';
import type { NodeIr, ScopeIr } from '../ir/nodes.ts';
import { transitiveReduction } from '../ir/reduction.ts';
import { dependenciesOf, innerScopes, refsWithin } from '../ir/walk.ts';
import { boundsOf, type MachineBounds, type Range } from './bounds.ts';
import { estimatesOf } from './estimates.ts';

/** One thing that a node waits for. */
export interface WaitReason {
  readonly node: string;
  /** Fields of its output that are read, as paths; empty where the order alone was asked for. */
  readonly reads: readonly (readonly (string | number)[])[];
}

/** A job, branch or map. */
export interface ExplainedNode {
  readonly id: string;
  readonly kind: NodeIr['kind'];
  readonly operation?: string;
  readonly source: SourcePosition;
  /** Branches and maps around it, from the outside in. */
  readonly inside: readonly string[];
  /** Under which condition it runs. */
  readonly when?: Expression;
  /** What decides when it starts, without what is implied by that. Empty: it starts with what is around it. */
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
  /** The machine that is started, then the child machines. */
  readonly machines: readonly (MachineBounds & { readonly bytes: number })[];
}

type Explained = PipelineArtifact & { readonly shards?: readonly PipelineArtifact['definition'][] };

/** Explains a compiled pipeline. */
export function explainPipeline(artifact: Explained): Explanation {
  const { pipeline, version, states } = artifact;
  const estimates = estimatesOf(pipeline);
  const served = statesByNode(states);
  const nodes: ExplainedNode[] = [];
  const explainScope = (scope: ScopeIr, inside: readonly string[]) => {
    const times = timesOf(scope, estimates.secondsOf);
    for (const node of scope.nodes) {
      const found = times.nodes.get(node.id);
      nodes.push({
        id: node.id,
        kind: node.kind,
        ...(node.kind === 'job' ? { operation: node.operation } : {}),
        source: node.source,
        inside,
        ...(node.kind === 'job' && node.when ? { when: node.when } : {}),
        ...(node.kind === 'branch' ? { when: node.condition } : {}),
        waitsFor: (found?.parents ?? []).map((parent) => ({ node: parent, reads: readsOf(node, parent) })),
        startsAfterSeconds: found?.start ?? 0,
        seconds: estimates.secondsOf(node),
        isCritical: times.path.includes(node.id),
        states: served.get(node.id) ?? {},
      });
      for (const { scope: inner } of innerScopes(node)) explainScope(inner, [...inside, node.id]);
    }
    return times;
  };
  const { path, seconds } = explainScope(pipeline.body, []);
  const { transitions, gates, machines } = boundsOf(artifact);
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
    machines: machines.map((bounds, index) => ({ ...bounds, bytes: bytesOf(definitions[index]) })),
  };
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

/** Earliest starts in a scope, and its longest path. */
function timesOf(scope: ScopeIr, secondsOf: (node: NodeIr) => number) {
  const byId = new Map(scope.nodes.map((node) => [node.id, node]));
  const { order, parents } = transitiveReduction(dependenciesOf(scope));
  const nodes = new Map<
    string,
    { readonly parents: readonly string[]; readonly start: number; readonly end: number }
  >();
  let last: string | undefined;
  const endOf = (id: string | undefined) => (id === undefined ? 0 : (nodes.get(id)?.end ?? 0));
  const latest = (ids: readonly string[]) =>
    ids.reduce<string | undefined>(
      (best, id) => (best === undefined || endOf(id) > endOf(best) ? id : best),
      undefined,
    );
  for (const id of order) {
    const node = byId.get(id);
    const above = parents.get(id) ?? [];
    const start = endOf(latest(above));
    nodes.set(id, { parents: above, start, end: start + (node === undefined ? 0 : secondsOf(node)) });
    if (last === undefined || endOf(id) > endOf(last)) last = id;
  }
  const seconds = endOf(last);
  const path: string[] = [];
  for (let at = last; at !== undefined; at = latest(nodes.get(at)?.parents ?? [])) path.unshift(at);
  return { nodes, path, seconds };
}

/** Which fields of a node another one (or anything inside it) reads, each once. */
function readsOf(node: NodeIr, of: string): readonly (readonly (string | number)[])[] {
  const paths = refsWithin(node).flatMap(({ target, path }) =>
    target.kind === 'node' && target.id === of ? [path] : [],
  );
  return [...new Map(paths.map((path) => [JSON.stringify(path), path])).values()];
}

function bytesOf(definition: unknown): number {
  return new TextEncoder().encode(JSON.stringify(definition)).length;
}
