import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compensationOf, compensationText } from '../../lib/sessions/compensation-view.ts';
import { foldHistory } from '../../lib/sessions/fold.ts';
import type { CheckpointItem, SessionItem } from '../../lib/sessions/items.ts';
import { putPlan, putReused, resultsOf, undoneIn } from '../../lib/sessions/reuse-items.ts';
import type { JobView } from '../../lib/sessions/view.ts';
import { checkpointKey } from '../../lib/storage-layout.ts';
import { rows } from '../fixtures/pipelines.ts';
import { type Cloud, cloudOn } from './cloud.ts';
import { runRow } from './fixture-run.ts';
import { type LocalTables, startTables, tableNames } from './local-tables.ts';

const checkpoint = (job: string, over: Partial<CheckpointItem> = {}): CheckpointItem => ({
  session_id: 's1',
  job_timestamp: checkpointKey(job, 1),
  record_type: 'checkpoint',
  job_id: job,
  operation_id: 'book',
  attempt: 1,
  generation: 1,
  execution_arn: 'arn',
  output: '{}',
  completed_at: '2026-01-01T00:00:00.000Z',
  ...over,
});
const view = (job: string, status: JobView['status'], compensates?: string) =>
  ({ job, status, ...(compensates && { compensates }) }) as JobView;

describe('results of jobs that were undone', () => {
  const records = {
    checkpoints: [
      checkpoint('flight'),
      checkpoint('each[2]/seat'),
      checkpoint('car'),
      checkpoint('undo-flight', { compensates: 'flight' }),
      checkpoint('undo-each[0]/undo-seat', { compensates: 'each[2]/seat' }),
      checkpoint('undo-car', { compensates: 'car', generation: 2 }),
    ],
    candidates: [],
    attempts: [],
    answers: [],
    progress: [],
  };

  it('do not count, and those that could not be undone do', () => {
    expect([...undoneIn(records, 1)]).toStrictEqual(['flight', 'each[2]/seat']);
    const there = [...resultsOf(records, 1).keys()].filter((job) => !job.startsWith('undo-'));
    expect(there).toStrictEqual(['car']);
  });
});

describe('what a session says of its compensation', () => {
  it('is what was undone and what was not', () => {
    const jobs = [view('a', 'completed'), view('undo-a', 'completed', 'a'), view('undo-b', 'failed', 'b')];
    const found = compensationOf([...jobs, view('undo-c', 'skipped')]);
    expect(found).toStrictEqual({ undone: ['a'], failed: ['b'] });
    expect(found && compensationText(found)).toBe('undone: a; not undone, because their compensations failed: b');
    expect(compensationOf([view('a', 'failed')])).toBeUndefined();
  });

  it('comes out of its history, with what each compensation was given', async () => {
    const row = rows.find(({ name }) => name === 'saga-failing');
    if (row === undefined) throw new Error('no such row');
    const { artifact, events } = await runRow(row);
    const { jobs, error } = foldHistory(artifact, events);
    expect(error).toMatchObject({ name: 'Broken', job: 'failed' });
    const { undone, failed } = compensationOf(jobs) ?? { undone: [], failed: [] };
    expect([undone.toSorted(), failed]).toStrictEqual([
      ['a', 'c', 'd', 'each[1]/one', 'rounds[0]/two', 'rounds[1]/two'],
      // Both were given 13.
      ['b', 'each[0]/one'],
    ]);
    const of = (path: string) => jobs.find(({ job }) => job === path);
    expect(of('undo-c')?.input).toStrictEqual({ input: of('c')?.input, output: of('c')?.output });
  });
});

describe('a generation that reuses what is to be undone', () => {
  let tables: LocalTables;
  let cloud: Cloud;
  beforeAll(async () => {
    tables = await startTables();
    cloud = cloudOn(tables);
  });
  afterAll(() => tables.close());

  it('has it undone with the rest, whether or not it comes to it', async () => {
    const deps = { ...cloud.deps, now: () => cloud.deps.nowMs };
    const put = (item: object) =>
      deps.db.send(new PutCommand({ TableName: tableNames.jobHistoryTable, Item: { ...item } }));
    await put(checkpoint('car', { input: '{"name":"car"}' }));
    await put(checkpoint('plain'));
    const createdAt = '2026-01-01T00:00:00.000Z';
    const reuse = ['car', 'plain'].map((job) => ({ job, as: 'checkpoint' as const }));
    const plan = { planVersion: 1, session_id: 's1', generation: 2, version: 'v', jobs: [], reuse } as const;
    const key = await putPlan(deps, createdAt, plan, 1n);
    await putReused(deps, { session_id: 's1', created_at: createdAt, generation: 2, rerun_plan: key } as SessionItem);
    const items = await cloud.items('jobHistoryTable');
    const ledger = items.filter((item) => item['record_type'] === 'undoable');
    expect(ledger).toStrictEqual([
      {
        session_id: 's1',
        job_timestamp: '#undo#000002#car#0',
        record_type: 'undoable',
        job_id: 'car',
        generation: 2,
        runs_until_ms: 0,
      },
    ]);
    const copy = items.find((item) => item['job_timestamp'] === checkpointKey('car', 2));
    expect(copy).toMatchObject({ input: '{"name":"car"}', reused_from: 1 });
  });
});
