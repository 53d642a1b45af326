/**
 * How long nodes take, in seconds: as it was recorded (`durations` of the pipeline), else as long as the others on
 * average, else one second each. Estimates choose between ways that all are right.
 */
import type { NodeIr, PipelineIr, ScopeIr, WaitIr } from '../ir/nodes.ts';
import { dependenciesOf, innerScopes, placedNodes } from '../ir/walk.ts';
import { transitiveReduction } from '../ir/reduction.ts';

export interface Estimates {
  /** Whether anything was recorded of the pipeline's nodes. */
  readonly known: boolean;
  /** As it was recorded of the node itself. */
  recordedOf(node: NodeIr): number | undefined;
  secondsOf(node: NodeIr): number;
}

/** No node takes no time at all: orders of a schedule are told apart by it. */
const leastSeconds = 0.001;

export function estimatesOf({ durations = {}, body }: PipelineIr): Estimates {
  const ids = new Set(placedNodes(body).map(({ node }) => node.id));
  // Of what the pipeline no longer has nothing counts.
  const recorded = Object.entries(durations).flatMap(([id, one]) => (ids.has(id) ? [one] : []));
  const mean = recorded.length === 0 ? 1 : recorded.reduce((sum, one) => sum + one, 0) / recorded.length;
  const recordedOf = ({ id }: NodeIr): number | undefined => {
    const own = Object.hasOwn(durations, id) ? durations[id] : undefined;
    return own === undefined ? undefined : Math.max(leastSeconds, own);
  };
  const secondsOf = (node: NodeIr): number => {
    const own = recordedOf(node);
    if (own !== undefined) return own;
    if (node.kind === 'job' || node.kind === 'approval') return Math.max(leastSeconds, mean);
    if (node.kind === 'wait') return Math.max(leastSeconds, secondsOfWait(node) ?? mean);
    // Of a map one item, of a loop one round, when nothing is known of it.
    return Math.max(leastSeconds, ...innerScopes(node).map(({ scope }) => longestPath(scope, secondsOf)));
  };
  return { known: recorded.length > 0, recordedOf, secondsOf };
}

/** As it is written, where it is. */
function secondsOfWait({ lasts }: WaitIr): number | undefined {
  if (lasts.kind !== 'for' || lasts.seconds.kind !== 'literal') return undefined;
  return typeof lasts.seconds.value === 'number' ? lasts.seconds.value : undefined;
}

function longestPath(scope: ScopeIr, secondsOf: (node: NodeIr) => number): number {
  const nodes = new Map(scope.nodes.map((node) => [node.id, node]));
  const { order, parents } = transitiveReduction(dependenciesOf(scope));
  const finish = new Map<string, number>();
  let longest = 0;
  for (const id of order) {
    const node = nodes.get(id);
    const start = (parents.get(id) ?? []).reduce((latest, parent) => Math.max(latest, finish.get(parent) ?? 0), 0);
    const end = start + (node === undefined ? 0 : secondsOf(node));
    finish.set(id, end);
    longest = Math.max(longest, end);
  }
  return longest;
}
