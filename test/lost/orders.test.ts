/** What is delivered in any order and several times, folded: the same final state, and no end is taken back. */
import { describe, expect, it } from 'vitest';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { emptyFold, foldEvents, view } from '../../lib/sessions/fold.ts';
import type { SessionView } from '../../lib/sessions/view.ts';
import { artifact, historyOf } from '../sessions/history-fixture.ts';
import { randomOf } from '../simulation/random.ts';

/** That a job was skipped or cut off is known when all has been told; that it has completed, at once. */
const ended = (job: string, status: string) =>
  job === '' ? ['completed', 'failed', 'cancelled', 'timeout'].includes(status) : status === 'completed';

/** One item of the map, event by event: `one`, of the second item with two tries, then `two`. */
function* item(h: ReturnType<typeof historyOf>, index: number, map: number): Generator<void, number> {
  let at = h.iteration(index, map);
  yield;
  for (const name of ['one', 'two']) {
    at = h.entered('Task', name, at);
    yield;
    at = h.schedule(name, at, 0);
    yield;
    if (index === 1 && name === 'one') {
      at = h.failed('Flaky', at);
      yield;
      at = h.schedule(name, at, 1);
      yield;
    }
    at = h.succeeded(name, at);
    yield;
    at = h.exited('Task', name, at);
    yield;
  }
  h.iterated(index, at);
  return at;
}

/** A history in which three items of a map are worked on at once, in an order that is drawn. */
function interleaved(random: () => number): readonly HistoryEvent[] {
  const h = historyOf();
  const fork = h.add('ParallelStateStarted', h.entered('Parallel', 'fork', h.ran('load', 0)), {});
  const when = h.entered('Choice', 'check.when', fork);
  h.exited('Pass', 'check.skip', h.entered('Pass', 'check.skip', h.exited('Choice', 'check.when', when)));
  const map = h.add('MapStateStarted', h.entered('Map', 'convert', fork), {
    mapStateStartedEventDetails: { length: 3 },
  });
  const threads = [0, 1, 2].map((index) => item(h, index, map));
  let last = map;
  while (threads.length > 0) {
    const at = Math.floor(random() * threads.length);
    const step = threads[at]?.next();
    if (step?.done !== true) continue;
    last = step.value;
    threads.splice(at, 1);
  }
  const mapped = h.exited('Map', 'convert', h.add('MapStateSucceeded', last, {}));
  const joined = h.exited('Parallel', 'fork', h.add('ParallelStateSucceeded', mapped, {}));
  const close = h.ran('close', h.ran('publish', h.exited('Choice', 'any', h.entered('Choice', 'any', joined))));
  h.add('ExecutionSucceeded', close, { executionSucceededEventDetails: { output: '{"rows":3}' } });
  return h.events;
}

/** Each event one to five times, in any order. */
function deliveries(history: readonly HistoryEvent[], random: () => number): HistoryEvent[] {
  const all = history.flatMap((event) => Array.from({ length: 1 + Math.floor(random() * 5) }, () => event));
  for (let left = all.length - 1; left > 0; left -= 1) {
    const other = Math.floor(random() * (left + 1));
    const [one, two] = [all[left], all[other]];
    if (one !== undefined && two !== undefined) [all[left], all[other]] = [two, one];
  }
  return all;
}

/** All of a view but what the order of its events decides: their numbers and times. */
function withoutTimes(seen: SessionView): unknown {
  return JSON.parse(
    JSON.stringify(seen, (name, value) => (/^(startedAt|endedAt|eventId)$/.test(name) ? undefined : value)),
  );
}

describe('three jobs at once', () => {
  it('end the same in 10,000 interleavings, each event told one to five times, in any order', () => {
    const random = randomOf(20);
    const runs = 10_000;
    let want: unknown;
    let told = 0;
    for (let run = 0; run < runs; run += 1) {
      const history = interleaved(random);
      const events = deliveries(history, random);
      told += events.length;
      let state = emptyFold(artifact);
      const ends = new Map<string, string>();
      // Two looks on the way, and one at the end.
      const looks = [Math.floor(random() * events.length), Math.floor(random() * events.length), events.length];
      let from = 0;
      for (const to of looks.sort((a, b) => a - b)) {
        state = foldEvents(state, events.slice(from, to));
        from = to;
        for (const { job, status } of [{ job: '', status: view(state).status }, ...view(state).jobs]) {
          const was = ends.get(job);
          if (was !== undefined && was !== status) throw new Error(`run ${run}: "${job}" was ${was}, and is ${status}`);
          if (ended(job, status)) ends.set(job, status);
        }
      }
      const seen = withoutTimes(view(state));
      want ??= seen;
      expect(seen).toStrictEqual(want);
    }
    expect(want).toMatchObject({ status: 'completed', output: { rows: 3 } });
    console.log(`${runs} interleavings of 3 jobs, ${told} deliveries: 1 final state, no end was taken back`);
  });
});
