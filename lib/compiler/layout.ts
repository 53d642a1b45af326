/**
 * Where the nodes of a skeleton stand: each part holds an interval of them, counted from left to right. So what is in a
 * part is known without walking through it again.
 */
import type { Skeleton } from './skeleton.ts';

export interface Layout {
  isIn(part: Skeleton, id: string): boolean;
  /** Those values of a part's nodes that somebody reads, from left to right. */
  readIn(part: Skeleton): readonly string[];
  nodesIn(part: Skeleton): readonly string[];
  /** The first node of a part. */
  firstOf(part: Skeleton): string;
}

/** @param readOf the values of a node that somebody reads */
export function layoutOf(skeleton: Skeleton, readOf: (id: string) => readonly string[]): Layout {
  const leaves: string[] = [];
  const place = new Map<string, number>();
  /** How many values that somebody reads stand before each place, and which they are. */
  const readBefore: number[] = [0];
  const read: string[] = [];
  const begin = new Map<Skeleton, number>();
  const end = new Map<Skeleton, number>();
  const open: { readonly part: Skeleton; readonly over: boolean }[] = [{ part: skeleton, over: false }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { part, over } = next;
    if (over) {
      end.set(part, leaves.length);
      continue;
    }
    begin.set(part, leaves.length);
    open.push({ part, over: true });
    if (part.kind !== 'leaf') {
      for (const inner of part.parts.toReversed()) open.push({ part: inner, over: false });
      continue;
    }
    place.set(part.id, leaves.length);
    leaves.push(part.id);
    read.push(...readOf(part.id));
    readBefore.push(read.length);
  }
  const from = (part: Skeleton) => begin.get(part) ?? 0;
  const to = (part: Skeleton) => end.get(part) ?? 0;
  return {
    isIn(part, id) {
      const at = place.get(id) ?? -1;
      return at >= from(part) && at < to(part);
    },
    readIn: (part) => read.slice(readBefore[from(part)], readBefore[to(part)]),
    nodesIn: (part) => leaves.slice(from(part), to(part)),
    firstOf: (part) => leaves[from(part)] ?? '',
  };
}
