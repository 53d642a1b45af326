/** The flights example, deployed with CDK, and started in every way that there is. */
import { readFileSync } from 'node:fs';
import {
  DeleteRuleCommand,
  EventBridgeClient,
  ListTargetsByRuleCommand,
  PutRuleCommand,
  PutTargetsCommand,
  RemoveTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { GetScheduleCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { StartExecutionCommand } from '@aws-sdk/client-sfn';
import { CreateQueueCommand, DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { SessionItem } from '../../lib/sessions/items.ts';
import { readSessionLogs } from '../../lib/sessions/logs.ts';
import { findPipeline, readArtifact } from '../../lib/sessions/pipelines.ts';
import type { StartedSession } from '../../lib/sessions/start-session.ts';
import { objectKeys, sessionOfExecution } from '../../lib/storage-layout.ts';
import { bunsui } from '../cli/command-line.ts';
import { eventually } from '../eventually.ts';
import { expectedFlights, expectedSummary } from '../pipelines/flights-oracle.ts';
import { callApi } from './api.ts';
import { data, flightsBucket } from './app/flights.ts';
import { at, deployApp, environment, invoke, main, target } from './platforms.ts';
import { patientConfig } from './target.ts';

const { deps } = main;
const events = new EventBridgeClient(patientConfig());
const sqs = new SQSClient(patientConfig());
/** Where the functions may read: a deployed function has no npm packages beside it. */
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
const hubJobs = (count: number) => Array.from({ length: count }, (_, index) => `by-hub[${index}]/profile`);
const times = <T>(count: number, once: (index: number) => Promise<T>): Promise<readonly T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => once(index)));

/** Sessions of one busy morning: all run at the same time. */
let morning: {
  /** One request of the API with a key, ten times at once. */
  readonly byApi: readonly StartedSession[];
  /** What Scheduler sends, ten times at once. */
  readonly bySchedule: readonly StartedSession[];
  /** What EventBridge sends for an object that has arrived, ten times more, at once. */
  readonly byObject: readonly StartedSession[];
  readonly byCommand: { readonly session: string };
  /** An execution that was started past bunsui, as with `aws stepfunctions start-execution`. */
  readonly byHand: { readonly executionArn: string; readonly session: string };
  readonly failing: StartedSession;
};

beforeAll(async () => {
  await deployApp();
  for (const file of ['flights-20k.json', 'airports.csv', 'weather.csv']) {
    const Body = readFileSync(new URL(`../../node_modules/vega-datasets/data/${file}`, import.meta.url));
    await deps.s3.send(new PutObjectCommand({ Bucket: deps.names.bucket, Key: `${data}/${file}`, Body }));
  }
  const [byApi, bySchedule, byObject, byCommand, byHand, failing] = await Promise.all([
    times(10, startByApi),
    startBySchedule(),
    startByObject(),
    startByCommand(),
    startByHand(),
    main.start({ pipeline: 'flights', input: { source, hubs: 1, fail: 'normals' } }),
  ]);
  morning = { byApi, bySchedule, byObject, byCommand, byHand, failing };
});

async function startByApi(): Promise<StartedSession> {
  const path = '/v1/pipelines/flights/sessions';
  // Keys are the platform's: another one than those of other tests.
  const headers = { 'Idempotency-Key': 'flights-monday' };
  const { status, body } = await callApi<StartedSession>('POST', path, { input: { source } }, headers);
  if (status >= 300) throw new Error(`${path} answered ${status}: ${JSON.stringify(body)}`);
  return body;
}

/** Calls the target of the deployed schedule as EventBridge Scheduler does. */
async function startBySchedule(): Promise<readonly StartedSession[]> {
  const { Target } = await new SchedulerClient(patientConfig()).send(
    new GetScheduleCommand({ GroupName: 'bunsui', Name: 'flights.daily' }),
  );
  const payload = (Target?.Input ?? '').replace('<aws.scheduler.scheduled-time>', '2026-11-23T12:00:00Z');
  return times(10, () => invoke(Target?.Arn ?? '', payload) as Promise<StartedSession>);
}

/** Puts an object, and delivers the event that comes of it ten times more, to the target of the deployed rule. */
async function startByObject(): Promise<readonly StartedSession[]> {
  const witness = await witnessOf({ source: ['aws.s3'], detail: { bucket: { name: [flightsBucket] } } });
  await deps.s3.send(new PutObjectCommand({ Bucket: flightsBucket, Key: 'arrived/today.json', Body: '[]' }));
  const event = await witness.event();
  await witness.close();
  const [rule = ''] = (await main.physical('AWS::Events::Rule', 'FlightsTrigger')).map(
    (name) => name.split('|').at(-1) ?? '',
  );
  const { Targets: [first] = [] } = await events.send(new ListTargetsByRuleCommand({ Rule: rule }));
  const template = first?.InputTransformer?.InputTemplate ?? '';
  const payload = template.replace('<aws.events.event.json>', () => event);
  return times(10, () => invoke(first?.Arn ?? '', payload) as Promise<StartedSession>);
}

/** A rule that shows the events of a pattern as they are. */
async function witnessOf(pattern: object) {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'witness' }));
  const Rule = 'witness';
  await events.send(new PutRuleCommand({ Name: Rule, EventPattern: JSON.stringify(pattern) }));
  const Arn = `arn:aws:sqs:${target.region}:${target.accountId}:witness`;
  await events.send(new PutTargetsCommand({ Rule, Targets: [{ Id: 'queue', Arn }] }));
  return {
    async event(): Promise<string> {
      const ask = new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 });
      const [message] = await eventually(
        'the event',
        async () => (await sqs.send(ask)).Messages ?? [],
        ({ length }) => length > 0,
      );
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message?.ReceiptHandle }));
      return message?.Body ?? '';
    },
    async close() {
      await events.send(new RemoveTargetsCommand({ Rule, Ids: ['queue'] }));
      await events.send(new DeleteRuleCommand({ Name: Rule }));
    },
  };
}

async function startByCommand() {
  const args = ['session', 'start', 'flights', '-p', `source=${source}`, '-p', 'hubs=3', '--json'];
  const ran = await bunsui([...args, '--platform', 'bunsui', ...at], { environment });
  if (ran.code !== 0) throw new Error(ran.err);
  return JSON.parse(ran.out.trim().split('\n').at(-1) ?? '') as { readonly session: string };
}

async function startByHand() {
  const input = JSON.stringify({ source, hubs: 1, lateAfterMinutes: 15, fail: 'none', flaky: 'enrich' });
  const { executionArn = '', startDate = new Date(0) } = await deps.sfn.send(
    new StartExecutionCommand({ stateMachineArn: main.machine('flights'), input }),
  );
  return { executionArn, session: sessionOfExecution(executionArn, startDate.toISOString()).session };
}

async function text(key: string): Promise<string> {
  const found = await deps.s3.send(new GetObjectCommand({ Bucket: deps.names.bucket, Key: key }));
  return (await found.Body?.transformToString()) ?? '';
}

/** The answers of a session, but for the keys of objects. */
function numbersOf(item: SessionItem): unknown {
  const { summary, table, quarantine, ...numbers } = JSON.parse(item.output ?? '{}') as Record<string, unknown>;
  return numbers;
}

/** One session for all requests, and the record of its end. */
async function onlyOne(started: readonly StartedSession[]): Promise<SessionItem> {
  expect(started).toHaveLength(10);
  const [session = '', ...others] = new Set(started.map(({ session_id }) => session_id));
  expect(others).toStrictEqual([]);
  return main.ended(session);
}

describe('the flights example, deployed', () => {
  it('runs to the numbers that other code computes from the same data, once per key, with all its records', async () => {
    const item = await onlyOne(morning.byApi);
    const { summary, table, quarantine } = JSON.parse(item.output ?? '{}') as Record<string, string>;
    expect(numbersOf(item)).toStrictEqual(expectedFlights());
    expect(JSON.parse(await text(summary ?? ''))).toStrictEqual(expectedSummary());
    expect((await text(table ?? '')).trimEnd().split('\n')).toHaveLength(1 + 8);
    expect((await text(quarantine ?? '')).trimEnd().split('\n')).toHaveLength(1 + expectedFlights().rejected);

    const pipeline = await findPipeline(deps, 'flights');
    expect(item).toMatchObject({
      pipeline_id: 'flights',
      pipeline_version: pipeline?.version,
      status: 'completed',
      total_jobs: jobs.length + 8,
      completed_jobs: jobs.length + 8,
      failed_jobs: 0,
      trigger: { kind: 'api' },
    });
    const ran = [...jobs, ...hubJobs(8)].sort();
    expect(await main.attemptsOf(item.session_id)).toStrictEqual({
      attempts: ran.map((job) => `${job} 1 completed`),
      checkpoints: ran,
    });

    const place = { createdAt: item.created_at, session: item.session_id };
    const { Contents = [] } = await deps.s3.send(
      new ListObjectsV2Command({ Bucket: deps.names.bucket, Prefix: objectKeys.logPrefix(place) }),
    );
    const artifact = await readArtifact(deps, 'flights', item.pipeline_version);
    const operationOf = (job: string) => artifact.states[job.split('/').at(-1) ?? '']?.operation ?? '';
    expect(Contents.map(({ Key }) => Key).sort()).toStrictEqual(
      ran.map((job) => objectKeys.log({ ...place, job, operation: operationOf(job) })).sort(),
    );
    const lines = await readSessionLogs(deps, item, { job: 'flights' });
    expect(lines.map(({ message }) => message)).toStrictEqual([
      'job started',
      'copied',
      'job completed',
      expect.stringMatching(/^REPORT RequestId: /),
    ]);
    expect(await text(objectKeys.report(place))).toContain(item.session_id);
  });

  it('is started once by what Scheduler sends ten times at once', async () => {
    const item = await onlyOne(morning.bySchedule);
    expect(item).toMatchObject({
      status: 'completed',
      trigger: { kind: 'schedule', detail: 'daily 2026-11-23T12:00:00.000Z' },
    });
    expect(numbersOf(item)).toStrictEqual(expectedFlights(2));
  });

  it('is started once for an object, whose event is delivered eleven times', async () => {
    const item = await onlyOne(morning.byObject);
    expect(item).toMatchObject({ status: 'completed', trigger: { kind: 'event' } });
    expect(numbersOf(item)).toStrictEqual(expectedFlights(1));
    // The event that EventBridge has delivered by itself is among the eleven.
    const all = await main.sessionsOf('flights');
    expect(all.filter(({ trigger }) => trigger.kind === 'event')).toHaveLength(1);
  });

  it('is started and read by the command line', async () => {
    const { session } = morning.byCommand;
    const item = await main.ended(session);
    expect([item.status, numbersOf(item)]).toStrictEqual(['completed', expectedFlights(3)]);
    const [shown, logs] = await Promise.all(
      [
        ['session', 'show', session],
        ['logs', session, '--job', 'publish'],
      ].map((args) => bunsui([...args, '--json', '--platform', 'bunsui', ...at], { environment })),
    );
    const page = JSON.parse(shown?.out.trim().split('\n').at(-1) ?? '{}') as { readonly jobs: readonly object[] };
    expect(page).toMatchObject({ session_id: session, status: 'completed' });
    expect(logs?.out).toContain('"job_id":"publish"');
  });

  it('and started past bunsui, by Step Functions itself, gets a session all the same', async () => {
    const { executionArn, session } = morning.byHand;
    const item = await main.ended(session);
    expect(item).toMatchObject({
      status: 'completed',
      execution_arn: executionArn,
      trigger: { kind: 'manual', detail: 'started without bunsui' },
      total_jobs: jobs.length + 1,
    });
    expect(numbersOf(item)).toStrictEqual(expectedFlights(1));
    const { attempts } = await main.attemptsOf(session);
    expect(attempts.filter((one) => one.startsWith('enrich'))).toStrictEqual(['enrich 1 failed', 'enrich 2 completed']);
  });

  it('that fails is recorded with the job that failed, its tries and its error', async () => {
    const { session_id: session } = morning.failing;
    const item = await main.ended(session);
    expect([item.status, item.error_code]).toStrictEqual(['failed', 'RehearsedFailure']);
    const { attempts } = await main.attemptsOf(session);
    expect(attempts.filter((one) => one.startsWith('normals'))).toStrictEqual([
      'normals 1 failed',
      'normals 2 failed',
      'normals 3 failed',
    ]);
    expect(await text(objectKeys.report({ createdAt: item.created_at, session }))).toContain('RehearsedFailure');
  });

  it('refuses an input that does not fit before anything starts', async () => {
    await expect(main.start({ pipeline: 'flights', input: { hubs: 0 } })).rejects.toThrow(/ValidationError.*hubs/);
    await expect(main.start({ pipeline: 'absent' })).rejects.toThrow(/pipeline \\"absent\\" is not deployed/);
  });
});
