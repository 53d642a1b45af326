/** When the function that tells of missed deadlines is called: by a clock of the test, with answers of the test. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openDeadlineWatch } from '../../lib/local/deadline-watch.ts';
import type { FunctionPool } from '../../lib/local/function-pool.ts';

const startMs = Date.parse('2026-03-01T12:00:00Z');
const hourMs = 3_600_000;
const config = {
  name: 'reconcile',
  handlerFile: '/none',
  handler: 'handler',
  timeoutSeconds: 1,
  memoryMiB: 1,
  environment: {},
};
/** What the function answers, call by call; the last one counts for all that follow. */
type Answer = { readonly next_due?: string } | 'fails' | 'throws';

beforeEach(() => {
  vi.useFakeTimers({ now: startMs });
});
afterEach(() => {
  vi.useRealTimers();
});

function watched(answers: readonly Answer[], name: () => string | undefined = () => 'reconcile') {
  const calls: { readonly atMs: number; readonly payload: string }[] = [];
  const warnings: string[] = [];
  const invoke: FunctionPool['invoke'] = async (_config, payload) => {
    calls.push({ atMs: Date.now() - startMs, payload });
    const answer = answers[Math.min(calls.length, answers.length) - 1] ?? {};
    if (answer === 'throws') throw new Error('no process');
    const about = { durationMs: 1, maxRssMiB: 1, requestId: 'r', logTail: '' };
    return answer === 'fails'
      ? { ...about, ok: false, error: { errorType: 'Error', errorMessage: 'ill' } }
      : { ...about, ok: true, payload: JSON.stringify(answer) };
  };
  const pool = { find: (wanted: string) => (wanted === config.name ? config : undefined), invoke };
  const watch = openDeadlineWatch(name, pool, (_level, message) => warnings.push(message));
  return { watch, calls, warnings, times: () => calls.map(({ atMs }) => atMs) };
}

const due = (atMs: number) => ({ next_due: new Date(startMs + atMs).toISOString() });

it('calls it when something runs, and again a millisecond after the next deadline, which is missed then', async () => {
  const { watch, calls, times } = watched([due(5_000), {}]);
  watch.look();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(times()).toStrictEqual([0]);
  await vi.advanceTimersByTimeAsync(hourMs);
  expect(times()).toStrictEqual([0, 5_001]);
  expect(calls[0]?.payload).toBe('{"only":"deadlines"}');
});

it('calls it at once again for a deadline that has passed meanwhile', async () => {
  const { watch, times } = watched([due(-5_000), {}]);
  watch.look();
  await vi.advanceTimersByTimeAsync(10);
  expect(times()).toStrictEqual([0, 1]);
});

it('asks anew when something else begins, and keeps to the nearer deadline of the two answers', async () => {
  const { watch, times } = watched([due(9_000), due(2_000), {}]);
  watch.look();
  await vi.advanceTimersByTimeAsync(1_000);
  watch.look();
  await vi.advanceTimersByTimeAsync(hourMs);
  expect(times()).toStrictEqual([0, 1_000, 2_001]);
});

it('asks once more, not once each, for all that begins while it is asking', async () => {
  const { watch, times } = watched([{}]);
  for (let begun = 0; begun < 5; begun += 1) watch.look();
  await vi.advanceTimersByTimeAsync(hourMs);
  expect(times()).toStrictEqual([0, 0]);
  watch.look();
  await vi.advanceTimersByTimeAsync(hourMs);
  expect(times()).toStrictEqual([0, 0, hourMs]);
});

it('looks again after a day where a deadline is further off than timers reach', async () => {
  const { watch, times } = watched([due(40 * 24 * hourMs), {}]);
  watch.look();
  await vi.advanceTimersByTimeAsync(25 * hourMs);
  expect(times()).toStrictEqual([0, 24 * hourMs]);
});

it.each(['fails', 'throws'] as const)('tries again after a minute when it %s, and says so', async (failure) => {
  const { watch, warnings, times } = watched([failure, {}]);
  watch.look();
  await vi.advanceTimersByTimeAsync(hourMs);
  expect(times()).toStrictEqual([0, 60_000]);
  expect(warnings).toStrictEqual([
    `deadlines were not looked at: ${failure === 'fails' ? 'ill' : 'Error: no process'}`,
  ]);
});

it('calls nobody while no function is named, or none of that name is there', async () => {
  let name: string | undefined;
  const { watch, times } = watched([{}], () => name);
  watch.look();
  name = 'gone';
  watch.look();
  await vi.advanceTimersByTimeAsync(hourMs);
  expect(times()).toStrictEqual([]);
  name = 'reconcile';
  watch.look();
  await vi.advanceTimersByTimeAsync(0);
  expect(times()).toHaveLength(1);
});

it('calls nobody any more once it is closed', async () => {
  const { watch, warnings, times } = watched([due(5_000)]);
  watch.look();
  await vi.advanceTimersByTimeAsync(0);
  await watch.close();
  watch.look();
  await vi.advanceTimersByTimeAsync(hourMs);
  expect([times(), warnings]).toStrictEqual([[0], []]);
});
