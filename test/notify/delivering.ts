/** What delivering takes, over the runtime of this machine: its queues, secrets, table and mail are real. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SESv2Client } from '@aws-sdk/client-sesv2';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { onTestFinished } from 'vitest';
import { localClient } from '../../lib/local/client.ts';
import { ensurePlatform } from '../../lib/local/platform.ts';
import { queueArn } from '../../lib/local/sqs.ts';
import type { Channels } from '../../lib/notify/channels.ts';
import { secretsOf } from '../../lib/notify/channels.ts';
import { secretsFrom } from '../../lib/notify/secrets.ts';
import { type TakeDeps, type TakenMessage, takeMessages } from '../../lib/notify/take-messages.ts';
import type { Notice } from '../../lib/sessions/notice.ts';
import { platformNames } from '../../lib/storage-layout.ts';
import { clientConfig } from '../contract/target.ts';
import { openForTest } from '../local/runtimes.ts';

export interface Delivering {
  readonly deps: TakeDeps;
  readonly stateDir: string;
  readonly sqs: SQSClient;
  /** What was reported, in order. */
  readonly taken: readonly TakenMessage[];
  readonly warnings: readonly string[];
  /** What the clock of the deps says; it stands still until somebody moves it. */
  readonly clock: { nowMs: number };
  /** Puts a notice into the queue of a channel. */
  send(channel: string, notice: Notice | string): Promise<void>;
  /** Receives what is visible in the queue of a channel and has it delivered. @returns how many stay in the queue */
  takeAll(channel: string): Promise<number>;
  /** Reasons and bodies of a channel's dead letters. */
  dead(channel: string): Promise<readonly { readonly reason: string | undefined; readonly body: string }[]>;
  /** Seconds for which the channel's messages are hidden is not told by SQS; how many are, it says. */
  hidden(channel: string): Promise<number>;
}

/** @param secrets values of `env:NAME`, for the time of the test */
export async function delivering(
  channels: Channels,
  secrets: Readonly<Record<string, string>> = {},
  more: Partial<TakeDeps> = {},
): Promise<Delivering> {
  for (const [name, value] of Object.entries(secrets)) process.env[name] = value;
  onTestFinished(() => {
    for (const name of Object.keys(secrets)) delete process.env[name];
  });
  const runtime = await openForTest();
  await ensurePlatform(runtime);
  await localClient(runtime).private('PUT', 'notices', {
    topicArn: 'none',
    functionName: 'none',
    recordFunctionName: 'none',
    queues: [],
    secrets: Object.values(channels).flatMap(secretsOf),
  });
  const config = clientConfig(runtime);
  const sqs = new SQSClient(config);
  const arnOf = (name: string) => queueArn(runtime, name);
  const urls = new Map<string, string>();
  for (const name of Object.keys(channels)) {
    const dead = await sqs.send(new CreateQueueCommand({ QueueName: `test-notify-${name}-dead` }));
    const RedrivePolicy = JSON.stringify({
      deadLetterTargetArn: arnOf(`test-notify-${name}-dead`),
      maxReceiveCount: 10,
    });
    const queue = await sqs.send(
      new CreateQueueCommand({ QueueName: `test-notify-${name}`, Attributes: { RedrivePolicy } }),
    );
    urls.set(name, queue.QueueUrl ?? '').set(`${name}-dead`, dead.QueueUrl ?? '');
  }
  const receive = async (name: string) =>
    (
      await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl: urls.get(name),
          MaxNumberOfMessages: 10,
          MessageSystemAttributeNames: ['All'],
          MessageAttributeNames: ['All'],
        }),
      )
    ).Messages ?? [];
  const taken: TakenMessage[] = [];
  const warnings: string[] = [];
  const clock = { nowMs: Date.parse('2026-11-20T06:03:13.000Z') };
  const now = () => clock.nowMs;
  const deps: TakeDeps = {
    channels,
    sqs,
    db: DynamoDBDocumentClient.from(new DynamoDBClient(config)),
    sessionsTable: platformNames({ account: runtime.accountId, region: runtime.region }).sessionsTable,
    ses: new SESv2Client(config),
    secrets: secretsFrom(new SecretsManagerClient(config), now),
    now,
    random: () => 0,
    warn: (message) => warnings.push(message),
    report: (one) => taken.push(one),
    ...more,
  };
  return {
    deps,
    stateDir: runtime.stateDir,
    sqs,
    taken,
    warnings,
    clock,
    async send(channel, notice) {
      const MessageBody = typeof notice === 'string' ? notice : JSON.stringify(notice);
      await sqs.send(new SendMessageCommand({ QueueUrl: urls.get(channel), MessageBody }));
    },
    async takeAll(channel) {
      const messages = await receive(channel);
      const { batchItemFailures } = await takeMessages(
        deps,
        messages.map(({ MessageId = '', ReceiptHandle = '', Body = '', Attributes }) => ({
          messageId: MessageId,
          receiptHandle: ReceiptHandle,
          body: Body,
          eventSourceARN: arnOf(`test-notify-${channel}`),
          attributes: { ApproximateReceiveCount: Attributes?.ApproximateReceiveCount ?? '' },
        })),
      );
      const stay = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      // What Lambda does with the rest.
      for (const { MessageId = '', ReceiptHandle } of messages) {
        if (stay.has(MessageId)) continue;
        await sqs.send(new DeleteMessageCommand({ QueueUrl: urls.get(channel), ReceiptHandle }));
      }
      return stay.size;
    },
    dead: async (channel) =>
      (await receive(`${channel}-dead`)).map(({ Body = '', MessageAttributes }) => ({
        reason: MessageAttributes?.['reason']?.StringValue,
        body: Body,
      })),
    async hidden(channel) {
      const { Attributes } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl: urls.get(channel), AttributeNames: ['All'] }),
      );
      return Number(Attributes?.ApproximateNumberOfMessagesNotVisible);
    },
  };
}
