/**
 * Splitting a part that is not series-parallel into parts that run side by side: each node goes with one of its
 * ancestors that nothing in the part comes before (or one of its descendants that nothing comes after), and every edge
 * between two of these groups becomes a gate. Finding the fewest gates is hard (deleting edges until every component
 * is a complete bipartite graph is a case of it); this takes the majority of the parents.
 */
import { at, edgesOf, groupsBy, type IntGraph, inside, type Part } from './parts.ts';

export type Side = 'sources' | 'sinks';

/** An edge between nodes, as numbers. */
export type Edge = readonly [from: number, to: number];

export interface Split {
  readonly parts: readonly (readonly number[])[];
  readonly gates: readonly Edge[];
  /** How many nodes wait, and by how many edges: these only break ties. */
  readonly cost: number;
}

/** Splits by the side that makes the fewest nodes wait. */
export function splitPrime(graph: IntGraph, part: Part, sides: readonly Side[]): Split {
  const splits = sides.map((side) => splitBy(graph, part, side));
  return splits.reduce((best, split) => (split.cost < best.cost ? split : best));
}

function splitBy(graph: IntGraph, part: Part, side: Side): Split {
  const forward = side === 'sources';
  const { group: owner } = graph;
  const [above, below] = forward ? [graph.parents, graph.children] : [graph.children, graph.parents];
  const alike = new Map<string, number>();
  for (const node of forward ? part.nodes : part.nodes.toReversed()) {
    const before = inside(graph, part, edgesOf(above, node));
    if (before.length > 0) {
      owner[node] = ownerOfMost(graph, before);
      continue;
    }
    const key = inside(graph, part, edgesOf(below, node)).join(' ');
    const first = alike.get(key);
    if (first === undefined) alike.set(key, node);
    owner[node] = first ?? node;
  }
  const gates: Edge[] = [];
  let waiting = 0;
  for (const node of part.nodes) {
    const own = at(owner, node);
    const before = gates.length;
    for (const parent of edgesOf(graph.parents, node)) {
      if (graph.member[parent] === part.number && owner[parent] !== own) gates.push([parent, node]);
    }
    if (gates.length > before) waiting += 1;
  }
  return { parts: groupsBy(graph, part.nodes, (node) => at(owner, node)), gates, cost: waiting + gates.length / 1e6 };
}

/** Ties go to the neighbour that ends last: its edge is the one the node really waits for, and is best left native. */
function ownerOfMost({ group: owner, place: votes, finish }: IntGraph, neighbours: readonly number[]): number {
  const [only = -1] = neighbours;
  if (neighbours.length === 1) return at(owner, only);
  for (const neighbour of neighbours) votes[at(owner, neighbour)] = 0;
  for (const neighbour of neighbours) votes[at(owner, neighbour)] = at(votes, at(owner, neighbour)) + 1;
  let best = { owner: -1, votes: 0, finish: 0 };
  for (const neighbour of neighbours) {
    const count = at(votes, at(owner, neighbour));
    const end = at(finish, neighbour);
    if (count > best.votes || (count === best.votes && end > best.finish))
      best = { owner: at(owner, neighbour), votes: count, finish: end };
  }
  return best.owner;
}

/** What a part comes to in one pass: each node after one parent at most, every other edge a gate. */
export interface Forest {
  /** The parent that a node comes after; none for those that begin a tree. */
  readonly parent: ReadonlyMap<number, number>;
  readonly gates: readonly Edge[];
}

/**
 * Each node under the parent that ends last; its other parents are gates. In one pass, for parts that resist.
 *
 * @param room how deep Parallels may be nested in the part, at least 1. A node that would lie deeper begins a tree of
 *   its own, and waits for its parent at a gate: so no graph, however built, makes a machine that nests without end.
 */
export function spanningForest(graph: IntGraph, part: Part, room: number): Forest {
  const latest = new Map<number, number>();
  const width = new Map<number, number>();
  const gates: Edge[] = [];
  for (const node of part.nodes) {
    const above = inside(graph, part, edgesOf(graph.parents, node));
    const [first] = above;
    if (first === undefined) continue;
    const last = above.reduce((best, one) => (at(graph.finish, one) > at(graph.finish, best) ? one : best), first);
    latest.set(node, last);
    width.set(last, (width.get(last) ?? 0) + 1);
    for (const one of above) if (one !== last) gates.push([one, node]);
  }
  const parent = new Map<number, number>();
  const nesting = new Map<number, number>();
  const continued = new Set<number>();
  for (const node of part.nodes) {
    const above = latest.get(node);
    const here = above === undefined ? 1 : (nesting.get(above) ?? 1);
    const forks = above !== undefined && (width.get(above) ?? 0) > 1;
    if (above === undefined || (forks && here >= room && continued.has(above))) {
      if (above !== undefined) gates.push([above, node]);
      nesting.set(node, 1);
      continue;
    }
    // The first child goes on in its parent's sequence where there is no room for a Parallel.
    continued.add(above);
    parent.set(node, above);
    nesting.set(node, forks && here < room ? here + 1 : here);
  }
  return { parent, gates };
}
