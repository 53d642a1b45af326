import { describe, expect, it } from 'vitest';
import { type LocalClient, localClient } from '../../lib/local/client.ts';
import { openForTest, registerFunction } from './runtimes.ts';

const roleArn = 'arn:aws:iam::000000000000:role/machine';
const pass = { Type: 'Pass', End: true };

async function call(client: LocalClient, operation: string, input: object) {
  const answer = await client.json('states', `AWSStepFunctions.${operation}`, { ...input });
  return answer.ok ? answer.value : { code: answer.code, message: answer.message };
}

/** Runs a machine to its end. @returns how it ended, and the types of its events. */
async function run(client: LocalClient, definition: object, input: unknown) {
  const name = `machine-${Math.random().toString(36).slice(2)}`;
  const made = await call(client, 'CreateStateMachine', { name, roleArn, definition: JSON.stringify(definition) });
  const { stateMachineArn } = made as { readonly stateMachineArn?: string };
  expect(made).toHaveProperty('stateMachineArn');
  const { executionArn } = (await call(client, 'StartExecution', {
    stateMachineArn,
    input: JSON.stringify(input),
  })) as {
    readonly executionArn: string;
  };
  await expect
    .poll(async () => (await call(client, 'DescribeExecution', { executionArn }))['status'], { timeout: 20_000 })
    .not.toBe('RUNNING');
  const { status, output, error } = (await call(client, 'DescribeExecution', { executionArn })) as {
    readonly [field: string]: unknown;
  };
  const { events } = (await call(client, 'GetExecutionHistory', { executionArn })) as {
    readonly events: readonly { readonly type: string }[];
  };
  return { status, output, error, events, described: await call(client, 'DescribeStateMachine', { stateMachineArn }) };
}

describe('the language of states at the endpoint', () => {
  it('is JSONPath as well: a machine runs, and tells which variables its states read', async () => {
    const runtime = await openForTest();
    const client = localClient(runtime);
    const FunctionName = await registerFunction(runtime, 'export const handler = async (event) => event.n * 2;');
    const { status, output, described } = await run(
      client,
      {
        StartAt: 'a',
        States: {
          a: {
            Type: 'Task',
            Resource: 'arn:aws:states:::lambda:invoke',
            Parameters: { FunctionName, Payload: { 'n.$': '$.n' } },
            ResultSelector: { 'twice.$': '$.Payload' },
            Assign: { 'v.$': '$.twice' },
            ResultPath: '$.r',
            Next: 'b',
          },
          b: { Type: 'Pass', Parameters: { 'sum.$': 'States.MathAdd($v, $.n)' }, End: true },
        },
      },
      { n: 4 },
    );
    expect([status, output, (described as { readonly variableReferences?: unknown }).variableReferences]).toStrictEqual(
      ['SUCCEEDED', '{"sum":12}', { b: ['v'] }],
    );
  });

  it('runs a distributed Map over the objects of the state folder', async () => {
    const runtime = await openForTest();
    const client = localClient(runtime);
    for (const [key, body] of [
      ['in/rows.csv', 'a,b\n1,2\n3,4\n'],
      ['in/none.json', ''],
    ] as const) {
      await client.send('s3', 'PUT', '/bucket-one', '');
      expect((await client.send('s3', 'PUT', `/bucket-one/${key}`, body)).status).toBe(200);
    }
    const reader = (Resource: string, Parameters: object, ReaderConfig: object = {}) => ({
      StartAt: 'm',
      States: {
        m: {
          Type: 'Map',
          ItemReader: {
            Resource: `arn:aws:states:::s3:${Resource}`,
            Parameters: { Bucket: 'bucket-one', ...Parameters },
            ReaderConfig,
          },
          ItemProcessor: {
            ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
            StartAt: 'p',
            States: { p: pass },
          },
          End: true,
        },
      },
    });
    const csv = await run(client, reader('getObject', { Key: 'in/rows.csv' }, { InputType: 'CSV' }), {});
    const listed = await run(client, reader('listObjectsV2', { Prefix: 'in/' }), {});
    const empty = await run(client, reader('getObject', { Key: 'in/none.json' }), {});
    const missing = await run(client, reader('getObject', { Key: 'in/missing' }), {});
    expect([csv.output, empty.error, missing.error]).toStrictEqual([
      '[{"a":"1","b":"2"},{"a":"3","b":"4"}]',
      'States.ItemReaderFailed',
      'States.ItemReaderFailed',
    ]);
    expect(csv.events.map(({ type }) => type)).toStrictEqual([
      'ExecutionStarted',
      'MapStateEntered',
      'MapStateStarted',
      'MapRunStarted',
      'MapRunSucceeded',
      'MapStateSucceeded',
      'MapStateExited',
      'ExecutionSucceeded',
    ]);
    expect(csv.events[3]).toMatchObject({
      mapRunStartedEventDetails: { mapRunArn: expect.stringContaining(':mapRun:machine-') },
    });
    expect(JSON.parse(String(listed.output))).toMatchObject([
      { Key: 'in/none.json', Size: 0, StorageClass: 'STANDARD' },
      { Key: 'in/rows.csv', Size: 12, Etag: expect.stringMatching(/^"[0-9a-f]{32}"$/) },
    ]);
  });

  it('is checked by ValidateStateMachineDefinition', async () => {
    const client = localClient(await openForTest());
    const wait = { Type: 'Task', Resource: 'arn:aws:states:::sqs:sendMessage.waitForTaskToken', End: true };
    const definition = JSON.stringify({ StartAt: 'a', States: { a: wait } });
    expect([
      await call(client, 'ValidateStateMachineDefinition', { definition }),
      await call(client, 'ValidateStateMachineDefinition', { definition, type: 'EXPRESS' }),
      await call(client, 'ValidateStateMachineDefinition', { definition: '{"States": {}}', maxResults: 1 }),
      await call(client, 'ValidateStateMachineDefinition', { definition, type: 'OTHER' }),
    ]).toStrictEqual([
      { result: 'OK', diagnostics: [], truncated: false },
      {
        result: 'FAIL',
        diagnostics: [
          {
            severity: 'ERROR',
            code: 'SCHEMA_VALIDATION_FAILED',
            message: "Express state machine does not support '.waitForTaskToken' service integration ",
            location: '/States/a/Resource',
          },
        ],
        truncated: false,
      },
      {
        result: 'FAIL',
        diagnostics: [
          {
            severity: 'ERROR',
            code: 'SCHEMA_VALIDATION_FAILED',
            message: 'These fields are required: [StartAt]',
            location: '/',
          },
        ],
        truncated: true,
      },
      { code: 'ValidationException', message: 'the type must be STANDARD or EXPRESS' },
    ]);
  });

  it('is tried state by state by TestState, which calls what is not mocked', async () => {
    const runtime = await openForTest();
    const client = localClient(runtime);
    const FunctionName = await registerFunction(runtime, 'export const handler = async (event) => event.n + 1;');
    const task = {
      Type: 'Task',
      Resource: 'arn:aws:states:::lambda:invoke',
      Parameters: { FunctionName, 'Payload.$': '$' },
      OutputPath: '$.Payload',
      End: true,
    };
    const definition = JSON.stringify(task);
    expect([
      await call(client, 'TestState', { definition, roleArn, input: '{"n":1}' }),
      await call(client, 'TestState', { definition, input: '{"n":1}', mock: { result: '{"Payload":7}' } }),
      await call(client, 'TestState', { definition, input: '{"n":1}' }),
    ]).toStrictEqual([
      { status: 'SUCCEEDED', output: '2' },
      { status: 'SUCCEEDED', output: '7' },
      { code: 'ValidationException', message: 'RoleArn must be specified when testing a Task state' },
    ]);
  });
});
