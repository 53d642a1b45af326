import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Batches, mergedByTime, type TimedSource } from '../../lib/sessions/log-merge.ts';

interface Item {
  readonly time: string;
  readonly of: number;
}
const timeOf = ({ time }: Item) => time;
const at = (ms: number) => new Date(ms).toISOString();

/** Sources of given times, with what has been opened and is held now. */
function sourcesOf(logs: readonly (readonly number[])[], batchSize: number, isKnown = true) {
  const held = { open: 0, most: 0 };
  const sources = logs.map(
    (times, of): TimedSource<Item> => ({
      from: isKnown ? at(times[0] ?? 0) : '',
      async *open() {
        held.open += 1;
        held.most = Math.max(held.most, held.open);
        try {
          for (let from = 0; from < times.length; from += batchSize) {
            yield times.slice(from, from + batchSize).map((ms) => ({ time: at(ms), of }));
          }
        } finally {
          held.open -= 1;
        }
      },
    }),
  );
  return { sources, held };
}

async function all<T>(batches: Batches<T>): Promise<readonly T[]> {
  const items: T[] = [];
  for await (const batch of batches) items.push(...batch);
  return items;
}

describe('logs as one', () => {
  it('come in the order of time, and what has the same time in the order of their sources', async () => {
    const log = fc.array(fc.nat({ max: 50 }), { maxLength: 30 }).map((times) => times.toSorted((a, b) => a - b));
    await fc.assert(
      fc.asyncProperty(
        fc.array(log, { maxLength: 40 }),
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        async (logs, size, known) => {
          const { sources, held } = sourcesOf(logs, size, known);
          const want = logs
            .flatMap((times, of) => times.map((ms) => ({ time: at(ms), of })))
            .toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : a.of - b.of));
          expect(await all(mergedByTime(sources, timeOf))).toStrictEqual(want);
          expect(held.open).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('are opened when their time has come: of a thousand that follow each other few at once', async () => {
    const logs = Array.from({ length: 1_000 }, (_, index) => [index * 10, index * 10 + 15]);
    const { sources, held } = sourcesOf(logs, 1);
    expect((await all(mergedByTime(sources, timeOf))).length).toBe(2_000);
    expect(held.most).toBeLessThanOrEqual(4);
  });

  it('are closed when nobody wants more', async () => {
    const logs = Array.from({ length: 5 }, () => Array.from({ length: 5_000 }, (_, index) => index));
    const { sources, held } = sourcesOf(logs, 100);
    for await (const batch of mergedByTime(sources, timeOf)) {
      expect([batch.length > 0, held.open]).toStrictEqual([true, 5]);
      break;
    }
    expect(held.open).toBe(0);
  });

  it('keep the order of a log whose clock goes back, and lose nothing of it', async () => {
    const { sources } = sourcesOf(
      [
        [10, 5, 30, 20],
        [7, 12, 25],
      ],
      2,
    );
    const found = await all(mergedByTime(sources, timeOf));
    expect(found.filter(({ of }) => of === 0).map(timeOf)).toStrictEqual([10, 5, 30, 20].map(at));
    expect(found.length).toBe(7);
  });
});
