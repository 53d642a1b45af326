/**
 * The skeleton: the order of a scope's nodes as nested sequences and parallels, which is all that Amazon States
 * Language can express. A series-parallel graph has one that adds no order at all. Where a part is not
 * series-parallel (it contains an N), a barrier is put at the level where it adds the fewest orders, and reported.
 *
 * Freedom: components share no order; a cut between A and B is made only where every sink of A is a direct parent of
 * every source of B. So only barriers order what the graph does not.
 */
import type { Reduced } from '../ir/reduction.ts';

export type Skeleton =
  | { readonly kind: 'leaf'; readonly id: string }
  | { readonly kind: 'sequence'; readonly parts: readonly Skeleton[] }
  | { readonly kind: 'parallel'; readonly parts: readonly Skeleton[] };

/** A barrier: everything in `first` ends before anything in `then` starts. `added` are the orders the graph did not ask for. */
export interface Barrier {
  readonly first: readonly string[];
  readonly then: readonly string[];
  readonly added: readonly (readonly [waiting: string, on: string])[];
}

export interface SkeletonResult {
  readonly skeleton: Skeleton | undefined;
  readonly barriers: readonly Barrier[];
  /** Longest path, in nodes. Barriers lie between levels, so they do not lengthen it; they make its jobs wait for slower ones. */
  readonly longestPath: number;
}

/** Nodes of a part with their parents inside the part, and their level: the longest path to them inside the part. */
interface Part {
  readonly ids: readonly string[];
  readonly parents: ReadonlyMap<string, readonly string[]>;
  readonly level: ReadonlyMap<string, number>;
  readonly depth: number;
}

/** Builds the skeleton of a reduced graph. */
export function buildSkeleton(graph: Reduced): SkeletonResult {
  const barriers: Barrier[] = [];
  const build = (ids: readonly string[]): Skeleton => {
    const [only] = ids;
    if (ids.length === 1 && only !== undefined) return { kind: 'leaf', id: only };
    const part = partOf(graph, ids);
    const components = componentsOf(part);
    if (components.length > 1) return { kind: 'parallel', parts: components.map(build) };
    const cuts = cutsOf(part);
    if (cuts.length > 0) return sequence(segments(part, cuts).map(build));
    const level = cheapestBarrier(part);
    const [first = [], then = []] = segments(part, [level]);
    barriers.push({ first, then, added: addedOrders(graph, part, first, then) });
    return sequence([build(first), build(then)]);
  };
  const skeleton = graph.order.length === 0 ? undefined : build(graph.order);
  return {
    skeleton,
    barriers,
    longestPath: partOf(graph, graph.order).depth,
  };
}

function sequence(parts: readonly Skeleton[]): Skeleton {
  return { kind: 'sequence', parts: parts.flatMap((part) => (part.kind === 'sequence' ? part.parts : [part])) };
}

function partOf(graph: Reduced, ids: readonly string[]): Part {
  const inside = new Set(ids);
  const parents = new Map(ids.map((id) => [id, (graph.parents.get(id) ?? []).filter((parent) => inside.has(parent))]));
  const level = new Map<string, number>();
  let depth = 0;
  // `ids` are in topological order, so parents have their level before their children ask for it.
  for (const id of ids) {
    const own = (parents.get(id) ?? []).reduce((most, parent) => Math.max(most, (level.get(parent) ?? 0) + 1), 0);
    level.set(id, own);
    depth = Math.max(depth, own + 1);
  }
  return { ids, parents, level, depth };
}

/** Parts that share no edge, each in topological order, in the order of their first node. */
function componentsOf(part: Part): readonly (readonly string[])[] {
  const leader = new Map(part.ids.map((id) => [id, id]));
  const find = (id: string): string => {
    let root = id;
    for (let above = leader.get(root); above !== undefined && above !== root; above = leader.get(root)) root = above;
    let walk = id;
    while (walk !== root) {
      const above = leader.get(walk) ?? root;
      leader.set(walk, root);
      walk = above;
    }
    return root;
  };
  for (const [id, parents] of part.parents) for (const parent of parents) leader.set(find(parent), find(id));
  const groups = new Map<string, string[]>();
  for (const id of part.ids) {
    const root = find(id);
    const group = groups.get(root);
    if (group) group.push(id);
    else groups.set(root, [id]);
  }
  return [...groups.values()];
}

/**
 * Levels after which the part falls in two in series. With `sinks` the nodes so far without a child so far: the edges
 * that cross are exactly sinks × next level, and each node of the next level has exactly the sinks as parents.
 */
function cutsOf(part: Part): readonly number[] {
  const levels: string[][] = Array.from({ length: part.depth }, () => []);
  for (const id of part.ids) levels[part.level.get(id) ?? 0]?.push(id);
  const outgoing = new Map<string, number>(part.ids.map((id) => [id, 0]));
  for (const parents of part.parents.values())
    for (const parent of parents) outgoing.set(parent, (outgoing.get(parent) ?? 0) + 1);
  const hasChildSoFar = new Set<string>();
  let crossing = 0;
  let sinks = 0;
  const cuts: number[] = [];
  for (let level = 0; level < part.depth - 1; level++) {
    for (const id of levels[level] ?? []) {
      for (const parent of part.parents.get(id) ?? []) {
        crossing--;
        if (!hasChildSoFar.has(parent)) sinks--;
        hasChildSoFar.add(parent);
      }
      sinks++;
      crossing += outgoing.get(id) ?? 0;
    }
    const next = levels[level + 1] ?? [];
    const complete = next.every((id) => {
      const parents = part.parents.get(id) ?? [];
      return parents.length === sinks && parents.every((parent) => !hasChildSoFar.has(parent));
    });
    if (complete && crossing === sinks * next.length) cuts.push(level);
  }
  return cuts;
}

function segments(part: Part, cuts: readonly number[]): readonly (readonly string[])[] {
  const segmentOfLevel = (level: number) => cuts.filter((cut) => level > cut).length;
  const result: string[][] = Array.from({ length: cuts.length + 1 }, () => []);
  for (const id of part.ids) result[segmentOfLevel(part.level.get(id) ?? 0)]?.push(id);
  return result;
}

/**
 * The level after which a barrier adds the fewest orders: every sink of the levels up to it is set before every node
 * of the next level, less the edges that are there. Levels are longest paths, so no barrier between two of them makes
 * the longest path longer. One pass over nodes and edges.
 */
function cheapestBarrier(part: Part): number {
  const firstChildLevel = new Map<string, number>();
  const width: number[] = Array.from({ length: part.depth }, () => 0);
  for (const id of part.ids) {
    const level = part.level.get(id) ?? 0;
    width[level] = (width[level] ?? 0) + 1;
    for (const parent of part.parents.get(id) ?? [])
      firstChildLevel.set(parent, Math.min(level, firstChildLevel.get(parent) ?? level));
  }
  // A node is a sink of the levels from its own up to that before its first child's.
  const begin: number[] = Array.from({ length: part.depth + 1 }, () => 0);
  const edges: number[] = Array.from({ length: part.depth + 1 }, () => 0);
  for (const id of part.ids) {
    const level = part.level.get(id) ?? 0;
    const last = firstChildLevel.get(id) ?? part.depth;
    begin[level] = (begin[level] ?? 0) + 1;
    begin[last] = (begin[last] ?? 0) - 1;
    const direct = (part.parents.get(id) ?? []).filter((parent) => firstChildLevel.get(parent) === level);
    edges[level] = (edges[level] ?? 0) + direct.length;
  }
  let best = { level: 0, added: Number.POSITIVE_INFINITY };
  let sinks = 0;
  for (let level = 0; level < part.depth - 1; level++) {
    sinks += begin[level] ?? 0;
    const added = sinks * (width[level + 1] ?? 0) - (edges[level + 1] ?? 0);
    if (added < best.added) best = { level, added };
  }
  return best.level;
}

function addedOrders(
  graph: Reduced,
  part: Part,
  first: readonly string[],
  then: readonly string[],
): readonly (readonly [string, string])[] {
  const before = new Set(first);
  const hasChild = new Set(first.flatMap((id) => part.parents.get(id) ?? []));
  const sinks = first.filter((id) => !hasChild.has(id));
  const sources = then.filter((id) => (part.parents.get(id) ?? []).every((parent) => before.has(parent)));
  return sources.flatMap((source) =>
    sinks.filter((sink) => !graph.isAncestor(sink, source)).map((sink) => [source, sink] as const),
  );
}
