import { CreateTableCommand, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import * as z from 'zod';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gateLifetimeSeconds } from '../../lib/gate-layout.ts';
import { wrapHandler } from '../../lib/wrapper/wrap-handler.ts';
import { type LocalTables, type Spoil, startTables } from '../sessions/local-tables.ts';
import { callOf, portsFor } from './call.ts';

const TableName = 't-gates';
const contract = { id: 'load', input: z.unknown(), output: z.unknown() };
const expires = Date.parse('2026-03-04T05:06:00.000Z') / 1_000 + gateLifetimeSeconds;
const sent = { status: 200, body: '{}' };

let tables: LocalTables;
let run = 0;
beforeAll(async () => {
  tables = await startTables();
  await tables.client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'execution_arn', KeyType: 'HASH' },
        { AttributeName: 'gate', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: ['execution_arn', 'gate'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
    }),
  );
});
afterAll(() => tables.close());
beforeEach(() => {
  run += 1;
  spoil(() => undefined);
  tables.calls.length = 0;
});

/** Step Functions answers that it has taken every token; `other` may spoil calls before. */
function spoil(other: Spoil): void {
  tables.spoil = (call) => other(call) ?? (call.operation === 'SendTaskSuccess' ? sent : undefined);
}

const execution = () => `arn:aws:states:us-east-1:000000000000:execution:flow:run-${run}`;
const block = () => ({ session: `run${run}`, createdAt: '2026-03-04T05:06:00.000Z', generation: 1 });

function calling(job: string, gates: object, input: unknown = {}) {
  const ports = portsFor(tables);
  const environment = { ...ports.environment, BUNSUI_GATES_TABLE: TableName };
  const handler = wrapHandler(contract, (given) => ({ rows: 3, deep: { a: [1], b: 2 }, given }), {
    ...ports,
    environment,
  });
  return handler(callOf(input, { job, gates, execution: execution(), block: block() }));
}

const Key = (gate: string) => ({ execution_arn: { S: execution() }, gate: { S: gate } });

async function gate(name: string): Promise<unknown> {
  const { Item: item } = await tables.client.send(new GetItemCommand({ TableName, Key: Key(name) }));
  return item === undefined ? undefined : unmarshall(item);
}

/** As a state does that waits. */
async function wait(name: string, waiting: { readonly S: string } | { readonly L: { readonly S: string }[] }) {
  await tables.client.send(
    new UpdateItemCommand({
      TableName,
      Key: Key(name),
      UpdateExpression: 'SET waiting = :w',
      ExpressionAttributeValues: { ':w': waiting },
    }),
  );
}

describe('a job that opens gates', () => {
  it('adds itself to a latch, and wakes who waits there when it is the last', async () => {
    await wait('latch y', { S: 'token' });
    const open = (self: string) => ({ open: [{ latch: 'latch y', all: 2, self }] });
    await calling('a', open('a'));
    expect(tables.calls).not.toContain('SendTaskSuccess');
    await calling('b', open('b'));
    expect(tables.calls.filter((operation) => operation === 'SendTaskSuccess')).toHaveLength(1);
    expect(await gate('latch y')).toStrictEqual({
      execution_arn: execution(),
      gate: 'latch y',
      arrived: new Set(['a', 'b']),
      waiting: 'token',
      expires_at: expires,
    });
  });

  it('opens a flag after it is recorded and what is read of it is kept, and wakes all who wait', async () => {
    await wait('m[0]/flag a', { L: [{ S: 'one' }, { S: 'two' }] });
    tables.calls.length = 0;
    await calling('m[0]/a', {
      path: 'm[0]',
      open: [{ flag: 'flag a' }],
      keep: { key: 'value a', fields: { deep: { b: true }, none: true } },
    });
    expect(tables.calls).toStrictEqual([
      'GetItem',
      'PutItem',
      'UpdateItem',
      'UpdateItem',
      'SendTaskSuccess',
      'SendTaskSuccess',
    ]);
    expect(await gate('m[0]/flag a')).toMatchObject({ opened: true });
    expect(await gate('m[0]/value a')).toMatchObject({ kept: '{"deep":{"b":2}}', expires_at: expires });
  });

  it('opens them again when its answer was lost: it is recorded, and the handler does not run again', async () => {
    const work = { open: [{ flag: 'flag a' }] };
    spoil(({ operation }) =>
      operation === 'UpdateItem' ? { status: 400, body: '{"__type":"x#AccessDenied"}' } : undefined,
    );
    await expect(calling('a', work)).rejects.toThrow(`UpdateItem on table ${TableName} was refused: AccessDenied`);
    expect(await gate('flag a')).toBeUndefined();
    spoil(() => undefined);
    await calling('a', work);
    expect(await gate('flag a')).toMatchObject({ opened: true });
  });

  it.each(['TaskTimedOut', 'InvalidToken', 'TaskDoesNotExist'])('goes on when a wait is over: %s', async (name) => {
    await wait('latch y', { S: 'dead' });
    spoil(({ operation }) =>
      operation === 'SendTaskSuccess' ? { status: 400, body: `{"__type":"${name}","message":"over"}` } : undefined,
    );
    expect(await calling('a', { open: [{ latch: 'latch y', all: 1, self: 'a' }] })).toMatchObject({ rows: 3 });
  });

  it('fails to be tried again when it may not wake anybody', async () => {
    await wait('latch y', { S: 'token' });
    spoil(({ operation }) =>
      operation === 'SendTaskSuccess'
        ? { status: 400, body: '{"__type":"AccessDeniedException","message":"no"}' }
        : undefined,
    );
    await expect(calling('a', { open: [{ latch: 'latch y', all: 1, self: 'a' }] })).rejects.toMatchObject({
      name: 'Bunsui.RecordFailed',
      message: 'SendTaskSuccess was refused: AccessDeniedException: no',
    });
  });
});

describe('a job that takes values from behind gates', () => {
  it('reads them from the checkpoints of the jobs that made them, each once', async () => {
    await calling('a', {});
    tables.calls.length = 0;
    const inputs = [
      { at: ['rows'], job: 'a', path: ['rows'] },
      { at: ['list', 1, 'b'], job: 'a', path: ['deep', 'b'] },
      { at: ['none'], job: 'a', path: ['absent', 'deeper'] },
    ];
    const output = await calling('b', { inputs }, { rows: null, list: [0, { b: null }], none: null });
    expect(output).toMatchObject({ given: { rows: 3, list: [0, { b: 2 }], none: null } });
    expect(tables.calls).toStrictEqual(['GetItem', 'GetItem', 'PutItem']);
  });

  it('fails to be tried again when one of them is not recorded', async () => {
    await expect(calling('b', { inputs: [{ at: ['x'], job: 'a', path: [] }] }, { x: null })).rejects.toMatchObject({
      name: 'Bunsui.RecordFailed',
      message: 'the output of a, which this job needs, is not recorded',
    });
  });

  it('is refused when what is asked for at gates is no such thing', async () => {
    await expect(calling('b', { inputs: [{ at: 'x', job: '../a', path: [] }] })).rejects.toMatchObject({
      name: 'Bunsui.InputInvalid',
    });
  });
});
