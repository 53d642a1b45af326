/** From the queue of a channel to its receiver: what is delivered, what waits and how long, what is given up. */
import { createHmac } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ChangeMessageVisibilityCommand, GetQueueUrlCommand, type SendMessageCommand } from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import type { SlackChannel, WebhookChannel } from '../../lib/notify/channels.ts';
import { delivering } from './delivering.ts';
import { failedNotice } from './notices.ts';
import { type Answer, receiverForTest } from './receiver.ts';

const slack = (more: Partial<SlackChannel> = {}): SlackChannel => ({
  kind: 'slack',
  secret: 'env:TEST_SLACK',
  allowPrivate: true,
  ...more,
});
const webhook = (url: string, more: Partial<WebhookChannel> = {}): WebhookChannel => ({
  kind: 'webhook',
  url,
  allowPrivate: true,
  ...more,
});

/** A channel whose receiver answers so, and one notice on its way. */
async function answered(answer: (index: number) => Answer, more: Partial<WebhookChannel> = {}) {
  const receiver = await receiverForTest(answer);
  const the = await delivering({ hook: webhook(receiver.url, more) });
  await the.send('hook', failedNotice);
  return { receiver, ...the };
}

describe('a webhook', () => {
  it('gets the notice as it is, with its id, the time, and a signature by each secret', async () => {
    const receiver = await receiverForTest();
    const channel = webhook(`${receiver.url}/in?a=b`, { secret: ['env:TEST_NEXT', 'env:TEST_OLD'] });
    const { send, takeAll, dead } = await delivering({ hook: channel }, { TEST_NEXT: 'next\n', TEST_OLD: 'old' });
    await send('hook', failedNotice);
    expect(await takeAll('hook')).toBe(0);
    const [got] = receiver.received;
    const body = JSON.stringify(failedNotice);
    const sign = (secret: string) => createHmac('sha256', secret).update(`1795154593.${body}`).digest('hex');
    expect([got?.path, got?.body]).toStrictEqual(['/in?a=b', body]);
    expect(got?.headers).toMatchObject({
      'content-type': 'application/json',
      'bunsui-delivery': failedNotice.delivery_id,
      'bunsui-timestamp': '1795154593',
      'bunsui-signature': `v1=${sign('next')},v1=${sign('old')}`,
    });
    expect(await dead('hook')).toStrictEqual([]);
  });

  it('without a secret is not signed', async () => {
    const { receiver, takeAll } = await answered(() => 204);
    expect(await takeAll('hook')).toBe(0);
    expect(receiver.received[0]?.headers['bunsui-signature']).toBeUndefined();
  });

  it('gets the same again with the same id', async () => {
    const { receiver, send, takeAll } = await answered(() => 200);
    await send('hook', failedNotice);
    await takeAll('hook');
    expect(receiver.received.map(({ headers }) => headers['bunsui-delivery'])).toStrictEqual([
      failedNotice.delivery_id,
      failedNotice.delivery_id,
    ]);
    expect(receiver.received[0]?.body).toBe(receiver.received[1]?.body);
  });
});

describe('a receiver that cannot take a notice now', () => {
  const answers: readonly (readonly [string, Answer, string, number])[] = [
    ['500', { status: 500, body: 'out of order' }, 'HTTP 500: out of order', 5],
    ['503 with seconds', { status: 503, headers: { 'retry-after': '77' } }, 'HTTP 503', 77],
    ['429 with a date', { status: 429, headers: { 'retry-after': 'Fri, 20 Nov 2026 06:04:43 GMT' } }, 'HTTP 429', 90],
    [
      '429 for longer than a queue can wait',
      { status: 429, headers: { 'retry-after': '99999999' } },
      'HTTP 429',
      43_200,
    ],
    ['429 with a moment that is past', { status: 429, headers: { 'retry-after': '0' } }, 'HTTP 429', 5],
    ['429 with nonsense', { status: 429, headers: { 'retry-after': 'soon' } }, 'HTTP 429', 5],
    ['408', 408, 'HTTP 408', 5],
    ['a reset', 'reset', 'Error: socket hang up', 5],
  ];

  it.each(answers)('gets it later: %s', async (_name, answer, reason, afterSeconds) => {
    const { takeAll, taken, hidden, dead } = await answered(() => answer);
    expect(await takeAll('hook')).toBe(1);
    expect(taken).toStrictEqual([
      {
        channel: 'hook',
        receives: 1,
        delivery_id: failedNotice.delivery_id,
        session_id: failedNotice.session_id,
        pipeline_id: 'daily',
        outcome: 'later',
        reason,
        afterSeconds,
      },
    ]);
    expect([await hidden('hook'), await dead('hook')]).toStrictEqual([1, []]);
  });

  it('gets it after pauses that grow, the same each time, until it is put among the dead letters with the reason', async () => {
    const { deps, sqs, send, takeAll, taken, dead, receiver } = await answered(() => 502, { attempts: 4 });
    // The clock of the queue is not ours: what is postponed is made visible by hand, so that it counts on.
    const asked: (number | undefined)[] = [];
    Object.assign(deps, {
      sqs: {
        send(command: object) {
          if (!(command instanceof ChangeMessageVisibilityCommand)) return sqs.send(command as SendMessageCommand);
          asked.push(command.input.VisibilityTimeout);
          return sqs.send(new ChangeMessageVisibilityCommand({ ...command.input, VisibilityTimeout: 0 }));
        },
      },
    });
    const stay: number[] = [];
    for (let round = 1; round <= 4; round += 1) stay.push(await takeAll('hook'));
    expect([stay, asked]).toStrictEqual([
      [1, 1, 1, 0],
      [5, 15, 45],
    ]);
    expect(taken.at(-1)).toMatchObject({ outcome: 'dead', receives: 4, reason: 'HTTP 502' });
    expect(await dead('hook')).toStrictEqual([{ reason: 'HTTP 502', body: JSON.stringify(failedNotice) }]);
    expect(new Set(receiver.received.map(({ headers }) => headers['bunsui-delivery'])).size).toBe(1);
    await send('hook', failedNotice);
  });
});

describe('a notice that nobody will ever take', () => {
  const refusals: readonly (readonly [string, Answer, string])[] = [
    ['400', { status: 400, body: 'no \u001b[31mlike' }, 'HTTP 400: no  [31mlike'],
    ['404', 404, 'HTTP 404'],
    ['410', 410, 'HTTP 410'],
    [
      'a redirect',
      { status: 307, headers: { location: 'http://169.254.169.254/' } },
      'HTTP 307: redirects are not followed',
    ],
  ];
  it.each(refusals)('is put among the dead letters at once: %s', async (_name, answer, reason) => {
    const { takeAll, taken, dead, receiver } = await answered(() => answer);
    expect(await takeAll('hook')).toBe(0);
    expect(taken.map(({ outcome }) => outcome)).toStrictEqual(['dead']);
    expect(await dead('hook')).toStrictEqual([{ reason, body: JSON.stringify(failedNotice) }]);
    expect(receiver.received).toHaveLength(1);
  });

  it('because its address is a private one, is put there without a connection', async () => {
    const receiver = await receiverForTest();
    const { send, takeAll, dead } = await delivering({
      hook: webhook(`https://127.0.0.1:${receiver.port}/`, { allowPrivate: false }),
    });
    await send('hook', failedNotice);
    expect(await takeAll('hook')).toBe(0);
    const [letter] = await dead('hook');
    expect([letter?.reason, receiver.connections()]).toStrictEqual([
      'BS3010 nothing is sent to 127.0.0.1: it is not a public address',
      0,
    ]);
  });

  it.each([
    ['no json', 'this is no notice: it is not JSON'],
    ['{"noticeVersion":1}', 'this is no notice: delivery_id is missing or wrong'],
    [
      JSON.stringify({ ...failedNotice, delivery_id: 'a\r\nx: y' }),
      'this is no notice: delivery_id is missing or wrong',
    ],
    [
      JSON.stringify({ ...failedNotice, session_id: '<!channel>' }),
      'this is no notice: session_id is missing or wrong',
    ],
  ])('is put there when it is none: %s', async (body, reason) => {
    const { send, takeAll, dead, receiver } = await answered(() => 200);
    await takeAll('hook');
    await send('hook', body);
    expect(await takeAll('hook')).toBe(0);
    expect([await dead('hook'), receiver.received.length]).toStrictEqual([[{ reason, body }], 1]);
  });

  it('is put there when its channel is gone', async () => {
    const { deps, takeAll, dead } = await answered(() => 200);
    Object.assign(deps, { channels: { other: slack() } });
    expect(await takeAll('hook')).toBe(0);
    expect((await dead('hook')).map(({ reason }) => reason)).toStrictEqual([
      'the platform has no such channel any more',
    ]);
  });
});

describe('when a queue refuses', () => {
  it('a message is left to the queue’s own time, and to its own dead letters', async () => {
    const { deps, sqs, send, takeAll, warnings, taken } = await answered((index) => (index === 0 ? 500 : 400));
    const throttled = Object.assign(new Error('slow down'), { name: 'RequestThrottled' });
    const reading = { send: (command: GetQueueUrlCommand) => sqs.send(command) };
    Object.assign(deps, {
      sqs: {
        send: (command: object) =>
          command instanceof GetQueueUrlCommand ? reading.send(command) : Promise.reject(throttled),
      },
    });
    expect(await takeAll('hook')).toBe(1);
    await send('hook', failedNotice);
    expect(await takeAll('hook')).toBe(1);
    expect([taken.map(({ outcome }) => outcome), warnings]).toStrictEqual([
      ['later', 'later'],
      [
        'a message could not be postponed: RequestThrottled',
        'a message could not be put among dead letters: RequestThrottled',
      ],
    ]);
  });
});

describe('secrets', () => {
  it('of Slack are the address: one that was changed is read again when the old one is refused', async () => {
    const receiver = await receiverForTest((index) => (index === 0 ? 200 : index === 1 ? 403 : 200));
    const { send, takeAll, taken } = await delivering({ ops: slack() }, { TEST_SLACK: `${receiver.url}/old` });
    await send('ops', failedNotice);
    await takeAll('ops');
    process.env['TEST_SLACK'] = `${receiver.url}/new`;
    await send('ops', { ...failedNotice, delivery_id: 'b' });
    expect(await takeAll('ops')).toBe(0);
    expect(receiver.received.map(({ path }) => path)).toStrictEqual(['/old', '/old', '/new']);
    expect(taken.map(({ outcome }) => outcome)).toStrictEqual(['delivered', 'delivered']);
  });

  it('are kept for five minutes', async () => {
    const receiver = await receiverForTest();
    const { send, takeAll, clock } = await delivering({ ops: slack() }, { TEST_SLACK: `${receiver.url}/one` });
    for (const [seconds, path] of [
      [0, 'two'],
      [299, 'three'],
      [2, 'four'],
    ] as const) {
      clock.nowMs += seconds * 1_000;
      await send('ops', failedNotice);
      await takeAll('ops');
      process.env['TEST_SLACK'] = `${receiver.url}/${path}`;
    }
    expect(receiver.received.map(({ path }) => path)).toStrictEqual(['/one', '/one', '/three']);
  });

  it('that are missing are a reason to try again, and say which', async () => {
    const { send, takeAll, taken } = await delivering({ ops: slack() });
    await send('ops', failedNotice);
    expect(await takeAll('ops')).toBe(1);
    expect(taken[0]?.reason).toBe(
      'BS5001 the secret env:TEST_SLACK could not be read: the variable is not set in the process that runs the runtime',
    );
  });

  it('are in no reason, warning, message or dead letter', async () => {
    const canary = 'canary-5d2f7c';
    const receiver = await receiverForTest((_index, { path, headers }) => ({
      status: 400,
      body: `you said ${path} ${headers.host} http://${headers.host}${path} ${canary}`,
    }));
    const address = `${receiver.url}/${canary}`;
    const bad = {
      TEST_SLACK: address,
      TEST_KEY: canary,
      TEST_ODD: `${canary} is no address`,
      TEST_DOWN: `http://127.0.0.1:1/${canary}`,
    };
    const the = await delivering(
      {
        ops: slack(),
        hook: webhook(receiver.url, { secret: 'env:TEST_KEY' }),
        odd: slack({ secret: 'env:TEST_ODD' }),
        down: slack({ secret: 'env:TEST_DOWN' }),
        private: slack({ allowPrivate: false }),
      },
      bad,
    );
    const letters: unknown[] = [];
    for (const name of ['ops', 'hook', 'odd', 'down', 'private']) {
      await the.send(name, failedNotice);
      await the.takeAll(name);
      letters.push(await the.dead(name));
    }
    expect(the.taken.map(({ channel, outcome }) => [channel, outcome])).toStrictEqual([
      ['ops', 'dead'],
      ['hook', 'dead'],
      ['odd', 'dead'],
      ['down', 'later'],
      ['private', 'dead'],
    ]);
    const said = JSON.stringify([the.taken, the.warnings, letters]);
    // A receiver may repeat the path of Slack's address alone, which is enough to use it.
    expect(said).not.toContain(canary);
  });
});

describe('mail', () => {
  it('is sent by SES', async () => {
    const { send, takeAll, stateDir, taken } = await delivering({
      mail: { kind: 'email', from: 'bunsui <b@example.com>', to: ['o@example.com'] },
    });
    await send('mail', failedNotice);
    expect(await takeAll('mail')).toBe(0);
    expect([readdirSync(join(stateDir, 'mail')).length, taken[0]?.outcome]).toStrictEqual([1, 'delivered']);
  });
});
