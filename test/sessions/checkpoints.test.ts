import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { BunsuiError } from '../../lib/errors.ts';
import { listCheckpoints, pruneCheckpoints } from '../../lib/sessions/checkpoints.ts';
import type { SessionItem } from '../../lib/sessions/items.ts';
import { createItem } from '../../lib/sessions/store.ts';
import { checkpointKey, progressKey } from '../../lib/storage-layout.ts';
import { type Cloud, cloudOn } from './cloud.ts';
import { type LocalTables, startTables, tableNames } from './local-tables.ts';

let tables: LocalTables;
let deps: Cloud['deps'];
beforeEach(async () => {
  tables = await startTables();
  ({ deps } = cloudOn(tables));
  const put = (Item: object) => deps.db.send(new PutCommand({ TableName: tableNames.jobHistoryTable, Item }));
  const at = { session_id: 's', operation_id: 'o', attempt: 1, execution_arn: 'e', completed_at: 't', kept_at: 't' };
  const result = (job: string, generation: number, more = {}) =>
    put({
      ...at,
      job_timestamp: checkpointKey(job, generation),
      record_type: 'checkpoint',
      job_id: job,
      generation,
      output: `"${job}"`,
      ...more,
    });
  const progress = (job: string, generation: number) =>
    put({
      ...at,
      job_timestamp: progressKey(job, generation),
      record_type: 'progress',
      job_id: job,
      generation,
      value: '7',
    });
  await result('load', 1);
  await result('load', 2, { reused_from: 1 });
  await result('late', 2, { record_type: 'candidate' });
  await progress('load', 2);
  await progress('slow', 2);
  await put({ ...at, job_timestamp: 'load#t#1.2', record_type: 'attempt', job_id: 'load', generation: 1 });
});
afterEach(() => tables.close());

const item = (status: SessionItem['status']) =>
  createItem(deps, { session_id: 's', created_at: 'c', status, generation: 2 } as SessionItem);
const brief = (kept: Awaited<ReturnType<typeof listCheckpoints>>) =>
  kept.map(({ job, kind, generation, value }) => `${job} ${kind} ${generation} ${value}`).sort();

it('lists results, candidates and the way of handlers, the newest generation first', async () => {
  const kept = await listCheckpoints(deps, 's');
  expect([kept.length, kept.at(-1)?.generation, kept.find((one) => one.reused_from === 1)?.bytes]).toStrictEqual([
    5, 1, 6,
  ]);
  expect(brief(kept)).toStrictEqual([
    'late candidate 2 "late"',
    'load progress 2 7',
    'load result 1 "load"',
    'load result 2 "load"',
    'slow progress 2 7',
  ]);
});

it('deletes what no rerun needs', async () => {
  await item('failed');
  expect(brief(await pruneCheckpoints(deps, { session: 's' }))).toStrictEqual([
    'load progress 2 7',
    'load result 1 "load"',
  ]);
  expect((await listCheckpoints(deps, 's')).length).toBe(3);
});

it('deletes all, but no attempts, when that is asked for', async () => {
  await item('completed');
  expect((await pruneCheckpoints(deps, { session: 's', all: true })).length).toBe(5);
  expect(await listCheckpoints(deps, 's')).toStrictEqual([]);
  expect(await pruneCheckpoints(deps, { session: 's', all: true })).toStrictEqual([]);
});

it('refuses while jobs may need them', async () => {
  await item('running');
  const said = await pruneCheckpoints(deps, { session: 's' }).catch((error: unknown) => (error as BunsuiError).code);
  expect(said).toBe('BS3017');
});
