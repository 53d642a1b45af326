/** What the books cost: no state transition, and few writes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { endSession } from '../../lib/sessions/end-session.ts';
import type { LiveSessions } from '../../lib/sessions/live-session.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { recordEvents } from '../../lib/sessions/record-events.ts';
import { startSession } from '../../lib/sessions/start-session.ts';
import { listJobRecords } from '../../lib/sessions/store.ts';
import { rows } from '../fixtures/pipelines.ts';
import { type Cloud, cloudOn, machineArn } from './cloud.ts';
import { runRow } from './fixture-run.ts';
import { type LocalTables, startTables } from './local-tables.ts';
import { liveEvents } from './log-records.ts';

let tables: LocalTables;
let cloud: Cloud;
const total = { rows: 0, jobs: 0, attempts: 0, transitions: 0, writes: 0 };
beforeAll(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
});
afterAll(async () => {
  const { jobs, attempts, transitions, writes } = total;
  const each = (count: number) => (count / jobs).toFixed(2);
  process.stdout.write(
    `books of ${total.rows} pipelines: ${jobs} jobs run, ${attempts} attempts, ${each(transitions)} transitions and ${each(writes)} writes of job records per job, checkpoints included, every event delivered by itself\n`,
  );
  await tables.close();
});

describe('the books of a pipeline of the fixture table', () => {
  it.each(rows.map((row) => [row.name, row] as const))('%s', async (_, row) => {
    const { artifact, events, tried } = await runRow(row);
    // Every function and pipeline that is called is a job of the author's; every other task begins a machine of the
    // pipeline's own, holds a job back until it may run, or asks.
    const entered = events.flatMap((event) =>
      'stateEnteredEventDetails' in event ? [{ id: event.id, name: event.stateEnteredEventDetails.name }] : [],
    );
    const roleOf = (name: string) => artifact.states[name]?.role;
    const tasks = events.filter((event) => event.type === 'TaskScheduled');
    const nameOf = ({ previousEventId }: HistoryEvent) => entered.find(({ id }) => id === previousEventId)?.name ?? '';
    const calls = tasks.filter((event) => {
      const { resourceType } = event.taskScheduledEventDetails;
      return resourceType === 'lambda' || (resourceType === 'states' && roleOf(nameOf(event)) !== 'shard');
    });
    expect(calls.length).toBe(tried.length);
    const others = tasks.filter((event) => !calls.includes(event)).map(nameOf);
    const asks = (name: string) => artifact.approvals?.includes(name) === true;
    expect(others.filter((name) => !['gate', 'shard'].includes(roleOf(name) ?? '') && !asks(name))).toStrictEqual([]);
    // Every state comes from what the author wrote.
    expect(entered.filter(({ name }) => roleOf(name) === undefined)).toStrictEqual([]);

    await registerPipeline(cloud.deps, { artifact, stateMachineArn: machineArn });
    const checked = await row.pipeline.input['~standard'].validate(row.input);
    const input = ('value' in checked ? checked.value : row.input) as never;
    const started = await startSession(cloud.deps, { pipeline: artifact.pipeline.id, input, trigger: { kind: 'api' } });
    const { session_id: id, execution_arn: arn } = started;
    const execution = cloud.executions.get(arn);
    if (execution === undefined) throw new Error('no execution');
    const sessions: LiveSessions = new Map();
    let writes = 0;
    for (const [index, event] of events.entries()) {
      execution.history = events.slice(0, index + 1);
      const recorded = await recordEvents(cloud.deps, liveEvents(arn, [event]), sessions);
      expect(recorded.session_writes).toBeLessThanOrEqual(1);
      writes += recorded.attempts.length;
    }
    const live = await listJobRecords(cloud.deps, id);
    execution.status = row.expected.status;
    await endSession(cloud.deps, { executionArn: arn }, () => '');
    const { attempts } = await listJobRecords(cloud.deps, id);
    const before = new Map(live.attempts.map((item) => [item.job_timestamp, JSON.stringify(item)]));
    const late = attempts.filter((item) => before.get(item.job_timestamp) !== JSON.stringify(item)).length;

    // One when an attempt begins, one when it ends, whoever writes it, and the wrapper's when the job completes.
    expect(writes + late).toBeLessThanOrEqual(2 * attempts.length);
    const ran = new Set(attempts.map((item) => item.job_id));
    const completed = attempts.filter((item) => item.job_status === 'completed').length;
    if (attempts.length === ran.size) expect(writes + late + completed).toBeLessThanOrEqual(3 * ran.size);
    total.rows += 1;
    total.jobs += ran.size;
    total.attempts += attempts.length;
    total.transitions += entered.length;
    total.writes += writes + late + completed;
  });
});
