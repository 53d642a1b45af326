import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { completedJobsHandler, completedTree } from '../../lib/wrapper/completed-jobs.ts';
import type { WrapperPorts } from '../../lib/wrapper/ports.ts';
import { type HandlerContext, wrapHandler } from '../../lib/wrapper/wrap-handler.ts';
import { type LocalTables, startTables, tableNames } from '../sessions/local-tables.ts';
import { eventually } from '../eventually.ts';
import { callOf, nowMs, portsFor } from './call.ts';

const contract = { id: 'book', input: z.object({ name: z.string() }), output: z.object({ id: z.string() }) };
const undo = { id: 'cancel', input: z.unknown(), output: z.unknown() };

let tables: LocalTables;
let number = 0;
beforeAll(async () => {
  tables = await startTables();
});
afterAll(() => tables.close());
beforeEach(() => {
  number += 1;
});

const block = () => ({ session: `s${number}`, createdAt: '2026-03-04T05:06:00.000Z', generation: 1 });
const at = (job: string, over: object = {}) => ({ operation: 'book', job, block: block(), undoable: true, ...over });
const book = (job: string, ports: WrapperPorts, run: () => unknown = () => ({ id: `id of ${job}` })) =>
  wrapHandler(contract, run, ports)(callOf({ name: job }, at(job)), { getRemainingTimeInMillis: () => 60_000 });
const find = (ports: WrapperPorts, jobs: object, attempt = 0) =>
  completedJobsHandler(ports)(callOf({ jobs }, { operation: 'to-undo', job: 'to-undo', block: block(), attempt }));
async function items() {
  const { Items: found = [] } = await tables.client.send(new ScanCommand({ TableName: tableNames.jobHistoryTable }));
  return found.map((item) => unmarshall(item)).filter((item) => item['session_id'] === block().session);
}
const failing = () => {
  throw new Error('no');
};

describe('what has completed', () => {
  it('is told in the shape of the pipeline, the last iteration first', () => {
    const tree = { a: 'job', b: 'job', each: { one: 'job', inner: { two: 'job' } }, none: { x: 'job' } } as const;
    const paths = ['a', 'each[2]/one', 'each[10]/inner[0]/two', 'each[10]/inner[11]/two', 'each[1]/one', 'other'];
    expect(completedTree(tree, paths)).toStrictEqual({
      a: 'a',
      b: '',
      each: [
        { one: '', inner: [{ two: 'each[10]/inner[11]/two' }, { two: 'each[10]/inner[0]/two' }] },
        { one: 'each[2]/one', inner: [] },
        { one: 'each[1]/one', inner: [] },
      ],
      none: [],
    });
  });

  it('is found in the table, and what has failed is not', async () => {
    const ports = portsFor(tables);
    await book('a', ports);
    await expect(book('b', ports, failing)).rejects.toThrow('no');
    expect(await find(ports, { a: 'job', b: 'job', c: 'job' })).toStrictEqual({ a: 'a', b: '', c: '' });
    expect(ports.slept).toStrictEqual([]);
  });

  it('is waited for while it may still complete', async () => {
    const ports = portsFor(tables);
    let finish = (_: unknown): void => {};
    const running = book('a', ports, () => new Promise((resolve) => (finish = resolve)));
    await eventually('the job has begun', items, (there) => there.length === 1);
    const slept: number[] = [];
    const sleep = async (ms: number) => {
      slept.push(ms);
      if (slept.length === 2) {
        finish({ id: 'late' });
        await running;
      }
    };
    expect(await find({ ...ports, sleep }, { a: 'job' })).toStrictEqual({ a: 'a' });
    expect(slept).toStrictEqual([1_000, 1_000]);
  });

  it('is not waited for any longer than its function can run, nor where functions end with their tasks', async () => {
    const ports = portsFor(tables);
    void book('a', ports, () => new Promise(() => {}));
    await eventually('the job has begun', items, (there) => there.length === 1);
    expect(await find({ ...ports, now: () => nowMs + 60_001 }, { a: 'job' })).toStrictEqual({ a: '' });
    const environment = { ...ports.environment, BUNSUI_FUNCTIONS_END_WITH_TASKS: '1' };
    const again = { ...ports, environment };
    const other = wrapHandler({ id: 'x', input: z.unknown(), output: z.unknown() }, () => 1, again);
    expect(await other(callOf(1, { operation: 'x', job: 'x', block: block() }))).toBe(1);
    const found = completedJobsHandler(again)(
      callOf({ jobs: { a: 'job' } }, { operation: 'to-undo', job: 'again', block: block() }),
    );
    expect(await found).toStrictEqual({ a: '' });
    expect(ports.slept).toStrictEqual([1_000]);
  });
});

describe('a job that is to be undone', () => {
  it('does nothing when its session is being undone already', async () => {
    const ports = portsFor(tables);
    expect(await find(ports, { a: 'job' })).toStrictEqual({ a: '' });
    const done: string[] = [];
    const late = book('a', ports, () => {
      done.push('a');
      return { id: 'x' };
    });
    await expect(late).rejects.toMatchObject({ name: 'Bunsui.Undone' });
    expect(done).toStrictEqual([]);
  });

  it('gives its compensation what it was given and gave, and its key', async () => {
    const ports = portsFor(tables);
    await book('each[3]/a', ports);
    const seen: unknown[] = [];
    const handler = wrapHandler(
      undo,
      (input: unknown, { undoes, idempotencyKey }: HandlerContext) => {
        seen.push(input, undoes, idempotencyKey);
        return {};
      },
      ports,
    );
    await handler(callOf({}, { operation: 'cancel', job: 'undo-a', block: block(), compensates: 'each[3]/a' }));
    const key = `${block().session}/1`;
    expect(seen).toStrictEqual([
      { input: { name: 'each[3]/a' }, output: { id: 'id of each[3]/a' } },
      { job: 'each[3]/a', idempotencyKey: `${key}/each[3]/a` },
      `${key}/undo-a`,
    ]);
    const record = (await items()).find((item) => item['job_id'] === 'undo-a');
    expect(record).toMatchObject({ record_type: 'checkpoint', compensates: 'each[3]/a' });
  });

  it('cannot be undone by itself where it ran before it declared a compensation', async () => {
    const ports = portsFor(tables);
    const { undoable: _, ...before } = at('a');
    await wrapHandler(contract, () => ({ id: 'x' }), ports)(callOf({ name: 'a' }, before));
    const handler = wrapHandler(undo, () => ({}), ports);
    const call = callOf({}, { operation: 'cancel', job: 'undo-a', block: block(), compensates: 'a' });
    await expect(handler(call)).rejects.toMatchObject({ name: 'Bunsui.InputInvalid' });
  });
});
