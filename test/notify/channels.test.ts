/** Channels as people write them, and who is told of what. */
import { describe, expect, it } from 'vitest';
import {
  channelDeadLettersName,
  channelQueueName,
  type Channels,
  channelsFromEnvironment,
  eventsOf,
  readChannels,
  readLaptopChannels,
  secretsOf,
} from '../../lib/notify/channels.ts';
import { channelEventsFrom, channelsFor } from '../../lib/sessions/notice-rules.ts';

const onAws: Channels = {
  ops: { kind: 'slack', secret: 'bunsui/slack-ops' },
  audit: {
    kind: 'webhook',
    url: 'https://audit.example.com/in?x=1',
    secret: ['arn:aws:secretsmanager:eu-west-1:123456789012:secret:audit-AbCdEf', 'audit-old'],
    events: ['started', 'succeeded', 'failed'],
    attempts: 3,
  },
  people: { kind: 'email', from: 'Data <data@example.com>', to: ['a@example.com', 'b@example.com'] },
  plain: { kind: 'mail', to: ['c@example.com'], events: [] },
};
const onLaptop: Channels = {
  ops: { kind: 'slack', secret: 'env:SLACK_HOOK', allowPrivate: true },
  audit: { kind: 'webhook', url: 'http://127.0.0.1:8080/', secret: 'file:../hook.secret', allowPrivate: true },
};

function mistake(channels: unknown): string {
  try {
    readChannels(channels, 'bunsui.json');
    return 'nothing wrong';
  } catch (error) {
    return error instanceof Error ? `${'code' in error ? error.code : ''} ${error.message}` : '';
  }
}

describe('channels', () => {
  it('of all kinds are read as they are', () => {
    expect(readChannels(onAws, 'here')).toStrictEqual(onAws);
    expect(readLaptopChannels(onLaptop, 'here')).toStrictEqual({ channels: onLaptop, onAwsOnly: [] });
    expect(channelsFromEnvironment(JSON.stringify(onAws))).toStrictEqual(onAws);
    expect([channelsFromEnvironment(undefined), channelsFromEnvironment('')]).toStrictEqual([{}, {}]);
  });

  it('name their secrets and events', () => {
    expect(Object.values(onAws).map(secretsOf)).toStrictEqual([
      ['bunsui/slack-ops'],
      ['arn:aws:secretsmanager:eu-west-1:123456789012:secret:audit-AbCdEf', 'audit-old'],
      [],
      [],
    ]);
    expect(Object.values(onAws).map(eventsOf)).toStrictEqual([
      ['failed', 'deadline', 'approval'],
      ['started', 'succeeded', 'failed'],
      ['failed', 'deadline', 'approval'],
      [],
    ]);
  });

  const secret =
    'not the name of a secret; allowed is the name or ARN of a secret in Secrets Manager, or on a laptop env:NAME or ' +
    'file:PATH. The value itself never stands here';
  it.each([
    [[], 'channels: must be there, as record'],
    [
      { Ops: onAws['ops'] },
      "channels.Ops: a channel's name has lower-case letters, digits and -, begins with a letter, and has at most 24",
    ],
    [
      { o: { kind: 'teams' } },
      'channels.o.kind: no kind of channel: slack, webhook, post, email, mail, and those of plugins',
    ],
    [{ o: { kind: 'slack' } }, 'channels.o.secret: must be there, as string'],
    [{ o: { kind: 'slack', secret: 'https://hooks.slack.com/services/T0/B0/xyz' } }, `channels.o.secret: ${secret}`],
    [{ o: { kind: 'slack', secret: 'xoxb-1234' } }, `channels.o.secret: ${secret}`],
    [
      { o: { kind: 'webhook', url: 'https://a.b/', secret: 'dGhpcyBpcyBhIHNlY3JldCB2YWx1ZTE' } },
      `channels.o.secret: ${secret}`,
    ],
    [{ o: { kind: 'webhook', url: 'https://a.b/', secret: ['one', 'whsec_abc'] } }, `channels.o.secret.1: ${secret}`],
    [
      { o: { kind: 'webhook', url: 'https://u:p@a.b/' } },
      'channels.o.url: not an https address without a user name in it',
    ],
    [
      { o: { kind: 'webhook', url: 'http://a.b/' } },
      'channels.o.url: a plain http address, which only a channel with "allowPrivate": true may have',
    ],
    [
      { o: { kind: 'webhook', url: 'file:///etc/passwd', allowPrivate: true } },
      'channels.o.url: not an https address without a user name in it',
    ],
    [
      { o: { kind: 'slack', secret: 'a', events: ['faild'] } },
      'channels.o.events.0: one of started, succeeded, failed, cancelled, retrying, deadline, approval is allowed',
    ],
    [{ o: { kind: 'slack', secret: 'a', attempts: 0 } }, 'channels.o.attempts: at least 1'],
    [{ o: { kind: 'slack', secret: 'a', attempts: 51 } }, 'channels.o.attempts: at most 50'],
    [{ o: { kind: 'slack', secret: 'a', chanel: '#x' } }, 'channels.o: no such field: chanel'],
    [{ o: { kind: 'email', from: 'a@b.c', to: [] } }, 'channels.o.to: at least 1'],
    [
      { o: { kind: 'email', from: 'x\r\nBcc: v@b.c <a@b.c>', to: ['a@b.c'] } },
      'channels.o.from: not an e-mail address, plain or as Name <address>',
    ],
    [{ o: { kind: 'email', from: 'a@b.c', to: ['a@b.c\nBcc: v@b.c'] } }, 'channels.o.to.0: not an e-mail address'],
    [
      Object.fromEntries(Array.from({ length: 21 }, (_, at) => [`c${at}`, onAws['ops']])),
      'channels: more than 20 channels',
    ],
    [
      { o: { kind: 'slack', secret: 'env:HOOK' }, p: { kind: 'webhook', url: 'https://a.b/', secret: 'file:x' } },
      'channels.o: env:HOOK is there on a laptop only; on AWS it is a secret in Secrets Manager; ' +
        'channels.p: file:x is there on a laptop only; on AWS it is a secret in Secrets Manager',
    ],
  ])('that are wrong are refused, with place and reason: %j', (channels, reason) => {
    expect(mistake(channels)).toBe(`BS2004 in bunsui.json: ${reason}`);
  });

  it('for AWS are passed over on a laptop, those that need nothing of AWS are not', () => {
    const { audit = onAws['ops'] } = onLaptop;
    expect(readLaptopChannels({ ...onAws, here: audit }, 'here')).toStrictEqual({
      channels: { people: onAws['people'], here: audit },
      onAwsOnly: ['ops', 'audit', 'plain'],
    });
    expect(() => readLaptopChannels({ o: { kind: 'slack' } }, 'bunsui.json')).toThrow(/channels\.o\.secret/);
  });

  it('have queues whose names fit, also those of the longest platform and channel', () => {
    expect(channelQueueName('bunsui', 'ops')).toBe('bunsui-notify-ops');
    expect(channelDeadLettersName('p'.repeat(40), 'c'.repeat(24)).length).toBeLessThanOrEqual(80);
  });
});

describe('who is told', () => {
  const events = channelEventsFrom(JSON.stringify(onAws));
  const rules = [
    { on: ['succeeded' as const], to: ['plain', 'ops'] },
    { on: ['failed' as const, 'retrying' as const], to: ['plain', 'gone'] },
  ];

  it.each([
    ['started', ['audit']],
    ['succeeded', ['audit', 'ops', 'plain']],
    ['failed', ['audit', 'ops', 'people', 'plain']],
    ['deadline', ['ops', 'people']],
    ['retrying', ['plain']],
    ['cancelled', []],
  ] as const)('of %s', (event, told) => {
    expect(channelsFor(event, rules, events)).toStrictEqual(told);
  });

  it('is nobody where there are no channels', () => {
    expect([channelsFor('failed', rules, channelEventsFrom(undefined)), channelEventsFrom('')]).toStrictEqual([[], {}]);
  });

  it('passes over events that this version does not know', () => {
    expect(channelEventsFrom('{"a":{"events":["dancing","failed"]}}')).toStrictEqual({ a: { events: ['failed'] } });
  });
});
