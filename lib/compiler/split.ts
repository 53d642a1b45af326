/**
 * Splitting a part that is not series-parallel into parts that run side by side: each node goes with one of its
 * ancestors that nothing in the part comes before (or one of its descendants that nothing comes after), and every edge
 * between two of these groups becomes a gate. Finding the fewest gates is hard (deleting edges until every component
 * is a complete bipartite graph is a case of it); this takes the majority of the parents.
 */
import { type IntGraph, inside, type Part } from './parts.ts';

export type Side = 'sources' | 'sinks';

export interface Split {
  readonly parts: readonly (readonly number[])[];
  readonly gates: readonly (readonly [from: number, to: number])[];
}

/** Splits by the side that makes the fewest nodes wait. */
export function splitPrime(graph: IntGraph, part: Part, sides: readonly Side[]): Split {
  const splits = sides.map((side) => splitBy(graph, part, side));
  return splits.reduce((best, split) => (costOf(split) < costOf(best) ? split : best));
}

function costOf({ gates }: Split): number {
  return new Set(gates.map(([, to]) => to)).size + gates.length / 1e6;
}

function splitBy(graph: IntGraph, part: Part, side: Side): Split {
  const forward = side === 'sources';
  const before = (node: number) => inside(graph, part, (forward ? graph.parents : graph.children)[node]);
  const after = (node: number) => inside(graph, part, (forward ? graph.children : graph.parents)[node]);
  const owner = new Map<number, number>();
  const alike = new Map<string, number>();
  for (const node of forward ? part.nodes : part.nodes.toReversed()) {
    const above = before(node);
    if (above.length === 0) {
      const key = after(node).join(' ');
      const first = alike.get(key);
      if (first === undefined) alike.set(key, node);
      owner.set(node, first ?? node);
    } else owner.set(node, ownerOfMost(graph, above, owner));
  }
  const groups = new Map<number, number[]>();
  const gates: (readonly [number, number])[] = [];
  for (const node of part.nodes) {
    const own = owner.get(node) ?? node;
    const group = groups.get(own);
    if (group === undefined) groups.set(own, [node]);
    else group.push(node);
    for (const parent of inside(graph, part, graph.parents[node])) {
      if (owner.get(parent) !== own) gates.push([parent, node]);
    }
  }
  return { parts: [...groups.values()], gates };
}

/** Ties go to the neighbour that ends last: its edge is the one the node really waits for, and is best left native. */
function ownerOfMost(graph: IntGraph, neighbours: readonly number[], owner: ReadonlyMap<number, number>): number {
  const votes = new Map<number, number>();
  let best = { owner: -1, votes: 0, finish: 0 };
  for (const neighbour of neighbours) {
    const of = owner.get(neighbour) ?? neighbour;
    votes.set(of, (votes.get(of) ?? 0) + 1);
  }
  for (const neighbour of neighbours) {
    const of = owner.get(neighbour) ?? neighbour;
    const count = votes.get(of) ?? 0;
    const finish = graph.finish[neighbour] ?? 0;
    if (count > best.votes || (count === best.votes && finish > best.finish))
      best = { owner: of, votes: count, finish };
  }
  return best.owner;
}

/** Each node under the parent that ends last; its other parents are gates. In one pass, for parts that resist. */
export function spanningForest(
  graph: IntGraph,
  part: Part,
): { readonly parent: ReadonlyMap<number, number>; readonly gates: Split['gates'] } {
  const parent = new Map<number, number>();
  const gates: (readonly [number, number])[] = [];
  for (const node of part.nodes) {
    const above = inside(graph, part, graph.parents[node]);
    const [first] = above;
    if (first === undefined) continue;
    const last = above.reduce(
      (best, one) => ((graph.finish[one] ?? 0) > (graph.finish[best] ?? 0) ? one : best),
      first,
    );
    parent.set(node, last);
    for (const one of above) if (one !== last) gates.push([one, node]);
  }
  return { parent, gates };
}
