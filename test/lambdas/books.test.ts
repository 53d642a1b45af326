/** The functions that keep the books, called as Lambda calls them, over tables of their own; all else of AWS is played. */
import { gzipSync } from 'node:zlib';
import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  DescribeExecutionCommand,
  DescribeStateMachineForExecutionCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { Context } from 'aws-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { liveDeps } from '../../lambdas/live-setup.ts';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { startSession } from '../../lib/sessions/start-session.ts';
import { getSession, listJobRecords } from '../../lib/sessions/store.ts';
import { environment } from '../../lib/storage-layout.ts';
import { machineArn } from '../sessions/cloud.ts';
import { artifact, failureHistory, successHistory } from '../sessions/history-fixture.ts';
import { type LocalTables, startTables, tableNames } from '../sessions/local-tables.ts';
import { logRecord } from '../sessions/log-records.ts';

type Handler = (event: unknown, context: Context) => Promise<unknown>;

const sfn = mockClient(SFNClient);
const s3 = mockClient(S3Client);
const sns = mockClient(SNSClient);
const logs = mockClient(CloudWatchLogsClient);
let tables: LocalTables;
let functions: { readonly record: Handler; readonly end: Handler; readonly reconcile: Handler };
let entropy = 0n;

const context = {
  functionName: 'books',
  awsRequestId: 'r',
  memoryLimitInMB: '512',
  invokedFunctionArn: 'arn:aws:lambda:us-east-1:000000000000:function:books',
  getRemainingTimeInMillis: () => 300_000,
} as Context;

beforeAll(async () => {
  tables = await startTables();
  const variables = {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_ENDPOINT_URL_DYNAMODB: tables.endpoint,
    // One try: what is spoilt here is to be seen by the function.
    AWS_MAX_ATTEMPTS: '1',
    [environment.sessionsTable]: tableNames.sessionsTable,
    [environment.jobHistoryTable]: tableNames.jobHistoryTable,
    [environment.pipelinesTable]: tableNames.pipelinesTable,
    [environment.bucket]: 'b',
    [environment.topic]: 'arn:aws:sns:us-east-1:000000000000:t',
    [environment.channels]: '{"ops":{"kind":"mail","to":["a@example.com"],"events":["started","failed","succeeded"]}}',
    [environment.logLevel]: 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
  };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  const [record, end, reconcile] = await Promise.all([
    import('../../lambdas/record-events/handler.ts'),
    import('../../lambdas/session-ended/handler.ts'),
    import('../../lambdas/reconcile/handler.ts'),
  ]);
  functions = {
    record: record.handler as unknown as Handler,
    end: end.handler as unknown as Handler,
    reconcile: reconcile.handler as unknown as Handler,
  };
  await registerPipeline(deps(), { artifact, stateMachineArn: machineArn });
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await tables.close();
});
beforeEach(() => {
  for (const service of [sfn, s3, sns, logs]) service.reset();
  tables.spoil = undefined;
  s3.on(PutObjectCommand).resolves({});
  s3.on(ListObjectsV2Command).resolves({});
  s3.on(GetObjectCommand).callsFake(() => ({ Body: { transformToString: async () => JSON.stringify(artifact) } }));
  sns.on(PublishCommand).resolves({});
  logs.on(FilterLogEventsCommand).resolves({ events: [] });
  sfn.on(DescribeStateMachineForExecutionCommand).resolves({ definition: '{}' });
  sfn.on(ListStateMachinesCommand).resolves({ stateMachines: [] });
  sfn.on(ListExecutionsCommand).resolves({ executions: [] });
});

function deps() {
  return {
    db: DynamoDBDocumentClient.from(tables.client),
    sfn: new SFNClient({ region: 'us-east-1' }),
    s3: new S3Client({ region: 'us-east-1' }),
    names: { ...tableNames, bucket: 'b' },
    region: 'us-east-1',
    now: Date.now,
    entropy: () => ++entropy,
  };
}

/** A session whose execution has come to the end of the history, and is in that state. */
async function ran(history: readonly HistoryEvent[], status: string) {
  sfn.on(StartExecutionCommand).resolves({ executionArn: 'x', startDate: new Date() });
  const started = await startSession(deps(), { pipeline: 'flow', input: { day: 'mon' }, trigger: { kind: 'api' } });
  const { session_id: id, created_at: createdAt, execution_arn: arn } = started;
  const block = { session: id, createdAt, generation: 1 };
  sfn.on(DescribeExecutionCommand, { executionArn: arn }).resolves({
    executionArn: arn,
    stateMachineArn: machineArn,
    status: status as 'FAILED',
    input: JSON.stringify({ day: 'mon', bunsui: block }),
    startDate: new Date(createdAt),
    ...(status === 'RUNNING' ? {} : { stopDate: new Date(createdAt) }),
  });
  sfn.on(GetExecutionHistoryCommand, { executionArn: arn }).resolves({
    events: history.map((event) => ({ ...event, timestamp: new Date(event.timestamp) })) as never,
  });
  return { id, arn };
}

const ended = (arn: string) => functions.end({ detail: { executionArn: arn } }, context);

function delivery(messages: readonly string[], messageType = 'DATA_MESSAGE') {
  const logEvents = messages.map((message, index) => ({ id: String(index), timestamp: 1, message }));
  const body = { messageType, owner: '0', logGroup: 'g', logStream: 's', subscriptionFilters: ['f'], logEvents };
  return { awslogs: { data: gzipSync(JSON.stringify(body)).toString('base64') } };
}

const throttled = { status: 400, body: '{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}' };
const attemptsOf = async (id: string) =>
  (await listJobRecords(deps(), id)).attempts.map((one) => `${one.job_id} ${one.attempt} ${one.job_status}`);

describe('record-events', () => {
  it('records what a subscription delivers, and passes over what it cannot read', async () => {
    const { id, arn } = await ran(successHistory(), 'RUNNING');
    const lines = successHistory()
      .slice(0, 4)
      .map((event) => logRecord(arn, event));
    const counts = await functions.record(delivery([...lines, 'cut off {"id":', '{}']), context);
    expect(counts).toStrictEqual({ followed: 1, passed: 0, session_writes: 1 });
    expect(await attemptsOf(id)).toStrictEqual(['load 1 running']);
    const published = sns
      .commandCalls(PublishCommand)
      .map(({ args: [{ input }] }) => input.MessageAttributes?.['event']);
    expect(published).toStrictEqual([{ DataType: 'String', StringValue: 'started' }]);
  });

  it('does nothing when it is only asked whether it is there', async () => {
    expect(await functions.record(delivery(['x'], 'CONTROL_MESSAGE'), context)).toStrictEqual({
      followed: 0,
      passed: 0,
      session_writes: 0,
    });
  });

  it.each([
    [{}, /^this is no delivery of CloudWatch Logs: awslogs: /],
    [{ awslogs: { data: 'AAAA' } }, /^this is no delivery of CloudWatch Logs: awslogs\.data: /],
    [{ awslogs: { data: gzipSync('[]').toString('base64') } }, /^this is no delivery of CloudWatch Logs: /],
  ])('refuses %j', async (event, message) => {
    await expect(functions.record(event, context)).rejects.toThrow(message);
  });

  it('fails when a table is throttled, after it has recorded what it could, and is right when it comes again', async () => {
    const first = await ran(successHistory(), 'RUNNING');
    const second = await ran(successHistory(), 'RUNNING');
    const lines = [first, second].flatMap(({ arn }) =>
      successHistory()
        .slice(0, 4)
        .map((event) => logRecord(arn, event)),
    );
    let puts = 0;
    tables.spoil = ({ operation }) => (operation === 'PutItem' && ++puts === 1 ? throttled : undefined);
    await expect(functions.record(delivery(lines), context)).rejects.toThrow();
    expect([await attemptsOf(first.id), await attemptsOf(second.id)]).toStrictEqual([[], ['load 1 running']]);
    await functions.record(delivery(lines), context);
    expect([await attemptsOf(first.id), await attemptsOf(second.id)]).toStrictEqual([
      ['load 1 running'],
      ['load 1 running'],
    ]);
  });

  it('records once what it has written without hearing of it', async () => {
    const { id, arn } = await ran(successHistory(), 'RUNNING');
    const lines = successHistory()
      .slice(0, 8)
      .map((event) => logRecord(arn, event));
    for (const lost of ['PutItem', 'UpdateItem']) {
      tables.spoil = ({ operation }) => (operation === lost ? 'lose-answer' : undefined);
      await expect(functions.record(delivery(lines), context)).rejects.toThrow();
    }
    tables.spoil = undefined;
    await functions.record(delivery(lines), context);
    expect(await attemptsOf(id)).toStrictEqual(['load 1 completed']);
    expect(await getSession(deps(), id)).toMatchObject({ status: 'running', completed_jobs: 1 });
  });
});

it('a platform is told by the names of its machines', () => {
  const ofPlatform = (machines?: string) =>
    liveDeps({ ...process.env, ...(machines === undefined ? {} : { [environment.machines]: machines }) }).notices
      ?.platform;
  expect([ofPlatform('arn:aws:states:eu-west-1:123456789012:stateMachine:acme-'), ofPlatform()]).toStrictEqual([
    'acme',
    undefined,
  ]);
});

describe('session-ended', () => {
  it('comes to the same whatever call of the table is throttled or loses its answer', async () => {
    const finals = new Set<string>();
    for (const spoil of [throttled, 'lose-answer'] as const) {
      for (let step = 1, failed = true; failed; step += 1) {
        const { id, arn } = await ran(failureHistory(), 'FAILED');
        tables.calls.length = 0;
        let number = 0;
        tables.spoil = () => (++number === step ? spoil : undefined);
        failed = await ended(arn).then(
          () => false,
          () => true,
        );
        tables.spoil = undefined;
        for (let time = 0; time < 3; time += 1) await ended(arn);
        const { attempts } = await listJobRecords(deps(), id);
        const { created_at: _, updated_at: __, ...item } = { ...(await getSession(deps(), id)) };
        finals.add(JSON.stringify([attempts, item]).replaceAll(id, 'ID'));
        expect(await getSession(deps(), id)).toMatchObject({ status: 'failed', noticed: `${id}/1/0/failed` });
      }
    }
    expect(finals.size).toBe(1);
  });

  it('writes what a table did not take of a batch', async () => {
    const { id, arn } = await ran(successHistory(), 'SUCCEEDED');
    let batches = 0;
    tables.spoil = ({ operation }) =>
      operation === 'BatchWriteItem' && ++batches <= 2
        ? { status: 200, body: JSON.stringify({ UnprocessedItems: { [tableNames.jobHistoryTable]: unprocessed(id) } }) }
        : undefined;
    await ended(arn);
    expect(batches).toBe(3);
    expect(await attemptsOf(id)).toStrictEqual(['later 1 running']);
    tables.spoil = undefined;
    await ended(arn);
    expect((await attemptsOf(id)).length).toBe(9);
  });

  it('fails when the topic does not answer, and tells when it is called again', async () => {
    const { id, arn } = await ran(successHistory(), 'SUCCEEDED');
    sns.on(PublishCommand).rejectsOnce(new Error('no answer'));
    await expect(ended(arn)).rejects.toThrow('no answer');
    expect((await getSession(deps(), id))?.status).toBe('completed');
    expect(await ended(arn)).toStrictEqual({ session_id: id, status: 'completed', outcome: 'exists' });
    const ids = sns.commandCalls(PublishCommand).map(({ args: [{ input }] }) => {
      const { default: text } = JSON.parse(input.Message ?? '{}') as { readonly default: string };
      return (JSON.parse(text) as { readonly delivery_id: string }).delivery_id;
    });
    expect(ids).toStrictEqual([`${id}/1/0/succeeded`, `${id}/1/0/succeeded`]);
    await ended(arn);
    expect(sns.commandCalls(PublishCommand).length).toBe(2);
  });
});

/** One record that a table says it has not taken, in the wire's form. */
function unprocessed(session: string) {
  const text = (value: string) => ({ S: value });
  const item = {
    session_id: text(session),
    job_timestamp: text('later#1#1.1'),
    record_type: text('attempt'),
    job_id: text('later'),
    attempt: { N: '1' },
    job_status: text('running'),
  };
  return [{ PutRequest: { Item: item } }];
}

describe('reconcile', () => {
  it('ends what no event told of, and says what it could not put right', async () => {
    const good = await ran(successHistory(), 'SUCCEEDED');
    const bad = await ran(successHistory(), 'SUCCEEDED');
    sfn.on(GetExecutionHistoryCommand, { executionArn: bad.arn }).rejects(new Error('no history'));
    const done = (await functions.reconcile({ graceSeconds: 0 }, context)) as { readonly ended: readonly string[] };
    expect(done).toMatchObject({ problems: expect.any(Number), complete: true });
    expect([done.ended.includes(good.id), done.ended.includes(bad.id)]).toStrictEqual([true, false]);
    expect((await getSession(deps(), good.id))?.status).toBe('completed');
  });

  it('takes the event of its rule, and no nonsense', async () => {
    const rule = { 'detail-type': 'Scheduled Event', detail: {} };
    expect(await functions.reconcile(rule, context)).toMatchObject({ ended: [], complete: true });
    await expect(functions.reconcile({ graceSeconds: -1 }, context)).rejects.toThrow(/graceSeconds/);
  });
});
