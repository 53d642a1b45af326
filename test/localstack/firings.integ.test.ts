/** What starts pipelines by themselves, deployed: rules fire; schedules are called as EventBridge Scheduler calls them. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DescribeRuleCommand,
  EventBridgeClient,
  ListTargetsByRuleCommand,
  PutEventsCommand,
  TestEventPatternCommand,
} from '@aws-sdk/client-eventbridge';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { DescribeExecutionCommand, PublishStateMachineVersionCommand, SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { SessionItem } from '../../lib/sessions/items.ts';
import { platformNames, tables } from '../../lib/storage-layout.ts';
import { clientEnvironment } from '../../localstack/server.ts';
import { bunsui } from '../cli/command-line.ts';
import { bucketName } from './firings-app/pipelines.ts';
import { eventually } from '../eventually.ts';
import { refusedByPolicy } from './granted.ts';
import { cdkApp } from './harness.ts';
import { localstackTarget, patientConfig } from './target.ts';

const target = localstackTarget();
const config = patientConfig();
const db = DynamoDBDocumentClient.from(new DynamoDBClient(config));
const s3 = new S3Client({ ...config, forcePathStyle: true });
const events = new EventBridgeClient(config);
const lambda = new LambdaClient(config);
const names = platformNames({ prefix: 'firings', account: target.accountId, region: target.region });
const app = cdkApp('test/localstack/firings-app/app.ts');

beforeAll(async () => {
  await Promise.all([app.bootstrap(), app.synth()]);
  await app.deploy();
});
afterAll(async () => {
  for (const Key of ['in/a.csv', 'in/b.txt', 'out/c.csv']) {
    await s3.send(new DeleteObjectCommand({ Bucket: bucketName, Key }));
  }
  await s3.send(new DeleteObjectCommand({ Bucket: names.bucket, Key: 'data/firings/go' }));
  await app.destroy();
  await app.close();
});

async function sessionsOf(pipeline: string): Promise<readonly SessionItem[]> {
  const { name, partitionKey } = tables.sessions.byPipelineIndex;
  const { Items = [] } = await db.send(
    new QueryCommand({
      TableName: names.sessionsTable,
      IndexName: name,
      KeyConditionExpression: '#pipeline = :pipeline',
      ExpressionAttributeNames: { '#pipeline': partitionKey },
      ExpressionAttributeValues: { ':pipeline': pipeline },
    }),
  );
  return Items as SessionItem[];
}

/** The session that was started for something, when it has ended. */
async function sessionFor(what: string, pipeline = 'collect'): Promise<SessionItem | undefined> {
  const found = async () =>
    (await sessionsOf(pipeline)).find(({ input }) => (JSON.parse(input) as { readonly what: string }).what === what);
  return eventually(
    `the session of ${pipeline} for ${what} to be completed`,
    found,
    (item) => item?.status === 'completed',
  );
}

describe('a trigger', () => {
  it('for objects starts a session for each that fits, and none for others', async () => {
    for (const Key of ['in/b.txt', 'out/c.csv', 'in/a.csv']) {
      await s3.send(new PutObjectCommand({ Bucket: bucketName, Key, Body: 'x' }));
    }
    const session = await sessionFor('in/a.csv');
    expect(session?.trigger).toMatchObject({ kind: 'event' });
    const others = (await sessionsOf('collect')).filter(({ input }) => /b\.txt|c\.csv/.test(input));
    expect(others).toStrictEqual([]);
  });

  it('for events hands over the event', async () => {
    // LocalStack takes the backslashes out of events that a template holds: no quotation marks here.
    const Detail = JSON.stringify({ order: 'number 7 <one>' });
    await events.send(new PutEventsCommand({ Entries: [{ Source: 'shop', DetailType: 'Order', Detail }] }));
    expect((await sessionFor('number 7 <one>'))?.trigger).toMatchObject({ kind: 'event' });
  });

  it('for the success of another pipeline waits for its machine, and hands over what it gave', async () => {
    const { execution_arn: executionArn, output = '', input } = (await sessionFor('number 7 <one>')) ?? {};
    const machine = `arn:aws:states:${target.region}:${target.accountId}:stateMachine:firings-collect`;
    const detail = { executionArn, stateMachineArn: machine, status: 'SUCCEEDED', input, output };
    const event = {
      version: '0',
      id: '3ea8a6f1-9d1d-4c5e-8c3f-0d3a9a3a9a10',
      source: 'aws.states',
      'detail-type': 'Step Functions Execution Status Change',
      account: target.accountId,
      time: '2026-11-21T00:00:00Z',
      region: target.region,
      resources: [executionArn],
      detail,
    };
    const Rule = 'firings-after.collect';
    const { EventPattern = '' } = await events.send(new DescribeRuleCommand({ Name: Rule }));
    const fits = await events.send(new TestEventPatternCommand({ EventPattern, Event: JSON.stringify(event) }));
    expect(fits.Result).toBe(true);
    // What EventBridge would send; LocalStack drops it, for its output is JSON text and so full of quotation marks.
    const { Targets: [first] = [] } = await events.send(new ListTargetsByRuleCommand({ Rule }));
    const Payload = (first?.InputTransformer?.InputTemplate ?? '').replace('<aws.events.event.json>', () =>
      JSON.stringify(event),
    );
    await Promise.all([1, 2, 3].map(() => lambda.send(new InvokeCommand({ FunctionName: first?.Arn ?? '', Payload }))));
    expect((await sessionFor('number 7 <one>', 'after'))?.trigger).toMatchObject({ kind: 'event', chain: 1 });
    expect(await sessionsOf('after')).toHaveLength(1);
  });
});

describe('a schedule', () => {
  it('is deployed so that what Scheduler sends starts one session, however often', async () => {
    const schedule = await new SchedulerClient(config).send(
      new GetScheduleCommand({ GroupName: 'firings', Name: 'collect.daily' }),
    );
    expect(schedule).toMatchObject({
      ScheduleExpression: 'cron(0 6 * * ? *)',
      ScheduleExpressionTimezone: 'Asia/Tokyo',
      State: 'ENABLED',
    });
    const { Arn = '', Input = '' } = schedule.Target ?? {};
    const Payload = Input.replace('<aws.scheduler.scheduled-time>', '2026-11-20T21:00:00Z');
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => lambda.send(new InvokeCommand({ FunctionName: Arn, Payload }))),
    );
    expect(answers.map(({ FunctionError }) => FunctionError)).toStrictEqual(Array.from({ length: 5 }));
    await sessionFor('2026-11-21');
    const scheduled = (await sessionsOf('collect')).filter(({ trigger }) => trigger.kind === 'schedule');
    expect(scheduled).toHaveLength(1);
  });

  it('is listed, disabled, enabled and backfilled by the command line', async () => {
    const { AWS_ENDPOINT_URL: endpoint = '', ...environment } = clientEnvironment(inject('localstack'));
    const typed = async (...args: readonly string[]) => {
      const ran = await bunsui(['schedule', ...args, '--platform', 'firings', '--endpoint-url', endpoint, '--json'], {
        environment,
      });
      return {
        ...ran,
        lines: ran.out
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown),
      };
    };
    const listed = async () => (await typed('list', '--next', '1')).lines;
    const daily = { type: 'schedule', id: 'collect.daily', expression: 'cron(0 6 * * ? *)', timezone: 'Asia/Tokyo' };
    expect(await listed()).toMatchObject([
      { ...daily, enabled: true, next: [expect.stringMatching(/T21:00:00\.000Z$/)] },
    ]);
    expect((await typed('disable', 'collect')).lines).toMatchObject([{ type: 'schedule.disabled', changed: true }]);
    expect(await listed()).toMatchObject([{ ...daily, enabled: false, next: [] }]);
    expect((await typed('enable', 'collect.daily')).lines).toMatchObject([{ type: 'schedule.enabled', changed: true }]);
    // The twenty-first was fired above.
    const filled = await typed('backfill', 'collect', '--from', '2026-11-20', '--to', '2026-11-21', '--parallel', '2');
    expect([filled.code, filled.lines.at(-1)]).toStrictEqual([
      0,
      { v: 1, type: 'backfill.ended', due: 2, completed: 2, not_completed: 0, existed: 1 },
    ]);
  });
});

describe('a published machine', () => {
  it('is started in the version that was published, and its executions are known as before', async () => {
    const sfn = new SFNClient(config);
    const stateMachineArn = `arn:aws:states:${target.region}:${target.accountId}:stateMachine:firings-after`;
    // As CloudFormation does on AWS.
    const { stateMachineVersionArn } = await sfn.send(new PublishStateMachineVersionCommand({ stateMachineArn }));
    const { Target } = await new SchedulerClient(config).send(
      new GetScheduleCommand({ GroupName: 'firings', Name: 'collect.daily' }),
    );
    const Payload = JSON.stringify({ pipeline: 'after', input: { what: 'published' } });
    await lambda.send(new InvokeCommand({ FunctionName: Target?.Arn ?? '', Payload }));
    const { execution_arn: executionArn = '' } = (await sessionFor('published', 'after')) ?? {};
    const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    expect([execution.stateMachineArn, execution.stateMachineVersionArn]).toStrictEqual([
      stateMachineArn,
      stateMachineVersionArn,
    ]);
  });
});

describe('a deployment while a session runs', () => {
  it('leaves it on the functions that it began with; the next one runs the new ones', async () => {
    const { Target } = await new SchedulerClient(config).send(
      new GetScheduleCommand({ GroupName: 'firings', Name: 'collect.daily' }),
    );
    const start = (what: string, wait: boolean) =>
      lambda.send(
        new InvokeCommand({
          FunctionName: Target?.Arn ?? '',
          Payload: JSON.stringify({ pipeline: 'collect', input: { what, wait } }),
        }),
      );
    await app.synth({ code: 'second' });
    await start('running', true);
    await eventually(
      'the session to run',
      async () => (await sessionsOf('collect')).find(({ input }) => input.includes('running')),
      (item) => item?.status === 'running',
    );
    await app.deploy();
    // Its second job is still to come.
    await s3.send(new PutObjectCommand({ Bucket: names.bucket, Key: 'data/firings/go', Body: 'go' }));
    await start('next', false);
    const codeOf = async (what: string) =>
      (JSON.parse((await sessionFor(what))?.output ?? '{}') as { readonly code?: string }).code;
    expect([await codeOf('next'), await codeOf('running')]).toStrictEqual(['second', 'first']);
  });
});

it('did nothing that its roles do not allow', async () => {
  const { looked, refused: refusedCalls } = await refusedByPolicy('FiringsTest');
  expect(looked).toBeGreaterThan(10);
  expect(refusedCalls).toStrictEqual([]);
});
