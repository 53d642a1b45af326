/** States written in JSONPath: how data flows through each type of state, and what failing paths do. */
import { describe, expect, test } from 'vitest';
import { checkEveryCut, foldWhole } from './cuts.ts';
import { failed, lines, ok, run, startMs } from './machine.ts';

const machine = (states: object, more: object = {}) => ({
  QueryLanguage: 'JSONPath',
  StartAt: Object.keys(states)[0],
  States: states,
  ...more,
});
const resource = 'arn:aws:states:::lambda:invoke';
const outputOf = async (state: object, input: unknown) => {
  const { outcome } = await run(machine({ a: { ...state, End: true } }), input, () => ok({ r: [1, 2] }));
  return outcome.output === undefined ? outcome : (JSON.parse(outcome.output) as unknown);
};

/** A template that lies deep itself. */
const wrapped = (text: string, suffix = ''): object => {
  let template: object = { [`a${suffix}`]: text };
  for (let depth = 1; depth < 150; depth += 1) template = { a: template };
  return template;
};

describe('data flows', () => {
  const input = { x: { y: 1 }, z: 2 };

  test.each<readonly [string, object, unknown]>([
    ['Pass hands on its input', { Type: 'Pass' }, input],
    ['Pass gives a result', { Type: 'Pass', Result: { 'a.$': '$' } }, { 'a.$': '$' }],
    ['Pass gives its parameters', { Type: 'Pass', InputPath: '$.x', Parameters: { 'v.$': '$.y' } }, { v: 1 }],
    ['InputPath null is an empty object', { Type: 'Pass', InputPath: null }, {}],
    ['OutputPath null is an empty object', { Type: 'Pass', OutputPath: null }, {}],
    [
      'ResultPath puts a result into the raw input',
      { Type: 'Pass', InputPath: '$.x', Result: 9, ResultPath: '$.x.n' },
      {
        x: { y: 1, n: 9 },
        z: 2,
      },
    ],
    ['ResultPath null drops the result', { Type: 'Pass', Result: 9, ResultPath: null }, input],
    [
      'a task gets parameters and gives its result',
      { Type: 'Task', Resource: resource, ResultSelector: { 'n.$': '$.r[1]' }, ResultPath: '$.z' },
      {
        x: { y: 1 },
        z: { n: 2 },
      },
    ],
    ['OutputPath comes last', { Type: 'Task', Resource: resource, ResultPath: '$.t', OutputPath: '$.t.r' }, [1, 2]],
    ['Wait and Succeed have paths', { Type: 'Wait', SecondsPath: '$.y', InputPath: '$.x', OutputPath: '$.y' }, 1],
    [
      'branches get parameters',
      {
        Type: 'Parallel',
        Parameters: { 'p.$': '$.z' },
        Branches: [
          { StartAt: 'b', States: { b: { Type: 'Pass', End: true } } },
          { StartAt: 'c', States: { c: { Type: 'Pass', OutputPath: '$.p', End: true } } },
        ],
        ResultSelector: { 'first.$': '$[0]', 'second.$': '$[1]' },
      },
      { first: { p: 2 }, second: 2 },
    ],
  ])('%s', async (_, state, expected) => {
    expect(await outputOf(state, input)).toStrictEqual(expected);
  });

  test('a Map takes its items from a path, and its selector sees input, item and context', async () => {
    const { outcome, events } = await run(
      machine({
        m: {
          Type: 'Map',
          InputPath: '$.in',
          ItemsPath: '$.list',
          ItemSelector: { 'i.$': '$$.Map.Item.Index', 'v.$': '$$.Map.Item.Value', 'of.$': '$.name' },
          MaxConcurrencyPath: '$.most',
          Iterator: { StartAt: 'p', States: { p: { Type: 'Pass', End: true } } },
          ResultPath: '$.out',
          End: true,
        },
      }),
      { in: { list: ['a', 'b'], name: 'n', most: '1' } },
    );
    expect(JSON.parse(outcome.output ?? '')).toStrictEqual({
      in: { list: ['a', 'b'], name: 'n', most: '1' },
      out: [
        { i: 0, v: 'a', of: 'n' },
        { i: 1, v: 'b', of: 'n' },
      ],
    });
    expect(lines(events).slice(3, 8)).toStrictEqual([
      '4<-3 MapIterationStarted m[0]',
      '5<-4 PassStateEntered p',
      '6<-5 PassStateExited p',
      '7<-6 MapIterationSucceeded m[0]',
      '8<-6 MapIterationStarted m[1]',
    ]);
  });

  test('a Choice goes by the first rule that holds; what it assigns counts from the next state on', async () => {
    const { outcome } = await run(
      machine({
        c: {
          Type: 'Choice',
          Choices: [
            { Variable: '$.n', NumericGreaterThan: 5, Next: 'big' },
            { Variable: '$.n', NumericGreaterThan: 1, Assign: { 'seen.$': '$.n' }, Next: 'small' },
          ],
          Default: 'big',
          OutputPath: '$.n',
        },
        small: { Type: 'Pass', Parameters: { 'in.$': '$', 'seen.$': '$seen' }, End: true },
        big: { Type: 'Fail' },
      }),
      { n: 3 },
    );
    expect(outcome.output).toBe('{"in":3,"seen":3}');
  });

  test('Assign sees the result as ResultSelector leaves it, and variables as they were', async () => {
    const { events } = await run(
      machine({
        a: { Type: 'Pass', Assign: { v: 1 }, Next: 't' },
        t: {
          Type: 'Task',
          Resource: resource,
          ResultSelector: { 'r.$': '$.r[0]' },
          Assign: { 'v.$': '$.r', 'was.$': '$v', 'name.$': '$$.State.Name' },
          ResultPath: null,
          End: true,
        },
      }),
      {},
      () => ok({ r: [7] }),
    );
    expect(events.at(-2)).toMatchObject({
      stateExitedEventDetails: { output: '{}', assignedVariables: { v: '7', was: '1', name: '"t"' } },
    });
  });

  test('a Catch puts the error into the input, and assigns it', async () => {
    const { outcome } = await run(
      machine({
        t: {
          Type: 'Task',
          Resource: resource,
          Catch: [{ ErrorEquals: ['Boom'], ResultPath: '$.error', Assign: { 'why.$': '$.Cause' }, Next: 'p' }],
          End: true,
        },
        p: { Type: 'Pass', Parameters: { 'in.$': '$', 'why.$': '$why' }, End: true },
      }),
      { n: 1 },
      () => failed('Boom', 'because'),
    );
    expect(JSON.parse(outcome.output ?? '')).toStrictEqual({
      in: { n: 1, error: { Error: 'Boom', Cause: 'because' } },
      why: 'because',
    });
  });

  test('each state has a language of its own', async () => {
    const { outcome } = await run(
      machine({
        a: { Type: 'Pass', Assign: { 'n.$': '$.n' }, Next: 'b' },
        b: { Type: 'Pass', QueryLanguage: 'JSONata', Output: '{% {"m": $n + $states.input.n} %}', Next: 'c' },
        c: { Type: 'Pass', Parameters: { 'm.$': 'States.MathAdd($.m, $n)' }, End: true },
      }),
      { n: 2 },
    );
    expect(outcome.output).toBe('{"m":6}');
  });

  test('Timeouts and roles come from paths', async () => {
    const { events } = await run(
      machine({
        t: {
          Type: 'Task',
          Resource: resource,
          Parameters: { FunctionName: 'f' },
          TimeoutSecondsPath: '$.t',
          HeartbeatSecondsPath: '$.h',
          Credentials: { 'RoleArn.$': '$.role' },
          End: true,
        },
      }),
      { t: 9, h: 3, role: 'arn:r' },
    );
    expect(events[2]).toMatchObject({
      taskScheduledEventDetails: {
        parameters: '{"FunctionName":"f"}',
        timeoutInSeconds: 9,
        heartbeatInSeconds: 3,
        taskCredentials: { roleArn: 'arn:r' },
      },
    });
  });
});

describe('a path that fails', () => {
  const where = "An error occurred while executing the state 'a' (entered at the event id #2).";
  const map = { Type: 'Map', ItemProcessor: { StartAt: 'p', States: { p: { Type: 'Pass', End: true } } }, End: true };

  test.each<readonly [object, string, string]>([
    [
      { Type: 'Pass', InputPath: '$.no', End: true },
      'States.Runtime',
      "Invalid path '$.no' : No results for path: $['no']",
    ],
    [
      { Type: 'Pass', Parameters: { 'x.$': '$.no' }, End: true },
      'States.Runtime',
      'The JSONPath \'$.no\' specified for the field \'x.$\' could not be found in the input \'{"n":-1,"s":"x"}\'',
    ],
    [
      { Type: 'Pass', ResultPath: '$.n.m', End: true },
      'States.ResultPathMatchFailure',
      'Unable to apply step "m" to input -1',
    ],
    [
      { Type: 'Pass', Parameters: { 'x.$': 'States.ArrayLength($.n)' }, End: true },
      'States.IntrinsicFailure',
      "The function 'States.ArrayLength($.n)' had the following error: The argument at position 1 must be an array, but was: -1",
    ],
    [
      { Type: 'Task', Resource: resource, TimeoutSecondsPath: '$.n', End: true },
      'States.Runtime',
      'The TimeoutSecondsPath parameter does not reference an integer from 1 to 99999999: $.n == -1',
    ],
    [
      { Type: 'Task', Resource: resource, Credentials: { 'RoleArn.$': '$.n' }, End: true },
      'States.Runtime',
      'The RoleArn of Credentials must be a string but was: -1',
    ],
    [
      { Type: 'Task', Resource: 'arn:aws:states:us-east-1:000000000000:activity:missing', End: true },
      'States.Runtime',
      'The activity arn:aws:states:us-east-1:000000000000:activity:missing does not exist.',
    ],
    [
      { Type: 'Choice', Choices: [{ Variable: '$.no', IsNull: true, Next: 'a' }] },
      'States.Runtime',
      "Invalid path '$.no': The choice state's condition path references an invalid value.",
    ],
    [
      { Type: 'Wait', SecondsPath: '$.no', End: true },
      'States.Runtime',
      'The SecondsPath parameter does not reference an input value: $.no',
    ],
    [
      { Type: 'Wait', SecondsPath: '$.s', End: true },
      'States.Runtime',
      'The SecondsPath parameter cannot be parsed as a long value: $.s == x',
    ],
    [
      { Type: 'Wait', SecondsPath: '$.n', End: true },
      'States.Runtime',
      'The SecondsPath parameter cannot be negative: $.n == -1',
    ],
    [
      { Type: 'Wait', TimestampPath: '$.n', End: true },
      'States.Runtime',
      'The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: $.n == -1',
    ],
    [{ Type: 'Wait', Timestamp: '2200-01-01T00:00:00Z', End: true }, 'States.Runtime', 'Wait state delay is too long.'],
    [
      { Type: 'Fail', ErrorPath: '$.n' },
      'States.Runtime',
      'The ErrorPath parameter does not reference a string value: $.n == -1',
    ],
    [
      { ...map, ItemsPath: '$.no' },
      'States.ReferencePathConflict',
      'Unable to apply step "no" to input {"n":-1,"s":"x"}',
    ],
    [{ ...map, ItemsPath: '$.n' }, 'States.Runtime', 'Reference path "$.n" must point to array.'],
    [
      { ...map, ItemsPath: '$$.Execution.Input.l', MaxConcurrencyPath: '$.n' },
      'States.ReferencePathConflict',
      'Unable to apply step "l" to input {"n":-1,"s":"x"}',
    ],
  ])('ends %j', async (state, error, cause) => {
    const { outcome } = await run(machine({ a: state }), { n: -1, s: 'x' });
    expect(outcome).toStrictEqual({ status: 'FAILED', error, cause: `${where} ${cause}` });
  });

  test('as States.Runtime is not caught and has no event of its own', async () => {
    const { events } = await run(
      machine({
        a: { ...map, InputPath: '$.no', Catch: [{ ErrorEquals: ['States.ALL'], Next: 'b' }] },
        b: { Type: 'Pass', End: true },
      }),
    );
    expect(lines(events)).toStrictEqual(['1<-0 ExecutionStarted', '2<-0 MapStateEntered a', '3<-2 ExecutionFailed']);
  });

  test('under another name is caught', async () => {
    const { outcome } = await run(
      machine({
        a: { ...map, ItemsPath: '$.no', Catch: [{ ErrorEquals: ['States.ReferencePathConflict'], Next: 'b' }] },
        b: { Type: 'Pass', OutputPath: '$.Error', End: true },
      }),
    );
    expect(outcome.output).toBe('"States.ReferencePathConflict"');
  });

  test.each([{ InputPath: '$..x' }, { Parameters: { 'a.$': '$' } }])(
    'or that leads too deep ends the execution, not the engine: %j',
    async (fields) => {
      const handle = await run(
        machine({ a: { Type: 'Pass', ...fields, End: true } }),
        0,
        undefined,
        undefined,
        `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
      );
      expect(handle.outcome).toStrictEqual({
        status: 'FAILED',
        error: 'States.Runtime',
        cause: `${where} The data of the state are nested too deeply.`,
      });
    },
  );

  // How deep is too deep depends on where in the engine it is looked at.
  test.each<readonly [string, object]>([
    ['with a selector', { ItemSelector: wrapped('{% $states.context.Map.Item.Value %}') }],
    ['without a selector', {}],
    ['written in JSONPath', { QueryLanguage: 'JSONPath', ItemSelector: wrapped('$$.Map.Item.Value', '.$') }],
    ['that is distributed', { Label: 'l', ItemSelector: wrapped('{% $states.context.Map.Item.Value %}') }],
  ])(
    'or items that are nested at the edge of what there is room for end a Map %s, not the engine',
    async (_, fields) => {
      const map = {
        QueryLanguage: 'JSONata',
        Type: 'Map',
        ...fields,
        ItemProcessor: {
          ...('Label' in fields && { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' } }),
          StartAt: 'p',
          States: { p: { Type: 'Succeed' } },
        },
        End: true,
      };
      const statuses = new Set<string>();
      for (let depth = 2_000; depth < 9_000; depth += 250) {
        const text = `[${'['.repeat(depth)}${']'.repeat(depth)}]`;
        const { outcome, records } = await run(machine({ m: map }), 0, undefined, undefined, text);
        expect([depth, foldWhole(machine({ m: map }), records)]).toStrictEqual([depth, outcome.status]);
        statuses.add(`${outcome.status} ${outcome.error}`);
      }
      expect([...statuses].sort()).toStrictEqual(['FAILED States.Runtime', 'SUCCEEDED undefined']);
    },
  );

  test('in a Catch fails for good', async () => {
    const { outcome } = await run(
      machine({
        a: {
          Type: 'Task',
          Resource: resource,
          Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.n.m', Next: 'b' }],
          End: true,
        },
        b: { Type: 'Pass', End: true },
      }),
      { n: 1 },
      () => failed('Boom'),
    );
    expect(outcome.error).toBe('States.ResultPathMatchFailure');
  });
});

test('a run cut after any record draws nothing twice and goes on to the same end', async () => {
  const whole = await checkEveryCut(
    machine({
      a: { Type: 'Pass', Parameters: { 'id.$': 'States.UUID()', list: [1, 2, 3] }, Next: 'w' },
      w: { Type: 'Wait', Seconds: 5, Next: 'm' },
      m: {
        Type: 'Map',
        ItemsPath: '$.list',
        ItemSelector: { 'n.$': '$$.Map.Item.Value', 'id.$': '$.id', try: 0 },
        ItemProcessor: {
          StartAt: 't',
          States: {
            t: {
              Type: 'Task',
              Resource: resource,
              Parameters: { 'n.$': '$.n', 'try.$': '$$.State.RetryCount' },
              Retry: [{ ErrorEquals: ['Flaky'], JitterStrategy: 'FULL' }],
              ResultPath: '$.out',
              End: true,
            },
          },
        },
        ResultPath: '$.done',
        Next: 'c',
      },
      c: { Type: 'Choice', Choices: [{ Variable: '$.done[0].out', IsPresent: true, Next: 'e' }] },
      e: { Type: 'Succeed', OutputPath: '$.done[*].out' },
    }),
    {},
    (request) => (request.retryCount === 0 ? failed('Flaky') : ok((request.arguments as { n: number }).n)),
    true,
  );
  expect([whole.outcome.output, whole.clock.now() > startMs + 5_000]).toStrictEqual(['[1,2,3]', true]);
});
