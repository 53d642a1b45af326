/**
 * Delivers a notice to a channel, once. What came of it is a value: whether to try again, and when, decides who holds
 * the queue.
 */
import { SendEmailCommand, type SESv2Client } from '@aws-sdk/client-sesv2';
import { BunsuiError } from '../errors.ts';
import type { Notice } from '../sessions/notice.ts';
import { printable } from '../sessions/notice-message.ts';
import {
  type PostChannel,
  type QueuedChannelConfig,
  type SlackChannel,
  secretsOf,
  type WebhookChannel,
} from './channels.ts';
import { emailOf } from './email.ts';
import { type Lookup, type OutgoingAnswer, postOutside } from './outgoing.ts';
import { postOf } from './post.ts';
import { countRepeat, type Repeat, type RepeatDeps } from './repeats.ts';
import type { Secrets } from './secrets.ts';
import { signedHeaders } from './signature.ts';
import { slackMessage } from './slack.ts';

/** What came of a delivery. `reason` is for people: status and beginning of an answer, or an error; no secrets. */
export type Delivered =
  | { readonly outcome: 'delivered' }
  /** Later it may go well. `afterSeconds`: the receiver has said when. */
  | { readonly outcome: 'retry'; readonly reason: string; readonly afterSeconds?: number }
  /** It will never go well: the receiver refuses it, or nothing may be sent there. */
  | { readonly outcome: 'refused'; readonly reason: string };

export interface DeliverDeps extends RepeatDeps {
  readonly secrets: Secrets;
  readonly ses: Pick<SESv2Client, 'send'>;
  /** The link by which a channel answers what a notice asks; left out where there is no API to open it. */
  readonly answerLink?: (notice: Notice, channel: string) => Promise<string | undefined>;
  /** Hears of what goes wrong beside the delivery. */
  readonly warn: (message: string) => void;
  /** @default the system's */
  readonly lookup?: Lookup;
}

/** The longest pause that a queue can keep. */
const maxAfterSeconds = 43_200;
const maxReason = 400;

/** Delivers. Never throws: what goes wrong is a reason to try again. */
export async function deliver(
  deps: DeliverDeps,
  name: string,
  channel: QueuedChannelConfig,
  notice: Notice,
): Promise<Delivered> {
  try {
    // Made here and not where it is published: a notice lies in queues, and whoever holds a link may answer.
    const link = await deps.answerLink?.(notice, name);
    switch (channel.kind) {
      case 'slack':
        return await toSlack(deps, channel, notice, await repeatOf(deps, name, notice), link);
      case 'webhook':
        return await toWebhook(deps, channel, notice, link);
      case 'post':
        return await toPost(deps, channel, notice, link);
      case 'email':
        await deps.ses.send(new SendEmailCommand(emailOf(notice, channel, await repeatOf(deps, name, notice), link)));
        return { outcome: 'delivered' };
    }
  } catch (error) {
    return outcomeOf(error);
  }
}

/** Counting is a courtesy: when it fails the notice is told in full. */
async function repeatOf(deps: DeliverDeps, name: string, notice: Notice): Promise<Repeat | undefined> {
  try {
    return await countRepeat(deps, name, notice);
  } catch (error) {
    deps.warn(`repeats could not be counted: ${error instanceof Error ? error.name : 'unknown error'}`);
    return undefined;
  }
}

async function toSlack(
  deps: DeliverDeps,
  channel: SlackChannel,
  notice: Notice,
  repeat: Repeat | undefined,
  link: string | undefined,
): Promise<Delivered> {
  const body = JSON.stringify(slackMessage(notice, repeat, link));
  return withSecrets(deps, [channel.secret], ([address = '']) => post(deps, channel, address, {}, body));
}

async function toWebhook(
  deps: DeliverDeps,
  channel: WebhookChannel,
  notice: Notice,
  link: string | undefined,
): Promise<Delivered> {
  const body = JSON.stringify(link === undefined ? notice : { ...notice, approval: { ...notice.approval, link } });
  return withSecrets(deps, secretsOf(channel), (secrets) =>
    post(deps, channel, channel.url, signedHeaders(notice.delivery_id, body, secrets, deps.now()), body),
  );
}

async function toPost(
  deps: DeliverDeps,
  channel: PostChannel,
  notice: Notice,
  link: string | undefined,
): Promise<Delivered> {
  return withSecrets(deps, secretsOf(channel), (values) => {
    const [first, second] = values;
    const [address = '', secret] = channel.url === undefined ? [first, second] : [channel.url, first];
    const { headers, body } = postOf(channel, notice, secret, link);
    return post(deps, channel, address, headers, body);
  });
}

function post(
  deps: DeliverDeps,
  { allowPrivate = false }: SlackChannel | WebhookChannel | PostChannel,
  address: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<OutgoingAnswer> {
  const all = { 'content-type': 'application/json', 'user-agent': 'bunsui', ...headers };
  return postOutside(address, all, body, { allowPrivate, ...(deps.lookup && { lookup: deps.lookup }) });
}

/** Sends; and once more when the receiver does not know us and one of the secrets has another value by now. */
async function withSecrets(
  deps: DeliverDeps,
  names: readonly string[],
  send: (values: readonly string[]) => Promise<OutgoingAnswer>,
): Promise<Delivered> {
  const read = () => Promise.all(names.map((name) => deps.secrets.read(name)));
  const values = await read();
  const answer = await send(values);
  if (answer.status !== 401 && answer.status !== 403) return outcomeOfAnswer(answer, values, deps.now());
  const changed = await Promise.all(names.map((name) => deps.secrets.refresh(name)));
  if (!changed.includes(true)) return outcomeOfAnswer(answer, values, deps.now());
  const current = await read();
  return outcomeOfAnswer(await send(current), current, deps.now());
}

function outcomeOfAnswer(answer: OutgoingAnswer, secrets: readonly string[], nowMs: number): Delivered {
  const { status, headers, text } = answer;
  if (status >= 200 && status < 300) return { outcome: 'delivered' };
  const said = printable(withoutSecrets(text, secrets)).trim();
  const reason = `HTTP ${status}${said === '' ? '' : `: ${said}`}`.slice(0, maxReason);
  if (status >= 300 && status < 400)
    return { outcome: 'refused', reason: `HTTP ${status}: redirects are not followed` };
  if (status >= 400 && status < 500 && status !== 408 && status !== 429) return { outcome: 'refused', reason };
  const afterSeconds = readRetryAfter(headers['retry-after'], nowMs);
  return { outcome: 'retry', reason, ...(afterSeconds !== undefined && { afterSeconds }) };
}

/** A receiver may repeat what it was sent. Of a secret that is an address, the parts of its path are as secret. */
function withoutSecrets(text: string, secrets: readonly string[]): string {
  const parts = secrets.flatMap((secret) => {
    const { pathname = '', search = '' } = URL.parse(secret) ?? {};
    const path = `${pathname}${search}`;
    return [secret, ...[path, ...path.split(/[/?&=]/)].filter(({ length }) => length > 5)];
  });
  const longestFirst = parts.sort((a, b) => b.length - a.length);
  return longestFirst.reduce((rest, part) => rest.replaceAll(part, '[secret]'), text);
}

/** Seconds, or a date. @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after */
function readRetryAfter(value: string | string[] | undefined, nowMs: number): number | undefined {
  if (typeof value !== 'string') return undefined;
  const seconds = /^\d{1,9}$/.test(value) ? Number(value) : Math.ceil((Date.parse(value) - nowMs) / 1_000);
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), maxAfterSeconds) : undefined;
}

/** SES names what will not go well on another day either. */
const refusedBySes =
  /^(MessageRejected|MailFromDomainNotVerifiedException|BadRequestException|AccountSuspendedException)$/;

function outcomeOf(error: unknown): Delivered {
  if (error instanceof BunsuiError) {
    return { outcome: error.recoverable ? 'retry' : 'refused', reason: `${error.code} ${error.message}` };
  }
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
  const reason = printable(`${name}: ${message}`).slice(0, maxReason);
  return { outcome: refusedBySes.test(name) ? 'refused' : 'retry', reason };
}
