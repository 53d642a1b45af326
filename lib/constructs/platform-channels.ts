/**
 * Channels of a platform: a queue each, with its own dead letters, so that one that is dead delays no other. The topic
 * puts into a queue what names its channel, and the one function `notify` delivers from all of them.
 */
import { ArnFormat, Duration, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import { Subscription, SubscriptionFilter, SubscriptionProtocol } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { ChannelConfig, Channels, QueuedChannelConfig } from '../notify/channels.ts';
import { channelDeadLettersName, channelQueue, channelQueueName, secretsOf } from '../notify/channels.ts';
import type { Permission } from './permission.ts';
import { encryptedQueue } from './platform-messages.ts';

/** A channel with a queue. */
export interface ChannelQueues {
  readonly queue: Queue;
  /** Notices that could not be delivered. */
  readonly deadLetters: Queue;
}

export interface ChannelParts {
  readonly prefix: string;
  readonly channels: Channels;
  readonly topic: Topic;
  readonly encryptionKey: IKey | undefined;
}

function isQueued(config: ChannelConfig): config is QueuedChannelConfig {
  return config.kind !== 'mail';
}

/** Notices that name the channel, as they were published. */
function notices(channel: string) {
  return { filterPolicy: { channels: SubscriptionFilter.stringFilter({ allowlist: [channel] }) } };
}

/** Makes queues and subscriptions; the queues by channel. */
export function channelQueues(scope: Construct, parts: ChannelParts): { readonly [channel: string]: ChannelQueues } {
  const channels = new Construct(scope, 'Channels');
  const made = Object.entries(parts.channels).flatMap(([name, config]): [string, ChannelQueues][] => {
    const channel = new Construct(channels, name);
    if (isQueued(config)) return [[name, queuesOf(channel, name, config, parts)]];
    for (const address of config.to) {
      new Subscription(channel, `Mail-${address}`, {
        topic: parts.topic,
        protocol: SubscriptionProtocol.EMAIL,
        endpoint: address,
        ...notices(name),
      });
    }
    return [];
  });
  return Object.fromEntries(made);
}

function queuesOf(
  channel: Construct,
  name: string,
  { attempts = channelQueue.defaultAttempts }: QueuedChannelConfig,
  { prefix, topic, encryptionKey }: ChannelParts,
): ChannelQueues {
  const deadLetters = encryptedQueue(channel, 'DeadLetters', encryptionKey, {
    queueName: channelDeadLettersName(prefix, name),
    retentionPeriod: Duration.seconds(channelQueue.deadLetterRetentionSeconds),
  });
  const queue = encryptedQueue(channel, 'Queue', encryptionKey, {
    queueName: channelQueueName(prefix, name),
    retentionPeriod: Duration.seconds(channelQueue.retentionSeconds),
    visibilityTimeout: Duration.seconds(channelQueue.visibilityTimeoutSeconds),
    // `notify` puts away what it gives up, together with the reason. This is for what `notify` itself died of.
    deadLetterQueue: { queue: deadLetters, maxReceiveCount: attempts + 2 },
  });
  queue.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal('sns.amazonaws.com')],
      actions: ['sqs:SendMessage'],
      resources: [queue.queueArn],
      conditions: { ArnEquals: { 'aws:SourceArn': topic.topicArn } },
    }),
  );
  new Subscription(channel, 'Subscription', {
    topic,
    protocol: SubscriptionProtocol.SQS,
    endpoint: queue.queueArn,
    rawMessageDelivery: true,
    ...notices(name),
  }).node.addDependency(queue);
  return { queue, deadLetters };
}

/** Lets `notify` read the queues. */
export function deliverFrom(notify: LambdaFunction, queues: { readonly [channel: string]: ChannelQueues }): void {
  for (const { queue } of Object.values(queues)) {
    notify.addEventSource(
      new SqsEventSource(queue, {
        batchSize: channelQueue.batchSize,
        maxConcurrency: channelQueue.maxConcurrency,
        reportBatchItemFailures: true,
      }),
    );
  }
}

/** What `notify` may do for these channels beyond reading their queues: put away, read secrets, send mail. */
export function channelPermissions(
  scope: Construct,
  channels: Channels,
  queues: { readonly [channel: string]: ChannelQueues },
): readonly Permission[] {
  const stack = Stack.of(scope);
  const permission = (actions: readonly string[], resources: readonly string[]): readonly Permission[] =>
    resources.length === 0 ? [] : [{ actions, resources: [...new Set(resources)] }];
  const secret = (name: string) =>
    name.startsWith('arn:')
      ? name
      : stack.formatArn({
          service: 'secretsmanager',
          resource: 'secret',
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          // Secrets Manager ends the ARN with six characters of its own.
          resourceName: `${name}-??????`,
        });
  const identity = (resourceName: string) => stack.formatArn({ service: 'ses', resource: 'identity', resourceName });
  const senders = Object.values(channels).flatMap((config) => (config.kind === 'email' ? [config.from] : []));
  const addresses = senders.map((sender) => /<([^<>]+)>$/.exec(sender)?.[1] ?? sender);
  return [
    ...permission(
      ['sqs:SendMessage', 'sqs:GetQueueUrl'],
      Object.values(queues).map(({ deadLetters }) => deadLetters.queueArn),
    ),
    ...permission(['secretsmanager:GetSecretValue'], Object.values(channels).flatMap(secretsOf).map(secret)),
    // The address itself may be verified, or its whole domain.
    ...permission(
      ['ses:SendEmail'],
      addresses.flatMap((address) => [identity(address), identity(address.split('@').at(-1) ?? address)]),
    ),
  ];
}
