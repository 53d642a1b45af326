/** A reduced graph as numbers, and what can be said of a part of it: its levels, its components, its cuts. */
import type { Reduced } from '../ir/reduction.ts';

/** Nodes are numbers in topological order. */
export interface IntGraph {
  readonly ids: readonly string[];
  readonly parents: readonly (readonly number[])[];
  readonly children: readonly (readonly number[])[];
  readonly edges: number;
  /** When each node ends at the earliest, by the estimates. */
  readonly finish: readonly number[];
  isAncestor(a: number, b: number): boolean;
  /** Scratch: the part that each node was last seen in, and the number of the last part. */
  readonly member: Int32Array;
  lastPart: number;
}

/** Nodes of a part. `level[i]` is that of `nodes[i]`: the longest path to it inside the part. */
export interface Part {
  readonly number: number;
  readonly nodes: readonly number[];
  readonly level: readonly number[];
  readonly depth: number;
  /** Parts that share no edge, each in topological order, in the order of their first node. */
  readonly components: readonly (readonly number[])[];
}

export function intGraph(graph: Reduced, estimate: (id: string) => number): IntGraph {
  const ids = graph.order;
  const position = new Map(ids.map((id, index) => [id, index]));
  const parents = ids.map((id) => (graph.parents.get(id) ?? []).map((parent) => position.get(parent) ?? 0));
  const children: number[][] = ids.map(() => []);
  const finish: number[] = [];
  let edges = 0;
  for (const [node, above] of parents.entries()) {
    edges += above.length;
    let start = 0;
    for (const parent of above) {
      children[parent]?.push(node);
      start = Math.max(start, finish[parent] ?? 0);
    }
    finish.push(start + estimate(ids[node] ?? ''));
  }
  const isAncestor = (a: number, b: number) => graph.isAncestor(ids[a] ?? '', ids[b] ?? '');
  return { ids, parents, children, edges, finish, isAncestor, member: new Int32Array(ids.length), lastPart: 0 };
}

/** Marks the nodes (in topological order) as a part and finds its levels and components. */
export function partOf(graph: IntGraph, nodes: readonly number[]): Part {
  const { parents, member } = graph;
  graph.lastPart += 1;
  const number = graph.lastPart;
  const place = new Map<number, number>();
  for (const [index, node] of nodes.entries()) {
    member[node] = number;
    place.set(node, index);
  }
  const level: number[] = [];
  const leader = nodes.map((_, index) => index);
  const find = (index: number): number => {
    let root = index;
    while (leader[root] !== root) root = leader[root] ?? root;
    for (let walk = index; walk !== root; ) {
      const above = leader[walk] ?? root;
      leader[walk] = root;
      walk = above;
    }
    return root;
  };
  let depth = 0;
  for (const [index, node] of nodes.entries()) {
    let own = 0;
    for (const parent of parents[node] ?? []) {
      if (member[parent] !== number) continue;
      const at = place.get(parent) ?? 0;
      own = Math.max(own, (level[at] ?? 0) + 1);
      leader[find(at)] = find(index);
    }
    level.push(own);
    depth = Math.max(depth, own + 1);
  }
  const groups = new Map<number, number[]>();
  for (const [index, node] of nodes.entries()) {
    const root = find(index);
    const group = groups.get(root);
    if (group === undefined) groups.set(root, [node]);
    else group.push(node);
  }
  return { number, nodes, level, depth, components: [...groups.values()] };
}

/** Parents and children inside the part. The part must be the one its nodes were last marked with. */
export function inside(graph: IntGraph, part: Part, nodes: readonly number[] | undefined): readonly number[] {
  return (nodes ?? []).filter((node) => graph.member[node] === part.number);
}

/**
 * Levels after which the part falls in two in series. With `sinks` the nodes so far without a child so far: the edges
 * that cross are exactly sinks × next level, and each node of the next level has exactly the sinks as parents.
 */
export function cutLevels(graph: IntGraph, part: Part): readonly number[] {
  const levels: number[][] = Array.from({ length: part.depth }, () => []);
  for (const [index, node] of part.nodes.entries()) levels[part.level[index] ?? 0]?.push(node);
  const hasChildSoFar = new Set<number>();
  const cuts: number[] = [];
  let crossing = 0;
  let sinks = 0;
  for (let level = 0; level < part.depth - 1; level += 1) {
    for (const node of levels[level] ?? []) {
      for (const parent of inside(graph, part, graph.parents[node])) {
        crossing -= 1;
        if (!hasChildSoFar.has(parent)) sinks -= 1;
        hasChildSoFar.add(parent);
      }
      sinks += 1;
      crossing += inside(graph, part, graph.children[node]).length;
    }
    const next = levels[level + 1] ?? [];
    if (crossing !== sinks * next.length) continue;
    const complete = next.every((node) => {
      const parents = inside(graph, part, graph.parents[node]);
      return parents.length === sinks && parents.every((parent) => !hasChildSoFar.has(parent));
    });
    if (complete) cuts.push(level);
  }
  return cuts;
}

/**
 * The level after which a barrier adds the fewest orders: every sink of the levels up to it is set before every node
 * of the next level, less the edges that are there. Levels are longest paths, so no barrier between two of them makes
 * the longest path longer. One pass over nodes and edges.
 */
export function barrierLevel(graph: IntGraph, part: Part): number {
  const levelOf = new Map(part.nodes.map((node, index) => [node, part.level[index] ?? 0]));
  const firstChildLevel = new Map<number, number>();
  const width: number[] = Array.from({ length: part.depth }, () => 0);
  for (const [node, level] of levelOf) {
    width[level] = (width[level] ?? 0) + 1;
    for (const parent of inside(graph, part, graph.parents[node]))
      firstChildLevel.set(parent, Math.min(level, firstChildLevel.get(parent) ?? level));
  }
  // A node is a sink of the levels from its own up to that before its first child's.
  const begin: number[] = Array.from({ length: part.depth + 1 }, () => 0);
  const edges: number[] = Array.from({ length: part.depth + 1 }, () => 0);
  for (const [node, level] of levelOf) {
    const last = firstChildLevel.get(node) ?? part.depth;
    begin[level] = (begin[level] ?? 0) + 1;
    begin[last] = (begin[last] ?? 0) - 1;
    const direct = inside(graph, part, graph.parents[node]).filter((parent) => firstChildLevel.get(parent) === level);
    edges[level] = (edges[level] ?? 0) + direct.length;
  }
  let best = { level: 0, added: Number.POSITIVE_INFINITY };
  let sinks = 0;
  for (let level = 0; level < part.depth - 1; level += 1) {
    sinks += begin[level] ?? 0;
    const added = sinks * (width[level + 1] ?? 0) - (edges[level + 1] ?? 0);
    if (added < best.added) best = { level, added };
  }
  return best.level;
}
