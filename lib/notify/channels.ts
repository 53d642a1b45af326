/**
 * Channels: where notices go. One JSON-able shape for the `channels` of the Platform construct, of `bunsui.json` on a
 * laptop, and of the variable `BUNSUI_CHANNELS` of functions. A channel names its secrets, it never holds one.
 */
import * as z from 'zod/mini';
import { BunsuiError } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';
import { type NoticeEvent, noticeEvents } from '../ir/nodes.ts';
import { defaultEvents } from '../sessions/notice-rules.ts';

/** What every kind of channel can say. */
interface ChannelBase {
  /**
   * What the channel hears of every pipeline, whatever the pipeline itself says.
   *
   * @default ["failed", "deadline"]
   */
  readonly events?: readonly NoticeEvent[] | undefined;
}

/** A channel with a queue of its own, from which the function `notify` delivers. */
interface QueuedChannel extends ChannelBase {
  /**
   * How often a notice is tried before it goes to the channel's dead letters, 1 to 50. The pauses between grow from 5
   * seconds to 15 minutes; ten tries take about an hour.
   *
   * @default 10
   */
  readonly attempts?: number | undefined;
}

/** Slack, or whatever takes its incoming webhooks. */
export interface SlackChannel extends QueuedChannel {
  readonly kind: 'slack';
  /** The secret that holds the webhook's URL: whoever knows the URL can write. See `SecretName`. */
  readonly secret: SecretName;
  /** Lets messages go to private and loopback addresses, and by plain http. @default false */
  readonly allowPrivate?: boolean | undefined;
}

/** An HTTPS address that takes the notice as JSON. */
export interface WebhookChannel extends QueuedChannel {
  readonly kind: 'webhook';
  readonly url: string;
  /** The secret that requests are signed with; two while one takes the place of the other. @default not signed */
  readonly secret?: SecretName | readonly SecretName[] | undefined;
  /** Lets requests go to private and loopback addresses, and by plain http. @default false */
  readonly allowPrivate?: boolean | undefined;
}

/**
 * An HTTPS address that takes JSON of a form of its own. In every text of the body `{{headline}}`, `{{error}}` and the
 * other names of `post.ts` stand for what the notice says, and `{{secret}}` there and in headers for the secret's value.
 */
export interface PostChannel extends QueuedChannel {
  readonly kind: 'post';
  /** @default the value of `address` */
  readonly url?: string | undefined;
  /** The secret that holds the URL: whoever knows the URL can write. */
  readonly address?: SecretName | undefined;
  /** Beside `content-type`. @default none */
  readonly headers?: { readonly [name: string]: string } | undefined;
  /** The secret that headers and body name as `{{secret}}`. @default none */
  readonly secret?: SecretName | undefined;
  readonly body: Json;
  /** The kind of a plugin that it was written as. @default it was written as it is */
  readonly writtenAs?: string | undefined;
  /** Lets requests go to private and loopback addresses, and by plain http. @default false */
  readonly allowPrivate?: boolean | undefined;
}

/** Mail by SES, from an address or domain that is verified there. */
export interface EmailChannel extends QueuedChannel {
  readonly kind: 'email';
  readonly from: string;
  /** 1 to 50 addresses. */
  readonly to: readonly string[];
}

/** Mail by the topic itself: needs no SES, has no looks, and each address confirms once. Deployed platforms only. */
export interface MailChannel extends ChannelBase {
  readonly kind: 'mail';
  /** 1 to 20 addresses. */
  readonly to: readonly string[];
}

/**
 * On AWS the name or ARN of a secret in Secrets Manager whose text is the value. On a laptop `env:NAME` (a variable of
 * the process that runs the runtime) or `file:PATH` (relative to `bunsui.json`).
 */
export type SecretName = string;
export type QueuedChannelConfig = SlackChannel | WebhookChannel | PostChannel | EmailChannel;
export type ChannelConfig = QueuedChannelConfig | MailChannel;
/** Channels by name: lower-case letters, digits and `-`, at most 24. */
export type Channels = { readonly [name: string]: ChannelConfig };

/** The kinds that bunsui has itself, and what each tells. */
export const channelSummaries: { readonly [kind in ChannelConfig['kind']]: string } = {
  slack: 'an incoming webhook of Slack',
  webhook: 'an HTTPS address that takes the notice as JSON, signed',
  post: 'an HTTPS address that takes JSON of a form of its own',
  email: 'people, by SES',
  mail: 'people, by the topic itself',
};
export const channelKinds: readonly string[] = Object.keys(channelSummaries);

/** How a channel's queue is set up; `notify` counts on it. */
export const channelQueue = {
  defaultAttempts: 10,
  /** One notice at a time and two at once: a receiver that hangs holds up nobody else. */
  batchSize: 1,
  maxConcurrency: 2,
  functionTimeoutSeconds: 20,
  /** Six times the function's timeout, as Lambda asks of queues that it reads. */
  visibilityTimeoutSeconds: 120,
  retentionSeconds: 4 * 86_400,
  deadLetterRetentionSeconds: 14 * 86_400,
} as const;

/** The queue of a channel. `notify` and the command line find it by its name. */
export function channelQueueName(prefix: string, channel: string): string {
  return `${prefix}-notify-${channel}`;
}

/** Where the notices of a channel go that could not be delivered. */
export function channelDeadLettersName(prefix: string, channel: string): string {
  return `${channelQueueName(prefix, channel)}-dead`;
}

const names = /^[a-z][a-z0-9-]{0,23}$/;
const arn = /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}$/;
const secretId = /^[A-Za-z0-9/_+=.@-]{1,512}$/;
const localSecret = /^(env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:[^\0\r\n]{1,1000})$/;

/** Values of secrets that would pass for a name: known beginnings, and long runs of mixed letters and digits. */
function looksLikeValue(text: string): boolean {
  if (arn.test(text)) return false;
  return (
    /^(xox[a-z]-|whsec_|sk_|sk-|gh[pousr]_|AKIA|eyJ)/.test(text) ||
    text
      .split(/[/_.@-]/)
      .some((part) => part.length >= 24 && /[a-z]/.test(part) && /[A-Z]/.test(part) && /\d/.test(part))
  );
}

const secretName = z.string().check(
  z.refine((text) => localSecret.test(text) || ((arn.test(text) || secretId.test(text)) && !looksLikeValue(text)), {
    // What was given may be the secret: it is not repeated.
    error:
      'not the name of a secret; allowed is the name or ARN of a secret in Secrets Manager, or on a laptop env:NAME or ' +
      'file:PATH. The value itself never stands here',
  }),
);
const address = z
  .string()
  .check(z.maxLength(254), z.regex(/^[^\s<>"(),:;@\\[\]]{1,64}@[A-Za-z0-9][A-Za-z0-9.-]*$/, 'not an e-mail address'));
const sender = z.string().check(
  z.maxLength(320),
  z.refine((text) => senderAddress(text) !== undefined, 'not an e-mail address, plain or as Name <address>'),
);

function senderAddress(text: string): string | undefined {
  const inner = /^[^<>"\\\p{Cc}]{1,60} <([^<>]+)>$/u.exec(text)?.[1] ?? text;
  return address.safeParse(inner).success ? inner : undefined;
}

const url = z.string().check(
  z.maxLength(2_000),
  z.refine((text) => {
    const parsed = URL.parse(text);
    return parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.username === '' && parsed.password === '';
  }, 'not an https address without a user name in it'),
);
const events = z.optional(z.array(z.enum(noticeEvents)).check(z.maxLength(noticeEvents.length)));
const attempts = z.optional(z.int().check(z.minimum(1), z.maximum(50)));
const allowPrivate = z.optional(z.boolean());

const channelSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('slack'), secret: secretName, allowPrivate, events, attempts }),
  z
    .strictObject({
      kind: z.literal('webhook'),
      url,
      secret: z.optional(z.union([secretName, z.array(secretName).check(z.minLength(1), z.maxLength(2))])),
      allowPrivate,
      events,
      attempts,
    })
    .check(
      z.refine((one) => one.allowPrivate === true || one.url.startsWith('https:'), {
        path: ['url'],
        error: 'a plain http address, which only a channel with "allowPrivate": true may have',
      }),
    ),
  z
    .strictObject({
      kind: z.literal('post'),
      url: z.optional(url),
      address: z.optional(secretName),
      secret: z.optional(secretName),
      headers: z.optional(
        z.record(
          z.string().check(z.regex(/^[A-Za-z][A-Za-z0-9-]{0,63}$/, 'not the name of a header')),
          z.string().check(z.regex(/^[\x20-\x7e]{0,1000}$/, 'not the text of a header')),
        ),
      ),
      body: z.json(),
      writtenAs: z.optional(z.string()),
      allowPrivate,
      events,
      attempts,
    })
    .check(
      z.refine((one) => (one.url === undefined) !== (one.address === undefined), {
        path: ['url'],
        error: 'either the address itself, or in "address" the secret that holds it',
      }),
      z.refine((one) => one.allowPrivate === true || one.url === undefined || one.url.startsWith('https:'), {
        path: ['url'],
        error: 'a plain http address, which only a channel with "allowPrivate": true may have',
      }),
    ),
  z.strictObject({
    kind: z.literal('email'),
    from: sender,
    to: z.array(address).check(z.minLength(1), z.maxLength(50)),
    events,
    attempts,
  }),
  z.strictObject({
    kind: z.literal('mail'),
    to: z.array(address).check(z.minLength(1), z.maxLength(20)),
    events,
  }),
]);

/** The channels of a platform, for schemas that hold them: see `Channels`. */
export const channelsSchema: z.ZodMiniType<Channels, unknown> = z
  .record(z.string().check(z.regex(names)), channelSchema)
  .check(z.refine((all) => Object.keys(all).length <= 20, 'more than 20 channels'));

/**
 * Checks channels of AWS that somebody wrote.
 *
 * @param where what they stand in, for messages: `bunsui.json`, `channels of the Platform`
 * @throws {BunsuiError} BS2004 with path and reason of every mistake. Secrets that were given are not in it.
 */
export function readChannels(value: unknown, where: string): Channels {
  const channels = read(value, where);
  const mistakes = Object.entries(channels).flatMap(([name, channel]) =>
    secretsOf(channel)
      .filter((secret) => localSecret.test(secret))
      .map(
        (secret) => `channels.${name}: ${secret} is there on a laptop only; on AWS it is a secret in Secrets Manager`,
      ),
  );
  if (mistakes.length > 0) throw wrongChannels(where, mistakes);
  return channels;
}

/** The channels of a platform on AWS, and the names of those that are for a laptop. */
export interface AwsChannels {
  readonly channels: Channels;
  readonly onLaptopOnly: readonly string[];
}

/**
 * Checks channels that stand where those of laptop and AWS may stand together: each place passes over those whose
 * secrets are in the other.
 *
 * @throws {BunsuiError} BS2004 as `readChannels`
 */
export function readAwsChannels(value: unknown, where: string): AwsChannels {
  const all = Object.entries(read(value, where));
  const isThere = (channel: ChannelConfig) => !secretsOf(channel).some((secret) => localSecret.test(secret));
  return {
    channels: Object.fromEntries(all.filter(([, channel]) => isThere(channel))),
    onLaptopOnly: all.flatMap(([name, channel]) => (isThere(channel) ? [] : [name])),
  };
}

/** The channels of a laptop, and the names of those that are for AWS: their secrets, or their topic, are not here. */
export interface LaptopChannels {
  readonly channels: Channels;
  readonly onAwsOnly: readonly string[];
}

/** Checks the channels of `bunsui.json`, where those of AWS may stand too. @throws {BunsuiError} BS2004 as `readChannels` */
export function readLaptopChannels(value: unknown, where: string): LaptopChannels {
  const all = Object.entries(read(value, where));
  const isHere = (channel: ChannelConfig) =>
    channel.kind !== 'mail' && secretsOf(channel).every((secret) => localSecret.test(secret));
  return {
    channels: Object.fromEntries(all.filter(([, channel]) => isHere(channel))),
    onAwsOnly: all.flatMap(([name, channel]) => (isHere(channel) ? [] : [name])),
  };
}

/** The text of `BUNSUI_CHANNELS`, which CDK or the command line has checked before; none when it is not set. */
export function channelsFromEnvironment(text: string | undefined): Channels {
  return text === undefined || text === '' ? {} : read(JSON.parse(text), 'BUNSUI_CHANNELS');
}

function read(value: unknown, where: string): Channels {
  const parsed = channelsSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw wrongChannels(
    where,
    parsed.error.issues.flatMap((issue) => mistakesOf(issue, [])),
  );
}

function wrongChannels(where: string, mistakes: readonly string[]): BunsuiError {
  return new BunsuiError('ConfigError', 'BS2004', `in ${where}: ${mistakes.join('; ')}`, {
    hint: 'a channel is slack { secret }, webhook { url, secret }, post { url, body }, email { from, to } or mail { to }, each with "kind" and, if need be, "events"',
  });
}

type Issue = z.core.$ZodIssue;

function mistakesOf(issue: Issue, above: readonly PropertyKey[]): readonly string[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // Of the ways to write a value, the one that comes closest says what is wrong.
    const [nearest = []] = [...issue.errors].sort((a, b) => a.length - b.length);
    return nearest.flatMap((one) => mistakesOf(one, path));
  }
  const at = ['channels', ...path].join('.');
  if (issue.code === 'invalid_key') {
    return [`${at}: a channel's name has lower-case letters, digits and -, begins with a letter, and has at most 24`];
  }
  return [`${at}: ${reasonOf(issue)}`];
}

/** zod/mini has no words of its own; those of this file's checks stand. */
function reasonOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_union':
      return `no kind of channel: ${channelKinds.join(', ')}, and those of plugins`;
    case 'invalid_value':
      return `one of ${issue.values.join(', ')} is allowed`;
    case 'unrecognized_keys':
      return `no such field: ${issue.keys.join(', ')}`;
    case 'invalid_type':
      return `must be there, as ${issue.expected}`;
    case 'too_small':
      return `at least ${issue.minimum}`;
    case 'too_big':
      return `at most ${issue.maximum}`;
    default:
      return issue.message;
  }
}

/** The secrets that a channel names. */
export function secretsOf(channel: ChannelConfig): readonly SecretName[] {
  if (channel.kind === 'slack') return [channel.secret];
  if (channel.kind === 'post') return [channel.address, channel.secret].flatMap((name) => name ?? []);
  if (channel.kind !== 'webhook' || channel.secret === undefined) return [];
  return typeof channel.secret === 'string' ? [channel.secret] : channel.secret;
}

/** What a channel hears of every pipeline. */
export function eventsOf(channel: ChannelConfig): readonly NoticeEvent[] {
  return channel.events ?? defaultEvents;
}
