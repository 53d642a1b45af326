/** Each change of an item is one write of LevelDB, its index entries included: a kill leaves all of it or nothing. */
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { type DynaliteStore, type LevelOperation, storeFor } from '../../lib/local/atomic-items.ts';

const require = createRequire(import.meta.url);
type Act = (store: DynaliteStore, data: unknown, done: (error: unknown, data: unknown) => void) => void;

/** A real dynalite in memory, with a table of two indexes, that notes what is written to its database. */
async function tableWithIndexes() {
  const { create } = require('dynalite/db') as { create(options: object): DynaliteStore };
  const store = create({ createTableMs: 0 });
  await store.db.open();
  const run = (operation: string, data: unknown, on = storeFor(operation, store)) =>
    new Promise<unknown>((resolve, reject) => {
      const act = require(`dynalite/actions/${operation.charAt(0).toLowerCase()}${operation.slice(1)}`) as Act;
      act(on, data, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  const key = (AttributeName: string, KeyType: string) => ({ AttributeName, KeyType });
  const index = (name: string) => ({
    IndexName: `by-${name}`,
    KeySchema: [key(name, 'HASH'), key('at', 'RANGE')],
    Projection: { ProjectionType: 'ALL' },
  });
  await run('CreateTable', {
    TableName: 't',
    KeySchema: [key('id', 'HASH'), key('at', 'RANGE')],
    AttributeDefinitions: ['id', 'at', 'status', 'pipeline'].map((AttributeName) => ({
      AttributeName,
      AttributeType: 'S',
    })),
    GlobalSecondaryIndexes: [index('status'), index('pipeline')],
    BillingMode: 'PAY_PER_REQUEST',
  });
  const status = async () =>
    ((await run('DescribeTable', { TableName: 't' })) as { readonly Table: { readonly TableStatus: string } }).Table
      .TableStatus;
  await expect.poll(status).toBe('ACTIVE');
  const writes: string[] = [];
  const db = store.db as unknown as Record<'put' | 'del' | 'batch', (...args: unknown[]) => unknown>;
  const { put, del, batch } = { put: db.put, del: db.del, batch: db.batch };
  const part = (text: string) =>
    text
      .split('~')
      .slice(0, -1)
      .filter((one) => one !== 't')
      .join(' ');
  db.put = (...args) => {
    writes.push(`put ${part(String(args[0]))}`);
    return put(...args);
  };
  db.del = (...args) => {
    writes.push(`del ${part(String(args[0]))}`);
    return del(...args);
  };
  db.batch = (...args) => {
    const operations = args[0] as readonly LevelOperation[];
    writes.push(operations.map(({ type, key: one }) => `${type} ${part(one)}`).join(', '));
    return batch(...args);
  };
  return { run, writes, store };
}

const item = (status: string, id = 'a') => ({
  id: { S: id },
  at: { S: '1' },
  status: { S: status },
  pipeline: { S: 'p' },
});
const at = { id: { S: 'a' }, at: { S: '1' } };
const [byStatus, byPipeline] = ['index-global by-status', 'index-global by-pipeline'];

describe('an item with index entries', () => {
  it('is put, changed and deleted together with them', async () => {
    const { run, writes } = await tableWithIndexes();
    await run('PutItem', { TableName: 't', Item: item('queued') });
    await run('PutItem', { TableName: 't', Item: item('running') });
    await run('UpdateItem', { TableName: 't', Key: at, AttributeUpdates: { status: { Action: 'DELETE' } } });
    await run('DeleteItem', { TableName: 't', Key: at });
    expect(writes).toStrictEqual([
      `put ${byStatus}, put ${byPipeline}, put item-t`,
      `del ${byStatus}, put ${byStatus}, put ${byPipeline}, put item-t`,
      `del ${byStatus}, put ${byPipeline}, put item-t`,
      `del ${byPipeline}, del item-t`,
    ]);
  });

  it('is one write each in a batch', async () => {
    const { run, writes } = await tableWithIndexes();
    const RequestItems = { t: ['a', 'b', 'c'].map((id) => ({ PutRequest: { Item: item('queued', id) } })) };
    await run('BatchWriteItem', { RequestItems });
    expect(writes).toStrictEqual(Array.from({ length: 3 }, () => `put ${byStatus}, put ${byPipeline}, put item-t`));
  });

  it('keeps nothing back of a write that was refused', async () => {
    const { run, writes } = await tableWithIndexes();
    const refused = run('PutItem', {
      TableName: 't',
      Item: item('queued'),
      Expected: { id: { Exists: true, Value: { S: 'a' } } },
    });
    await expect(refused).rejects.toMatchObject({ statusCode: 400 });
    expect(writes).toStrictEqual([]);
  });

  it('is written in pieces by dynalite itself, which is why it is not let', async () => {
    const { run, writes, store } = await tableWithIndexes();
    await run('PutItem', { TableName: 't', Item: item('queued') }, store);
    expect(writes).toStrictEqual([`put ${byStatus}`, `put ${byPipeline}`, 'put item-t']);
  });
});
