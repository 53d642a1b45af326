/** Where a platform's messages go: the topic for notices, the queue for what nobody could do anything with. */
import { Duration, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Alias } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';

/** The topic: encrypted, and closed to publishers that do not use TLS. */
export function noticeTopic(scope: Construct, encryptionKey: IKey | undefined): Topic {
  return new Topic(scope, 'Notices', {
    displayName: 'bunsui notices',
    enforceSSL: true,
    // SNS keeps messages in the clear without a key; the one of AWS costs nothing and lets this account's publishers in.
    masterKey: encryptionKey ?? Alias.fromAliasName(scope, 'NoticesKey', 'alias/aws/sns'),
  });
}

/** A queue: encrypted, and closed to senders that do not use TLS. */
export function encryptedQueue(
  scope: Construct,
  id: string,
  encryptionKey: IKey | undefined,
  props: {
    readonly queueName?: string;
    readonly retentionPeriod: Duration;
    readonly visibilityTimeout?: Duration;
    readonly deadLetterQueue?: { readonly queue: Queue; readonly maxReceiveCount: number };
  },
): Queue {
  return new Queue(scope, id, {
    ...props,
    enforceSSL: true,
    ...(encryptionKey === undefined
      ? { encryption: QueueEncryption.SQS_MANAGED }
      : { encryption: QueueEncryption.KMS, encryptionMasterKey: encryptionKey }),
  });
}

/**
 * The dead letters. Rules stand with the pipelines too, maybe in other stacks: the queue trusts every rule of its
 * account, so that no stack has to name the resources of another that depends on it.
 */
export function deadLetters(scope: Construct, encryptionKey: IKey | undefined): Queue {
  const queue = encryptedQueue(scope, 'DeadLetters', encryptionKey, { retentionPeriod: Duration.days(14) });
  queue.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal('events.amazonaws.com')],
      actions: ['sqs:SendMessage'],
      resources: [queue.queueArn],
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
  );
  return queue;
}

/** Lets rules and the topic, of this account, put encrypted messages into queues. */
export function allowMessageEncryption(scope: Construct, key: IKey): void {
  key.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal('events.amazonaws.com'), new ServicePrincipal('sns.amazonaws.com')],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
  );
}
