/** The dead letters of channels: looked at without taking them, and sent back to be delivered after all. */
import {
  ChangeMessageVisibilityCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListMessageMoveTasksCommand,
  type Message,
  type QueueAttributeName,
  ReceiveMessageCommand,
  StartMessageMoveTaskCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { BunsuiError } from '../errors.ts';
import type { Notice } from '../sessions/notice.ts';
import { channelDeadLettersName, channelQueueName } from './channels.ts';
import { readNotice } from './read-notice.ts';

export interface QueueDeps {
  readonly sqs: Pick<SQSClient, 'send'>;
  /** The platform's. */
  readonly prefix: string;
}

/** How many messages a channel has. SQS counts approximately. */
export interface ChannelCounts {
  /** To be delivered, now or when a pause is over. */
  readonly waiting: number;
  readonly dead: number;
}

export interface DeadLetter {
  /** Why it was given up; not known of those that the function died of. */
  readonly reason?: string;
  /** When it was put here, or first published, ISO 8601 in UTC. */
  readonly since: string;
  /** `undefined`: what lies there is no notice. */
  readonly notice?: Notice;
}

const counted: readonly QueueAttributeName[] = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
];
/** Others see the messages again when we have shown them; this long they do not if we die meanwhile. */
const hiddenSeconds = 20;

/** Counts what waits and what is dead. */
export async function channelCounts(deps: QueueDeps, channel: string): Promise<ChannelCounts> {
  const [waiting, dead] = await Promise.all([
    countOf(deps, channelQueueName(deps.prefix, channel)),
    countOf(deps, channelDeadLettersName(deps.prefix, channel)),
  ]);
  return { waiting, dead };
}

async function countOf(deps: QueueDeps, name: string): Promise<number> {
  const { url } = await queueNamed(deps, name);
  const { Attributes = {} } = await deps.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: [...counted] }),
  );
  return counted.reduce((sum, attribute) => sum + Number(Attributes[attribute] ?? 0), 0);
}

/** Dead letters of a channel, at most `limit`. They stay where they are. */
export async function deadLetters(deps: QueueDeps, channel: string, limit: number): Promise<readonly DeadLetter[]> {
  const { url: QueueUrl } = await queueNamed(deps, channelDeadLettersName(deps.prefix, channel));
  const messages: Message[] = [];
  try {
    // A receive may come back with few or none though there are more: two that bring nothing are the end.
    for (let empty = 0; messages.length < limit && empty < 2; ) {
      const { Messages = [] } = await deps.sqs.send(
        new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: Math.min(10, limit - messages.length),
          VisibilityTimeout: hiddenSeconds,
          MessageSystemAttributeNames: ['SentTimestamp'],
          MessageAttributeNames: ['reason'],
        }),
      );
      messages.push(...Messages);
      empty = Messages.length === 0 ? empty + 1 : 0;
    }
  } finally {
    await Promise.all(
      messages.map(({ ReceiptHandle }) =>
        deps.sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 })),
      ),
    );
  }
  return messages.map(letterOf).sort((a, b) => (a.since < b.since ? -1 : 1));
}

function letterOf({ Body = '', Attributes, MessageAttributes }: Message): DeadLetter {
  const reason = MessageAttributes?.['reason']?.StringValue;
  const notice = readNotice(Body);
  return {
    since: new Date(Number(Attributes?.SentTimestamp ?? 0)).toISOString(),
    ...(reason !== undefined && { reason }),
    ...(typeof notice !== 'string' && { notice }),
  };
}

/** Sends the dead letters of a channel back to its queue. @returns how many there were */
export async function redriveDeadLetters(
  deps: QueueDeps,
  channel: string,
  pause: (ms: number) => Promise<unknown>,
): Promise<number> {
  const [dead, queue] = await Promise.all([
    queueNamed(deps, channelDeadLettersName(deps.prefix, channel)),
    queueNamed(deps, channelQueueName(deps.prefix, channel)),
  ]);
  if ((await channelCounts(deps, channel)).dead === 0) return 0;
  const [SourceArn, DestinationArn] = await Promise.all([arnOf(deps, dead.url), arnOf(deps, queue.url)]);
  await deps.sqs.send(new StartMessageMoveTaskCommand({ SourceArn, DestinationArn }));
  for (let asked = 0; asked < maxAsked; asked += 1) {
    const { Results = [] } = await deps.sqs.send(new ListMessageMoveTasksCommand({ SourceArn, MaxResults: 1 }));
    const { Status, ApproximateNumberOfMessagesMoved: moved = 0, FailureReason = 'no reason given' } = Results[0] ?? {};
    if (Status === 'COMPLETED') return moved;
    if (Status === 'FAILED' || Status === 'CANCELLED') {
      throw new BunsuiError('AWSError', 'BS5001', `SQS moved ${moved} notices, then it stopped: ${FailureReason}`);
    }
    await pause(askEveryMs);
  }
  throw new BunsuiError('AWSError', 'BS5001', 'SQS is still moving notices after five minutes', { recoverable: true });
}

const askEveryMs = 500;
const maxAsked = 600;

async function arnOf({ sqs }: QueueDeps, QueueUrl: string): Promise<string> {
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
  return Attributes?.QueueArn ?? '';
}

async function queueNamed({ sqs }: QueueDeps, QueueName: string): Promise<{ readonly url: string }> {
  try {
    const { QueueUrl = '' } = await sqs.send(new GetQueueUrlCommand({ QueueName }));
    return { url: QueueUrl };
  } catch (cause) {
    if (!(cause instanceof Error) || !/QueueDoesNotExist|NonExistentQueue/.test(cause.name)) throw cause;
    throw new BunsuiError('ConfigError', 'BS3009', `the channel has no queue: there is no ${QueueName}`, {
      hint: 'deploy the platform again',
      cause,
    });
  }
}
