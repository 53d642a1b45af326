/** RedriveExecution at the endpoint: what it goes on with, what it refuses, and that it is known after a restart. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type LocalClient, localClient } from '../../lib/local/client.ts';
import { openForTest, registerFunction, temporaryFolder } from './runtimes.ts';

const roleArn = 'arn:aws:iam::000000000000:role/machine';
type Fields = { readonly [field: string]: unknown };

async function call(client: LocalClient, operation: string, input: object): Promise<Fields> {
  const answer = await client.json('states', `AWSStepFunctions.${operation}`, { ...input });
  return (answer.ok ? answer.value : { code: answer.code, message: answer.message }) as Fields;
}

const describe = (client: LocalClient, executionArn: unknown) => call(client, 'DescribeExecution', { executionArn });

async function endOf(client: LocalClient, executionArn: unknown): Promise<Fields> {
  await expect
    .poll(async () => (await describe(client, executionArn))['status'], { timeout: 20_000 })
    .not.toBe('RUNNING');
  return describe(client, executionArn);
}

/** Calls a function that counts its calls by the name of the state, and fails in `second` until a file is there. */
const code = (folder: string) => `
import { appendFileSync, existsSync } from 'node:fs';
export const handler = async ({ state }) => {
  appendFileSync(${JSON.stringify(join(folder, 'calls'))}, state + ' ');
  if (state === 'second' && !existsSync(${JSON.stringify(join(folder, 'cured'))})) throw new Error('ill');
  return state;
};`;

it('goes on where an execution failed, once per token, also after a restart of the runtime', async () => {
  const folder = temporaryFolder();
  const stateDir = join(folder, 'state');
  const task = (state: string, next: object) => ({
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke',
    Arguments: { FunctionName: 'subject', Payload: { state } },
    Output: '{% $states.result.Payload %}',
    ...next,
  });
  const definition = JSON.stringify({
    QueryLanguage: 'JSONata',
    StartAt: 'first',
    States: { first: task('first', { Next: 'second' }), second: task('second', { End: true }) },
  });
  const first = await openForTest({ stateDir });
  await registerFunction(first, code(folder));
  const before = localClient(first);
  const { stateMachineArn } = await call(before, 'CreateStateMachine', { name: 'm', roleArn, definition });
  const { executionArn } = await call(before, 'StartExecution', { stateMachineArn, name: 'one' });
  expect(await endOf(before, executionArn)).toMatchObject({
    status: 'FAILED',
    redriveCount: 0,
    redriveStatus: 'REDRIVABLE',
  });
  await first.close();

  const second = await openForTest({ stateDir });
  const client = localClient(second);
  mkdirSync(join(folder, 'cured'));
  const redrive = { executionArn, clientToken: 'token' };
  const [made, again] = await Promise.all([
    call(client, 'RedriveExecution', redrive),
    call(client, 'RedriveExecution', redrive),
  ]);
  expect(made).toStrictEqual({ redriveDate: expect.any(Number) });
  expect(again).toStrictEqual(made);
  expect(await endOf(client, executionArn)).toMatchObject({
    status: 'SUCCEEDED',
    output: '"second"',
    redriveCount: 1,
    redriveDate: made['redriveDate'],
    redriveStatus: 'NOT_REDRIVABLE',
    redriveStatusReason: 'Execution is SUCCEEDED and cannot be redriven',
  });
  expect(readFileSync(join(folder, 'calls'), 'utf8')).toBe('first second second ');
  const { events } = await call(client, 'GetExecutionHistory', { executionArn });
  expect((events as readonly Fields[]).filter(({ type }) => /^Execution/.test(String(type)))).toMatchObject([
    { type: 'ExecutionStarted' },
    { type: 'ExecutionFailed' },
    { type: 'ExecutionRedriven', executionRedrivenEventDetails: { redriveCount: 1 } },
    { type: 'ExecutionSucceeded' },
  ]);
  expect(await call(client, 'ListExecutions', { stateMachineArn })).toMatchObject({
    executions: [{ status: 'SUCCEEDED', redriveCount: 1, redriveDate: made['redriveDate'] }],
  });
  expect(await call(client, 'RedriveExecution', redrive)).toStrictEqual(made);
  expect(await call(client, 'RedriveExecution', { executionArn })).toStrictEqual({
    code: 'ExecutionNotRedrivable',
    message: 'Execution is SUCCEEDED and cannot be redriven',
  });
  expect(await call(client, 'RedriveExecution', { executionArn: `${executionArn}-other` })).toMatchObject({
    code: 'ExecutionDoesNotExist',
  });
});

it('refuses what runs', async () => {
  const client = localClient(await openForTest());
  const definition = JSON.stringify({ StartAt: 'w', States: { w: { Type: 'Wait', Seconds: 600, End: true } } });
  const { stateMachineArn } = await call(client, 'CreateStateMachine', { name: 'm', roleArn, definition });
  const { executionArn } = await call(client, 'StartExecution', { stateMachineArn });
  expect(await call(client, 'RedriveExecution', { executionArn })).toStrictEqual({
    code: 'ExecutionNotRedrivable',
    message: 'Execution is RUNNING and cannot be redriven',
  });
  await call(client, 'StopExecution', { executionArn });
  expect(await call(client, 'RedriveExecution', { executionArn })).toHaveProperty('redriveDate');
  expect(await describe(client, executionArn)).toMatchObject({ status: 'RUNNING', redriveCount: 1 });
});

it('is not disturbed by starts under the name of what is redriven', async () => {
  const client = localClient(await openForTest());
  const { activityArn } = await call(client, 'CreateActivity', { name: 'nobody' });
  const waits = { Type: 'Task', Resource: activityArn, TimeoutSeconds: 1, End: true };
  const definition = JSON.stringify({ StartAt: 'waits', States: { waits } });
  const { stateMachineArn } = await call(client, 'CreateStateMachine', { name: 'm', roleArn, definition });
  const { executionArn } = await call(client, 'StartExecution', { stateMachineArn, name: 'one', input: '{}' });
  await endOf(client, executionArn);
  const starts = () => call(client, 'StartExecution', { stateMachineArn, name: 'one', input: '[]' });
  const [redriven, ...started] = await Promise.all([
    call(client, 'RedriveExecution', { executionArn }),
    ...Array.from({ length: 20 }, starts),
  ]);
  expect([redriven, new Set(started.map(({ code }) => code))]).toStrictEqual([
    { redriveDate: expect.any(Number) },
    new Set(['ExecutionAlreadyExists']),
  ]);
  expect(await describe(client, executionArn)).toMatchObject({ status: 'RUNNING', redriveCount: 1 });
});
