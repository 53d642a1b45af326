import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Batches, mergedByTime, type TimedSource } from '../../lib/sessions/log-merge.ts';
import { afterArchive } from '../../lib/sessions/logs.ts';
import type { LogLine } from '../../lib/sessions/report-data.ts';

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

describe('what is archived and printed', () => {
  it('is told once, also where the clocks of functions put what was printed behind the same of the archive', async () => {
    const line = (job: string, second: number): LogLine => ({
      timestamp: `2026-01-01T00:00:0${second}.000Z`,
      level: 'INFO',
      message: `${job} ${second}`,
      session_id: 's',
      job_id: job,
      operation_id: 'o',
      attempt: 1,
    });
    const gives = async function* (...lines: readonly LogLine[]) {
      yield lines;
    };
    const kept = [line('a', 1), line('b', 2), line('a', 3)];
    const archived = [{ from: '', open: () => gives(...kept) }];
    const printed = gives(line('c', 3), line('b', 2), line('a', 3), line('a', 4));
    const told: string[] = [];
    for await (const batch of afterArchive(archived, printed)) told.push(...batch.map(({ message }) => message));
    expect(told.toSorted()).toStrictEqual(['a 1', 'a 3', 'a 4', 'b 2', 'c 3']);
  });
});
