/** Notices as they are deployed: topic, a queue for each channel, the function `notify`, and receivers that are real. */
import { createHmac } from 'node:crypto';
import { InvokeCommand, LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Notice } from '../../lib/sessions/notice.ts';
import type { StartedSession } from '../../lib/sessions/start-session.ts';
import { bunsui } from '../cli/command-line.ts';
import { type Received, type Receiver, startReceiver } from '../notify/receiver.ts';
import { eventually } from '../eventually.ts';
import { refusedByPolicy } from './granted.ts';
import { cdkApp } from './harness.ts';
import { localstackTarget, patientConfig } from './target.ts';

const target = localstackTarget();
const app = cdkApp('test/localstack/notify-app/app.ts');
const lambda = new LambdaClient(patientConfig());

/** Sessions that fail, one after the other, after a first one. */
const failures = 6;

let goneNow = true;
const receivers: Receiver[] = [];
const receiver = async (answer?: Parameters<typeof startReceiver>[0]) => {
  const one = await startReceiver(answer);
  receivers.push(one);
  return one;
};
let slack: Receiver;
let audit: Receiver;
let gone: Receiver;
let silent: Receiver;
let asked: Receiver;

beforeAll(async () => {
  slack = await receiver();
  audit = await receiver();
  gone = await receiver(() => (goneNow ? { status: 410, body: 'moved away' } : 200));
  silent = await receiver(() => 'hang');
  asked = await receiver((index) => (index === 0 ? { status: 503, headers: { 'retry-after': '7' } } : 200));
  const secrets = new SecretsManagerClient(patientConfig());
  for (const [Name, SecretString] of [
    ['notifytest/slack', `${slack.url}/services/canary-2f7d`],
    ['notifytest/next', 'the next secret'],
    ['notifytest/old', 'the old secret'],
  ] as const) {
    await secrets.send(new CreateSecretCommand({ Name, SecretString }));
  }
  const urls = { audit: audit.url, gone: gone.url, silent: silent.url, asked: asked.url };
  await Promise.all([app.bootstrap(), app.synth(urls)]);
  await app.deploy();
});
afterAll(async () => {
  await app.destroy();
  await app.close();
  await Promise.all(receivers.map((one) => one.close()));
});

async function start(reason: string): Promise<string> {
  const { Functions = [] } = await lambda.send(new ListFunctionsCommand({}));
  const FunctionName = Functions.map(({ FunctionName: name = '' }) => name).find((name) =>
    /^NotifyTest-PlatformStartSession/.test(name),
  );
  const Payload = JSON.stringify({ pipeline: 'doomed', input: { reason } });
  const answer = await lambda.send(new InvokeCommand({ FunctionName, Payload }));
  const text = answer.Payload?.transformToString() ?? '';
  if (answer.FunctionError !== undefined) throw new Error(text);
  return (JSON.parse(text) as StartedSession).session_id;
}

const noticesOf = ({ received }: Receiver) => received.map(({ body }) => JSON.parse(body) as Notice);
const failedOf = (one: Receiver) => noticesOf(one).filter(({ event }) => event === 'failed');

/** Waits until a receiver has had so many requests. */
const requested = (one: Receiver, count: number) =>
  eventually(
    `request ${count} at ${one.url}`,
    () => one.received.length,
    (length) => length >= count,
  );

function percentile95(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.95) - 1] ?? Number.NaN;
}

const command = (...args: readonly string[]) =>
  bunsui(
    ['notify', ...args, '--platform', 'notifytest', '--endpoint-url', target.endpoint, '--region', target.region],
    {
      environment: {
        AWS_ACCESS_KEY_ID: target.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: target.credentials.secretAccessKey,
      },
    },
  );

describe('a session that fails', () => {
  const sessions: string[] = [];
  /** When a session failed, by its notice. */
  const failedAt = new Map<string, number>();
  let slackTimes: readonly number[] = [];

  beforeAll(async () => {
    // The first one starts what is cold.
    sessions.push(await start('row 1 has no key'));
    await requested(slack, 1);
    await requested(silent, 1);
    for (let index = 1; index <= failures; index += 1) {
      sessions.push(await start(`row ${index} has no key`));
      await requested(slack, 1 + index);
    }
    await eventually(
      'notices of all sessions',
      () => new Set(failedOf(audit).map(({ session_id }) => session_id)).size,
      (count) => count > failures,
    );
    for (const notice of failedOf(audit)) failedAt.set(notice.session_id, Date.parse(notice.at));
    const arrived = slack.received.map(({ body, atMs }) => {
      const session = sessions.find((id) => body.includes(id)) ?? '';
      return atMs - (failedAt.get(session) ?? Number.NaN);
    });
    slackTimes = arrived.slice(1);
  });

  it('is told to Slack in full once, with all that people ask for, and then in one line each', () => {
    const [first, ...others] = slack.received.map(({ body }) => body);
    for (const part of [
      'doomed failed at load (test)',
      'RangeError: row 1 has no key',
      'attempt 1',
      'pipeline.ts:',
      sessions[0] ?? '?',
    ]) {
      expect(first).toContain(part);
    }
    expect(new Set(slack.received.map(({ path }) => path))).toStrictEqual(new Set(['/services/canary-2f7d']));
    expect(others.every((body) => /same error, \d+ times since/.test(body))).toBe(true);
    expect(sessions.filter((id) => !slack.received.some(({ body }) => body.includes(id)))).toStrictEqual([]);
  });

  it('is told to a webhook signed by both secrets, start and end, at least once each', () => {
    const verified = (one: Received, secret: string) => {
      const signed = createHmac('sha256', secret)
        .update(`${one.headers['bunsui-timestamp']}.${one.body}`)
        .digest('hex');
      return String(one.headers['bunsui-signature']).split(',').includes(`v1=${signed}`);
    };
    expect(
      audit.received.filter((one) => !verified(one, 'the next secret') || !verified(one, 'the old secret')),
    ).toStrictEqual([]);
    expect([...failedAt.keys()].sort()).toStrictEqual(sessions.toSorted());
    for (const notice of failedOf(audit)) {
      expect(notice.delivery_id).toBe(`${notice.session_id}/1/0/failed`);
      expect(notice.error).toStrictEqual({
        error_code: 'RangeError',
        error_message: expect.stringContaining('has no key'),
      });
    }
  });

  it('is told in little time, beside a receiver that never answers', () => {
    expect(slackTimes.filter((ms) => Number.isFinite(ms) && ms >= 0)).toHaveLength(failures);
    expect(silent.received.length).toBeGreaterThan(0);
    const [p95, slowest] = [percentile95(slackTimes), Math.max(...slackTimes)];
    console.log(`failure to Slack receiver: p95 ${p95} ms (goal 5000), slowest ${slowest} ms, of ${failures} sessions`);
  });

  it('is not told to a channel that hears of nothing; a good end is, because its pipeline says so', async () => {
    expect(asked.received).toStrictEqual([]);
    const session = await start('');
    await requested(asked, 2);
    const [first, second] = asked.received;
    expect(noticesOf(asked).map(({ event, session_id }) => [event, session_id])).toStrictEqual([
      ['succeeded', session],
      ['succeeded', session],
    ]);
    // It asked for seven seconds, which is longer than the pause would be, and got the same notice after them.
    expect(second?.headers['bunsui-delivery']).toBe(first?.headers['bunsui-delivery']);
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(7_000);
  });

  it('lies among the dead letters of a channel that refuses it, with the reason, until it is sent again', async () => {
    const deadOfGone = async () => {
      const { out } = await command('list', '--json');
      const lines = out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      return lines.find(({ channel }) => channel === 'gone')?.dead as number | undefined;
    };
    await eventually(`${1 + failures} dead letters`, deadOfGone, (dead) => dead === 1 + failures);
    const dead = await command('dead', 'gone', '--json');
    const letters = dead.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(letters.map(({ reason }) => reason)).toStrictEqual(sessions.map(() => 'HTTP 410: moved away'));
    expect(letters.map(({ notice }) => notice.session_id).sort()).toStrictEqual(sessions.toSorted());

    goneNow = false;
    const before = gone.received.length;
    const redriven = await command('redrive', 'gone');
    expect([redriven.code, redriven.err]).toStrictEqual([0, '']);
    await requested(gone, before + sessions.length);
    expect(
      new Set(
        noticesOf(gone)
          .slice(before)
          .map(({ session_id }) => session_id),
      ),
    ).toStrictEqual(new Set(sessions));
  });

  it('is given up by a receiver that never answers', async () => {
    await eventually(
      'the dead letter of the receiver that never answers',
      async () => (await command('dead', 'silent', '--json')).out,
      (out) => out.includes('"reason":"TimeoutError: no answer within 8000 ms"'),
    );
  });

  it('can be rehearsed by a command', async () => {
    const tested = await command('test', 'ops');
    expect([tested.code, tested.out, tested.err]).toStrictEqual([0, 'ops has taken the notice\n', '']);
    expect(slack.received.at(-1)?.body).toContain('notify-test succeeded');
  });
});

it('did nothing that its roles do not allow', async () => {
  const { looked, refused: refusedCalls } = await refusedByPolicy('NotifyTest');
  expect(looked).toBeGreaterThan(10);
  expect(refusedCalls).toStrictEqual([]);
});
