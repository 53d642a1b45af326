/**
 * When each node of a scope starts, by the skeleton and the gates that are emitted: what a sequence puts first, and
 * what a gate waits for, has ended by then. In: a skeleton. Out: times, and what decides them.
 */
import type { GatedEdge, Skeleton } from './skeleton.ts';

/** What a sequence puts before nodes: the ends of its part before. */
export interface Before {
  /** Nodes, those that end last first. */
  readonly nodes: readonly string[];
  readonly has: ReadonlySet<string>;
}

export interface NodeTimes {
  readonly start: number;
  readonly end: number;
  /** What stands before it in the skeleton; nothing when it starts with its scope. */
  readonly before?: Before;
  /** The one of all it waits for that ends last. */
  readonly last?: string;
}

/** A point of the machine that is reached when all before it is done: a node's start, or the end of a part. */
interface Point {
  /** Of a node; otherwise the ends of a part. */
  readonly node?: string;
  readonly ends: readonly string[];
  readonly next: Point[];
  waiting: number;
  time: number;
  last: string | undefined;
  before: Before | undefined;
}

/** The times of all nodes, in an order in which each comes after those it waits for. */
export function startTimes(
  skeleton: Skeleton | undefined,
  gates: readonly GatedEdge[],
  secondsOf: (id: string) => number,
): ReadonlyMap<string, NodeTimes> {
  const points: Point[] = [];
  const starts = new Map<string, Point>();
  const newPoint = (node: string | undefined, ends: readonly string[]): Point => {
    const point: Point = {
      ...(node === undefined ? {} : { node }),
      ...{ ends, next: [], waiting: 0, time: 0, last: undefined, before: undefined },
    };
    points.push(point);
    return point;
  };
  const order = (first: Point, then: Point): void => {
    first.next.push(then);
    then.waiting += 1;
  };
  /** Parallels are nested to a bounded depth: it may recurse. @returns the ends of the part */
  const place = (part: Skeleton, after: Point | undefined): readonly string[] => {
    if (part.kind === 'leaf') {
      const point = newPoint(part.id, []);
      starts.set(part.id, point);
      if (after !== undefined) order(after, point);
      return [part.id];
    }
    if (part.kind === 'parallel') return part.parts.flatMap((inner) => place(inner, after));
    let [from, ends]: [Point | undefined, readonly string[]] = [after, []];
    for (const [index, inner] of part.parts.entries()) {
      ends = place(inner, from);
      if (index === part.parts.length - 1) break;
      from = newPoint(undefined, ends);
      for (const end of ends) {
        const point = starts.get(end);
        if (point !== undefined) order(point, from);
      }
    }
    return ends;
  };
  if (skeleton !== undefined) place(skeleton, undefined);
  for (const { from, to } of gates) {
    const [first, then] = [starts.get(from), starts.get(to)];
    if (first !== undefined && then !== undefined) order(first, then);
  }
  const times = new Map<string, NodeTimes>();
  const ready = points.filter(({ waiting }) => waiting === 0);
  // It grows while it is walked through.
  for (const point of ready) {
    const { node, ends, time, last, before, next } = point;
    const end = node === undefined ? time : time + secondsOf(node);
    if (node !== undefined) times.set(node, { start: time, end, ...(before && { before }), ...(last && { last }) });
    const endOf = (id: string) => times.get(id)?.end ?? 0;
    const all =
      node === undefined ? { nodes: ends.toSorted((a, b) => endOf(b) - endOf(a)), has: new Set(ends) } : undefined;
    for (const then of next) {
      const by = node ?? last;
      if (then.last === undefined || end > then.time) [then.time, then.last] = [end, by];
      if (all !== undefined) then.before = all;
      then.waiting -= 1;
      if (then.waiting === 0) ready.push(then);
    }
  }
  return times;
}
