/** Transitive reduction for drawing: drops each edge that a longer way through the graph already implies. */
import { transitiveReduction } from '../ir/reduction.ts';

interface Edge {
  readonly from: string;
  readonly to: string;
}

/**
 * The edges that are left when everything implied is dropped, in their order. A graph with a cycle has no unique
 * reduction: its edges come back as they are.
 */
export function reduceEdges<E extends Edge>(ids: readonly string[], edges: readonly E[]): readonly E[] {
  const dependencies = new Map(ids.map((id) => [id, new Set<string>()]));
  for (const { from, to } of edges) dependencies.get(to)?.add(from);
  const { order, parents } = transitiveReduction(dependencies);
  if (order.length < dependencies.size) return edges;
  return edges.filter(({ from, to }) => parents.get(to)?.includes(from));
}
