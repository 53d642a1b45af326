/** Versions, aliases, EXPRESS machines and activities at the endpoint. */
import { expect, it } from 'vitest';
import { type LocalClient, localClient } from '../../lib/local/client.ts';
import { openForTest } from './runtimes.ts';

const roleArn = 'arn:aws:iam::000000000000:role/machine';
type Fields = { readonly [field: string]: unknown };
const gives = (value: unknown, more: object = {}) =>
  JSON.stringify({
    QueryLanguage: 'JSONata',
    StartAt: 'p',
    States: { p: { Type: 'Pass', Output: value, End: true } },
    ...more,
  });

async function call(client: LocalClient, operation: string, input: object): Promise<Fields> {
  const answer = await client.json('states', `AWSStepFunctions.${operation}`, { ...input });
  return (answer.ok ? answer.value : { code: answer.code, message: answer.message }) as Fields;
}
async function endOf(client: LocalClient, executionArn: unknown): Promise<Fields> {
  const describe = () => call(client, 'DescribeExecution', { executionArn });
  await expect.poll(async () => (await describe())['status'], { timeout: 20_000 }).not.toBe('RUNNING');
  return describe();
}

it('publishes versions, which start what the machine was then, by their ARN and by aliases', async () => {
  const client = localClient(await openForTest());
  const made = await call(client, 'CreateStateMachine', {
    name: 'm',
    roleArn,
    definition: gives(1),
    publish: true,
    versionDescription: 'first',
  });
  const { stateMachineArn, stateMachineVersionArn: first } = made;
  expect(first).toBe(`${stateMachineArn}:1`);
  // Nothing has changed: the same version.
  expect(await call(client, 'PublishStateMachineVersion', { stateMachineArn })).toMatchObject({
    stateMachineVersionArn: first,
  });
  const { revisionId } = await call(client, 'UpdateStateMachine', { stateMachineArn, definition: gives(2) });
  expect(await call(client, 'PublishStateMachineVersion', { stateMachineArn, revisionId: 'other' })).toStrictEqual({
    code: 'ConflictException',
    message: `Failed to publish the State Machine version for revision other. The current State Machine revision is ${revisionId}.`,
  });
  const { stateMachineVersionArn: second } = await call(client, 'PublishStateMachineVersion', {
    stateMachineArn,
    revisionId,
  });
  await call(client, 'UpdateStateMachine', { stateMachineArn, definition: gives(3) });
  expect(await call(client, 'ListStateMachineVersions', { stateMachineArn })).toMatchObject({
    stateMachineVersions: [{ stateMachineVersionArn: second }, { stateMachineVersionArn: first }],
  });
  expect(await call(client, 'DescribeStateMachine', { stateMachineArn: first })).toMatchObject({
    stateMachineArn: first,
    description: 'first',
    definition: gives(1),
  });

  const alias = { name: 'live', routingConfiguration: [{ stateMachineVersionArn: first, weight: 100 }] };
  const { stateMachineAliasArn } = await call(client, 'CreateStateMachineAlias', alias);
  expect(stateMachineAliasArn).toBe(`${stateMachineArn}:live`);
  const outputOf = async (arn: unknown) => {
    const { executionArn } = await call(client, 'StartExecution', { stateMachineArn: arn });
    return endOf(client, executionArn);
  };
  expect((await outputOf(stateMachineArn))['output']).toBe('3');
  expect(await outputOf(second)).toMatchObject({ output: '2', stateMachineVersionArn: second, stateMachineArn });
  const byAlias = await outputOf(stateMachineAliasArn);
  expect(byAlias).toMatchObject({ output: '1', stateMachineVersionArn: first, stateMachineAliasArn });
  const { events } = await call(client, 'GetExecutionHistory', { executionArn: byAlias['executionArn'] });
  expect((events as readonly Fields[])[0]).toMatchObject({
    executionStartedEventDetails: { stateMachineVersionArn: first, stateMachineAliasArn },
  });
  expect(await call(client, 'ListExecutions', { stateMachineArn: stateMachineAliasArn })).toMatchObject({
    executions: [{ executionArn: byAlias['executionArn'] }],
  });

  await call(client, 'UpdateStateMachineAlias', {
    stateMachineAliasArn,
    routingConfiguration: [
      { stateMachineVersionArn: first, weight: 0 },
      { stateMachineVersionArn: second, weight: 100 },
    ],
  });
  expect((await outputOf(stateMachineAliasArn))['output']).toBe('2');
  expect(await call(client, 'DescribeStateMachineAlias', { stateMachineAliasArn })).toMatchObject({
    name: 'live',
    routingConfiguration: [{ weight: 0 }, { weight: 100 }],
  });
  expect(await call(client, 'DeleteStateMachineVersion', { stateMachineVersionArn: second })).toStrictEqual({
    code: 'ConflictException',
    message:
      'Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [live]',
  });
  expect(await call(client, 'DeleteStateMachineAlias', { stateMachineAliasArn })).toStrictEqual({});
  expect(await call(client, 'DeleteStateMachineVersion', { stateMachineVersionArn: second })).toStrictEqual({});
  expect(await call(client, 'StartExecution', { stateMachineArn: second })).toMatchObject({
    code: 'StateMachineDoesNotExist',
  });
  expect(await call(client, 'DescribeStateMachineAlias', { stateMachineAliasArn })).toMatchObject({
    code: 'ResourceNotFound',
  });
  expect(await call(client, 'ListStateMachineAliases', { stateMachineArn })).toStrictEqual({ stateMachineAliases: [] });
  expect(
    await call(client, 'CreateStateMachineAlias', {
      ...alias,
      routingConfiguration: [{ stateMachineVersionArn: first, weight: 99 }],
    }),
  ).toMatchObject({ code: 'ValidationException' });
  for (const routingConfiguration of [5, {}, [], [null], [7], 'live']) {
    expect(await call(client, 'CreateStateMachineAlias', { name: 'odd', routingConfiguration })).toMatchObject({
      code: 'ValidationException',
    });
  }
});

it('refuses descriptions of no version, logging to nowhere, and changes of versions', async () => {
  const client = localClient(await openForTest());
  const machine = { name: 'm', roleArn, definition: gives(1) };
  expect(await call(client, 'CreateStateMachine', { ...machine, versionDescription: 'x' })).toStrictEqual({
    code: 'ValidationException',
    message: 'Version description can only be set when publish is true',
  });
  expect(
    await call(client, 'CreateStateMachine', { ...machine, loggingConfiguration: { level: 'ALL' } }),
  ).toStrictEqual({
    code: 'InvalidLoggingConfiguration',
    message: 'Invalid Logging Configuration: Must specify exactly one Log Destination.',
  });
  const { stateMachineVersionArn } = await call(client, 'CreateStateMachine', { ...machine, publish: true });
  expect(
    await call(client, 'UpdateStateMachine', { stateMachineArn: stateMachineVersionArn, definition: gives(2) }),
  ).toStrictEqual({
    code: 'StateMachineDoesNotExist',
    message: `State Machine Does Not Exist: '${stateMachineVersionArn}'`,
  });
});

it('runs EXPRESS machines, and answers whoever waits for one', async () => {
  const client = localClient(await openForTest());
  const machine = { name: 'fast', roleArn, type: 'EXPRESS' };
  const { stateMachineArn } = await call(client, 'CreateStateMachine', {
    ...machine,
    definition: gives('{% $states.input.n * 2 %}'),
  });
  expect(await call(client, 'StartSyncExecution', { stateMachineArn, name: 'one', input: '{"n":21}' })).toMatchObject({
    executionArn: expect.stringMatching(/:express:fast:one:[0-9a-f-]{36}$/),
    status: 'SUCCEEDED',
    output: '42',
    input: '{"n":21}',
  });
  expect(await call(client, 'StartSyncExecution', { stateMachineArn, input: '{}' })).toMatchObject({
    status: 'FAILED',
    error: 'States.QueryEvaluationError',
  });
  expect(await call(client, 'StartExecution', { stateMachineArn, input: '{"n":1}' })).toStrictEqual({
    executionArn: expect.stringContaining(':express:fast:'),
    startDate: expect.any(Number),
  });
  expect(await call(client, 'DescribeStateMachine', { stateMachineArn })).toMatchObject({ type: 'EXPRESS' });
  for (const operation of ['ListExecutions']) {
    expect(await call(client, operation, { stateMachineArn })).toMatchObject({ code: 'StateMachineTypeNotSupported' });
  }
  const { stateMachineArn: standard } = await call(client, 'CreateStateMachine', {
    name: 'slow',
    roleArn,
    definition: gives(1),
  });
  expect(await call(client, 'StartSyncExecution', { stateMachineArn: standard })).toMatchObject({
    code: 'StateMachineTypeNotSupported',
  });
});

it('hands the tasks of activities to workers, which end them by their token', async () => {
  const client = localClient(await openForTest());
  const { activityArn } = await call(client, 'CreateActivity', { name: 'work' });
  expect(await call(client, 'CreateActivity', { name: 'work' })).toMatchObject({ activityArn });
  expect(await call(client, 'ListActivities', {})).toMatchObject({ activities: [{ activityArn, name: 'work' }] });
  const definition = JSON.stringify({
    StartAt: 'a',
    States: { a: { Type: 'Task', Resource: activityArn, HeartbeatSeconds: 60, End: true } },
  });
  const { stateMachineArn } = await call(client, 'CreateStateMachine', { name: 'm', roleArn, definition });
  // A worker that asked before there was anything to do.
  const early = call(client, 'GetActivityTask', { activityArn, workerName: 'w' });
  const start = (n: number) => call(client, 'StartExecution', { stateMachineArn, input: JSON.stringify({ n }) });
  const { executionArn } = await start(1);
  const { taskToken, input } = await early;
  expect(input).toBe('{"n":1}');
  expect(await call(client, 'SendTaskHeartbeat', { taskToken })).toStrictEqual({});
  await call(client, 'SendTaskSuccess', { taskToken, output: '"done"' });
  expect(await endOf(client, executionArn)).toMatchObject({ status: 'SUCCEEDED', output: '"done"' });
  const { events } = await call(client, 'GetExecutionHistory', { executionArn });
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'ActivityStarted', activityStartedEventDetails: { workerName: 'w' } }),
  );
  const failing = await start(2);
  const late = await call(client, 'GetActivityTask', { activityArn });
  await call(client, 'SendTaskFailure', { taskToken: late['taskToken'], error: 'Broken', cause: 'it is' });
  expect(await endOf(client, failing['executionArn'])).toMatchObject({ status: 'FAILED', error: 'Broken' });
  expect(await call(client, 'DeleteActivity', { activityArn })).toStrictEqual({});
  expect(await call(client, 'GetActivityTask', { activityArn })).toMatchObject({ code: 'ActivityDoesNotExist' });
  const lost = await start(3);
  expect(await endOf(client, lost['executionArn'])).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
});
