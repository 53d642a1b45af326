import { CreateTopicCommand, PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clientConfig } from '../contract/target.ts';
import { openForTest } from './runtimes.ts';

async function oneTopic() {
  const heard: string[] = [];
  const runtime = await openForTest({ log: (_level, message) => heard.push(message) });
  const sns = new SNSClient(clientConfig(runtime));
  const { TopicArn = '' } = await sns.send(new CreateTopicCommand({ Name: 'topic' }));
  return { heard, sns, TopicArn, outbox: join(runtime.stateDir, 'sns', 'outbox.jsonl') };
}

const thrown = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: Error) => [error.name, error.message],
  );

describe('SNS', () => {
  it.each([
    [{ MessageGroupId: 'g' }, 'MessageGroupId'],
    [{ MessageDeduplicationId: 'd' }, 'MessageDeduplicationId'],
    [
      { MessageAttributes: { a: { DataType: 'Binary', BinaryValue: Buffer.from('x') } } },
      'MessageAttributes.entry.1.Value.BinaryValue',
    ],
  ])('does not publish what it would pass over a part of: %o', async (fields, named) => {
    const { heard, sns, TopicArn, outbox } = await oneTopic();
    const refusal = await thrown(sns.send(new PublishCommand({ TopicArn, Message: '{"default":"m"}', ...fields })));
    expect([refusal?.[0], existsSync(outbox), heard]).toStrictEqual([
      'InvalidParameterException',
      false,
      [`unsupported SNS parameter: Publish ${named}`],
    ]);
  });

  it.each([
    [{ Attributes: { FifoTopic: 'false' } }, 'Attributes.entry.1.key, Attributes.entry.1.value'],
    [{ Tags: [{ Key: 'k', Value: 'v' }] }, 'Tags.member.1.Key, Tags.member.1.Value'],
  ])('makes no topic of which it would pass over a part: %o', async (fields, named) => {
    const { heard, sns } = await oneTopic();
    expect(await thrown(sns.send(new CreateTopicCommand({ Name: 'other', ...fields })))).toStrictEqual([
      'InvalidParameterException',
      `Invalid parameter: ${named}: not served here`,
    ]);
    expect(heard).toStrictEqual([`unsupported SNS parameter: CreateTopic ${named}`]);
  });

  it('publishes with attributes', async () => {
    const { sns, TopicArn, outbox } = await oneTopic();
    const MessageAttributes = { a: { DataType: 'String', StringValue: 'x' } };
    await sns.send(new PublishCommand({ TopicArn, Message: 'm', Subject: 's', MessageAttributes }));
    const { message, subject, attributes } = JSON.parse(readFileSync(outbox, 'utf8'));
    expect({ message, subject, attributes }).toStrictEqual({ message: 'm', subject: 's', attributes: { a: 'x' } });
  });
});
