/** A pipeline with a kind of a plugin, from its own project to LocalStack: what it compiles to does there what the plugin says. */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { CreateTopicCommand, SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, it } from 'vitest';
import { bunsui } from '../cli/command-line.ts';
import { freshName } from '../contract/target.ts';
import { eventually } from '../eventually.ts';
import { notesPipeline, notesPlugin, projectFolder } from '../fixtures/plugin-project.ts';
import { localstackTarget, patientConfig } from './target.ts';

it('sends its note to the topic', async () => {
  const folder = projectFolder({ 'noted.ts': notesPipeline });
  mkdirSync(join(folder, 'node_modules'));
  cpSync(notesPlugin, join(folder, 'node_modules/bunsui-plugin-notes'), { recursive: true });
  const { code, out: definition, err } = await bunsui(['compile', 'noted.ts'], { cwd: folder });
  expect([code, err]).toStrictEqual([0, '']);

  const config = patientConfig();
  const [sns, sqs, sfn] = [new SNSClient(config), new SQSClient(config), new SFNClient(config)];
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: 'notes' }));
  expect(TopicArn).toBe('arn:aws:sns:us-east-1:000000000000:notes');
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: freshName('notes') }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
  await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'sqs', Endpoint: Attributes?.['QueueArn'] }));

  const roleArn = `arn:aws:iam::${localstackTarget().accountId}:role/rows`;
  const { stateMachineArn } = await sfn.send(
    new CreateStateMachineCommand({ name: freshName('noted'), definition, roleArn }),
  );
  const { executionArn } = await sfn.send(
    new StartExecutionCommand({ stateMachineArn, input: JSON.stringify({ text: 'hello' }) }),
  );
  const ended = await eventually(
    'the execution to end',
    () => sfn.send(new DescribeExecutionCommand({ executionArn })),
    ({ status }) => status !== 'RUNNING',
  );
  expect([ended.status, ended.cause, JSON.parse(ended.output ?? '{}')]).toStrictEqual([
    'SUCCEEDED',
    undefined,
    { id: expect.stringMatching(/^[0-9a-f-]{36}$/) },
  ]);
  const { Messages = [] } = await eventually(
    'the message to arrive',
    () => sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 })),
    ({ Messages: found = [] }) => found.length > 0,
  );
  const { Message, MessageAttributes } = JSON.parse(Messages[0]?.Body ?? '{}');
  expect([JSON.parse(Message), MessageAttributes.job.Value]).toStrictEqual([{ text: 'hello' }, 'tell-them']);
});
