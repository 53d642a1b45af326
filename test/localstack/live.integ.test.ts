/** The books of running sessions: what the live feed tells, whom it adopts, and what is found when no event comes. */
import { isDeepStrictEqual } from 'node:util';
import { CloudFormationClient, DescribeStackResourcesCommand } from '@aws-sdk/client-cloudformation';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DescribeRuleCommand,
  EventBridgeClient,
  ListTargetsByRuleCommand,
  PutTargetsCommand,
  RemoveTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StoreDeps } from '../../lib/sessions/deps.ts';
import type { StartedSession } from '../../lib/sessions/start-session.ts';
import { getSession, listJobRecords } from '../../lib/sessions/store.ts';
import { platformNames, sessionOfExecution } from '../../lib/storage-layout.ts';
import { eventually } from '../eventually.ts';
import { refusedByPolicy } from './granted.ts';
import { cdkApp } from './harness.ts';
import { quantile, watchLag } from './live-lag.ts';
import { localstackTarget, patientConfig } from './target.ts';

const target = localstackTarget();
const { region, accountId } = target;
const config = patientConfig();
const lambda = new LambdaClient(config);
const sfn = new SFNClient(config);
const events = new EventBridgeClient(config);
const deps: StoreDeps = {
  db: DynamoDBDocumentClient.from(new DynamoDBClient(config)),
  names: platformNames({ prefix: 'livetest', account: accountId, region }),
};
const app = cdkApp('test/localstack/live-app/app.ts');
const stateMachineArn = `arn:aws:states:${region}:${accountId}:stateMachine:livetest-errand`;
let resources: readonly { readonly type: string; readonly logical: string; readonly name: string }[];

beforeAll(async () => {
  await Promise.all([app.bootstrap(), app.synth()]);
  await app.deploy();
  const { StackResources = [] } = await new CloudFormationClient(config).send(
    new DescribeStackResourcesCommand({ StackName: 'LiveTest' }),
  );
  resources = StackResources.map(({ ResourceType = '', LogicalResourceId = '', PhysicalResourceId = '' }) => ({
    type: ResourceType,
    logical: LogicalResourceId,
    name: PhysicalResourceId,
  }));
});
afterAll(async () => {
  await app.destroy();
  await app.close();
});

async function call(logical: string, event: object): Promise<unknown> {
  const found = resources.filter(({ type, logical: id }) => type === 'AWS::Lambda::Function' && id.includes(logical));
  expect(found.map(({ logical: id }) => id)).toHaveLength(1);
  const answer = await lambda.send(new InvokeCommand({ FunctionName: found[0]?.name, Payload: JSON.stringify(event) }));
  const text = answer.Payload?.transformToString() ?? 'null';
  if (answer.FunctionError !== undefined) throw new Error(text);
  return JSON.parse(text);
}

const start = (input: object) => call('StartSession', { pipeline: 'errand', input }) as Promise<StartedSession>;

async function stateOf(session: string) {
  const item = await getSession(deps, session);
  const { attempts } = await listJobRecords(deps, session);
  return {
    status: item?.status,
    jobs: `${item?.completed_jobs} of ${item?.total_jobs}`,
    attempts: attempts.map((one) => `${one.job_id} ${one.attempt} ${one.job_status}`).sort(),
  };
}

async function come(session: string, status: string): Promise<void> {
  await eventually(
    `session ${session} to be ${status}`,
    () => getSession(deps, session),
    (found) => found?.status === status,
  );
}

/** Waits until the first job has ended and the second one runs. */
const halfDone = (session: string) =>
  eventually(
    `session ${session} to be half done`,
    () => stateOf(session),
    (state) => isDeepStrictEqual(state, half),
  );

const half = { status: 'running', jobs: '1 of 2', attempts: ['first 1 completed', 'second 1 running'] };
const whole = { status: 'completed', jobs: '2 of 2', attempts: ['first 1 completed', 'second 1 completed'] };

describe('the books of a deployed platform', () => {
  it.concurrent('tell how far a session is while it runs, and each attempt once when it has ended', async () => {
    const { session_id: session } = await start({ seconds: 8 });
    await halfDone(session);
    await come(session, 'completed');
    expect(await stateOf(session)).toStrictEqual(whole);
  });

  it.concurrent('have an execution that Step Functions itself has started, while it runs', async () => {
    const { executionArn = '', startDate = new Date(0) } = await sfn.send(
      new StartExecutionCommand({ stateMachineArn, input: '{"seconds":8,"fail":false}' }),
    );
    const { session } = sessionOfExecution(executionArn, startDate.toISOString());
    await halfDone(session);
    expect((await getSession(deps, session))?.trigger).toStrictEqual({
      kind: 'manual',
      detail: 'started without bunsui',
    });
    await come(session, 'completed');
    expect(await stateOf(session)).toStrictEqual(whole);
  });

  it('tell soon', async () => {
    const started = await Promise.all(Array.from({ length: 6 }, () => start({ seconds: 3 })));
    const lags = await watchLag(
      deps,
      started.map(({ session_id }) => session_id),
    );
    const all = lags.map(({ ms }) => ms);
    const [half_, most] = [quantile(all, 0.5), quantile(all, 0.95)].map((ms) => `${Math.round(ms)} ms`);
    process.stdout.write(`event to live record: p50 ${half_}, p95 ${most}, of ${all.length} on LocalStack\n`);
    expect(all.length).toBeGreaterThan(6);
  });

  it('come to the end of a session that no event told of, when the reconciler runs', async () => {
    const found = await Promise.all(
      resources
        .filter(({ type }) => type === 'AWS::Events::Rule')
        .map(({ name }) => events.send(new DescribeRuleCommand({ Name: name }))),
    );
    const [Rule] = found.flatMap(({ EventPattern = '', Name = '' }) =>
      EventPattern.includes('Execution Status Change') ? [Name] : [],
    );
    // LocalStack has disabled rules fire all the same.
    const { Targets = [] } = await events.send(new ListTargetsByRuleCommand({ Rule }));
    await events.send(new RemoveTargetsCommand({ Rule, Ids: Targets.map(({ Id = '' }) => Id) }));
    try {
      const { session_id: session, execution_arn: executionArn } = await start({ seconds: 0, fail: true });
      await eventually(
        `execution ${executionArn} to fail`,
        async () => (await sfn.send(new DescribeExecutionCommand({ executionArn }))).status,
        (status) => status === 'FAILED',
      );
      expect((await getSession(deps, session))?.status).toBe('running');
      expect(await call('Reconcile', { graceSeconds: 0 })).toMatchObject({ ended: [session], problems: 0 });
      expect(await getSession(deps, session)).toMatchObject({ status: 'failed', completed_jobs: 1, failed_jobs: 1 });
    } finally {
      await events.send(new PutTargetsCommand({ Rule, Targets }));
    }
  });
});

it('did nothing that its roles do not allow', async () => {
  const { looked, refused: refusedCalls } = await refusedByPolicy('LiveTest');
  expect(looked).toBeGreaterThan(10);
  expect(refusedCalls).toStrictEqual([]);
});
