/**
 * Many logs as one, in the order of time. No log is held whole: of each that is open there is one batch, and one is
 * opened when its time has come.
 */

/** Something in the order of time, in batches. Those that nobody reads to the end are given back by `return`. */
export type Batches<T> = AsyncGenerator<readonly T[], void>;

export interface TimedSource<T> {
  /** ISO 8601: nothing of it is earlier. Empty when that is not known. */
  readonly from: string;
  open(): Batches<T>;
}

interface Head<T> {
  readonly batches: Batches<T>;
  readonly order: number;
  batch: readonly T[];
  at: number;
  /** Of the item at `at`. Clocks differ a little, also within a log: it never goes back. */
  time: string;
}

/** Items given at once. */
const batchSize = 1_000;
/** Sources that are opened at once, where nobody says otherwise. */
const usuallyAtOnce = 8;

const isBefore = <T>(a: Head<T>, b: Head<T>) => a.time < b.time || (a.time === b.time && a.order < b.order);

/** A heap whose least element stands in front. */
function sink<T>(heap: Head<T>[], from: number): void {
  for (let at = from; ; ) {
    let least = at;
    for (const child of [2 * at + 1, 2 * at + 2]) {
      const [a, b] = [heap[child], heap[least]];
      if (a !== undefined && b !== undefined && isBefore(a, b)) least = child;
    }
    const [above, below] = [heap[at], heap[least]];
    if (least === at || above === undefined || below === undefined) return;
    heap[at] = below;
    heap[least] = above;
    at = least;
  }
}

function rise<T>(heap: Head<T>[], head: Head<T>): void {
  let at = heap.push(head) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !isBefore(head, above)) return;
    heap[at] = above;
    heap[parent] = head;
    at = parent;
  }
}

function removeFirst<T>(heap: Head<T>[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  heap[0] = last;
  sink(heap, 0);
}

/** Goes on to a batch that has something; false at the end. */
async function fill<T>(head: Head<T>, timeOf: (item: T) => string): Promise<boolean> {
  while (head.at >= head.batch.length) {
    const next = await head.batches.next();
    if (next.done === true) return false;
    head.batch = next.value;
    head.at = 0;
  }
  goOn(head, timeOf);
  return true;
}

function goOn<T>(head: Head<T>, timeOf: (item: T) => string): void {
  const item = head.batch[head.at];
  const time = item === undefined ? '' : timeOf(item);
  if (time > head.time) head.time = time;
}

/**
 * Merges sources that are each in the order of time (but for clocks that differ a little). Of what has the same time,
 * that of the earlier source comes first.
 *
 * @param atOnce how many sources are opened at once
 */
export async function* mergedByTime<T>(
  sources: readonly TimedSource<T>[],
  timeOf: (item: T) => string,
  atOnce = usuallyAtOnce,
): Batches<T> {
  const waiting = sources
    .map((source, order) => ({ source, order }))
    .sort((a, b) => (a.source.from < b.source.from ? -1 : a.source.from > b.source.from ? 1 : a.order - b.order));
  let opened = 0;
  const heap: Head<T>[] = [];
  const open = new Set<Batches<T>>();
  let given: T[] = [];
  try {
    for (;;) {
      for (;;) {
        const first = heap[0];
        const due = waiting
          .slice(opened, opened + atOnce)
          .filter(({ source }, index) =>
            first === undefined ? index === 0 || source.from === '' : source.from <= first.time,
          );
        if (due.length === 0) break;
        opened += due.length;
        const heads = due.map(({ source, order }): Head<T> => {
          const batches = source.open();
          open.add(batches);
          return { batches, order, batch: [], at: 0, time: source.from };
        });
        const filled = await Promise.all(heads.map((head) => fill(head, timeOf)));
        for (const [index, head] of heads.entries()) {
          if (filled[index] === true) rise(heap, head);
          else open.delete(head.batches);
        }
      }
      const [first, left, right] = heap;
      if (first === undefined) break;
      // All that comes before anything of the others is taken at once.
      const second = left === undefined || (right !== undefined && isBefore(right, left)) ? right : left;
      const next = waiting[opened]?.source.from;
      for (;;) {
        const item = first.batch[first.at];
        if (item === undefined) break;
        goOn(first, timeOf);
        if ((second !== undefined && isBefore(second, first)) || (next !== undefined && next <= first.time)) break;
        given.push(item);
        first.at += 1;
      }
      if (given.length >= batchSize) {
        yield given;
        given = [];
      }
      if (first.at < first.batch.length) sink(heap, 0);
      else if (await fill(first, timeOf)) sink(heap, 0);
      else {
        open.delete(first.batches);
        removeFirst(heap);
      }
    }
    if (given.length > 0) yield given;
  } finally {
    await Promise.all([...open].map((batches) => batches.return()));
  }
}
