/**
 * A schedule that really fires, on MiniStack: LocalStack only stores schedules. Deployed through its APIs, because its
 * CloudFormation refuses versions of machines. What it runs the machine to is not judged here.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateFunctionCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateScheduleCommand, CreateScheduleGroupCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { CreateStateMachineCommand, DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildLambdas } from '../../build.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { bundleOperation } from '../../lib/constructs/bundle-operation.ts';
import { placeFunctions } from '../../lib/constructs/place-functions.ts';
import { listSessions } from '../../lib/sessions/list-sessions.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { environment, platformNames, tables } from '../../lib/storage-layout.ts';
import { type MiniStack, startMiniStack } from '../../localstack/ministack.ts';
import bell from '../cli/bell/bell.ts';
import { eventually } from '../eventually.ts';

const region = 'us-east-1';
const accountId = '000000000000';
const role = `arn:aws:iam::${accountId}:role/bunsui`;
const names = platformNames({ account: accountId, region });
const folder = mkdtempSync(join(tmpdir(), 'bunsui-ministack-test-'));
let stack: MiniStack;

beforeAll(async () => {
  [stack] = await Promise.all([startMiniStack(process.env), buildLambdas(folder)]);
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

it('starts a session at its time', async () => {
  const config = { endpoint: stack.endpoint, region, credentials: { accessKeyId: accountId, secretAccessKey: 'test' } };
  const dynamodb = new DynamoDBClient(config);
  const [lambda, sfn, scheduler] = [new LambdaClient(config), new SFNClient(config), new SchedulerClient(config)];
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

  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const compiled = compilePipeline(bell.ir, { sha256 });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
  const { artifact } = compiled;
  const [ring] = Object.values(artifact.pipeline.operations);
  if (ring === undefined) throw new Error('the pipeline has no operation');
  const [startArn, ringArn] = await Promise.all([
    createFunction('start-session', { 'index.mjs': readFileSync(join(folder, 'lambdas/start-session/index.mjs')) }),
    createFunction('bell-ring', bundleOperation(ring)),
  ]);
  const definition = placeFunctions(artifact.definition, { ring: ringArn }).text;
  const { stateMachineArn = '' } = await sfn.send(
    new CreateStateMachineCommand({ name: 'bell', definition, roleArn: role }),
  );
  const deps = { db: DynamoDBDocumentClient.from(dynamodb), names, s3, now: Date.now };
  await registerPipeline(deps, { artifact, stateMachineArn });

  // MiniStack fills in no placeholders: what would stand in the place of the scheduled time is known beforehand here.
  const due = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3000).toISOString().slice(0, 19);
  const firing = { kind: 'schedule', schedule: 'nightly', scheduledTime: `${due}Z` };
  await scheduler.send(new CreateScheduleGroupCommand({ Name: 'bunsui' }));
  await scheduler.send(
    new CreateScheduleCommand({
      Name: 'bell.nightly',
      GroupName: 'bunsui',
      ScheduleExpression: `at(${due})`,
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: { Arn: startArn, RoleArn: role, Input: JSON.stringify({ pipeline: 'bell', firing }) },
    }),
  );
  expect((await listSessions(deps, { pipeline: 'bell', limit: 10 })).sessions).toStrictEqual([]);

  const started = async () => (await listSessions(deps, { pipeline: 'bell', limit: 10 })).sessions;
  const sessions = await eventually('a session that runs', started, ([first]) => first?.status === 'running');
  expect(sessions).toMatchObject([
    {
      pipeline_id: 'bell',
      pipeline_version: artifact.version,
      status: 'running',
      trigger: { kind: 'schedule', detail: `nightly ${due}.000Z` },
    },
  ]);
  const { input = '{}' } = await sfn.send(new DescribeExecutionCommand({ executionArn: sessions[0]?.execution_arn }));
  // The day before, in New York.
  expect(JSON.parse(input).what).toMatch(/^\d{4}-\d\d-\d\d$/);
});
