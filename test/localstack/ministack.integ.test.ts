/**
 * A schedule that really fires, on MiniStack: LocalStack only stores schedules. The schedule and its group are those of
 * the synthesised template, deployed by MiniStack's CloudFormation; all else is made through its APIs, because its
 * CloudFormation refuses versions of machines. What it runs the machine to is not judged here.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CloudFormationClient, CreateStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { GetScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { CreateStateMachineCommand, DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { Stack } from 'aws-cdk-lib';
import { type Pipeline as BunsuiPipeline, logical, pipeline } from 'bunsui';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { buildLambdas } from '../../build.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { bundleOperation } from '../../lib/constructs/bundle-operation.ts';
import { Pipeline, Platform } from '../../lib/constructs/index.ts';
import { placeFunctions } from '../../lib/constructs/place-functions.ts';
import { lambdasOf } from '../../lib/ir/operations.ts';
import { listSessions } from '../../lib/sessions/list-sessions.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { environment, platformNames, tables } from '../../lib/storage-layout.ts';
import { type MiniStack, startMiniStack } from '../../localstack/ministack.ts';
import { ring } from '../cli/bell/operations.ts';
import { ensureLambdas, newApp, resourcesOf } from '../constructs/synth.ts';
import { eventually } from '../eventually.ts';

const region = 'us-east-1';
const accountId = '000000000000';
const role = `arn:aws:iam::${accountId}:role/bunsui`;
const names = platformNames({ account: accountId, region });
const folder = mkdtempSync(join(tmpdir(), 'bunsui-ministack-test-'));
let stack: MiniStack;

beforeAll(async () => {
  [stack] = await Promise.all([startMiniStack(process.env), buildLambdas(folder), ensureLambdas()]);
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  // Asked to end, it ends all that it has started.
  expect(await stack?.end()).toStrictEqual([]);
});

function zipOf(files: { readonly [name: string]: string | Uint8Array }): Uint8Array {
  const place = mkdtempSync(join(folder, 'code-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(place, name)), { recursive: true });
    writeFileSync(join(place, name), content);
  }
  const zip = `${place}.zip`;
  execFileSync(stack.python, ['-m', 'zipfile', '-c', zip, ...readdirSync(place).map((name) => join(place, name))]);
  return readFileSync(zip);
}

/** Due once, at a local time; tells the day before. */
const bellAt = (at: string) =>
  pipeline(
    'bell',
    {
      input: z.object({ what: z.string() }),
      schedule: { id: 'once', at, timezone: 'UTC', input: { what: logical('yyyy-MM-dd', { days: -1 }) } },
    },
    (p, input) => {
      p.job('ring', ring, { what: input.what });
    },
  );

/**
 * The schedule and its group as they stand in the synthesised template. What they refer to is given; so is the scheduled
 * time, which is known beforehand here: MiniStack fills in no placeholders.
 */
function scheduleTemplate(
  definition: BunsuiPipeline,
  given: { readonly startArn: string; readonly time: string },
): string {
  const app = new Stack(newApp(), 'MiniStack');
  const platform = new Platform(app, 'Platform');
  new Pipeline(app, 'Bell', { platform, definition });
  const resources = resourcesOf(app);
  const kept = Object.entries(resources).filter(([, { Type }]) => Type.startsWith('AWS::Scheduler::'));
  expect(kept.map(([, { Type }]) => Type).sort()).toStrictEqual([
    'AWS::Scheduler::Schedule',
    'AWS::Scheduler::ScheduleGroup',
  ]);
  const arns: { readonly [type: string]: string } = {
    'AWS::Lambda::Function': given.startArn,
    'AWS::IAM::Role': role,
    'AWS::SQS::Queue': `arn:aws:sqs:${region}:${accountId}:dead`,
  };
  const text = JSON.stringify(
    Object.fromEntries(kept.map(([id, { DependsOn: _, ...resource }]) => [id, resource])),
    (_name, value: unknown) => {
      const [id = '', attribute] =
        typeof value === 'object' && value !== null && 'Fn::GetAtt' in value ? (value['Fn::GetAtt'] as string[]) : [];
      return attribute === 'Arn' ? arns[resources[id]?.Type ?? ''] : value;
    },
  );
  return `{"Resources":${text.replace('<aws.scheduler.scheduled-time>', given.time)}}`;
}

it('starts a session at its time', async () => {
  const config = { endpoint: stack.endpoint, region, credentials: { accessKeyId: accountId, secretAccessKey: 'test' } };
  const dynamodb = new DynamoDBClient(config);
  const [lambda, sfn, scheduler] = [new LambdaClient(config), new SFNClient(config), new SchedulerClient(config)];
  const cloudFormation = new CloudFormationClient(config);
  const s3 = new S3Client({ ...config, forcePathStyle: true });
  const variables = {
    [environment.sessionsTable]: names.sessionsTable,
    [environment.jobHistoryTable]: names.jobHistoryTable,
    [environment.pipelinesTable]: names.pipelinesTable,
    [environment.bucket]: names.bucket,
    AWS_ENDPOINT_URL: stack.endpoint,
    AWS_REGION: region,
  };
  const createFunction = async (name: string, files: { readonly [name: string]: string | Uint8Array }) => {
    const { FunctionArn = '' } = await lambda.send(
      new CreateFunctionCommand({
        FunctionName: name,
        Role: role,
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Code: { ZipFile: zipOf(files) },
        Timeout: 30,
        Environment: { Variables: variables },
      }),
    );
    return FunctionArn;
  };
  for (const [TableName, keys] of [
    [names.sessionsTable, tables.sessions],
    [names.jobHistoryTable, tables.jobHistory],
    [names.pipelinesTable, tables.pipelines],
  ] as const) {
    const indexes = 'byPipelineIndex' in keys ? [keys.byPipelineIndex, keys.byStatusIndex] : [];
    const schema = (key: { readonly partitionKey: string; readonly sortKey: string }) => [
      { AttributeName: key.partitionKey, KeyType: 'HASH' as const },
      { AttributeName: key.sortKey, KeyType: 'RANGE' as const },
    ];
    const attributes = new Set([keys, ...indexes].flatMap(({ partitionKey, sortKey }) => [partitionKey, sortKey]));
    await dynamodb.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: schema(keys),
        AttributeDefinitions: [...attributes].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        ...(indexes.length === 0
          ? {}
          : {
              GlobalSecondaryIndexes: indexes.map((index) => ({
                IndexName: index.name,
                KeySchema: schema(index),
                Projection: { ProjectionType: 'ALL' },
              })),
            }),
      }),
    );
  }
  await s3.send(new CreateBucketCommand({ Bucket: names.bucket }));

  const [operation] = lambdasOf(bellAt('2030-01-01T00:00:00').ir);
  if (operation === undefined) throw new Error('the pipeline has no operation');
  const [startArn, ringArn] = await Promise.all([
    createFunction('start-session', { 'index.mjs': readFileSync(join(folder, 'lambdas/start-session/index.mjs')) }),
    createFunction('bell-ring', bundleOperation(operation)),
  ]);
  // The first synthesis is for practice: the second one has to be done before the time that it names.
  const before = performance.now();
  scheduleTemplate(bellAt('2030-01-01T00:00:00'), { startArn, time: '' });
  const due = new Date(Date.now() + 2 * (performance.now() - before) + 8_000).toISOString().slice(0, 19);
  const bell = bellAt(due);
  const template = scheduleTemplate(bell, { startArn, time: `${due}Z` });

  const compiled = compilePipeline(bell.ir, { sha256: (text) => createHash('sha256').update(text).digest('hex') });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
  const { artifact } = compiled;
  const definition = placeFunctions(artifact.definition, { ring: ringArn }).text;
  const { stateMachineArn = '' } = await sfn.send(
    new CreateStateMachineCommand({ name: 'bell', definition, roleArn: role }),
  );
  const deps = { db: DynamoDBDocumentClient.from(dynamodb), names, s3, now: Date.now };
  await registerPipeline(deps, { artifact, stateMachineArn });

  await cloudFormation.send(new CreateStackCommand({ StackName: 'Bell', TemplateBody: template }));
  const stackStatus = async () =>
    (await cloudFormation.send(new DescribeStacksCommand({ StackName: 'Bell' }))).Stacks?.[0]?.StackStatus;
  await eventually('the stack to be there', stackStatus, (status) => status === 'CREATE_COMPLETE');
  const schedule = await scheduler.send(new GetScheduleCommand({ GroupName: 'bunsui', Name: 'bell.once' }));
  expect(schedule).toMatchObject({ ScheduleExpression: `at(${due})`, State: 'ENABLED', Target: { Arn: startArn } });

  const started = async () => (await listSessions(deps, { pipeline: 'bell', limit: 10 })).sessions;
  const sessions = await eventually('a session that runs', started, ([first]) => first?.status === 'running');
  expect(sessions).toMatchObject([
    {
      pipeline_id: 'bell',
      pipeline_version: artifact.version,
      status: 'running',
      trigger: { kind: 'schedule', detail: `once ${due}.000Z` },
    },
  ]);
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(`${due}Z`));
  const { input = '{}' } = await sfn.send(new DescribeExecutionCommand({ executionArn: sessions[0]?.execution_arn }));
  const dayBefore = new Date(Date.parse(`${due}Z`) - 86_400_000).toISOString().slice(0, 10);
  expect(JSON.parse(input)).toMatchObject({ what: dayBefore });
});
