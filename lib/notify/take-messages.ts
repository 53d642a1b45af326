/**
 * Takes notices off the queues of channels: each is delivered, left in its queue for later, or put among the channel's
 * dead letters together with the reason.
 */
import {
  ChangeMessageVisibilityCommand,
  GetQueueUrlCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { type Channels, channelQueue, type QueuedChannelConfig } from './channels.ts';
import { type DeliverDeps, deliver } from './deliver.ts';
import { readNotice } from './read-notice.ts';
import { isTest, noteTest } from './test-notice.ts';

/** A message as Lambda hands it over. */
export interface QueueRecord {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly eventSourceARN: string;
  readonly attributes: { readonly ApproximateReceiveCount: string };
}

/** Messages that stay in their queue. @see https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html */
export interface TakenMessages {
  readonly batchItemFailures: readonly { readonly itemIdentifier: string }[];
}

/** What happened to one message, for the log. */
export interface TakenMessage {
  readonly channel: string;
  readonly outcome: 'delivered' | 'later' | 'dead';
  readonly receives: number;
  readonly delivery_id?: string;
  readonly session_id?: string;
  readonly pipeline_id?: string;
  readonly reason?: string;
  readonly afterSeconds?: number;
}

export interface TakeDeps extends DeliverDeps {
  readonly channels: Channels;
  readonly sqs: Pick<SQSClient, 'send'>;
  /** 0 to 1. */
  readonly random: () => number;
  readonly report: (taken: TakenMessage) => void;
}

/** Takes messages, all at once. */
export async function takeMessages(deps: TakeDeps, records: readonly QueueRecord[]): Promise<TakenMessages> {
  const stays = await Promise.all(
    records.map(async (record) => ((await takeMessage(deps, record)) ? [] : [{ itemIdentifier: record.messageId }])),
  );
  return { batchItemFailures: stays.flat() };
}

/** Reports, and notes what came of a test for who waits for it. */
async function tellOf(deps: TakeDeps, taken: TakenMessage): Promise<void> {
  deps.report(taken);
  if (taken.delivery_id === undefined || !isTest(taken.delivery_id)) return;
  await noteTest(deps, taken).catch((error: unknown) => {
    deps.warn(`what came of a test could not be noted: ${error instanceof Error ? error.name : 'unknown error'}`);
  });
}

/** @returns whether the message is done with. */
async function takeMessage(deps: TakeDeps, record: QueueRecord): Promise<boolean> {
  const receives = Number(record.attributes.ApproximateReceiveCount);
  const found = channelOf(deps.channels, record.eventSourceARN);
  const notice = readNotice(record.body);
  if (found === undefined || typeof notice === 'string') {
    const reason = found === undefined ? 'the platform has no such channel any more' : `this is no notice: ${notice}`;
    return bury(deps, record, { channel: found?.name ?? '?', receives, reason, outcome: 'dead' });
  }
  const { name: channel, config } = found;
  const { delivery_id, session_id, pipeline_id } = notice;
  const about = { channel, receives, delivery_id, session_id, pipeline_id };
  const delivered = await deliver(deps, channel, config, notice);
  if (delivered.outcome === 'delivered') {
    await tellOf(deps, { ...about, outcome: 'delivered' });
    return true;
  }
  const { reason } = delivered;
  const isLast = receives >= (config.attempts ?? channelQueue.defaultAttempts);
  if (delivered.outcome === 'refused' || isLast) return bury(deps, record, { ...about, reason, outcome: 'dead' });
  const afterSeconds = pauseSeconds(receives, deps.random(), delivered.afterSeconds);
  await postpone(deps, record, afterSeconds);
  await tellOf(deps, { ...about, reason, afterSeconds, outcome: 'later' });
  return false;
}

/** The channel whose queue it is: of several that end alike the longest name. */
function channelOf(
  channels: Channels,
  queueArn: string,
): { readonly name: string; readonly config: QueuedChannelConfig } | undefined {
  const name = Object.keys(channels)
    .filter((one) => queueArn.endsWith(`-notify-${one}`))
    .sort((a, b) => b.length - a.length)[0];
  const config = name === undefined ? undefined : channels[name];
  return name === undefined || config === undefined || config.kind === 'mail' ? undefined : { name, config };
}

/** 5, 15, 45 … 900 seconds and up to a fifth more, and never before the receiver wants it. */
function pauseSeconds(receives: number, random: number, askedSeconds = 0): number {
  const own = Math.min(5 * 3 ** Math.min(receives - 1, 10), 900);
  return Math.max(Math.ceil(own * (1 + random / 5)), askedSeconds);
}

async function postpone({ sqs, warn }: TakeDeps, record: QueueRecord, afterSeconds: number): Promise<void> {
  try {
    const QueueUrl = await queueUrl(sqs, record.eventSourceARN);
    const { receiptHandle: ReceiptHandle } = record;
    await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: afterSeconds }));
  } catch (error) {
    // It comes back all the same, when the queue's own time is over.
    warn(`a message could not be postponed: ${error instanceof Error ? error.name : 'unknown error'}`);
  }
}

/** A message that gets no chance any more is put away by us, and not by the queue, so that it carries the reason. */
async function bury(deps: TakeDeps, record: QueueRecord, taken: TakenMessage): Promise<boolean> {
  const { reason = '' } = taken;
  const text = (value: string) => ({ DataType: 'String', StringValue: value });
  try {
    await deps.sqs.send(
      new SendMessageCommand({
        QueueUrl: await queueUrl(deps.sqs, `${record.eventSourceARN}-dead`),
        MessageBody: record.body,
        MessageAttributes: { reason: text(reason.slice(0, 1_000)), receives: text(String(taken.receives)) },
      }),
    );
  } catch (error) {
    // The queue puts it away by itself in the end.
    deps.warn(
      `a message could not be put among dead letters: ${error instanceof Error ? error.name : 'unknown error'}`,
    );
    await tellOf(deps, { ...taken, outcome: 'later' });
    return false;
  }
  await tellOf(deps, taken);
  return true;
}

/** Asked for with each message that fails, which is seldom enough. */
async function queueUrl(sqs: TakeDeps['sqs'], queueArn: string): Promise<string> {
  const QueueName = queueArn.split(':').at(-1);
  const { QueueUrl = '' } = await sqs.send(new GetQueueUrlCommand({ QueueName }));
  return QueueUrl;
}
