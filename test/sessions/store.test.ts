import { describe, expect, it } from 'vitest';
import { BunsuiError } from '../../lib/errors.ts';
import type { StoreDeps } from '../../lib/sessions/deps.ts';
import { fitMessage, fitText } from '../../lib/sessions/fit-text.ts';
import type { AttemptItem } from '../../lib/sessions/items.ts';
import { listJobRecords, putJobRecords } from '../../lib/sessions/store.ts';
import { cloudOn } from './cloud.ts';
import { startTables, tableNames } from './local-tables.ts';

const attempt = (index: number): AttemptItem => ({
  session_id: 's',
  job_timestamp: `load#t#1.${String(index).padStart(4, '0')}`,
  record_type: 'attempt',
  pipeline_id: 'flow',
  job_id: 'load',
  operation_id: 'load',
  job_status: 'completed',
  attempt: 1,
  generation: 1,
  execution_arn: 'arn',
  event_id: index,
  started_at: 't',
  input: 'x'.repeat(3_000),
});
const attempts = Array.from({ length: 500 }, (_, index) => attempt(index));

describe('job records', () => {
  it('are written in batches and read back over several pages', async () => {
    const tables = await startTables();
    const { deps, calls } = cloudOn(tables);
    await putJobRecords(deps, attempts);
    expect(calls.length).toBe(20);
    expect((await listJobRecords(deps, 's')).attempts).toStrictEqual(attempts);
    expect(calls.length).toBeGreaterThan(21);
    await tables.close();
  });

  it('of a map over S3 are passed over where there are more than are wanted', async () => {
    const tables = await startTables();
    const { deps, calls } = cloudOn(tables);
    const of = (job: string, index: number) => ({
      ...attempt(index),
      job_id: job,
      job_timestamp: `${job}#t#1.${index}`,
    });
    // Names that begin as that of the map does, before it and behind it.
    const others = ['load', 'order', 'orders', 'ordersmap[0]/load', 'send'].map((job, index) => of(job, index));
    const bodies = Array.from({ length: 1_500 }, (_, index) => of(`orders[${index}]/load`, index));
    await putJobRecords(deps, [...others, ...bodies]);
    const listed = async (most: number) => {
      const before = calls.length;
      const { attempts: read, beyond } = await listJobRecords(deps, 's', { maps: ['orders', 'none'], most });
      return { jobs: read.map(({ job_id: job }) => job).sort(), beyond, pages: calls.length - before };
    };
    const jobs = [...others, ...bodies].map(({ job_id: job }) => job).sort();
    expect(await listed(1_500)).toMatchObject({ jobs, beyond: [] });
    const few = await listed(1_499);
    expect(few).toMatchObject({ jobs: others.map(({ job_id: job }) => job), beyond: ['orders'] });
    const { pages } = await listed(0);
    expect(pages).toBeLessThan(few.pages);
    await tables.close();
  });

  it('that the table did not take are sent again, and only those', async () => {
    const sent: number[] = [];
    const taking = async ({
      input,
    }: {
      readonly input: { readonly RequestItems: Record<string, readonly unknown[]> };
    }) => {
      const requests = input.RequestItems[tableNames.jobHistoryTable] ?? [];
      sent.push(requests.length);
      return { UnprocessedItems: requests.length > 2 ? { [tableNames.jobHistoryTable]: requests.slice(-2) } : {} };
    };
    const deps: StoreDeps = { db: { send: taking as never }, names: tableNames };
    await putJobRecords(deps, attempts.slice(0, 30));
    expect(sent).toStrictEqual([25, 2, 5, 2]);
  });
});

describe('text that a record holds', () => {
  it.each(['x', '"', '\u0000', '語', '😀'])('stays within its bytes, whatever it is made of: %j', (character) => {
    const json = JSON.stringify(character.repeat(200_000));
    const fitted = fitText(json, 'elsewhere');
    expect(Buffer.byteLength(fitted)).toBeLessThanOrEqual(100_000);
    expect(JSON.parse(fitted)).toStrictEqual({
      truncated: true,
      bytes: Buffer.byteLength(json),
      full: 'elsewhere',
      start: json.slice(0, 12_500),
    });
  });

  it('is left alone when it fits', () => {
    expect([fitText('{"a":1}', 'elsewhere'), fitMessage('short')]).toStrictEqual(['{"a":1}', 'short']);
  });

  it('says how much of a message is left off', () => {
    expect(fitMessage('x'.repeat(5_000))).toBe(`${'x'.repeat(4_000)}… (1000 more characters)`);
  });
});

describe('records that a table never takes', () => {
  it('are given up with a recoverable error', async () => {
    const refusing = async ({ input }: { readonly input: { readonly RequestItems: unknown } }) => ({
      UnprocessedItems: input.RequestItems,
    });
    const deps: StoreDeps = { db: { send: refusing as never }, names: tableNames };
    const waits: number[] = [];
    const failure = await putJobRecords(deps, [attempt(1)], async (ms) => void waits.push(ms)).catch(
      (error: unknown) => error,
    );
    expect(failure instanceof BunsuiError ? [failure.code, failure.recoverable] : failure).toStrictEqual([
      'BS5001',
      true,
    ]);
    expect(waits).toStrictEqual([40, 80, 160, 320, 640, 1280, 2560, 5120, 10240]);
  });
});
