import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  SendTaskFailureCommand,
  SendTaskHeartbeatCommand,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { CreateTableCommand, DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRuntime, type Runtime } from '../../lib/local/runtime.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'bunsui-tokens-'));
let runtime: Runtime;
let sfn: SFNClient;
let dynamodb: DynamoDBClient;
beforeAll(async () => {
  runtime = await openRuntime({ stateDir });
  const { endpoint, region, credentials } = runtime;
  sfn = new SFNClient({ endpoint, region, credentials });
  dynamodb = new DynamoDBClient({ endpoint, region, credentials });
  await dynamodb.send(
    new CreateTableCommand({
      TableName: 'tokens',
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
    }),
  );
});
afterAll(async () => {
  await runtime.close();
  rmSync(stateDir, { recursive: true, force: true });
});

/** A machine that leaves its token in the table and waits. */
const waiting = (id: string, more: object = {}) => ({
  QueryLanguage: 'JSONata',
  StartAt: 'wait',
  States: {
    wait: {
      Type: 'Task',
      Resource: 'arn:aws:states:::aws-sdk:dynamodb:updateItem.waitForTaskToken',
      Arguments: {
        TableName: 'tokens',
        Key: { id: { S: id } },
        UpdateExpression: 'SET given = :token',
        ConditionExpression: 'attribute_not_exists(given)',
        ExpressionAttributeValues: { ':token': { S: '{% $states.context.Task.Token %}' } },
      },
      ...more,
      End: true,
    },
  },
});

async function start(id: string, definition: object): Promise<string> {
  const roleArn = 'arn:aws:iam::000000000000:role/any';
  const { stateMachineArn } = await sfn.send(
    new CreateStateMachineCommand({ name: id, roleArn, definition: JSON.stringify(definition) }),
  );
  return (await sfn.send(new StartExecutionCommand({ stateMachineArn }))).executionArn ?? '';
}

async function tokenOf(id: string): Promise<string> {
  const read = async () =>
    (await dynamodb.send(new GetItemCommand({ TableName: 'tokens', Key: { id: { S: id } } }))).Item?.['given']?.S;
  await expect.poll(read).toBeDefined();
  return (await read()) ?? '';
}

const ended = async (executionArn: string) => {
  const describe = () => sfn.send(new DescribeExecutionCommand({ executionArn }));
  await expect.poll(async () => (await describe()).status, { timeout: 10_000 }).not.toBe('RUNNING');
  return describe();
};

describe('a task that waits for its token', () => {
  it('ends with what the token is sent with, and a token ends one task', async () => {
    const executionArn = await start('one', waiting('one'));
    const taskToken = await tokenOf('one');
    await sfn.send(new SendTaskHeartbeatCommand({ taskToken }));
    await sfn.send(new SendTaskSuccessCommand({ taskToken, output: '{"n":1}' }));
    expect(await ended(executionArn)).toMatchObject({ status: 'SUCCEEDED', output: '{"n":1}' });
    const { events = [] } = await sfn.send(new GetExecutionHistoryCommand({ executionArn }));
    expect(events.map(({ type }) => type)).toStrictEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      'TaskScheduled',
      'TaskStarted',
      'TaskSubmitted',
      'TaskSucceeded',
      'TaskStateExited',
      'ExecutionSucceeded',
    ]);
    await expect(sfn.send(new SendTaskSuccessCommand({ taskToken, output: '{}' }))).rejects.toThrow('Task Timed Out');
  });

  it('fails with the error that it is sent', async () => {
    const executionArn = await start('two', waiting('two'));
    const taskToken = await tokenOf('two');
    await expect(sfn.send(new SendTaskSuccessCommand({ taskToken, output: 'no json' }))).rejects.toMatchObject({
      name: 'InvalidOutput',
    });
    await sfn.send(new SendTaskFailureCommand({ taskToken, error: 'Refused', cause: 'by hand' }));
    expect(await ended(executionArn)).toMatchObject({ status: 'FAILED', error: 'Refused', cause: 'by hand' });
  });

  it('fails at once when the service refuses it, with the name that Step Functions gives', async () => {
    const executionArn = await start('three', waiting('two'));
    expect(await ended(executionArn)).toMatchObject({
      status: 'FAILED',
      error: 'DynamoDb.ConditionalCheckFailedException',
    });
  });
});
