/**
 * The skeleton: the order of a scope's nodes as nested sequences and parallels, which is all that Amazon States
 * Language can express. A series-parallel graph has one that adds no order at all. A part that is not series-parallel
 * (it contains an N) is split into parallel parts, and every edge between the parts becomes a gate; or, in the mode
 * `barrier`, it is cut at the level where that adds the fewest orders.
 *
 * Freedom: components share no order; a cut between A and B is made only where every sink of A is a direct parent of
 * every source of B; a split adds none. So without barriers the skeleton orders only what the graph does. With every
 * edge either in the skeleton or a gate, each node starts the moment its parents have ended.
 *
 * Nodes are numbers here, in topological order; a graph of thousands takes milliseconds. No recursion: chains are deep.
 */
import type { Reduced } from '../ir/reduction.ts';
import { barrierLevel, cutLevels, type IntGraph, intGraph, type Part, partOf } from './parts.ts';
import { type Side, splitPrime, spanningForest } from './split.ts';

export type Skeleton =
  | { readonly kind: 'leaf'; readonly id: string }
  | { readonly kind: 'sequence'; readonly parts: readonly Skeleton[] }
  | { readonly kind: 'parallel'; readonly parts: readonly Skeleton[] };

/** A barrier: everything in `first` ends before anything in `then` starts. */
export interface Barrier {
  readonly first: readonly string[];
  readonly then: readonly string[];
  /** Some orders that the graph did not ask for, and how many there are at most. */
  readonly added: readonly (readonly [waiting: string, on: string])[];
  readonly addedAtMost: number;
}

/** `to` waits for `from`, and the skeleton does not say so. */
export interface GatedEdge {
  readonly from: string;
  readonly to: string;
}

export interface SkeletonResult {
  readonly skeleton: Skeleton | undefined;
  readonly gates: readonly GatedEdge[];
  readonly barriers: readonly Barrier[];
  /** Longest path, in nodes. Barriers lie between levels, so they do not lengthen it; they make its jobs wait for slower ones. */
  readonly longestPath: number;
}

export interface SkeletonOptions {
  readonly mode: 'exact' | 'barrier';
  /** How long a node takes, in any unit. Breaks ties, decides nothing else. @default 1 each */
  readonly estimate?: (id: string) => number;
}

/** The tree while it is made. */
interface Tree {
  kind: 'leaf' | 'sequence' | 'parallel';
  node: number;
  parts: Tree[];
}

interface Built {
  readonly tree: Tree;
  readonly gates: readonly (readonly [from: number, to: number])[];
  readonly barriers: readonly Barrier[];
  readonly parallels: number;
}

/** When parts that had to be split have held this many times the graph's nodes and edges, the rest is finished at once. */
const patience = 20;
/** Graphs up to this many nodes and edges are tried with each side and the cheapest is taken. */
const smallEnoughForAll = 20_000;

/** Builds the skeleton of a reduced graph. */
export function buildSkeleton(graph: Reduced, options: SkeletonOptions): SkeletonResult {
  const ints = intGraph(graph, options.estimate ?? (() => 1));
  if (ints.ids.length === 0) return { skeleton: undefined, gates: [], barriers: [], longestPath: 0 };
  const every = Array.from(ints.ids.keys());
  const longestPath = partOf(ints, every).depth;
  const build = (sides: readonly Side[]) => buildTree(ints, every, options.mode, sides);
  let best = build(['sources', 'sinks']);
  if (best.gates.length > 0 && ints.ids.length + ints.edges <= smallEnoughForAll) {
    for (const side of ['sources', 'sinks'] as const) {
      const other = build([side]);
      if (costOf(other) < costOf(best)) best = other;
    }
  }
  const id = (node: number) => ints.ids[node] ?? '';
  return {
    skeleton: finished(best.tree, id),
    gates: best.gates.map(([from, to]) => ({ from: id(from), to: id(to) })),
    barriers: best.barriers,
    longestPath,
  };
}

/** In state transitions: one for each node that waits at a gate and each Parallel; then the edges, which cost writes. */
function costOf({ gates, parallels }: Built): number {
  return new Set(gates.map(([, to]) => to)).size + parallels + gates.length / 1e6;
}

function buildTree(
  graph: IntGraph,
  every: readonly number[],
  mode: SkeletonOptions['mode'],
  sides: readonly Side[],
): Built {
  const gates: (readonly [number, number])[] = [];
  const barriers: Barrier[] = [];
  const root: Tree = { kind: 'leaf', node: -1, parts: [] };
  const open: { readonly nodes: readonly number[]; readonly into: Tree }[] = [{ nodes: every, into: root }];
  let parallels = 0;
  let effort = patience * (graph.ids.length + graph.edges);
  const divide = (into: Tree, kind: 'sequence' | 'parallel', parts: readonly (readonly number[])[]): void => {
    into.kind = kind;
    if (kind === 'parallel') parallels += 1;
    for (const nodes of parts) {
      const part: Tree = { kind: 'leaf', node: -1, parts: [] };
      into.parts.push(part);
      open.push({ nodes, into: part });
    }
  };
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { nodes, into } = next;
    if (nodes.length === 1) {
      into.node = nodes[0] ?? -1;
      continue;
    }
    const part = partOf(graph, nodes);
    if (part.components.length > 1) {
      divide(into, 'parallel', part.components);
      continue;
    }
    const cuts = cutLevels(graph, part);
    if (cuts.length > 0) {
      divide(into, 'sequence', segments(part, cuts));
      continue;
    }
    if (mode === 'barrier') {
      const [first = [], then = []] = segments(part, [barrierLevel(graph, part)]);
      barriers.push(barrierOf(graph, first, then));
      divide(into, 'sequence', [first, then]);
      continue;
    }
    effort -= nodes.length;
    if (effort < 0) {
      const forest = spanningForest(graph, part);
      gates.push(...forest.gates);
      parallels += graft(into, nodes, forest.parent);
      continue;
    }
    const split = splitPrime(graph, part, sides);
    gates.push(...split.gates);
    divide(into, 'parallel', split.parts);
  }
  return { tree: root, gates, barriers, parallels };
}

function segments(part: Part, cuts: readonly number[]): readonly (readonly number[])[] {
  const segmentOf: number[] = [];
  let segment = 0;
  for (let level = 0; level < part.depth; level += 1) {
    segmentOf.push(segment);
    if (cuts[segment] === level) segment += 1;
  }
  const result: number[][] = Array.from({ length: cuts.length + 1 }, () => []);
  for (const [index, node] of part.nodes.entries()) result[segmentOf[part.level[index] ?? 0] ?? 0]?.push(node);
  return result;
}

/** Hangs each node under its native parent: the node, then its children side by side. @returns how many Parallels that makes */
function graft(into: Tree, nodes: readonly number[], parentOf: ReadonlyMap<number, number>): number {
  const below = new Map<number, Tree[]>();
  const roots: Tree[] = [];
  let parallels = 0;
  const beside = (trees: Tree[]): Tree => {
    const [only] = trees;
    if (trees.length === 1 && only !== undefined) return only;
    parallels += 1;
    return { kind: 'parallel', node: -1, parts: trees };
  };
  // Children come after their parents in `nodes`: backwards every node meets its finished children.
  for (const node of nodes.toReversed()) {
    const leaf: Tree = { kind: 'leaf', node, parts: [] };
    const children = below.get(node);
    const tree: Tree =
      children === undefined ? leaf : { kind: 'sequence', node: -1, parts: [leaf, beside(children.toReversed())] };
    const parent = parentOf.get(node);
    if (parent === undefined) roots.push(tree);
    else below.set(parent, [...(below.get(parent) ?? []), tree]);
  }
  Object.assign(into, beside(roots.toReversed()));
  return parallels;
}

/** The tree with ids, sequences in sequences and parallels in parallels drawn together. */
function finished(root: Tree, id: (node: number) => string): Skeleton {
  const order: Tree[] = [];
  const open = [root];
  for (let tree = open.pop(); tree !== undefined; tree = open.pop()) {
    order.push(tree);
    open.push(...tree.parts);
  }
  const made = new Map<Tree, Skeleton>();
  for (const tree of order.reverse()) {
    if (tree.kind === 'leaf') {
      made.set(tree, { kind: 'leaf', id: id(tree.node) });
      continue;
    }
    const { kind } = tree;
    const parts = tree.parts.flatMap((part) => {
      const inner = made.get(part);
      if (inner === undefined) return [];
      return inner.kind !== 'leaf' && inner.kind === kind ? inner.parts : [inner];
    });
    made.set(tree, { kind, parts });
  }
  return made.get(root) ?? { kind: 'leaf', id: '' };
}

const shownOrders = 3;

function barrierOf(graph: IntGraph, first: readonly number[], then: readonly number[]): Barrier {
  const before = new Set(first);
  const after = new Set(then);
  const hasChild = new Set(first.flatMap((node) => graph.parents[node] ?? []));
  const sinks = first.filter((node) => !hasChild.has(node));
  const sources = then.filter((node) => !(graph.parents[node] ?? []).some((parent) => after.has(parent)));
  const id = (node: number) => graph.ids[node] ?? '';
  const added: (readonly [string, string])[] = [];
  let edges = 0;
  for (const source of sources) {
    for (const parent of graph.parents[source] ?? []) if (before.has(parent) && !hasChild.has(parent)) edges += 1;
    for (const sink of sinks) {
      if (added.length === shownOrders) break;
      if (!graph.isAncestor(sink, source)) added.push([id(source), id(sink)]);
    }
  }
  return { first: first.map(id), then: then.map(id), added, addedAtMost: sinks.length * sources.length - edges };
}
