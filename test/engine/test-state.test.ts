import { describe, expect, test } from 'vitest';
import { virtualClock } from '../../lib/engine/clock.ts';
import { testState } from '../../lib/engine/test-state.ts';
import type { TestStateRequest } from '../../lib/engine/test-state-request.ts';
import { serviceModels } from '../../lib/local/service-models.ts';
import { failed, ok, startMs } from './machine.ts';

const place = { region: 'eu-west-1', accountId: '000000000000' };
const ask = (definition: object, request: Omit<TestStateRequest, 'definition'> = {}, outcome = ok({ n: 2 })) =>
  testState(
    { clock: virtualClock(startMs), random: () => 0.5, uuid: () => 'id', tasks: { run: async () => outcome } },
    { definition: JSON.stringify(definition), ...request },
    place,
  );
const roleArn = 'arn:aws:iam::000000000000:role/r';
const task = {
  Type: 'Task',
  Resource: 'arn:aws:states:::lambda:invoke',
  Parameters: { 'Payload.$': '$.a' },
  ResultSelector: { 'm.$': '$.n' },
  ResultPath: '$.r',
  OutputPath: '$.r.m',
  Next: 'after',
};
const map = {
  Type: 'Map',
  QueryLanguage: 'JSONata',
  Items: [1, 2, 3, 4],
  ItemProcessor: {
    ProcessorConfig: { Mode: 'DISTRIBUTED' },
    StartAt: 'i',
    States: { i: { Type: 'Pass', QueryLanguage: 'JSONata', End: true } },
  },
  End: true,
};
const parallel = {
  Type: 'Parallel',
  Branches: [
    { StartAt: 'b', States: { b: { Type: 'Pass', End: true } } },
    { StartAt: 'c', States: { c: { Type: 'Pass', End: true } } },
  ],
  End: true,
};

describe('a state that is tested', () => {
  test('tells its data at every stage, from DEBUG on', async () => {
    const answer = { status: 'SUCCEEDED', output: '2', nextState: 'after' };
    const request = { roleArn, input: '{"a":1}' };
    expect(await ask(task, request)).toStrictEqual(answer);
    expect(await ask(task, { ...request, inspectionLevel: 'DEBUG' })).toStrictEqual({
      ...answer,
      inspectionData: {
        input: '{"a":1}',
        afterInputPath: '{"a":1}',
        afterParameters: '{"Payload":1}',
        result: '{"n":2}',
        afterResultSelector: '{"m":2}',
        afterResultPath: '{"a":1,"r":{"m":2}}',
      },
    });
  });

  test('may be in a machine, also inside another state, and sees variables', async () => {
    const machine = {
      QueryLanguage: 'JSONata',
      StartAt: 'm',
      States: {
        m: {
          ...map,
          ItemProcessor: { ...map.ItemProcessor, States: { i: { Type: 'Pass', Output: '{% $v %}', End: true } } },
        },
      },
    };
    expect(await ask(machine, { stateName: 'i', variables: '{"v":7}', inspectionLevel: 'TRACE' })).toStrictEqual({
      status: 'SUCCEEDED',
      output: '7',
      inspectionData: { input: '{}', variables: '{"v":7}' },
    });
  });

  test('sees a context object, its own or one that is given', async () => {
    const state = { Type: 'Pass', InputPath: '$$', End: true };
    const context = '{"Execution":{"Name":"mine"},"State":{"RetryCount":3}}';
    const given = await ask(state, { context });
    const own = await ask(state, { input: '[1]' });
    expect([JSON.parse(given.output ?? ''), JSON.parse(own.output ?? '')]).toStrictEqual([
      JSON.parse(context),
      {
        Execution: {
          Id: 'arn:aws:states:eu-west-1:000000000000:express:TestState:id',
          Input: [1],
          Name: 'id',
          RoleArn: null,
          StartTime: '2026-03-01T12:00:00.000Z',
        },
        StateMachine: { Id: 'arn:aws:states:eu-west-1:000000000000:stateMachine:TestState', Name: 'TestState' },
        State: { Name: 'StateName', EnteredTime: '2026-03-01T12:00:00.000Z' },
      },
    ]);
  });

  test.each<readonly [string, object, Omit<TestStateRequest, 'definition'>, object]>([
    [
      'a Choice goes on',
      { Type: 'Choice', Choices: [{ Variable: '$.a', IsPresent: true, Next: 'x' }], Default: 'y' },
      { input: '{"b":1}' },
      { status: 'SUCCEEDED', output: '{"b":1}', nextState: 'y' },
    ],
    ['a Wait does not wait', { Type: 'Wait', Seconds: 99_999, End: true }, {}, { status: 'SUCCEEDED', output: '{}' }],
    [
      'a Fail fails',
      { Type: 'Fail', Error: 'E', CausePath: '$.why' },
      { input: '{"why":"so"}' },
      { status: 'FAILED', error: 'E', cause: 'so' },
    ],
    [
      'a path that fails is told without its place',
      { Type: 'Pass', InputPath: '$.no', End: true },
      {},
      { status: 'FAILED', error: 'States.Runtime', cause: "Invalid path '$.no' : No results for path: $['no']" },
    ],
    [
      'a mocked Parallel',
      { ...parallel, ResultSelector: { 'a.$': '$[1]' } },
      { mock: { result: '[1,2]' }, inspectionLevel: 'TRACE' },
      {
        status: 'SUCCEEDED',
        output: '{"a":2}',
        inspectionData: { input: '{}', afterResultSelector: '{"a":2}', afterResultPath: '{"a":2}' },
      },
    ],
    [
      'a mocked Map',
      { ...map, MaxConcurrency: 2 },
      { mock: { result: '[0]' }, inspectionLevel: 'TRACE' },
      { status: 'SUCCEEDED', output: '[0]', inspectionData: { input: '{}', maxConcurrency: 2 } },
    ],
    [
      'a Pass with a result',
      { Type: 'Pass', Result: 1, ResultPath: '$.r', End: true },
      { inspectionLevel: 'DEBUG' },
      {
        status: 'SUCCEEDED',
        output: '{"r":1}',
        inspectionData: { input: '{}', result: '1', afterResultSelector: '1', afterResultPath: '{"r":1}' },
      },
    ],
  ])('%s', async (_, state, request, expected) => {
    expect(await ask(state, request)).toStrictEqual(expected);
  });
});

describe('a failure', () => {
  const Retry = [
    { ErrorEquals: ['Other'] },
    { ErrorEquals: ['Boom'], IntervalSeconds: 2, MaxAttempts: 3, BackoffRate: 3 },
  ];
  const Catch = [{ ErrorEquals: ['Boom'], ResultPath: '$.error', Next: 'repair' }];
  const mock = { errorOutput: { error: 'Boom', cause: 'why' } };
  const request = { input: '{"a":1}', mock, inspectionLevel: 'DEBUG' } as const;
  const seen = { input: '{"a":1}', afterInputPath: '{"a":1}', afterParameters: '{"Payload":1}' };

  test('is retried while there are tries left', async () => {
    expect(
      await ask({ ...task, Retry, Catch }, { ...request, stateConfiguration: { retrierRetryCount: 2 } }),
    ).toStrictEqual({
      status: 'RETRIABLE',
      error: 'Boom',
      cause: 'why',
      inspectionData: { ...seen, errorDetails: { retryIndex: 1, retryBackoffIntervalSeconds: 18 } },
    });
  });

  test('is caught then', async () => {
    expect(
      await ask({ ...task, Retry, Catch }, { ...request, stateConfiguration: { retrierRetryCount: 3 } }),
    ).toStrictEqual({
      status: 'CAUGHT_ERROR',
      error: 'Boom',
      cause: 'why',
      nextState: 'repair',
      output: '{"a":1,"error":{"Error":"Boom","Cause":"why"}}',
      inspectionData: { ...seen, errorDetails: { catchIndex: 0 } },
    });
  });

  test('of a task that is not mocked ends the test', async () => {
    expect(await ask(task, { roleArn, input: '{"a":1}' }, failed('Boom', 'why'))).toStrictEqual({
      status: 'FAILED',
      error: 'Boom',
      cause: 'why',
    });
  });

  test.each([
    [{ ToleratedFailureCount: 2 }, 2, 'SUCCEEDED'],
    [{ ToleratedFailureCount: 2 }, 3, 'FAILED'],
    [{ ToleratedFailurePercentage: 50 }, 2, 'SUCCEEDED'],
    [{ ToleratedFailurePercentage: 50 }, 3, 'FAILED'],
    [{}, 4, 'SUCCEEDED'],
  ])('of iterations fails a Map beyond its tolerance: %j, %i', async (more, mapIterationFailureCount, status) => {
    const answer = await ask(
      { ...map, ...more },
      { mock: { result: '[]' }, stateConfiguration: { mapIterationFailureCount } },
    );
    expect(answer.status).toBe(status);
  });
});

describe('a test is refused', () => {
  const pass = { Type: 'Pass', End: true };
  const mocked = (result: string, mode?: 'STRICT' | 'PRESENT' | 'NONE') => ({
    mock: { result, ...(mode === undefined ? {} : { fieldValidationMode: mode }) },
  });
  const start = { ...task, Resource: 'arn:aws:states:::states:startExecution' };

  test.each<readonly [object, Omit<TestStateRequest, 'definition'>, string, string]>([
    [task, {}, 'ValidationException', 'RoleArn must be specified when testing a Task state'],
    [pass, mocked('1'), 'ValidationException', "State type 'Pass' is not supported when a mock is specified"],
    [map, {}, 'InvalidDefinition', 'TestState API does not support Map or Parallel states.'],
    [
      map,
      { stateConfiguration: { mapIterationFailureCount: 1 } },
      'ValidationException',
      'TestState does not support MapIterationFailureCount when a mock is not specified.',
    ],
    [task, mocked('no'), 'ValidationException', 'Mocked result must be valid JSON'],
    [map, mocked('1'), 'ValidationException', 'Mocked result must be an array.'],
    [
      parallel,
      mocked('[1]'),
      'ValidationException',
      'Mocked result must contain the same number of items as number of Parallel branches.',
    ],
    [
      task,
      { ...mocked('{}'), revealSecrets: true },
      'ValidationException',
      'TestState does not support RevealSecrets when a mock is specified.',
    ],
    [{ StartAt: 'a', States: { a: pass } }, { stateName: 'b' }, 'ValidationException', 'State not found in definition'],
    [
      { ...parallel, Branches: [] },
      mocked('[]'),
      'InvalidDefinition',
      "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/StateName/Branches'",
    ],
    [pass, { input: '{' }, 'ValidationException', 'The input must be valid JSON'],
    [pass, { context: '[]' }, 'ValidationException', 'Invalid Context object provided: it must be an object'],
    [
      pass,
      { context: '{"Map":{}}' },
      'ValidationException',
      "Invalid Context object provided: 'Map' field is not supported when mocking a Context object",
    ],
    [
      pass,
      { context: '{"Odd":{}}' },
      'ValidationException',
      "Invalid Context object provided: Field 'Odd' is not allowed",
    ],
    [
      pass,
      { context: '{"State":{"Odd":1}}' },
      'ValidationException',
      "Invalid Context object provided: Field 'Odd' is not allowed",
    ],
    [
      pass,
      { context: '{"State":{"RetryCount":"1"}}' },
      'ValidationException',
      'Invalid Context object provided: State.RetryCount must be a number',
    ],
    [
      start,
      mocked('{"StartDate":"now"}'),
      'ValidationException',
      "Mock result schema validation error: Required field 'ExecutionArn' is missing",
    ],
    [
      start,
      mocked('{"StartDate":1}', 'PRESENT'),
      'ValidationException',
      "Mock result schema validation error: Field 'StartDate' must be a string",
    ],
    [
      { ...task, Resource: 'arn:aws:states:::events:putEvents' },
      mocked('{"Entries":1}'),
      'ValidationException',
      "Mock result schema validation error: Field 'Entries' must be an array",
    ],
    [
      { ...task, Resource: 'arn:aws:states:::events:putEvents' },
      mocked('{"Entries":[1]}'),
      'ValidationException',
      "Mock result schema validation error: Field 'Entries' must be an object",
    ],
    [task, mocked('[]'), 'ValidationException', 'Mock result schema validation error: Mock result must be an object'],
  ])('%j with %j', async (state, request, name, message) => {
    const refused = ask(state, request);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toMatchObject({ name });
  });

  test.each([
    [start, mocked('{"odd":1}', 'PRESENT')],
    [start, mocked('{"StartDate":1}', 'NONE')],
    [{ ...task, Resource: 'arn:aws:states:::aws-sdk:s3:getObject' }, mocked('{"any":1}')],
  ])('and not for less: %j with %j', async (state, request) => {
    const { ResultSelector: _, OutputPath: __, ...plain } = state as typeof task;
    expect((await ask(plain, { input: '{"a":1}', ...request })).status).toBe('SUCCEEDED');
  });
});

describe('a mocked answer of an SDK action', () => {
  const getTable = { Type: 'Task', Resource: 'arn:aws:states:::aws-sdk:dynamodb:describeTable', End: true };
  const mocked = (result: object, fieldValidationMode?: 'STRICT' | 'PRESENT' | 'NONE', state: object = getTable) =>
    testState(
      { clock: virtualClock(startMs), random: () => 0.5, uuid: () => 'id', tasks: { run: async () => ok(null) } },
      {
        definition: JSON.stringify(state),
        mock: { result: JSON.stringify(result), ...(fieldValidationMode && { fieldValidationMode }) },
      },
      { ...place, models: serviceModels },
    );
  test('may be nested deeply where the service has a type that holds itself, and is refused beyond', async () => {
    const getItem = { ...getTable, Resource: 'arn:aws:states:::aws-sdk:dynamodb:getItem' };
    const nested = (depth: number) => {
      let text = '{"S":"x"}';
      for (let at = 0; at < depth; at += 1) text = `{"M":{"a":${text}}}`;
      return testState(
        { clock: virtualClock(startMs), random: () => 0.5, uuid: () => 'id', tasks: { run: async () => ok(null) } },
        { definition: JSON.stringify(getItem), mock: { result: `{"Item":{"a":${text}}}` } },
        { ...place, models: serviceModels },
      );
    };
    expect((await nested(30)).status).toBe('SUCCEEDED');
    for (const depth of [5_000, 100_000]) {
      await expect(nested(depth)).rejects.toMatchObject(refused('The mocked result is nested too deeply'));
    }
  });

  const refused = (message: string) => ({ message: `Mock result schema validation error: ${message}` });

  test('is checked against the model of its service', async () => {
    await expect(mocked({ Table: { ItemCount: 'many' } })).rejects.toMatchObject(
      refused("Field 'ItemCount' must be a number"),
    );
    await expect(mocked({ Table: { TableName: '' } })).rejects.toMatchObject(
      refused("Field 'TableName' is smaller than the minimum length"),
    );
    await expect(mocked({ Table: { KeySchema: {} } })).rejects.toMatchObject(
      refused("Field 'KeySchema' must be an array"),
    );
    await expect(mocked({ Table: [] })).rejects.toMatchObject(refused("Field 'Table' must be an object"));
    await expect(mocked({ Table: { DeletionProtectionEnabled: 1 } })).rejects.toMatchObject(
      refused("Field 'DeletionProtectionEnabled' must be a boolean"),
    );
    await expect(mocked({ Table: { ItemCount: 2, AttributeDefinitions: [] } })).resolves.toMatchObject({
      status: 'SUCCEEDED',
    });
  });

  test('needs the required fields in STRICT alone, and nothing in NONE', async () => {
    const keys = { Table: { KeySchema: [{ AttributeName: 'pk' }] } };
    await expect(mocked(keys)).rejects.toMatchObject(refused("Required field 'KeyType' is missing"));
    await expect(mocked(keys, 'PRESENT')).resolves.toMatchObject({ status: 'SUCCEEDED' });
    await expect(mocked({ Table: 1 }, 'NONE')).resolves.toMatchObject({ status: 'SUCCEEDED' });
  });

  test('of a service without a model is taken as it is', async () => {
    const state = { ...getTable, Resource: 'arn:aws:states:::aws-sdk:honeycode:getScreenData' };
    await expect(mocked({ results: 1 }, 'STRICT', state)).resolves.toMatchObject({ status: 'SUCCEEDED' });
  });
});
