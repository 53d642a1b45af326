/**
 * A reduced graph as numbers, and what can be said of a part of it: its levels, its components, its cuts. What is found
 * of a part stands in scratch space of the graph until the next part is looked at: no sets and maps for each of them.
 */
import type { Reduced } from '../ir/reduction.ts';

/** Nodes are numbers in topological order. */
export interface IntGraph {
  readonly ids: readonly string[];
  readonly parents: readonly (readonly number[])[];
  readonly children: readonly (readonly number[])[];
  readonly edges: number;
  /** How long each node takes, and when it ends at the earliest, by the estimates. */
  readonly takes: Float64Array;
  readonly finish: Float64Array;
  /** Scratch: the part that each node was last seen in, its level there, its leader among those it is connected with, its group, and a place for whoever is at work. */
  readonly member: Int32Array;
  readonly level: Int32Array;
  readonly leader: Int32Array;
  readonly group: Int32Array;
  readonly place: Int32Array;
  lastPart: number;
}

/** Nodes of a part. `graph.level` says where each of them lies: the longest path to it inside the part. */
export interface Part {
  readonly number: number;
  readonly nodes: readonly number[];
  readonly depth: number;
  /** Parts that share no edge, each in topological order, in the order of their first node. */
  readonly components: readonly (readonly number[])[];
}

export function intGraph(graph: Reduced, estimate: (id: string) => number): IntGraph {
  const ids = graph.order;
  const position = new Map(ids.map((id, index) => [id, index]));
  const parents = ids.map((id) => (graph.parents.get(id) ?? []).map((parent) => position.get(parent) ?? 0));
  const children: number[][] = ids.map(() => []);
  const takes = Float64Array.from(ids, estimate);
  const finish = new Float64Array(ids.length);
  let edges = 0;
  for (const [node, above] of parents.entries()) {
    edges += above.length;
    let start = 0;
    for (const parent of above) {
      children[parent]?.push(node);
      start = Math.max(start, at(finish, parent));
    }
    finish[node] = start + at(takes, node);
  }
  const scratch = () => new Int32Array(ids.length);
  return {
    ...{ ids, parents, children, edges, takes, finish },
    ...{ member: scratch(), level: scratch(), leader: scratch(), group: scratch(), place: scratch(), lastPart: 0 },
  };
}

/** The number at a place that is known to be there. */
export function at(numbers: ArrayLike<number>, place: number): number {
  return numbers[place] ?? 0;
}

const none: readonly number[] = [];

/** The parents, or children, of a node. */
export function edgesOf(lists: readonly (readonly number[])[], node: number): readonly number[] {
  return lists[node] ?? none;
}

/** Marks the nodes (in topological order) as a part and finds its levels and components. */
export function partOf(graph: IntGraph, nodes: readonly number[]): Part {
  const { parents, member, level, leader } = graph;
  graph.lastPart += 1;
  const number = graph.lastPart;
  let depth = 0;
  let components = nodes.length;
  for (const node of nodes) {
    member[node] = number;
    leader[node] = node;
    let own = 0;
    for (const parent of edgesOf(parents, node)) {
      if (member[parent] !== number) continue;
      const below = at(level, parent) + 1;
      if (below > own) own = below;
      // The node itself leads all that it has been connected with so far.
      const other = leaderOf(leader, parent);
      if (other === node) continue;
      leader[other] = node;
      components -= 1;
    }
    level[node] = own;
    if (own >= depth) depth = own + 1;
  }
  if (components === 1) return { number, nodes, depth, components: [nodes] };
  return { number, nodes, depth, components: groupsBy(graph, nodes, (node) => leaderOf(leader, node)) };
}

function leaderOf(leader: Int32Array, node: number): number {
  let root = node;
  while (at(leader, root) !== root) root = at(leader, root);
  for (let walk = node; walk !== root; ) {
    const above = at(leader, walk);
    leader[walk] = root;
    walk = above;
  }
  return root;
}

/** Nodes with the same answer, which is a node of the graph, together; in the order of the first of each. */
export function groupsBy(
  { place }: IntGraph,
  nodes: readonly number[],
  answer: (node: number) => number,
): readonly (readonly number[])[] {
  const groups: number[][] = [];
  for (const node of nodes) place[answer(node)] = -1;
  for (const node of nodes) {
    const one = answer(node);
    const known = groups[at(place, one)];
    if (known !== undefined) known.push(node);
    else place[one] = groups.push([node]) - 1;
  }
  return groups;
}

/** Parents and children inside the part. The part must be the one its nodes were last marked with. */
export function inside(graph: IntGraph, part: Part, nodes: readonly number[]): readonly number[] {
  for (const one of nodes)
    if (graph.member[one] !== part.number) return nodes.filter((node) => graph.member[node] === part.number);
  return nodes;
}

/** The nodes of each level, in order. */
export function levelsOf(graph: IntGraph, part: Part): readonly (readonly number[])[] {
  const levels: number[][] = Array.from({ length: part.depth }, () => []);
  for (const node of part.nodes) levels[at(graph.level, node)]?.push(node);
  return levels;
}

/**
 * Levels after which the part falls in two in series. With `sinks` the nodes so far without a child so far: the edges
 * that cross are exactly sinks × next level, and each node of the next level has exactly the sinks as parents.
 */
export function cutLevels(graph: IntGraph, part: Part): readonly number[] {
  const { parents, member, level, place: firstChild } = graph;
  const { number, nodes, depth } = part;
  // By level: nodes, nodes whose first child lies there, edges that begin less edges that end there.
  const width = new Int32Array(depth);
  const resumed = new Int32Array(depth + 1);
  const opened = new Int32Array(depth);
  for (const node of nodes) firstChild[node] = depth;
  for (const node of nodes) {
    const own = at(level, node);
    width[own] = at(width, own) + 1;
    for (const parent of edgesOf(parents, node)) {
      if (member[parent] !== number) continue;
      if (own < at(firstChild, parent)) firstChild[parent] = own;
      opened[own] = at(opened, own) - 1;
      opened[at(level, parent)] = at(opened, at(level, parent)) + 1;
    }
  }
  for (const node of nodes) resumed[at(firstChild, node)] = at(resumed, at(firstChild, node)) + 1;
  const sinksAbove = new Int32Array(depth);
  let crossing = 0;
  let sinks = 0;
  let candidates = 0;
  for (let own = 0; own < depth - 1; own += 1) {
    sinks += at(width, own) - at(resumed, own);
    crossing += at(opened, own);
    if (crossing !== sinks * at(width, own + 1)) continue;
    sinksAbove[own + 1] = sinks;
    candidates += 1;
  }
  if (candidates === 0) return [];
  for (const node of nodes) {
    const own = at(level, node);
    const wanted = at(sinksAbove, own);
    if (wanted === 0) continue;
    let found = 0;
    for (const parent of edgesOf(parents, node)) {
      if (member[parent] !== number) continue;
      if (firstChild[parent] !== own) sinksAbove[own] = 0;
      found += 1;
    }
    if (found !== wanted) sinksAbove[own] = 0;
  }
  const cuts: number[] = [];
  for (let own = 1; own < depth; own += 1) if (at(sinksAbove, own) > 0) cuts.push(own - 1);
  return cuts;
}
