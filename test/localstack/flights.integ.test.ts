/** The example app as people deploy it: `cdk deploy`, sessions of it, `cdk destroy`. */
import { readFileSync } from 'node:fs';
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeStateMachineCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EndDeps } from '../../lib/sessions/deps.ts';
import type { SessionItem } from '../../lib/sessions/items.ts';
import { readSessionLogs } from '../../lib/sessions/logs.ts';
import { findPipeline, readArtifact } from '../../lib/sessions/pipelines.ts';
import type { StartedSession } from '../../lib/sessions/start-session.ts';
import { isTerminal } from '../../lib/sessions/status.ts';
import { getSession, listJobRecords } from '../../lib/sessions/store.ts';
import { objectKeys, platformNames, sessionOfExecution } from '../../lib/storage-layout.ts';
import { refusal } from '../contract/target.ts';
import { expectedFlights, expectedSummary } from '../pipelines/flights-oracle.ts';
import { eventually } from '../eventually.ts';
import { refusedByPolicy } from './granted.ts';
import { cdkApp } from './harness.ts';
import { localstackTarget, patientConfig } from './target.ts';

const target = localstackTarget();
const { region, accountId } = target;
const config = patientConfig();
const lambda = new LambdaClient(config);
const dynamodb = new DynamoDBClient(config);
const deps: Pick<EndDeps, 'db' | 'sfn' | 's3' | 'logs' | 'names'> = {
  db: DynamoDBDocumentClient.from(dynamodb),
  sfn: new SFNClient(config),
  s3: new S3Client({ ...config, forcePathStyle: true }),
  logs: new CloudWatchLogsClient(config),
  names: platformNames({ account: accountId, region }),
};
const machine = `arn:aws:states:${region}:${accountId}:stateMachine:bunsui-flights`;
const app = cdkApp('bin/cdk-app.ts');
/** Where the functions may read: a deployed function has no npm packages beside it. */
const data = 'data/flights/source';
const source = `s3://${deps.names.bucket}/${data}`;
const jobs = [
  'airports',
  'by-hour',
  'by-weather',
  'enrich',
  'flights',
  'hubs',
  'normals',
  'publish',
  'quarantine',
  'validate',
  'weather',
];
const hubs = Array.from({ length: 8 }, (_, index) => `by-hub[${index}]/profile`);

/** Sessions of one busy morning: all run at the same time. */
let morning: {
  /** The same request, three times at once. */
  readonly daily: readonly StartedSession[];
  readonly failing: StartedSession;
  /** An execution that was started past bunsui, as in the AWS console. */
  readonly byHand: { readonly executionArn: string; readonly session: string };
};

beforeAll(async () => {
  await Promise.all([app.bootstrap(), app.synth()]);
  await app.deploy();
  for (const file of ['flights-20k.json', 'airports.csv', 'weather.csv']) {
    const Body = readFileSync(new URL(`../../node_modules/vega-datasets/data/${file}`, import.meta.url));
    await deps.s3.send(new PutObjectCommand({ Bucket: deps.names.bucket, Key: `${data}/${file}`, Body }));
  }
  const request = {
    pipeline: 'flights',
    input: { source },
    key: 'monday',
    trigger: { kind: 'schedule', detail: 'daily' },
  };
  const [failing, byHand, ...daily] = await Promise.all([
    start({ pipeline: 'flights', input: { source, fail: 'normals' } }),
    startByHand(),
    start(request),
    start(request),
    start(request),
  ]);
  morning = { daily, failing, byHand };
});
afterAll(() => app.close());

/** The name that CloudFormation has given to a function of the platform. */
async function functionNamed(part: string): Promise<string> {
  const { Functions = [] } = await lambda.send(new ListFunctionsCommand({}));
  const names = Functions.map(({ FunctionName = '' }) => FunctionName).filter((name) => name.startsWith(part));
  if (names.length !== 1) throw new Error(`functions named ${part}: ${names.join(', ')}`);
  return names[0] ?? '';
}

async function start(request: object): Promise<StartedSession> {
  const FunctionName = await functionNamed('Bunsui-PlatformStartSession');
  const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(request) }));
  const text = answer.Payload?.transformToString() ?? '';
  if (answer.FunctionError !== undefined) throw new Error(text);
  return JSON.parse(text) as StartedSession;
}

async function startByHand() {
  const input = JSON.stringify({ source, hubs: 1, lateAfterMinutes: 15, fail: 'none', flaky: 'none' });
  const { executionArn = '', startDate = new Date(0) } = await deps.sfn.send(
    new StartExecutionCommand({ stateMachineArn: machine, input }),
  );
  return { executionArn, session: sessionOfExecution(executionArn, startDate.toISOString()).session };
}

/** The session when it has ended, which nobody tells it but the rule of its pipeline. */
async function ended(session: string): Promise<SessionItem> {
  const item = await eventually(
    `the end of session ${session}`,
    () => getSession(deps, session),
    (found) => isTerminal(found?.status ?? 'created'),
  );
  if (item === undefined) throw new Error('no session');
  return item;
}

async function text(key: string): Promise<string> {
  const found = await deps.s3.send(new GetObjectCommand({ Bucket: deps.names.bucket, Key: key }));
  return (await found.Body?.transformToString()) ?? '';
}

/** Attempts of a session's jobs: `job number status`. */
async function attemptsOf(session: string) {
  const { attempts, checkpoints } = await listJobRecords(deps, session);
  return {
    attempts: attempts.map((one) => `${one.job_id} ${one.attempt} ${one.job_status}`).sort(),
    checkpoints: checkpoints.map((one) => one.job_id).sort(),
  };
}

describe('the flights example, deployed', () => {
  it('runs to the numbers that other code computes from the same data, once per key, with all its records', async () => {
    const [{ session_id: session, created_at: createdAt } = { session_id: '', created_at: '' }] = morning.daily;
    expect(new Set(morning.daily.map((one) => one.session_id)).size).toBe(1);

    const item = await ended(session);
    const { summary, table, quarantine, ...numbers } = JSON.parse(item.output ?? '{}') as Record<string, string>;
    expect(numbers).toStrictEqual(expectedFlights());
    expect(JSON.parse(await text(summary ?? ''))).toStrictEqual(expectedSummary());
    expect((await text(table ?? '')).trimEnd().split('\n')).toHaveLength(1 + hubs.length);
    expect((await text(quarantine ?? '')).trimEnd().split('\n')).toHaveLength(1 + expectedFlights().rejected);

    const pipeline = await findPipeline(deps, 'flights');
    expect(item).toMatchObject({
      pipeline_id: 'flights',
      pipeline_version: pipeline?.version,
      status: 'completed',
      total_jobs: jobs.length + hubs.length,
      completed_jobs: jobs.length + hubs.length,
      failed_jobs: 0,
      trigger: { kind: 'schedule', detail: 'daily' },
    });
    const ran = [...jobs, ...hubs].sort();
    expect(await attemptsOf(session)).toStrictEqual({
      attempts: ran.map((job) => `${job} 1 completed`),
      checkpoints: ran,
    });

    const at = { createdAt, session };
    const { Contents = [] } = await deps.s3.send(
      new ListObjectsV2Command({ Bucket: deps.names.bucket, Prefix: objectKeys.logPrefix(at) }),
    );
    const artifact = await readArtifact(deps, 'flights', item.pipeline_version);
    const operationOf = (job: string) => artifact.states[job.split('/').at(-1) ?? '']?.operation ?? '';
    expect(Contents.map(({ Key }) => Key).sort()).toStrictEqual(
      ran.map((job) => objectKeys.log({ ...at, job, operation: operationOf(job) })).sort(),
    );
    const lines = await readSessionLogs(deps, item, { job: 'flights' });
    expect(lines.map(({ message }) => message)).toStrictEqual([
      'job started',
      'copied',
      'job completed',
      expect.stringMatching(/^REPORT RequestId: /),
    ]);
    expect(await text(objectKeys.report(at))).toContain(session);
  });

  it('that fails is recorded with the job that failed, its tries and its error', async () => {
    const { session_id: session } = morning.failing;
    const item = await ended(session);
    expect([item.status, item.error_code]).toStrictEqual(['failed', 'RehearsedFailure']);
    const { attempts } = await attemptsOf(session);
    expect(attempts.filter((one) => one.startsWith('normals'))).toStrictEqual([
      'normals 1 failed',
      'normals 2 failed',
      'normals 3 failed',
    ]);
  });

  it('refuses an input that does not fit before anything starts', async () => {
    await expect(start({ pipeline: 'flights', input: { hubs: 0 } })).rejects.toThrow(/ValidationError.*hubs/);
    await expect(start({ pipeline: 'absent' })).rejects.toThrow(/pipeline \\"absent\\" is not deployed/);
  });

  it('and started past bunsui, by Step Functions itself, gets a session all the same', async () => {
    const { executionArn, session } = morning.byHand;
    const item = await ended(session);
    expect(item).toMatchObject({
      status: 'completed',
      execution_arn: executionArn,
      trigger: { kind: 'manual', detail: 'started without bunsui' },
      total_jobs: jobs.length + 1,
    });
  });

  it('does nothing that its roles do not allow', async () => {
    const { looked, refused: refusedCalls } = await refusedByPolicy('Bunsui');
    expect(looked).toBeGreaterThan(40);
    expect(refusedCalls).toStrictEqual([]);
  });

  it('goes with its stack, but for what is to be kept', async () => {
    await app.destroy();
    expect(await refusal(deps.sfn.send(new DescribeStateMachineCommand({ stateMachineArn: machine })))).toBe(
      'StateMachineDoesNotExist',
    );
    expect(
      (await lambda.send(new ListFunctionsCommand({}))).Functions?.filter(({ FunctionName = '' }) =>
        /^(Bunsui|flights)-/.test(FunctionName),
      ),
    ).toStrictEqual([]);
    const described = await dynamodb.send(new DescribeTableCommand({ TableName: deps.names.sessionsTable }));
    expect(described).toMatchObject({ Table: { TableStatus: 'ACTIVE' } });
  });
});
