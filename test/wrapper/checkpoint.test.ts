import { PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hashOfInput } from '../../lib/wrapper/checkpoint.ts';
import { type HandlerContext, runHandler, wrapHandler } from '../../lib/wrapper/wrap-handler.ts';
import { type LocalTables, startTables, tableNames } from '../sessions/local-tables.ts';
import { callOf, executionArn, portsFor } from './call.ts';

const contract = { id: 'load', input: z.unknown(), output: z.unknown() };
const throttled = {
  status: 400,
  body: '{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow"}',
};

let tables: LocalTables;
let session = 0;
beforeAll(async () => {
  tables = await startTables();
});
afterAll(() => tables.close());
beforeEach(() => {
  session += 1;
  tables.spoil = undefined;
  tables.calls.length = 0;
});

const call = (over: { readonly [field: string]: unknown } = {}) =>
  callOf('in', { block: { session: `s${session}`, createdAt: '2026-03-04T05:06:00.000Z', generation: 1 }, ...over });

async function items(): Promise<readonly unknown[]> {
  const { Items: found = [] } = await tables.client.send(new ScanCommand({ TableName: tableNames.jobHistoryTable }));
  return found.map((item) => unmarshall(item)).filter((item) => item['session_id'] === `s${session}`);
}

const failure = (run: Promise<unknown>) =>
  run.then(
    () => 'no failure',
    (error: Error) => `${error.name}: ${error.message}`,
  );

describe('a completed job', () => {
  it('is recorded before its answer is given, by one read and one write', async () => {
    const handler = wrapHandler(contract, () => ({ rows: 3 }), portsFor(tables));
    expect(await handler(call({ attempt: 1 }))).toStrictEqual({ rows: 3 });
    expect(tables.calls).toStrictEqual(['GetItem', 'PutItem']);
    expect(await items()).toStrictEqual([
      {
        session_id: `s${session}`,
        job_timestamp: 'load#checkpoint#000001',
        record_type: 'checkpoint',
        job_id: 'load',
        operation_id: 'load',
        attempt: 2,
        generation: 1,
        execution_arn: executionArn,
        output: '{"rows":3}',
        input_hash: hashOfInput('in'),
        completed_at: '2026-03-04T05:06:07.000Z',
      },
    ]);
  });

  it('is not run again in its generation, and is in the next', async () => {
    let runs = 0;
    const handler = wrapHandler(contract, () => ({ run: ++runs }), portsFor(tables));
    const next = { block: { session: `s${session}`, createdAt: '2026-03-04T05:06:00.000Z', generation: 2 } };
    expect([await handler(call()), await handler(call({ attempt: 1 })), await handler(call(next)), runs]).toStrictEqual(
      [{ run: 1 }, { run: 1 }, { run: 2 }, 2],
    );
  });

  it('gives what was recorded first when two runs of it overlap', async () => {
    const both = Promise.withResolvers<void>();
    let runs = 0;
    const handler = wrapHandler(
      contract,
      async () => {
        const run = ++runs;
        if (run === 2) both.resolve();
        await both.promise;
        return { run };
      },
      portsFor(tables),
    );
    const answers = await Promise.all([handler(call()), handler(call({ attempt: 1 }))]);
    expect([runs, answers[0]]).toStrictEqual([2, answers[1]]);
    expect((await items()).length).toBe(1);
  });

  it('is not recorded when it fails', async () => {
    const ports = portsFor(tables);
    const handler = wrapHandler(contract, () => undefined, ports);
    expect(await failure(handler(call()))).toMatch(/^Bunsui\.OutputInvalid: /);
    expect(await items()).toStrictEqual([]);
  });

  it('does without records where the environment names no table', async () => {
    expect(await wrapHandler(contract, () => 1, portsFor())(call())).toBe(1);
    expect(tables.calls).toStrictEqual([]);
  });
});

describe('a result of an earlier generation', () => {
  const next = { block: { session: '', createdAt: '2026-03-04T05:06:00.000Z', generation: 2 } };
  const put = async (fields: { readonly [name: string]: unknown }) => {
    const Item = {
      session_id: `s${session}`,
      job_timestamp: 'load#checkpoint#000002',
      job_id: 'load',
      generation: 2,
      reused_from: 1,
      output: '{"old":1}',
      ...fields,
    };
    await tables.client.send(new PutItemCommand({ TableName: tableNames.jobHistoryTable, Item: marshall(Item) }));
  };
  const second = () => call({ block: { ...next.block, session: `s${session}` } });
  const answer = async () => {
    let runs = 0;
    const handler = wrapHandler(contract, () => ({ run: ++runs }), portsFor(tables));
    return [await handler(second()), await handler(second()), runs];
  };

  it('is the answer where it stands in the place of a checkpoint', async () => {
    await put({ record_type: 'checkpoint' });
    expect(await answer()).toStrictEqual([{ old: 1 }, { old: 1 }, 0]);
  });

  it('is the answer of a candidate where the input is the same, and is a checkpoint then', async () => {
    await put({ record_type: 'candidate', input_hash: hashOfInput('in') });
    expect(await answer()).toStrictEqual([{ old: 1 }, { old: 1 }, 0]);
    expect(await items()).toMatchObject([{ record_type: 'checkpoint', reused_from: 1, output: '{"old":1}' }]);
  });

  it('is none where a candidate was given another input: the job runs, once', async () => {
    await put({ record_type: 'candidate', input_hash: hashOfInput('other') });
    expect(await answer()).toStrictEqual([{ run: 1 }, { run: 1 }, 1]);
    const [stored] = (await items()) as readonly { readonly [name: string]: unknown }[];
    expect([stored?.['record_type'], stored?.['output'], stored?.['reused_from']]).toStrictEqual([
      'checkpoint',
      '{"run":1}',
      undefined,
    ]);
  });

  it('is null where the job is not to run', async () => {
    await put({ record_type: 'skip', output: 'null' });
    expect(await answer()).toStrictEqual([null, null, 0]);
  });

  it('is told by the value of the input, whatever the order of its fields', async () => {
    const [one, two, other] = [
      { a: 1, b: [{ c: 2, d: 3 }] },
      { b: [{ d: 3, c: 2 }], a: 1 },
      { a: 1, b: [{ c: 2 }] },
    ];
    expect(hashOfInput(one)).toBe(hashOfInput(two));
    expect(hashOfInput(one)).not.toBe(hashOfInput(other));
  });
});

describe('what a handler keeps of its way', () => {
  it('is given to its next try, costs nothing where it is not asked for, and is not that of another generation', async () => {
    const seen: unknown[] = [];
    const handler = wrapHandler(
      contract,
      async (_: never, ctx) => {
        const before = await ctx.checkpointed<{ page: number }>();
        seen.push(before);
        await ctx.checkpoint({ page: (before?.page ?? 0) + 1 });
        throw new Error('cut off');
      },
      portsFor(tables),
    );
    const next = { block: { session: `s${session}`, createdAt: '2026-03-04T05:06:00.000Z', generation: 2 } };
    for (const over of [{}, { attempt: 1 }, next]) await failure(handler(call(over)));
    expect(seen).toStrictEqual([undefined, { page: 1 }, undefined]);
  });

  it('is kept under the name of a milestone beside what is kept later', async () => {
    const seen: unknown[] = [];
    const handler = wrapHandler(
      contract,
      async (_: never, ctx) => {
        seen.push([await ctx.checkpointed('listed'), await ctx.checkpointed()]);
        await ctx.checkpoint(['a'], { milestone: 'listed' });
        await ctx.checkpoint(1);
        await ctx.checkpoint(2);
        throw new Error('cut off');
      },
      portsFor(tables),
    );
    for (const attempt of [0, 1]) await failure(handler(call({ attempt })));
    expect(seen).toStrictEqual([
      [undefined, undefined],
      [['a'], 2],
    ]);
    const odd = wrapHandler(contract, (_: never, ctx) => ctx.checkpoint(1, { milestone: 'a#b' }), portsFor(tables));
    expect(await failure(odd(call()))).toMatch(/^Bunsui\.OutputInvalid: "a#b" is no name of a milestone: letters/);
  });

  it('is refused when it is no JSON, or too large', async () => {
    const keep = (value: unknown) =>
      failure(wrapHandler(contract, (_: never, ctx) => ctx.checkpoint(value), portsFor(tables))(call()));
    expect(await keep(undefined)).toMatch(/^Bunsui\.OutputInvalid: the checkpoint of load is no JSON value/);
    expect(await keep('x'.repeat(262_144))).toMatch(/^Bunsui\.OutputTooLarge: the checkpoint of load is 262146 bytes/);
  });

  it('stays in memory in a unit test', async () => {
    const run = (_: never, ctx: HandlerContext) => ctx.checkpoint(1).then(() => ctx.checkpointed());
    expect(await runHandler(contract, run, 'in')).toBe(1);
    const named = (_: never, ctx: HandlerContext) =>
      ctx
        .checkpoint(1, { milestone: 'm' })
        .then(async () => [(await ctx.checkpointed()) ?? null, await ctx.checkpointed('m')]);
    expect(await runHandler(contract, named, 'in')).toStrictEqual([null, 1]);
  });
});

describe('a table that is hard to reach', () => {
  it.each([
    ['is throttled', throttled],
    ['answers 500 with no JSON', { status: 500, body: '<html>' }],
    ['loses the answer', 'lose-answer' as const],
  ])('is asked again when it %s', async (_, spoilt) => {
    let runs = 0;
    tables.spoil = ({ number }) => (number % 3 === 0 ? undefined : spoilt);
    const ports = portsFor(tables);
    expect(await wrapHandler(contract, () => ({ run: ++runs }), ports)(call())).toStrictEqual({ run: 1 });
    tables.spoil = undefined;
    expect([runs, (await items()).length]).toStrictEqual([1, 1]);
  });

  it('is given up after ten tries with growing waits', async () => {
    tables.spoil = () => throttled;
    const ports = portsFor(tables);
    expect(await failure(wrapHandler(contract, () => 1, ports)(call()))).toBe(
      `Bunsui.RecordFailed: GetItem on table ${tableNames.jobHistoryTable} failed 10 times, at last by: ThrottlingException: slow`,
    );
    expect(tables.calls.length).toBe(10);
    expect(ports.slept).toStrictEqual([25, 50, 100, 200, 400, 800, 1000, 1000, 1000]);
  });

  it('is given up when the time of the function is used up', async () => {
    tables.spoil = ({ operation }) => (operation === 'PutItem' ? throttled : undefined);
    const ports = portsFor(tables);
    const context = { getRemainingTimeInMillis: () => 150 };
    expect(await failure(wrapHandler(contract, () => 1, ports)(call(), context))).toMatch(
      /^Bunsui\.RecordFailed: PutItem on table .* failed 4 times/,
    );
    expect(ports.slept).toStrictEqual([25, 50, 100]);
  });

  it('is not asked again for what it refuses', async () => {
    const ports = portsFor(tables);
    const wrong = { ...ports, environment: { ...ports.environment, BUNSUI_JOB_HISTORY_TABLE: 'absent' } };
    expect(await failure(wrapHandler(contract, () => 1, wrong)(call()))).toMatch(
      /^Bunsui\.RecordFailed: GetItem on table absent was refused: ResourceNotFoundException: /,
    );
    expect(tables.calls).toStrictEqual(['GetItem']);
  });
});
