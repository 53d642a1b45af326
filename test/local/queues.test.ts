/** Queues of the state folder: what survives, in which order messages come, and functions that are handed them. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import { localClient } from '../../lib/local/client.ts';
import { openQueues } from '../../lib/local/queues.ts';
import type { Runtime } from '../../lib/local/runtime.ts';
import { sqsClient } from '../contract/sqs.ts';
import type { Target } from '../contract/target.ts';
import { receiverForTest } from '../notify/receiver.ts';
import { ownerProcess } from './owners.ts';
import { openForTest, registerFunction, targetOf, temporaryFolder } from './runtimes.ts';

const json = (target: Target, operation: string, input: object) =>
  localClient(target).json('sqs', `AmazonSQS.${operation}`, input);

/** Connects a queue `q` to a function, as the platform does. */
async function connect(runtime: Runtime, functionName: string, visibilityTimeoutSeconds = 30): Promise<string> {
  await localClient(runtime).private('PUT', 'notices', {
    topicArn: 'arn:aws:sns:us-east-1:000000000000:t',
    functionName,
    recordFunctionName: 'none',
    queues: [{ channel: 'c', queue: 'q', deadLetters: 'q-dead', maxReceives: 3, visibilityTimeoutSeconds }],
    secrets: [],
  });
  return `${runtime.endpoint}/000000000000/q`;
}

/** A function that tells a receiver of each message, and answers what the receiver says. */
const telling = (url: string) => `
  export const handler = async (event) => {
    const answer = await fetch('${url}', { method: 'POST', body: JSON.stringify(event) });
    const said = await answer.text();
    if (said === 'throw') throw new Error('no');
    return JSON.parse(said);
  };`;

describe('messages', () => {
  it('and what was postponed survive the death of the runtime; what somebody had is there again', async () => {
    const stateDir = join(temporaryFolder(), 'state');
    const first = await ownerProcess(stateDir);
    const sqs = sqsClient(first.opened);
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'q' }));
    for (const MessageBody of ['a', 'b', 'c']) await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 2 }));
    const { ReceiptHandle } = Messages[0] ?? {};
    await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 600 }));
    await first.kill();

    const second = await openForTest({ stateDir });
    const again = sqsClient(targetOf(second));
    const received = await again.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ['All'] }),
    );
    expect(
      (received.Messages ?? []).map(({ Body, Attributes }) => [Body, Attributes?.ApproximateReceiveCount]),
    ).toStrictEqual([
      ['b', '2'],
      ['c', '1'],
    ]);
    const { Attributes } = await again.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
    expect(Attributes?.ApproximateNumberOfMessagesNotVisible).toBe('2');
    expect(Attributes?.ApproximateNumberOfMessagesDelayed).toBe('1');
  });

  it('that were received too often are dead letters once, however many ask at once', async () => {
    const stateDir = temporaryFolder();
    const queues = await openQueues(stateDir, () => {});
    const dead = await queues.put('dead', { visibilityTimeoutSeconds: 30 });
    const q = await queues.put('q', { visibilityTimeoutSeconds: 0, redrive: { deadLetters: 'dead', maxReceives: 1 } });
    await q.send('bad', {});
    const receive = () => q.receive(10, AbortSignal.abort());
    expect((await receive()).map(({ body }) => body)).toStrictEqual(['bad']);
    await q.send('later', {}, 600);
    expect((await Promise.all([receive(), receive(), receive()])).flat()).toStrictEqual([]);
    expect(dead.counts()).toStrictEqual({ visible: 1, inFlight: 0, delayed: 0 });
    expect(q.counts()).toStrictEqual({ visible: 0, inFlight: 0, delayed: 1 });
  });

  it('that cannot be read keep no other from being delivered', async () => {
    const stateDir = join(temporaryFolder(), 'state');
    const first = await ownerProcess(stateDir);
    const sqs = sqsClient(first.opened);
    const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'q' }));
    for (const MessageBody of ['a', 'b']) await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));
    await first.close();
    const folder = join(stateDir, 'sqs', 'q');
    const [file = ''] = readdirSync(folder).filter((name) => /^\d/.test(name));
    writeFileSync(join(folder, file), '{"id":');

    const heard: string[] = [];
    const second = await openForTest({ stateDir, log: (_level, message) => heard.push(message) });
    const { Messages = [] } = await sqsClient(targetOf(second)).send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }),
    );
    expect(Messages.map(({ Body }) => Body)).toStrictEqual(['b']);
    expect(heard).toStrictEqual([
      `BS4003 ${join(folder, file)} is damaged: it is not the JSON that was written: the message in it is not delivered`,
    ]);
  });
});

describe('a function', () => {
  it('is handed messages as Lambda hands them, and what it takes is gone', async () => {
    const receiver = await receiverForTest(() => ({ status: 200, body: 'null' }));
    const runtime = await openForTest();
    const QueueUrl = await connect(runtime, await registerFunction(runtime, telling(receiver.url)));
    await json(runtime, 'SendMessage', { QueueUrl, MessageBody: 'hello' });
    const [got] = await receiver.until(1);
    expect(JSON.parse(got?.body ?? '')).toStrictEqual({
      Records: [
        {
          messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
          receiptHandle: expect.any(String),
          body: 'hello',
          attributes: {
            SenderId: 'bunsui-local',
            SentTimestamp: expect.stringMatching(/^\d{13}$/),
            ApproximateReceiveCount: '1',
            ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
          },
          messageAttributes: {},
          md5OfBody: '5d41402abc4b2a76b9719d911017c592',
          eventSource: 'aws:sqs',
          eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:q',
          awsRegion: 'us-east-1',
        },
      ],
    });
    await expect
      .poll(() => readdirSync(join(runtime.stateDir, 'sqs', 'q')), { timeout: 20_000 })
      .toStrictEqual(['queue.json']);
  });

  it('gets again what it leaves, and what it dies of, until the queue gives it up', async () => {
    const receiver = await receiverForTest((index, { body }) => {
      const { messageId } = JSON.parse(body).Records[0];
      const left = JSON.stringify({ batchItemFailures: [{ itemIdentifier: messageId }] });
      return { status: 200, body: index === 1 ? 'throw' : left };
    });
    const runtime = await openForTest();
    const QueueUrl = await connect(runtime, await registerFunction(runtime, telling(receiver.url)), 0);
    await json(runtime, 'SendMessage', { QueueUrl, MessageBody: 'hello' });
    const dead = join(runtime.stateDir, 'sqs', 'q-dead');
    await receiver.until(3);
    // By their whole name: a file that is being written lies beside it under another one.
    const messages = () => readdirSync(dead).filter((name) => /^\d+-.*\.json$/.test(name));
    await expect.poll(() => messages().length, { timeout: 20_000 }).toBe(1);
    expect(receiver.received).toHaveLength(3);
    const file = messages()[0] ?? '';
    expect(JSON.parse(readFileSync(join(dead, file), 'utf8'))).toMatchObject({
      body: 'hello',
      receives: 3,
      source: 'q',
    });
  });

  it('that dies with the runtime is handed its message again by the next one, once for the crash', async () => {
    let answering = false;
    const receiver = await receiverForTest(() => (answering ? { status: 200, body: 'null' } : 'hang'));
    const stateDir = join(temporaryFolder(), 'state');
    const first = await ownerProcess(stateDir);
    const opened = first.opened as Runtime;
    const QueueUrl = await connect(opened, await registerFunction(opened, telling(receiver.url)));
    await json(opened, 'SendMessage', { QueueUrl, MessageBody: 'hello' });
    await receiver.until(1);
    await first.kill();
    answering = true;
    const second = await openForTest({ stateDir });
    await receiver.until(2);
    await expect
      .poll(() => readdirSync(join(second.stateDir, 'sqs', 'q')), { timeout: 20_000 })
      .toStrictEqual(['queue.json']);
    const records = receiver.received.map(({ body }) => JSON.parse(body).Records[0]);
    expect(records.map(({ body, attributes }) => [body, attributes.ApproximateReceiveCount])).toStrictEqual([
      ['hello', '1'],
      ['hello', '2'],
    ]);
    expect(records[0].messageId).toBe(records[1].messageId);
  });

  it('that hangs holds up its own two messages and no other queue', async () => {
    const silent = await receiverForTest(() => 'hang');
    const fine = await receiverForTest(() => ({ status: 200, body: 'null' }));
    const runtime = await openForTest();
    const name = await registerFunction(
      runtime,
      `export const handler = async (event) => {
        const [{ body, eventSourceARN }] = event.Records;
        const url = eventSourceARN.endsWith(':one') ? '${silent.url}' : '${fine.url}';
        await fetch(url, { method: 'POST', body });
      };`,
    );
    const queue = (channel: string) => ({
      channel,
      queue: channel,
      deadLetters: `${channel}-dead`,
      maxReceives: 3,
      visibilityTimeoutSeconds: 30,
    });
    await localClient(runtime).private('PUT', 'notices', {
      topicArn: 't',
      functionName: name,
      recordFunctionName: 'none',
      queues: [queue('one'), queue('two')],
      secrets: [],
    });
    for (const [to, count] of [
      ['one', 5],
      ['two', 5],
    ] as const) {
      for (let index = 0; index < count; index += 1) {
        const QueueUrl = `${runtime.endpoint}/000000000000/${to}`;
        await json(runtime, 'SendMessage', { QueueUrl, MessageBody: `${index}` });
      }
    }
    await fine.until(5);
    expect(fine.received.map(({ body }) => body).sort()).toStrictEqual(['0', '1', '2', '3', '4']);
    expect(silent.received.length).toBeLessThanOrEqual(2);
  });
});

describe('SQS on this machine refuses', () => {
  it.each([
    ['CreateQueue', { QueueName: 'a.fifo' }, 'InvalidParameterValue'],
    ['CreateQueue', { QueueName: '../x' }, 'InvalidParameterValue'],
    ['CreateQueue', { QueueName: 'q', Attributes: { FifoQueue: 'true' } }, 'ValidationException'],
    ['CreateQueue', { QueueName: 'q', Attributes: { VisibilityTimeout: '43201' } }, 'InvalidAttributeValue'],
    ['CreateQueue', { QueueName: 'q', Attributes: { RedrivePolicy: '{}' } }, 'InvalidAttributeValue'],
    ['CreateQueue', { QueueName: 'there', Attributes: { VisibilityTimeout: '7' } }, 'QueueNameExists'],
    ['SendMessage', { QueueUrl: 'THERE', MessageBody: '' }, 'InvalidParameterValue'],
    ['SendMessage', { QueueUrl: 'THERE', MessageBody: 'm', MessageGroupId: 'g' }, 'ValidationException'],
    ['SendMessage', { QueueUrl: 'THERE', MessageBody: 'm', DelaySeconds: 901 }, 'InvalidParameterValue'],
    ['SendMessage', { QueueUrl: 'http://x/000000000000/../there', MessageBody: 'm' }, 'QueueDoesNotExist'],
    ['SendMessage', { QueueUrl: 'http://x/111111111111/there', MessageBody: 'm' }, 'QueueDoesNotExist'],
    ['ReceiveMessage', { QueueUrl: 'THERE', MaxNumberOfMessages: 11 }, 'InvalidParameterValue'],
    [
      'ChangeMessageVisibility',
      { QueueUrl: 'THERE', ReceiptHandle: 'x', VisibilityTimeout: 1 },
      'ReceiptHandleIsInvalid',
    ],
    ['ChangeMessageVisibility', { QueueUrl: 'THERE', ReceiptHandle: 'x' }, 'MissingParameter'],
    ['StartMessageMoveTask', { SourceArn: 'arn:aws:sqs:us-east-1:000000000000:there' }, 'InvalidParameterValue'],
    ['StartMessageMoveTask', { SourceArn: 'arn:aws:sqs:eu-west-1:000000000000:there' }, 'ResourceNotFoundException'],
    ['PurgeQueue', { QueueUrl: 'THERE' }, 'UnknownOperationException'],
  ])('%s of %j', async (operation, input, code) => {
    const runtime = await openForTest();
    await json(runtime, 'CreateQueue', { QueueName: 'there' });
    const url = `${runtime.endpoint}/000000000000/there`;
    const meant = 'QueueUrl' in input && input.QueueUrl === 'THERE' ? { ...input, QueueUrl: url } : input;
    expect(await json(runtime, operation, meant)).toMatchObject({ ok: false, code });
  });
});

describe('secrets on this machine', () => {
  const read = async (runtime: Runtime, SecretId: string) => {
    const answer = await localClient(runtime).send('secretsmanager', 'POST', '/', JSON.stringify({ SecretId }), {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'secretsmanager.GetSecretValue',
    });
    return JSON.parse(answer.body).SecretString ?? JSON.parse(answer.body).__type;
  };

  it('are those that channels name, and nothing else of this process or its files', async () => {
    const file = join(temporaryFolder(), 'hook.secret');
    writeFileSync(file, 'from a file');
    process.env['TEST_NAMED'] = 'from the environment';
    const runtime = await openForTest();
    const named = ['env:TEST_NAMED', `file:${file}`, 'env:TEST_MISSING', 'file:/nowhere', 'other'];
    await localClient(runtime).private('PUT', 'notices', {
      topicArn: 't',
      functionName: 'f',
      recordFunctionName: 'none',
      queues: [],
      secrets: named,
    });
    const found: unknown[] = [];
    for (const name of [...named, 'env:PATH', 'file:/etc/passwd']) found.push(await read(runtime, name));
    delete process.env['TEST_NAMED'];
    expect(found).toStrictEqual([
      'from the environment',
      'from a file',
      ...Array.from({ length: 5 }, () => 'ResourceNotFoundException'),
    ]);
  });
});
