/**
 * The skeleton: the order of a scope's nodes as nested sequences and parallels, which is all that Amazon States
 * Language can express. A series-parallel graph has one that adds no order at all. A part that is not series-parallel
 * (it contains an N) is split into parallel parts, and every edge between the parts becomes a gate; or it is cut by a
 * barrier (`barriers.ts`): always in the mode `barrier`, and in `auto` where that costs little by the estimates.
 *
 * Freedom: components share no order; a cut between A and B is made only where every sink of A is a direct parent of
 * every source of B; a split adds none. So without barriers the skeleton orders only what the graph does. With every
 * edge either in the skeleton or a gate, each node starts the moment its parents have ended.
 *
 * Nodes are numbers here, in topological order; a graph of thousands takes milliseconds. No recursion: chains are deep.
 * Parallels are nested to a bounded depth, so that whoever reads the tree, or the machine that is made of it, may recurse.
 */
import type { Reduced } from '../ir/reduction.ts';
import { allLevels, type Barrier, barrierBetween, barrierLevel, cutsInTime, type Schedule } from './barriers.ts';
import { at, cutLevels, type IntGraph, intGraph, type Part, partOf } from './parts.ts';
import { type Edge, type Side, splitPrime, spanningForest } from './split.ts';

export type Skeleton =
  | { readonly kind: 'leaf'; readonly id: string }
  | { readonly kind: 'sequence'; readonly parts: readonly Skeleton[] }
  | { readonly kind: 'parallel'; readonly parts: readonly Skeleton[] };

/** `to` waits for `from`, and the skeleton does not say so. */
export interface GatedEdge {
  readonly from: string;
  readonly to: string;
}

export interface SkeletonResult {
  readonly skeleton: Skeleton | undefined;
  readonly gates: readonly GatedEdge[];
  readonly barriers: readonly Barrier[];
  /** By the estimates: how long the graph takes at the least, and with its barriers at the most. */
  readonly criticalPath: number;
  readonly makespan: number;
}

export interface SkeletonOptions {
  /** `auto` needs estimates that say something: by one for all of them it would cut at every level. */
  readonly mode: 'exact' | 'barrier' | 'auto';
  /**
   * How long a node takes, in any unit, above zero. Chooses barriers; among gates breaks ties, decides nothing else.
   *
   * @default 1 each
   */
  readonly estimate?: (id: string) => number;
  /** By which part of the critical path `auto` may delay. @default 0.05 */
  readonly slack?: number;
}

/** The tree while it is made. */
interface Tree {
  kind: 'leaf' | 'sequence' | 'parallel';
  node: number;
  parts: Tree[];
}

interface Built {
  readonly tree: Tree;
  readonly gates: readonly Edge[];
  readonly barriers: readonly Barrier[];
  readonly parallels: number;
  /** By how much barriers have stretched the schedule. */
  readonly delay: number;
}

/**
 * How deep Parallels are nested at most: much deeper than any graph that was met, and shallow enough for readers of
 * JSON. What would lie deeper waits at gates, or in levels.
 */
const deepestNesting = 40;
/** When parts that had to be split have held this many times the graph's nodes and edges, the rest is finished at once. */
const patience = 20;
/** And when they have held so many nodes, in graphs of many thousands. */
const longestPatience = 400_000;
/** Graphs up to this many nodes and edges are tried with each side and the cheapest is taken. */
const smallEnoughForAll = 20_000;

/** Builds the skeleton of a reduced graph. */
export function buildSkeleton(graph: Reduced, options: SkeletonOptions): SkeletonResult {
  const { mode, estimate = () => 1, slack = 0.05 } = options;
  const ints = intGraph(graph, estimate);
  if (ints.ids.length === 0) return { skeleton: undefined, gates: [], barriers: [], criticalPath: 0, makespan: 0 };
  const criticalPath = ints.finish.reduce((latest, finish) => Math.max(latest, finish), 0);
  const build = (sides: readonly Side[]) => buildTree(ints, mode, sides, slack * criticalPath);
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
    criticalPath,
    makespan: mode === 'barrier' ? makespanOf(best.tree, ints) : criticalPath + best.delay,
  };
}

/** In state transitions: one for each node that waits at a gate and each Parallel; then the edges, which cost writes. */
function costOf({ gates, parallels }: Built): number {
  return new Set(gates.map(([, to]) => to)).size + parallels + gates.length / 1e6;
}

function buildTree(graph: IntGraph, mode: SkeletonOptions['mode'], sides: readonly Side[], slack: number): Built {
  const every = Array.from(graph.ids.keys());
  const gates: Edge[] = [];
  const barriers: Barrier[] = [];
  const root: Tree = { kind: 'leaf', node: -1, parts: [] };
  const open: { readonly nodes: readonly number[]; readonly into: Tree; readonly nesting: number }[] = [];
  const schedule: Schedule = { stretched: [], slack };
  let parallels = 0;
  let effort = Math.min(patience * (graph.ids.length + graph.edges), longestPatience);
  const divide = (
    into: Tree,
    nesting: number,
    kind: 'sequence' | 'parallel',
    parts: readonly (readonly number[])[],
  ): void => {
    into.kind = kind;
    if (kind === 'parallel') parallels += 1;
    for (const nodes of parts) {
      const part: Tree = { kind: 'leaf', node: -1, parts: [] };
      into.parts.push(part);
      open.push({ nodes, into: part, nesting: kind === 'parallel' ? nesting + 1 : nesting });
    }
  };
  open.push({ nodes: every, into: root, nesting: 0 });
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { nodes, into, nesting } = next;
    if (nodes.length === 1) {
      into.node = nodes[0] ?? -1;
      continue;
    }
    const part = partOf(graph, nodes);
    const room = deepestNesting - nesting;
    if (room <= 1 || effort < 0) {
      if (mode === 'barrier') {
        const { levels, barriers: between } = allLevels(graph, part);
        barriers.push(...between);
        parallels += layers(into, levels);
        continue;
      }
      const forest = spanningForest(graph, part, Math.max(1, room));
      gates.push(...forest.gates);
      parallels += graft(into, nodes, forest.parent);
      continue;
    }
    if (part.components.length > 1) {
      divide(into, nesting, 'parallel', part.components);
      continue;
    }
    const cuts = cutLevels(graph, part);
    if (cuts.length > 0) {
      divide(into, nesting, 'sequence', segments(graph, part, cuts));
      continue;
    }
    effort -= nodes.length;
    if (mode === 'barrier') {
      const { level, delay } = barrierLevel(graph, part);
      const [first = [], then = []] = segments(graph, part, [level]);
      barriers.push(barrierBetween(graph, first, then, delay));
      divide(into, nesting, 'sequence', [first, then]);
      continue;
    }
    if (mode === 'auto') {
      const before = schedule.slack;
      const parts = cutsInTime(graph, part, schedule);
      for (const [index, then] of parts.slice(1).entries())
        barriers.push(barrierBetween(graph, parts[index] ?? [], then, before - schedule.slack));
      if (parts.length > 1) {
        divide(into, nesting, 'sequence', parts);
        continue;
      }
    }
    const split = splitPrime(graph, part, sides);
    gates.push(...split.gates);
    divide(into, nesting, 'parallel', split.parts);
  }
  return { tree: root, gates, barriers, parallels, delay: slack - schedule.slack };
}

function segments(graph: IntGraph, part: Part, cuts: readonly number[]): readonly (readonly number[])[] {
  const segmentOf: number[] = [];
  let segment = 0;
  for (let level = 0; level < part.depth; level += 1) {
    segmentOf.push(segment);
    if (cuts[segment] === level) segment += 1;
  }
  const result: number[][] = Array.from({ length: cuts.length + 1 }, () => []);
  for (const node of part.nodes) result[at(segmentOf, at(graph.level, node))]?.push(node);
  return result;
}

const leafOf = (node: number): Tree => ({ kind: 'leaf', node, parts: [] });

/** One level after the other. @returns how many Parallels that makes */
function layers(into: Tree, levels: readonly (readonly number[])[]): number {
  const parts = levels.map((nodes): Tree => {
    const leaves = nodes.map(leafOf);
    return leaves.length === 1 ? leafOf(at(nodes, 0)) : { kind: 'parallel', node: -1, parts: leaves };
  });
  const [only] = parts;
  Object.assign(into, parts.length === 1 && only ? only : { kind: 'sequence', parts });
  return parts.filter(({ kind }) => kind === 'parallel').length;
}

/** How long the tree takes by the estimates. */
function makespanOf(root: Tree, graph: IntGraph): number {
  const takes = new Map<Tree, number>();
  for (const tree of insideOut(root)) {
    const parts = tree.parts.map((part) => takes.get(part) ?? 0);
    const sum = () => parts.reduce((total, part) => total + part, 0);
    const most = () => parts.reduce((longest, part) => Math.max(longest, part), 0);
    takes.set(tree, tree.kind === 'leaf' ? at(graph.takes, tree.node) : tree.kind === 'sequence' ? sum() : most());
  }
  return takes.get(root) ?? 0;
}

/** Every part of a tree after the parts inside it. */
function insideOut(root: Tree): readonly Tree[] {
  const order: Tree[] = [];
  const open = [root];
  for (let tree = open.pop(); tree !== undefined; tree = open.pop()) {
    order.push(tree);
    for (const part of tree.parts) open.push(part);
  }
  return order.reverse();
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
    const leaf = leafOf(node);
    const children = below.get(node);
    const tree: Tree =
      children === undefined ? leaf : { kind: 'sequence', node: -1, parts: [leaf, beside(children.toReversed())] };
    const parent = parentOf.get(node);
    if (parent === undefined) roots.push(tree);
    else {
      const others = below.get(parent);
      if (others === undefined) below.set(parent, [tree]);
      else others.push(tree);
    }
  }
  Object.assign(into, beside(roots.toReversed()));
  return parallels;
}

/** The tree with ids, sequences in sequences and parallels in parallels drawn together. */
function finished(root: Tree, id: (node: number) => string): Skeleton {
  const order = insideOut(root);
  const drawnIn = new Set(order.flatMap(({ kind, parts }) => parts.filter((part) => part.kind === kind)));
  const made = new Map<Tree, Skeleton>();
  for (const tree of order) {
    const { kind } = tree;
    if (kind === 'leaf') made.set(tree, { kind, id: id(tree.node) });
    else if (!drawnIn.has(tree))
      made.set(tree, { kind, parts: drawnTogether(tree).flatMap((part) => made.get(part) ?? []) });
  }
  return made.get(root) ?? { kind: 'leaf', id: '' };
}

/** The parts of a tree, with those of its parts of the same kind in their place. */
function drawnTogether(tree: Tree): readonly Tree[] {
  const parts: Tree[] = [];
  const open = tree.parts.toReversed();
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    if (part.kind === tree.kind) for (const one of part.parts.toReversed()) open.push(one);
    else parts.push(part);
  }
  return parts;
}
