/**
 * Barriers: cuts of a part that put everything of one side before everything of the other, though the graph asks for
 * less. Two ways to choose them. By *levels*, where nothing else may be (`barrier`). By a *schedule*, where gates are
 * the other choice (`auto`): fix when each node runs by the estimates, and cut only where all of one side has ended
 * before the other begins. Every order then goes forward in that schedule, be it the graph's, a barrier's or a gate's,
 * so no mixture of them can deadlock; and no node starts later than the schedule says. Where there is slack to spend,
 * the schedule is stretched at one moment: what begins then or later begins that much later.
 */
import { at, edgesOf, type IntGraph, inside, levelsOf, type Part } from './parts.ts';

/** A barrier: everything in `first` ends before anything in `then` starts. */
export interface Barrier {
  /** Some orders that the graph did not ask for, and how many there are. */
  readonly added: readonly (readonly [waiting: string, on: string])[];
  readonly addedCount: number;
  /** By how much it makes the longest path of its part longer by the estimates. */
  readonly delay: number;
}

const shownOrders = 3;

/**
 * The barrier between two sides of a part, which is all of a path from any node of it to another. In such a part a
 * sink of the one side comes before a source of the other only as its parent.
 */
export function barrierBetween(
  graph: IntGraph,
  first: readonly number[],
  then: readonly number[],
  delay: number,
): Barrier {
  const before = new Set(first);
  const after = new Set(then);
  const sinks = first.filter((node) => !edgesOf(graph.children, node).some((child) => before.has(child)));
  const sources = then.filter((node) => !edgesOf(graph.parents, node).some((parent) => after.has(parent)));
  const isSink = new Set(sinks);
  const id = (node: number) => graph.ids[node] ?? '';
  const added: (readonly [string, string])[] = [];
  let edges = 0;
  for (const source of sources) {
    const own = new Set(edgesOf(graph.parents, source).filter((parent) => isSink.has(parent)));
    edges += own.size;
    if (own.size === sinks.length) continue;
    for (const sink of sinks) {
      if (added.length === shownOrders) break;
      if (!own.has(sink)) added.push([id(source), id(sink)]);
    }
  }
  return { added, addedCount: sinks.length * sources.length - edges, delay };
}

export interface LevelCut {
  readonly level: number;
  readonly delay: number;
}

/**
 * The level after which a barrier costs least: by how much it makes the longest path longer, then by how many orders it
 * adds: every sink of the levels up to it is set before every node of the next level, less the edges that are there.
 * One pass over nodes and edges.
 */
export function barrierLevel(graph: IntGraph, part: Part): LevelCut {
  const { level, parents } = graph;
  const { depth } = part;
  const paths = levelPaths(graph, part);
  const firstChildLevel = new Map<number, number>();
  const width = new Float64Array(depth);
  for (const node of part.nodes) {
    const own = at(level, node);
    width[own] = at(width, own) + 1;
    for (const parent of inside(graph, part, edgesOf(parents, node)))
      firstChildLevel.set(parent, Math.min(own, firstChildLevel.get(parent) ?? own));
  }
  // A node is a sink of the levels from its own up to that before its first child's.
  const begin = new Float64Array(depth + 1);
  const edges = new Float64Array(depth + 1);
  for (const node of part.nodes) {
    const own = at(level, node);
    const last = firstChildLevel.get(node) ?? depth;
    begin[own] = at(begin, own) + 1;
    begin[last] = at(begin, last) - 1;
    for (const parent of inside(graph, part, edgesOf(parents, node)))
      if (firstChildLevel.get(parent) === own) edges[own] = at(edges, own) + 1;
  }
  let best = { level: 0, delay: Number.POSITIVE_INFINITY, added: Number.POSITIVE_INFINITY };
  let sinks = 0;
  for (let own = 0; own < depth - 1; own += 1) {
    sinks += at(begin, own);
    const added = sinks * at(width, own + 1) - at(edges, own + 1);
    const delay = at(paths.upTo, own) + at(paths.from, own + 1) - paths.longest;
    const isLess = Math.abs(delay - best.delay) < paths.longest * 1e-9 ? added < best.added : delay < best.delay;
    if (isLess) best = { level: own, delay: Math.max(0, delay), added };
  }
  return best;
}

/** Longest paths inside a part by the estimates: over all levels up to one, over all from one on, over all. */
function levelPaths(graph: IntGraph, part: Part) {
  const { level, takes } = graph;
  const up = new Map<number, number>();
  const down = new Map<number, number>();
  const upTo = new Float64Array(part.depth);
  const from = new Float64Array(part.depth);
  for (const node of part.nodes) {
    let before = 0;
    for (const parent of edgesOf(graph.parents, node)) before = Math.max(before, up.get(parent) ?? 0);
    const path = before + at(takes, node);
    up.set(node, path);
    upTo[at(level, node)] = Math.max(at(upTo, at(level, node)), path);
  }
  for (const node of part.nodes.toReversed()) {
    let after = 0;
    for (const child of edgesOf(graph.children, node)) after = Math.max(after, down.get(child) ?? 0);
    const path = after + at(takes, node);
    down.set(node, path);
    from[at(level, node)] = Math.max(at(from, at(level, node)), path);
  }
  for (let own = 1; own < part.depth; own += 1) upTo[own] = Math.max(at(upTo, own), at(upTo, own - 1));
  for (let own = part.depth - 2; own >= 0; own -= 1) from[own] = Math.max(at(from, own), at(from, own + 1));
  return { upTo, from, longest: at(upTo, part.depth - 1) };
}

/** Levels of a part, each after the one before, and the barriers that makes: for parts that resist. */
export function allLevels(
  graph: IntGraph,
  part: Part,
): { readonly levels: readonly (readonly number[])[]; readonly barriers: readonly Barrier[] } {
  const levels = levelsOf(graph, part);
  const { upTo, from, longest } = levelPaths(graph, part);
  const barriers = levels
    .slice(1)
    .map((then, index) =>
      barrierBetween(graph, levels[index] ?? [], then, Math.max(0, at(upTo, index) + at(from, index + 1) - longest)),
    );
  return { levels, barriers: barriers.filter(({ addedCount }) => addedCount > 0) };
}

/** When nodes run, by the estimates: as early as they can, and later by what barriers have cost. */
export interface Schedule {
  /** Moments from which everything begins later, ascending, and by how much. */
  readonly stretched: { readonly from: number; readonly by: number }[];
  /** What may still be spent. */
  slack: number;
}

/** Segments of a part, each of which ends before the next one begins; one segment when nothing can be cut. */
export function cutsInTime(graph: IntGraph, part: Part, schedule: Schedule): readonly (readonly number[])[] {
  const begins = (node: number) => at(graph.finish, node) - at(graph.takes, node);
  const ordered = part.nodes.toSorted((a, b) => begins(a) - begins(b) || a - b);
  const late = lateness(schedule, ordered.map(begins));
  const free: number[] = [];
  let ended = 0;
  let cheapest = { index: -1, by: Number.POSITIVE_INFINITY };
  for (const [index, node] of ordered.entries()) {
    const start = begins(node);
    const isBoundary = index > 0 && start > begins(ordered[index - 1] ?? node);
    const by = ended - (start + at(late, index));
    if (isBoundary && by <= 0) free.push(index);
    else if (isBoundary && by < cheapest.by) cheapest = { index, by };
    ended = Math.max(ended, start + at(late, index) + at(graph.takes, node));
  }
  if (free.length > 0) return segmentsAt(ordered, free);
  if (cheapest.index < 0 || cheapest.by > schedule.slack) return [part.nodes];
  schedule.slack -= cheapest.by;
  stretch(schedule, begins(ordered[cheapest.index] ?? 0), cheapest.by);
  return segmentsAt(ordered, [cheapest.index]);
}

/** By how much each of these moments, ascending, has become later. */
function lateness({ stretched }: Schedule, moments: readonly number[]): Float64Array {
  const late = new Float64Array(moments.length);
  let next = 0;
  let sum = 0;
  for (const [index, moment] of moments.entries()) {
    for (; (stretched[next]?.from ?? Number.POSITIVE_INFINITY) <= moment; next += 1) sum += stretched[next]?.by ?? 0;
    late[index] = sum;
  }
  return late;
}

function stretch({ stretched }: Schedule, from: number, by: number): void {
  const after = stretched.findIndex((other) => other.from > from);
  stretched.splice(after < 0 ? stretched.length : after, 0, { from, by });
}

function segmentsAt(ordered: readonly number[], cuts: readonly number[]): readonly (readonly number[])[] {
  // In topological order again, which numbers are.
  return [0, ...cuts].map((from, index) => ordered.slice(from, cuts[index]).toSorted((a, b) => a - b));
}
