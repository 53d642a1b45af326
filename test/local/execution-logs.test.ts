/** The logs of executions: which events of a machine are in its log group, with or without data. */
import { expect, it } from 'vitest';
import { type LocalClient, localClient } from '../../lib/local/client.ts';
import { openForTest } from './runtimes.ts';

const roleArn = 'arn:aws:iam::000000000000:role/machine';
type Fields = { readonly [field: string]: unknown };

async function call(client: LocalClient, operation: string, input: object): Promise<Fields> {
  const answer = await client.json('states', `AWSStepFunctions.${operation}`, { ...input });
  return (answer.ok ? answer.value : { code: answer.code, message: answer.message }) as Fields;
}

const groupArn = (name: string) => `arn:aws:logs:us-east-1:000000000000:log-group:/states/${name}:*`;
const failing = {
  QueryLanguage: 'JSONata',
  StartAt: 'p',
  States: {
    p: { Type: 'Pass', Output: '{% {"n": 7} %}', Assign: { v: 1 }, Next: 'f' },
    f: { Type: 'Fail', Error: 'Boom', Cause: 'it broke' },
  },
};
const logging = (name: string, level: string, includeExecutionData = true) => ({
  loggingConfiguration: {
    level,
    includeExecutionData,
    destinations: [{ cloudWatchLogsLogGroup: { logGroupArn: groupArn(name) } }],
  },
});

async function created(client: LocalClient, name: string, more: object): Promise<unknown> {
  const definition = JSON.stringify(failing);
  return (await call(client, 'CreateStateMachine', { name, roleArn, definition, ...more }))['stateMachineArn'];
}

/** The messages of a log group, once there are as many. */
async function messagesIn(client: LocalClient, name: string, count: number): Promise<readonly Fields[]> {
  const read = async () => {
    const answer = await client.json('logs', 'Logs_20140328.FilterLogEvents', { logGroupName: `/states/${name}` });
    const { events } = (answer.ok ? answer.value : { events: [] }) as {
      readonly events: { readonly message: string }[];
    };
    return events.map(({ message }) => JSON.parse(message) as Fields);
  };
  await expect.poll(async () => (await read()).length, { timeout: 20_000 }).toBe(count);
  return read();
}

const everything = ['ExecutionStarted', 'PassStateEntered', 'PassStateExited', 'FailStateEntered', 'ExecutionFailed'];

it.each([
  ['STANDARD', 'ALL', everything],
  ['STANDARD', 'ERROR', ['FailStateEntered', 'ExecutionFailed']],
  ['STANDARD', 'FATAL', ['ExecutionFailed']],
  ['EXPRESS', 'ALL', everything],
  ['EXPRESS', 'ERROR', ['FailStateEntered', 'ExecutionFailed']],
])('a %s machine that logs %s', async (type, level, types) => {
  const client = localClient(await openForTest());
  const stateMachineArn = await created(client, 'logged', { type, ...logging('logged', level) });
  const { executionArn } = await call(client, 'StartExecution', { stateMachineArn, name: 'one' });
  const messages = await messagesIn(client, 'logged', types.length);
  expect(messages.map((message) => message['type'])).toStrictEqual(types);
  const last = messages.at(-1);
  expect(last).toStrictEqual({
    id: '5',
    type: 'ExecutionFailed',
    details: { error: 'Boom', cause: 'it broke' },
    previous_event_id: '4',
    event_timestamp: expect.stringMatching(/^\d{13}$/),
    execution_arn: executionArn,
  });
});

it('data are in the log where the machine says so', async () => {
  const client = localClient(await openForTest());
  const details = async (name: string, withData: boolean) => {
    const stateMachineArn = await created(client, name, logging(name, 'ALL', withData));
    await call(client, 'StartExecution', { stateMachineArn, input: '{"x":1}' });
    const [started, , exited] = await messagesIn(client, name, everything.length);
    return [started?.['details'], exited?.['details']];
  };
  expect(await details('with', true)).toStrictEqual([
    { input: '{"x":1}', inputDetails: { truncated: false }, roleArn },
    {
      name: 'p',
      output: '{"n":7}',
      outputDetails: { truncated: false },
      assignedVariables: { v: '1' },
      assignedVariablesDetails: { truncated: false },
    },
  ]);
  expect(await details('without', false)).toStrictEqual([{ roleArn }, { name: 'p' }]);
});

it('nothing is logged by OFF, by default, or once the machine has changed to that', async () => {
  const client = localClient(await openForTest());
  const off = await created(client, 'off', logging('off', 'OFF'));
  const none = await created(client, 'none', {});
  const changed = await created(client, 'changed', logging('changed', 'ALL'));
  await call(client, 'UpdateStateMachine', { stateMachineArn: changed, ...logging('changed', 'OFF') });
  for (const stateMachineArn of [off, none, changed]) {
    const { executionArn } = await call(client, 'StartExecution', { stateMachineArn });
    await expect
      .poll(async () => (await call(client, 'DescribeExecution', { executionArn }))['status'], { timeout: 20_000 })
      .toBe('FAILED');
  }
  const groups = await client.json('logs', 'Logs_20140328.DescribeLogGroups', {});
  expect(groups.ok && groups.value).toStrictEqual({ logGroups: [] });
});

it('refuses to log to what is no log group', async () => {
  const client = localClient(await openForTest());
  const destinations = [{ cloudWatchLogsLogGroup: { logGroupArn: 'arn:aws:s3:::bucket' } }];
  const made = await call(client, 'CreateStateMachine', {
    name: 'm',
    roleArn,
    definition: JSON.stringify(failing),
    loggingConfiguration: { level: 'ALL', destinations },
  });
  expect(made['code']).toBe('InvalidLoggingConfiguration');
});
