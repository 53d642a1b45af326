/** Clocks that are wrong or go back: no length of time is negative, and what happened comes in the order of its numbers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emitSessionMetrics } from '../../lambdas/session-metrics.ts';
import { jobPage } from '../../lib/api/job-pages.ts';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { endSession } from '../../lib/sessions/end-session.ts';
import { foldHistory } from '../../lib/sessions/fold.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { recordEvents } from '../../lib/sessions/record-events.ts';
import { startSession } from '../../lib/sessions/start-session.ts';
import { getSession, listJobRecords } from '../../lib/sessions/store.ts';
import { type Cloud, cloudOn, machineArn, nowMs } from '../sessions/cloud.ts';
import { artifact, failureHistory, successHistory } from '../sessions/history-fixture.ts';
import { type LocalTables, startTables } from '../sessions/local-tables.ts';
import { liveEvents } from '../sessions/log-records.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

let tables: LocalTables;
let cloud: Cloud;
beforeAll(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
  cloud.deps.notices = { ...cloud.deps.notices, channels: { ops: { events: ['succeeded', 'failed'] } } };
  await registerPipeline(cloud.deps, { artifact, stateMachineArn: machineArn });
});
afterAll(() => tables.close());

/** How far the clock that stamped an event is off. */
const clocks: readonly (readonly [string, (id: number) => number])[] = [
  ['five minutes ahead', () => 5 * minute],
  ['five minutes behind', () => -5 * minute],
  ['a day ahead', () => day],
  ['a day behind', () => -day],
  ['a day back in the middle of it', (id) => (id < 24 ? 0 : -day)],
  ['backwards all the time', (id) => -id * 2_000],
  ['one for each event, up to a day off', (id) => ((id * 7_919) % 1_000) * (day / 500) - day],
];

/** A session that is told of as it runs, then ended, by functions whose clock is off by as much as that of the events. */
async function run(history: readonly HistoryEvent[], status: string, skewed: (id: number) => number) {
  cloud.deps.nowMs = nowMs + skewed(1);
  const { session_id: id, execution_arn: arn } = await startSession(cloud.deps, {
    pipeline: 'flow',
    input: { day: 'mon' },
    trigger: { kind: 'api' },
  });
  const events = history.map((event) => ({ ...event, timestamp: nowMs + event.timestamp + skewed(event.id) }));
  Object.assign(cloud.executions.get(arn) ?? {}, { history: events, status });
  cloud.published.length = 0;
  for (const part of [events.slice(0, 20), events.slice(20)]) {
    cloud.deps.nowMs = part.at(-1)?.timestamp ?? 0;
    await recordEvents(cloud.deps, liveEvents(arn, part), new Map());
  }
  await endSession(cloud.deps, { executionArn: arn }, () => '');
  const { attempts } = await listJobRecords(cloud.deps, id);
  const item = await getSession(cloud.deps, id);
  if (item === undefined) throw new Error('no session');
  const { jobs } = await jobPage(cloud.deps, item, { limit: 100, data: false });
  const metrics: string[] = [];
  emitSessionMetrics(item, foldHistory(artifact, events), { log: (line: string) => metrics.push(line) } as never);
  const lengths = [
    ...attempts.map(({ duration_ms = 0 }) => duration_ms),
    ...jobs.flatMap((job) => job.attempts.map(({ duration_ms = 0 }) => duration_ms)),
    ...cloud.published.map(({ duration_ms = 0 }) => duration_ms),
    ...metrics
      .flatMap((line) => Object.values(JSON.parse(line) as object).flat())
      .filter((one) => typeof one === 'number'),
  ];
  return {
    lengths,
    told: cloud.published.map(({ event }) => event),
    status: `${item.status} ${item.completed_jobs}/${item.total_jobs} failed ${item.failed_jobs}`,
    jobs: jobs.map((job) => [
      job.job_id,
      job.job_status,
      job.attempts.map((one) => `${one.attempt} ${one.job_status}`),
    ]),
  };
}

describe.each([
  ['a success', successHistory(), 'SUCCEEDED'],
  ['a failure', failureHistory(), 'FAILED'],
] as const)('%s', (_, history, status) => {
  it.each(clocks)('is told the same by clocks that are off: %s', async (_name, skewed) => {
    const { lengths: right, ...want } = await run(history, status, () => 0);
    const { lengths, ...found } = await run(history, status, skewed);
    expect(found).toStrictEqual(want);
    expect(lengths.filter((ms) => ms < 0)).toStrictEqual([]);
    expect(lengths.length).toBe(right.length);
    console.log(`${lengths.length} lengths of time, 0 negative`);
  });
});
