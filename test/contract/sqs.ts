/** Queues, for any endpoint: what `notify`, the command line and tests ask of SQS. */
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListMessageMoveTasksCommand,
  ListQueuesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
  StartMessageMoveTaskCommand,
} from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import { eventually } from '../eventually.ts';
import { clientConfig, freshName, refusal, type Target } from './target.ts';

/** The host of a queue's address need not be there: the endpoint is. */
export function sqsClient(target: Target): SQSClient {
  return new SQSClient({ ...clientConfig(target), useQueueUrlAsEndpoint: false });
}

export function sqsContract(target: () => Target): void {
  const arnOf = (name: string) => `arn:aws:sqs:${target().region}:${target().accountId}:${name}`;

  /** A queue that gives a message up that was received that often. */
  async function queueWithDeadLetters(maxReceiveCount: number) {
    const sqs = sqsClient(target());
    const name = freshName('queue');
    const dead = await sqs.send(new CreateQueueCommand({ QueueName: `${name}-dead` }));
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: arnOf(`${name}-dead`), maxReceiveCount });
    const made = await sqs.send(
      new CreateQueueCommand({ QueueName: name, Attributes: { RedrivePolicy, VisibilityTimeout: '0' } }),
    );
    const { QueueUrl = '' } = made;
    return { sqs, name, QueueUrl, DeadUrl: dead.QueueUrl ?? '' };
  }
  const bodies = async (sqs: SQSClient, QueueUrl: string, WaitTimeSeconds = 0) => {
    const received = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds }));
    return (received.Messages ?? []).map(({ Body }) => Body);
  };

  describe('SQS', () => {
    it('finds queues by their names', async () => {
      const { sqs, name, QueueUrl } = await queueWithDeadLetters(3);
      expect((await sqs.send(new GetQueueUrlCommand({ QueueName: name }))).QueueUrl).toBe(QueueUrl);
      const listed = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: name }));
      expect(listed.QueueUrls?.toSorted()).toStrictEqual([QueueUrl, `${QueueUrl}-dead`]);
      const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
      expect(Attributes).toMatchObject({
        QueueArn: arnOf(name),
        ApproximateNumberOfMessages: '0',
        ApproximateNumberOfMessagesNotVisible: '0',
        ApproximateNumberOfMessagesDelayed: '0',
        VisibilityTimeout: '0',
      });
      expect(JSON.parse(Attributes?.RedrivePolicy ?? '')).toMatchObject({ deadLetterTargetArn: arnOf(`${name}-dead`) });
      expect(await refusal(sqs.send(new GetQueueUrlCommand({ QueueName: `${name}-x` })))).toBe('QueueDoesNotExist');
    });

    it('hides a message from others while somebody has it, and lets go of it when he says so', async () => {
      const sqs = sqsClient(target());
      const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: freshName('queue') }));
      const MessageAttributes = { reason: { DataType: 'String', StringValue: 'höi' } };
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: '{"a":"ö"}', MessageAttributes }));
      const receive = () =>
        sqs.send(
          new ReceiveMessageCommand({
            QueueUrl,
            MessageSystemAttributeNames: ['All'],
            MessageAttributeNames: ['All'],
          }),
        );
      const [first] = (await receive()).Messages ?? [];
      expect(first).toMatchObject({
        Body: '{"a":"ö"}',
        Attributes: { ApproximateReceiveCount: '1', SentTimestamp: expect.stringMatching(/^\d{13}$/) },
        MessageAttributes: { reason: { DataType: 'String', StringValue: 'höi' } },
      });
      expect((await receive()).Messages).toBeUndefined();
      const { ReceiptHandle } = first ?? {};
      await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
      const [again] = (await receive()).Messages ?? [];
      expect([again?.MessageId, again?.Attributes?.ApproximateReceiveCount]).toStrictEqual([first?.MessageId, '2']);
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: again?.ReceiptHandle }));
      const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
      expect([
        Attributes?.ApproximateNumberOfMessages,
        Attributes?.ApproximateNumberOfMessagesNotVisible,
      ]).toStrictEqual(['0', '0']);
    });

    it('waits for a message that comes while somebody asks', async () => {
      const sqs = sqsClient(target());
      const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: freshName('queue') }));
      const waiting = bodies(sqs, QueueUrl, 10);
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'late' }));
      expect(await waiting).toStrictEqual(['late']);
    });

    it('puts away what was received too often, and moves it back when it is told to', async () => {
      const { sqs, name, QueueUrl, DeadUrl } = await queueWithDeadLetters(2);
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'm' }));
      expect([await bodies(sqs, QueueUrl), await bodies(sqs, QueueUrl)]).toStrictEqual([['m'], ['m']]);
      expect(await bodies(sqs, QueueUrl)).toStrictEqual([]);
      const [dead] =
        (await sqs.send(new ReceiveMessageCommand({ QueueUrl: DeadUrl, WaitTimeSeconds: 5, VisibilityTimeout: 0 })))
          .Messages ?? [];
      expect(dead?.Body).toBe('m');
      const SourceArn = arnOf(`${name}-dead`);
      await sqs.send(new StartMessageMoveTaskCommand({ SourceArn, DestinationArn: arnOf(name) }));
      await eventually(
        'the messages to be moved',
        async () => (await sqs.send(new ListMessageMoveTasksCommand({ SourceArn }))).Results?.[0],
        (task) => task?.Status === 'COMPLETED',
      );
      expect(await bodies(sqs, QueueUrl)).toStrictEqual(['m']);
      expect(await bodies(sqs, DeadUrl)).toStrictEqual([]);
    });
  });
}
