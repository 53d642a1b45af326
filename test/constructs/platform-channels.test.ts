import { Stack } from 'aws-cdk-lib';
import { beforeAll, describe, expect, it } from 'vitest';
import { Platform, type PlatformProps } from '../../lib/constructs/index.ts';
import { ensureLambdas, newApp, propertiesOf, resourcesOf } from './synth.ts';
import { account, arn, onlyTls, statement, statementsByPolicy } from './template-parts.ts';

beforeAll(ensureLambdas);

function resourcesWith(props: PlatformProps = {}) {
  const stack = new Stack(newApp(), 'Test');
  const platform = new Platform(stack, 'Platform', props);
  return { platform, resources: resourcesOf(stack) };
}

const channels = {
  ops: { kind: 'slack', secret: 'slack-ops' },
  hook: { kind: 'webhook', url: 'https://example.com/x', attempts: 3 },
  team: { kind: 'mail', to: ['c@example.com', 'd@example.com'] },
} as const satisfies PlatformProps['channels'];

const topic = { Ref: 'PlatformNotices' };

describe('the topic', () => {
  it('is encrypted, and takes nothing without TLS', () => {
    const { resources } = resourcesWith();
    expect(propertiesOf(resources, 'AWS::SNS::Topic')).toStrictEqual({
      PlatformNotices: {
        DisplayName: 'bunsui notices',
        KmsMasterKeyId: {
          'Fn::Join': [
            '',
            ['arn:', { Ref: 'AWS::Partition' }, ':kms:', { Ref: 'AWS::Region' }, ':', account, ':alias/aws/sns'],
          ],
        },
      },
    });
    expect(statementsByPolicy(resources, 'AWS::SNS::TopicPolicy')).toStrictEqual({
      PlatformNoticesPolicy: [{ ...onlyTls('sns:Publish', topic), Principal: '*', Sid: 'AllowPublishThroughSSLOnly' }],
    });
    expect(propertiesOf(resources, 'AWS::SNS::Subscription')).toStrictEqual({});
  });
});

describe('channels', () => {
  it('have a queue each with dead letters of its own, by names that the runtime knows', () => {
    const { resources, platform } = resourcesWith({ prefix: 'night', channels });
    const queues = (name: string, maxReceiveCount: number) => ({
      [`PlatformChannels${name}DeadLetters`]: {
        QueueName: `night-notify-${name}-dead`,
        MessageRetentionPeriod: 1_209_600,
        SqsManagedSseEnabled: true,
      },
      [`PlatformChannels${name}Queue`]: {
        QueueName: `night-notify-${name}`,
        MessageRetentionPeriod: 345_600,
        SqsManagedSseEnabled: true,
        VisibilityTimeout: 120,
        RedrivePolicy: { deadLetterTargetArn: arn(`PlatformChannels${name}DeadLetters`), maxReceiveCount },
      },
    });
    expect(propertiesOf(resources, 'AWS::SQS::Queue')).toStrictEqual({
      PlatformDeadLetters: { MessageRetentionPeriod: 1_209_600, SqsManagedSseEnabled: true },
      ...queues('ops', 12),
      ...queues('hook', 5),
    });
    expect([platform.channelNames, Object.keys(platform.channelQueues)]).toStrictEqual([
      ['ops', 'hook', 'team'],
      ['ops', 'hook'],
    ]);
  });

  it('are told of what names them, and by nobody but the topic', () => {
    const { resources } = resourcesWith({ channels });
    const queue = (name: string) => ({
      TopicArn: topic,
      Protocol: 'sqs',
      Endpoint: arn(`PlatformChannels${name}Queue`),
      FilterPolicy: { channels: [name] },
      RawMessageDelivery: true,
    });
    const mail = (address: string) => ({
      TopicArn: topic,
      Protocol: 'email',
      Endpoint: address,
      FilterPolicy: { channels: ['team'] },
    });
    expect(propertiesOf(resources, 'AWS::SNS::Subscription')).toStrictEqual({
      PlatformChannelsopsSubscription: queue('ops'),
      PlatformChannelshookSubscription: queue('hook'),
      PlatformChannelsteamMailcexamplecom: mail('c@example.com'),
      PlatformChannelsteamMaildexamplecom: mail('d@example.com'),
    });
    const closed = (id: string) => onlyTls('sqs:*', arn(id));
    const fromTopic = (id: string) =>
      statement('sqs:SendMessage', arn(id), {
        Principal: { Service: 'sns.amazonaws.com' },
        Condition: { ArnEquals: { 'aws:SourceArn': topic } },
      });
    expect(statementsByPolicy(resources, 'AWS::SQS::QueuePolicy')).toStrictEqual({
      PlatformDeadLettersPolicy: [
        closed('PlatformDeadLetters'),
        statement('sqs:SendMessage', arn('PlatformDeadLetters'), {
          Principal: { Service: 'events.amazonaws.com' },
          Condition: { StringEquals: { 'aws:SourceAccount': account } },
        }),
      ],
      ...Object.fromEntries(
        ['ops', 'hook'].flatMap((name) => [
          [`PlatformChannels${name}DeadLettersPolicy`, [closed(`PlatformChannels${name}DeadLetters`)]],
          [
            `PlatformChannels${name}QueuePolicy`,
            [closed(`PlatformChannels${name}Queue`), fromTopic(`PlatformChannels${name}Queue`)],
          ],
        ]),
      ),
    });
  });

  it('are delivered to by one function, one notice at a time, so that one that hangs holds up nobody', () => {
    const { resources } = resourcesWith({ channels });
    const source = (name: string) => ({
      BatchSize: 1,
      EventSourceArn: arn(`PlatformChannels${name}Queue`),
      FunctionName: { Ref: 'PlatformNotifyFunction' },
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 2 },
    });
    expect(Object.values(propertiesOf(resources, 'AWS::Lambda::EventSourceMapping'))).toStrictEqual([
      source('ops'),
      source('hook'),
    ]);
  });

  it('that need no queue need no function', () => {
    const { platform } = resourcesWith({ channels: { team: channels.team } });
    expect(platform.notify).toBeUndefined();
  });

  it('with mistakes are refused, without saying what may be a secret', () => {
    const value = 'https://hooks.slack.com/services/T0000/B0000/abcdefgHIJK1234567890abcd';
    const withSecret = () => resourcesWith({ channels: { ops: { kind: 'slack', secret: value } } });
    expect(withSecret).toThrow(/properties of the Platform: channels\.ops\.secret: not the name of a secret/);
    expect(withSecret).toThrow(expect.objectContaining({ message: expect.not.stringContaining('B0000') }));
    const many = Array.from({ length: 50 }, (_, index) => `somebody-with-a-long-name-${index}@department.example.com`);
    const tooLong = { post: { kind: 'email', from: 'a@example.com', to: many } } as const;
    expect(() => resourcesWith({ channels: tooLong })).toThrow(
      /the channels of the Platform are \d+ characters of JSON; a function's environment has room for 2500/,
    );
  });
});
