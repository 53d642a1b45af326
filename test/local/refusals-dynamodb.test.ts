import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { localClient } from '../../lib/local/client.ts';
import { ensurePlatform } from '../../lib/local/platform.ts';
import { openRuntime } from '../../lib/local/runtime.ts';
import { clientConfig } from '../contract/target.ts';
import { openForTest, temporaryFolder } from './runtimes.ts';

const table: CreateTableCommandInput = {
  TableName: 'table',
  AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
  BillingMode: 'PAY_PER_REQUEST',
};

describe('DynamoDB', () => {
  it('names the fields that it would pass over', async () => {
    const heard: string[] = [];
    const runtime = await openForTest({ log: (_level, message) => heard.push(message) });
    const client = localClient(runtime);
    const StreamSpecification = { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' };
    const Item = { id: { S: 'x' } };
    const ReturnValuesOnConditionCheckFailure = 'ALL_OLD';
    const refusals = [
      await client.json('dynamodb', 'DynamoDB_20120810.CreateTable', { ...table, StreamSpecification }),
      await client.json('dynamodb', 'DynamoDB_20120810.PutItem', {
        TableName: 'table',
        Item,
        ReturnValuesOnConditionCheckFailure,
      }),
      await client.json('dynamodb', 'DynamoDB_20120810.GetItem', { TableName: 'table', Key: Item, constructor: 1 }),
    ];
    const code = 'ValidationException';
    expect(refusals).toStrictEqual([
      { ok: false, code, message: 'CreateTable: not served here: StreamSpecification' },
      { ok: false, code, message: 'PutItem: not served here: ReturnValuesOnConditionCheckFailure' },
      { ok: false, code, message: 'GetItem: not served here: constructor' },
    ]);
    expect(heard).toStrictEqual([
      'unsupported DynamoDB parameter: CreateTable StreamSpecification',
      'unsupported DynamoDB parameter: PutItem ReturnValuesOnConditionCheckFailure',
      'unsupported DynamoDB parameter: GetItem constructor',
    ]);
  });

  it('takes those fields when they ask for nothing', async () => {
    const runtime = await openForTest();
    const client = new DynamoDBClient(clientConfig(runtime));
    const StreamSpecification = { StreamEnabled: false };
    await client.send(new CreateTableCommand({ ...table, StreamSpecification, DeletionProtectionEnabled: false }));
    const put = new PutItemCommand({
      TableName: 'table',
      Item: { id: { S: 'x' } },
      ReturnValuesOnConditionCheckFailure: 'NONE',
    });
    await expect.poll(async () => client.send(put).then(({ $metadata }) => $metadata.httpStatusCode, String)).toBe(200);
  });
});

describe('tables on a disk', () => {
  it.each([
    ['CURRENT', 'cut'],
    ['MANIFEST', 'cut'],
    ['CURRENT', 'removed'],
    ['MANIFEST', 'removed'],
  ])('with %s %s are told as damaged, with the folder and what to do', async (file, how) => {
    const stateDir = join(temporaryFolder(), 'state');
    for (let opened = 0; opened < 2; opened += 1) {
      const runtime = await openRuntime({ stateDir });
      await ensurePlatform(runtime);
      await runtime.close();
    }
    const folder = join(stateDir, 'dynamodb');
    const path = join(folder, readdirSync(folder).find((name) => name.startsWith(file)) ?? file);
    const content = readFileSync(path);
    if (how === 'removed') rmSync(path);
    else writeFileSync(path, content.subarray(0, content.length >> 1));
    const runtime = await openForTest({ stateDir });
    await expect(ensurePlatform(runtime)).rejects.toMatchObject({
      name: 'SessionError',
      code: 'BS4003',
      message: expect.stringMatching(`^the tables in ${folder} are damaged: `),
      hint: `restore ${folder} from a backup, or move it away to begin with empty tables`,
    });
    rmSync(folder, { recursive: true });
    // Requests for other tables may still be opening what was just removed.
    const made = () => ensurePlatform(runtime).then(() => 'made', String);
    await expect.poll(made).toBe('made');
  });
});
