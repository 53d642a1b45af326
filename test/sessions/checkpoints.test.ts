import { PutCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BunsuiError } from '../../lib/errors.ts';
import { keepCheckpoint, listCheckpoints, pruneCheckpoints } from '../../lib/sessions/checkpoints.ts';
import type { SessionItem } from '../../lib/sessions/items.ts';
import { createItem } from '../../lib/sessions/store.ts';
import { checkpointKey, progressKey } from '../../lib/storage-layout.ts';
import { wrapHandler } from '../../lib/wrapper/wrap-handler.ts';
import { callOf, portsFor } from '../wrapper/call.ts';
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

describe('what a person keeps for a job', () => {
  const by = { kind: 'manual', user: 'ann' } as const;

  it('is given to the next try of its handler in the generation of the session', async () => {
    await item('failed');
    const keep = (value: string, milestone?: string) =>
      keepCheckpoint(
        { ...deps, now: () => 0 },
        { session: 's', job: 'slow', value, by, ...(milestone && { milestone }) },
      );
    await keep('{"page":18}');
    await keep('["a"]', 'listed');
    const kept = (await listCheckpoints(deps, 's')).filter(({ job }) => job === 'slow');
    const at = '1970-01-01T00:00:00.000Z';
    expect(kept).toStrictEqual([
      { job: 'slow', generation: 2, kind: 'manual', by, at, bytes: 11, value: '{"page":18}' },
      { job: 'slow', generation: 2, kind: 'manual', milestone: 'listed', by, at, bytes: 5, value: '["a"]' },
    ]);
    let seen: unknown;
    const handler = wrapHandler(
      { id: 'slow', input: z.unknown(), output: z.unknown() },
      async (_: never, ctx) => {
        seen = [await ctx.checkpointed(), await ctx.checkpointed('listed')];
        return 1;
      },
      portsFor(tables),
    );
    const block = { session: 's', createdAt: '2026-03-04T05:06:00.000Z', generation: 2 };
    await handler(callOf('in', { job: 'slow', operation: 'slow', block }));
    expect(seen).toStrictEqual([{ page: 18 }, ['a']]);
  });

  it.each([
    ['a path', { job: '../x' }, 'BS2001 "../x" is no path of a job'],
    ['a name', { milestone: 'a b' }, 'BS2001 "a b" is no name of a milestone'],
    ['JSON', { value: '{' }, 'BS2001 the value is no JSON: '],
    ['small', { value: `"${'x'.repeat(262_144)}"` }, 'BS2001 the value is 262146 bytes, at most 262144 are kept'],
    ['of a session', { session: 'nobody' }, 'BS3002 no session has the id "nobody"'],
  ])('is refused when it is not %s', async (_, wrong, message) => {
    await item('failed');
    const request = { session: 's', job: 'slow', value: '1', by, ...wrong };
    const said = await keepCheckpoint({ ...deps, now: () => 0 }, request).then(
      () => 'kept',
      (error: unknown) => `${(error as BunsuiError).code} ${(error as BunsuiError).message}`,
    );
    expect(said.slice(0, message.length)).toBe(message);
  });
});
