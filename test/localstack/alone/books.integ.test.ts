/** What wants the deployed platforms for itself: figures, an event that is lost, and the sum of what functions did. */
import {
  DescribeRuleCommand,
  EventBridgeClient,
  ListTargetsByRuleCommand,
  PutTargetsCommand,
  RemoveTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { DescribeExecutionCommand } from '@aws-sdk/client-sfn';
import { beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import { getSession } from '../../../lib/sessions/store.ts';
import { startReceiver } from '../../notify/receiver.ts';
import { eventually } from '../../eventually.ts';
import { callApi } from '../api.ts';
import { refusedByPolicy } from '../granted.ts';
import { quantile, watchLag } from '../live-lag.ts';
import { deployApp, deployByCommandLine, main, typed } from '../platforms.ts';
import { patientConfig } from '../target.ts';

const { deps } = main;

beforeAll(async () => {
  await deployApp();
  await deployByCommandLine();
});

const start = (input: object) => main.start({ pipeline: 'errand', input });

describe('the books', () => {
  it('tell soon', async () => {
    const started = await Promise.all(Array.from({ length: 6 }, () => start({ seconds: 2 })));
    const lags = await watchLag(
      deps,
      started.map(({ session_id }) => session_id),
    );
    const all = lags.map(({ ms }) => ms);
    const [half, most] = [quantile(all, 0.5), quantile(all, 0.95)].map((ms) => `${Math.round(ms)} ms`);
    process.stdout.write(`event to live record: p50 ${half}, p95 ${most}, of ${all.length} on LocalStack\n`);
    expect(all.length).toBeGreaterThan(6);
  });

  it('tell Slack of a failure soon, beside a receiver that never answers', async () => {
    const count = 6;
    const [ops, silent] = [inject('receivers').ops, inject('receivers').silent];
    const slack = await startReceiver(() => 200, { port: ops, keeps: ({ body }) => body.includes('doomed failed') });
    onTestFinished(() => slack.close());
    const hanging = await startReceiver(() => 'hang', { port: silent });
    onTestFinished(() => hanging.close());
    const lags: number[] = [];
    // The first one starts what is cold.
    for (let round = 0; round <= count; round += 1) {
      const { session_id: session } = await typed.start({ pipeline: 'doomed', input: { reason: 'no key' } });
      const told = () => slack.received.find(({ body }) => body.includes(session))?.atMs;
      const atMs = await eventually(`a message on session ${session}`, told, (found) => found !== undefined);
      const { completed_at: failedAt = '' } = await typed.ended(session);
      if (round > 0) lags.push((atMs ?? Number.NaN) - Date.parse(failedAt));
    }
    const [p95, slowest] = [quantile(lags, 0.95), Math.max(...lags)];
    process.stdout.write(
      `failure to Slack receiver: p95 ${p95} ms (goal 5000), slowest ${slowest} ms, of ${count} sessions\n`,
    );
    expect(lags.filter((ms) => ms >= 0)).toHaveLength(count);
  });

  it('take a start by the API in little time', async () => {
    const count = 20;
    const timed = async (call: () => ReturnType<typeof callApi>, status: number) => {
      const before = performance.now();
      const answer = await call();
      const ms = Math.round(performance.now() - before);
      expect(answer.status).toBe(status);
      return { ms, body: answer.body };
    };
    const startedMs: number[] = [];
    const readMs: number[] = [];
    for (let round = 0; round < count; round += 1) {
      const { ms, body } = await timed(() => callApi('POST', '/v1/pipelines/errand/sessions', { input: {} }), 201);
      startedMs.push(ms);
      // What a session does while it runs would be measured with the start of the next one.
      await main.ended((body as { readonly session_id: string }).session_id);
      // What API Gateway, Lambda and one read of a table take here, whoever calls them.
      readMs.push((await timed(() => callApi('GET', '/v1/health'), 200)).ms);
    }
    const shown = (all: readonly number[]) => `median ${quantile(all, 0.5)} ms, p95 ${quantile(all, 0.95)} ms`;
    process.stdout.write(
      `start by API, ${count} in a row: ${shown(startedMs)} (goal: p95 300); one read of a table: ${shown(readMs)}\n`,
    );
  });

  it('come to the end of a session that no event told of, when the reconciler runs', async () => {
    const events = new EventBridgeClient(patientConfig());
    const rules = (await main.physical('AWS::Events::Rule')).map((name) => name.split('|').at(-1) ?? '');
    const found = await Promise.all(rules.map((Name) => events.send(new DescribeRuleCommand({ Name }))));
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
        async () => (await deps.sfn.send(new DescribeExecutionCommand({ executionArn }))).status,
        (status) => status === 'FAILED',
      );
      expect((await getSession(deps, session))?.status).toBe('running');
      expect(await main.call('Reconcile', { graceSeconds: 0 })).toMatchObject({ ended: [session], problems: 0 });
      expect(await getSession(deps, session)).toMatchObject({ status: 'failed', completed_jobs: 1, failed_jobs: 1 });
    } finally {
      await events.send(new PutTargetsCommand({ Rule, Targets }));
    }
  });
});

it.each([
  ['Bunsui', 40],
  ['More', 5],
  ['bunsuicli', 40],
] as const)('the functions of %s did nothing that their roles do not allow', async (stack, least) => {
  const { looked, refused } = await refusedByPolicy(stack);
  expect(looked).toBeGreaterThanOrEqual(least);
  expect(refused).toStrictEqual([]);
});
