/** From the topic to the queues of channels, and the live feed that tells of starts and failed attempts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { CreateTopicCommand, PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { describe, expect, it } from 'vitest';
import { localClient } from '../../lib/local/client.ts';
import type { Runtime } from '../../lib/local/runtime.ts';
import { clientConfig } from '../contract/target.ts';
import { receiverForTest } from '../notify/receiver.ts';
import { openForTest, registerFunction, taskMachine } from './runtimes.ts';

const topicArn = 'arn:aws:sns:us-east-1:000000000000:notices';

/** A function that sends its event to a receiver. */
const forwarding = (url: string) =>
  `export const handler = async (event) => { await fetch('${url}', { method: 'POST', body: JSON.stringify(event) }); };`;

async function routes(
  runtime: Runtime,
  channels: readonly string[],
  functionName = 'notify',
  recordFunctionName = 'record',
) {
  await localClient(runtime).private('PUT', 'notices', {
    topicArn,
    functionName,
    recordFunctionName,
    queues: channels.map((channel) => ({
      channel,
      queue: `q-${channel}`,
      deadLetters: `q-${channel}-dead`,
      maxReceives: 3,
      visibilityTimeoutSeconds: 30,
    })),
    secrets: [],
  });
}

describe('what is published', () => {
  it('reaches the queues of the channels that it names, and no others, in the text that is meant for queues', async () => {
    const receiver = await receiverForTest();
    const runtime = await openForTest();
    await registerFunction(runtime, forwarding(receiver.url), { name: 'notify' });
    await routes(runtime, ['a', 'b', 'c']);
    const sns = new SNSClient(clientConfig(runtime));
    await sns.send(new CreateTopicCommand({ Name: 'notices' }));
    const channels = (names: string) => ({ channels: { DataType: 'String.Array', StringValue: names } });
    const Message = JSON.stringify({ default: 'for queues', email: 'for people' });
    const publish = (more: object) => sns.send(new PublishCommand({ TopicArn: topicArn, Message: 'plain', ...more }));
    await publish({ MessageStructure: 'json', Message, MessageAttributes: channels('["a","c"]') });
    await publish({ MessageAttributes: channels('[]') });
    await publish({ MessageAttributes: channels('no list') });
    await publish({});
    await publish({ MessageAttributes: channels('["b","d"]') });
    const events = (await receiver.until(3)).map(({ body }) => JSON.parse(body).Records[0]);
    expect(events.map(({ eventSourceARN, body }) => [eventSourceARN.split(':').at(-1), body]).sort()).toStrictEqual([
      ['q-a', 'for queues'],
      ['q-b', 'plain'],
      ['q-c', 'for queues'],
    ]);
    const outbox = readFileSync(join(runtime.stateDir, 'sns', 'outbox.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(outbox.map((line) => JSON.parse(line).message)).toStrictEqual([
      'for queues',
      ...Array.from({ length: 4 }, () => 'plain'),
    ]);
  });

  it.each([
    [{ MessageStructure: 'xml', Message: '{"default":"m"}' }],
    [{ MessageStructure: 'json', Message: 'm' }],
    [{ MessageStructure: 'json', Message: 'null' }],
    [{ MessageStructure: 'json', Message: '{"email":"m"}' }],
  ])('is refused without a text for queues: %o', async (fields) => {
    const runtime = await openForTest();
    const sns = new SNSClient(clientConfig(runtime));
    await sns.send(new CreateTopicCommand({ Name: 'notices' }));
    await expect(sns.send(new PublishCommand({ TopicArn: topicArn, ...fields }))).rejects.toThrow(/Message Structure/);
  });

  it('goes to a channel no more that is not declared any more', async () => {
    const receiver = await receiverForTest();
    const runtime = await openForTest();
    await registerFunction(runtime, forwarding(receiver.url), { name: 'notify' });
    await routes(runtime, ['a', 'b']);
    await routes(runtime, ['b']);
    const sns = new SNSClient(clientConfig(runtime));
    await sns.send(new CreateTopicCommand({ Name: 'notices' }));
    const MessageAttributes = { channels: { DataType: 'String.Array', StringValue: '["a","b"]' } };
    await sns.send(new PublishCommand({ TopicArn: topicArn, Message: 'm', MessageAttributes }));
    const [got] = await receiver.until(1);
    expect(JSON.parse(got?.body ?? '').Records[0].eventSourceARN).toMatch(/:q-b$/);
    expect(receiver.received).toHaveLength(1);
  });
});

describe('the live feed', () => {
  /** A machine whose one task fails once and is tried again; runs it to its end. */
  async function run(runtime: Runtime) {
    const name = await registerFunction(
      runtime,
      `let tried = false;
       export const handler = async () => { if (tried) return {}; tried = true; throw new RangeError('no price'); };`,
    );
    const machine = JSON.parse(taskMachine(name));
    machine.States.Call.Retry = [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 1, MaxAttempts: 1 }];
    const sfn = new SFNClient(clientConfig(runtime));
    const made = await sfn.send(
      new CreateStateMachineCommand({
        name: 'm',
        definition: JSON.stringify(machine),
        roleArn: 'arn:aws:iam::000000000000:role/r',
      }),
    );
    return sfn.send(new StartExecutionCommand({ stateMachineArn: made.stateMachineArn, name: 'e', input: '{"a":1}' }));
  }

  it('hands over starts and failed attempts as a subscription of a log group does', async () => {
    const receiver = await receiverForTest();
    const runtime = await openForTest();
    await registerFunction(runtime, forwarding(receiver.url), { name: 'record' });
    await routes(runtime, ['a']);
    const { executionArn, startDate } = await run(runtime);
    const deliveries = (await receiver.until(2)).map(({ body }) =>
      JSON.parse(gunzipSync(Buffer.from(JSON.parse(body).awslogs.data, 'base64')).toString()),
    );
    expect(deliveries.map(({ messageType }) => messageType)).toStrictEqual(['DATA_MESSAGE', 'DATA_MESSAGE']);
    const messages = deliveries.flatMap(({ logEvents }) =>
      logEvents.map(({ message }: { readonly message: string }) => JSON.parse(message)),
    );
    expect(messages).toStrictEqual([
      {
        id: '1',
        type: 'ExecutionStarted',
        details: expect.objectContaining({ input: '{"a":1}' }),
        previous_event_id: '0',
        event_timestamp: String(startDate?.getTime()),
        execution_arn: executionArn,
      },
      {
        id: expect.stringMatching(/^\d+$/),
        type: 'TaskFailed',
        details: expect.objectContaining({ error: 'RangeError', resourceType: 'lambda' }),
        previous_event_id: expect.stringMatching(/^\d+$/),
        event_timestamp: expect.stringMatching(/^\d{13}$/),
        execution_arn: executionArn,
      },
    ]);
  });

  it('is not there where no channel is declared, and a function that fails is no harm to the execution', async () => {
    const heard: string[] = [];
    const runtime = await openForTest({ log: (_level, message) => heard.push(message) });
    await registerFunction(runtime, `export const handler = async () => { throw new Error('no'); };`, {
      name: 'record',
    });
    await routes(runtime, []);
    const { executionArn = '' } = await run(runtime);
    const status = async () =>
      (await new SFNClient(clientConfig(runtime)).send(new DescribeExecutionCommand({ executionArn }))).status;
    await expect.poll(status, { timeout: 20_000 }).toBe('SUCCEEDED');
    expect(heard).toStrictEqual([]);
    await routes(runtime, ['a']);
    const sfn = new SFNClient(clientConfig(runtime));
    const stateMachineArn = 'arn:aws:states:us-east-1:000000000000:stateMachine:m';
    const second = await sfn.send(new StartExecutionCommand({ stateMachineArn, name: 'f', input: '{}' }));
    await expect
      .poll(() => heard, { timeout: 20_000 })
      .toContain(`events of ${second.executionArn} were not recorded: no`);
  });
});
