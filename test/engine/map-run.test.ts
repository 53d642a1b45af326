/** Distributed Maps: child executions with histories of their own, items from objects, batches, tolerated failures. */
import { describe, expect, test } from 'vitest';
import type { Json } from '../../lib/asl/definition.ts';
import { checkEveryCut } from './cuts.ts';
import { type Answer, failed, lines, memoryObjects, ok, run } from './machine.ts';

const resource = 'arn:aws:states:::lambda:invoke';
const body = (states: object) => ({
  ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
  StartAt: Object.keys(states)[0],
  States: states,
});
const map = (states: object, more: object = {}) => ({
  QueryLanguage: 'JSONPath',
  StartAt: 'm',
  States: { m: { Type: 'Map', ItemProcessor: body(states), Label: 'load', End: true, ...more } },
});
const pass = { p: { Type: 'Pass', End: true } };
const call = { t: { Type: 'Task', Resource: resource, Parameters: { 'n.$': '$' }, End: true } };
const argumentOf = (request: { readonly arguments: Json }) => (request.arguments as { readonly n: Json }).n;

const objects = memoryObjects({ 'list.json': '[1,2,3]', 'rows.csv': 'a,b\n1,2\n3,4\n' });
const reader = (Key: string, ReaderConfig: object = { InputType: 'JSON' }) => ({
  ItemReader: { Resource: 'arn:aws:states:::s3:getObject', Parameters: { Bucket: 'b', Key }, ReaderConfig },
});

describe('a map run', () => {
  test('has its own events; those of the children are not in the history', async () => {
    const { events, outcome } = await run(map(pass), [1, 2]);
    expect(lines(events)).toStrictEqual([
      '1<-0 ExecutionStarted',
      '2<-0 MapStateEntered m',
      '3<-2 MapStateStarted',
      '4<-3 MapRunStarted',
      '5<-4 MapRunSucceeded',
      '6<-5 MapStateSucceeded',
      '7<-4 MapStateExited m',
      '8<-7 ExecutionSucceeded',
    ]);
    expect(events[3]).toMatchObject({
      mapRunStartedEventDetails: {
        mapRunArn: expect.stringMatching(/^arn:aws:states:us-east-1:000000000000:mapRun:machine\/load:[0-9a-f-]+$/),
      },
    });
    expect(outcome.output).toBe('[1,2]');
  });

  test('gives each child a context and variables of its own', async () => {
    const states = {
      a: { Type: 'Pass', Assign: { 'v.$': '$' }, Next: 'b' },
      b: { Type: 'Pass', Parameters: { 'v.$': '$v', 'context.$': '$$' }, End: true },
    };
    const machine = map(states, { ItemSelector: { 'i.$': '$$.Map.Item.Value' } });
    const { outcome } = await run(machine, ['x']);
    const [child] = JSON.parse(outcome.output ?? '') as readonly {
      readonly context: { readonly Execution: { readonly Name: string } };
    }[];
    const name = child?.context.Execution.Name;
    expect(child).toStrictEqual({
      v: { i: 'x' },
      context: {
        Execution: {
          Id: `arn:aws:states:us-east-1:000000000000:execution:machine/load:${name}`,
          Input: { i: 'x' },
          Name: name,
          RoleArn: 'arn:aws:iam::000000000000:role/machine',
          StartTime: '2026-03-01T12:00:00.000Z',
          RedriveCount: 0,
        },
        State: { Name: 'b', EnteredTime: '2026-03-01T12:00:00.000Z' },
        StateMachine: { Id: 'arn:aws:states:us-east-1:000000000000:stateMachine:machine/load', Name: 'machine/load' },
      },
    });
  });

  test('hides the variables of the execution around from its children, but not from the selector', async () => {
    const states = { p: { Type: 'Pass', Parameters: { 'v.$': '$v' }, End: true } };
    const machine = map(states, { ItemSelector: { 'v.$': '$v' } });
    const set = { Type: 'Pass', Assign: { v: 5 }, Next: 'm' };
    const seen = (inner: object) => run({ ...machine, StartAt: 's', States: { s: set, ...inner } }, [1]);
    const selected = map(pass, { ItemSelector: { 'v.$': '$v' } });
    expect([(await seen(machine.States)).outcome.status, (await seen(selected.States)).outcome.output]).toStrictEqual([
      'FAILED',
      '[{"v":5}]',
    ]);
  });

  test('keeps within MaxConcurrency', async () => {
    let running = 0;
    let most = 0;
    const answer: Answer = (_task, clock) => {
      running += 1;
      most = Math.max(most, running);
      return new Promise((resolve) =>
        clock.wakeAt(clock.now() + 1_000, () => {
          running -= 1;
          resolve(ok(1));
        }),
      );
    };
    const { outcome } = await run(map(call, { MaxConcurrency: 3 }), [1, 2, 3, 4, 5, 6, 7], answer);
    expect([outcome.output, most]).toStrictEqual(['[1,1,1,1,1,1,1]', 3]);
  });

  test('over many children does not grow the history', async () => {
    const { events, outcome } = await run(
      map(pass),
      Array.from({ length: 3_000 }, (_, index) => index),
    );
    expect([events.length, JSON.parse(outcome.output ?? '').length]).toStrictEqual([8, 3_000]);
  });

  test('whose children give more than a state may hold fails the Map', async () => {
    const { outcome, events } = await run(map(call), [1, 2], () => ok('x'.repeat(200_000)));
    expect([outcome.error, lines(events).slice(4)]).toStrictEqual([
      'States.DataLimitExceeded',
      ['5<-4 MapRunSucceeded', '6<-5 MapStateFailed', '7<-6 ExecutionFailed'],
    ]);
  });

  test('runs within another', async () => {
    const inner = { m2: { Type: 'Map', ItemProcessor: body(pass), End: true } };
    expect((await run(map(inner), [[1, 2], [3]])).outcome.output).toBe('[[1,2],[3]]');
  });
});

describe('items', () => {
  test.each<readonly [string, object, Json]>([
    ['from a JSON file', reader('list.json'), [1, 2, 3]],
    [
      'from a CSV file, not all of them',
      reader('rows.csv', { InputType: 'CSV', MaxItemsPath: '$.most' }),
      [{ a: '1', b: '2' }],
    ],
    [
      'from a listing',
      { ItemReader: { Resource: 'arn:aws:states:::s3:listObjectsV2', Parameters: { Bucket: 'b', Prefix: 'r' } } },
      [{ Key: 'rows.csv' }],
    ],
    [
      'in batches by number',
      { ...reader('list.json'), ItemBatcher: { MaxItemsPerBatch: 2, BatchInput: { 'most.$': '$.most' } } },
      [
        { BatchInput: { most: 1 }, Items: [1, 2] },
        { BatchInput: { most: 1 }, Items: [3] },
      ],
    ],
    [
      'in batches by size',
      { ...reader('list.json'), ItemBatcher: { MaxInputBytesPerBatch: 15 } },
      [{ Items: [1, 2] }, { Items: [3] }],
    ],
  ])('%s', async (_, more, expected) => {
    const { outcome, events } = await run(map(pass, more), { most: 1 }, undefined, objects);
    expect(JSON.parse(outcome.output ?? '')).toStrictEqual(expected);
    expect(events[2]).toMatchObject({ mapStateStartedEventDetails: { length: 0 } });
  });

  test('are read with JSONata as well', async () => {
    const machine = {
      ...map(pass, {
        ItemReader: {
          Resource: 'arn:aws:states:::s3:getObject',
          Arguments: { Bucket: 'b', Key: '{% $states.input.key %}' },
          ReaderConfig: { InputType: 'JSON', MaxItems: '{% 1 + 1 %}' },
        },
        ItemSelector: '{% $states.context.Map.Item.Value * 10 %}',
        ItemBatcher: { MaxItemsPerBatch: '{% 2 %}' },
      }),
      QueryLanguage: 'JSONata',
    };
    const { outcome } = await run(machine, { key: 'list.json' }, undefined, objects);
    expect(outcome.output).toBe('[{"Items":[10,20]}]');
  });

  test.each<readonly [string, object, string]>([
    ['no object', reader('none.json'), 'The object none.json of the bucket b does not exist.'],
    ['no items in it', reader('rows.csv'), 'The file is not valid JSON'],
    [
      'no key',
      { ItemReader: { Resource: 'arn:aws:states:::s3:getObject', Parameters: { Bucket: 'b' } } },
      'The Key must be a string but was: undefined',
    ],
    [
      'no bucket',
      { ItemReader: { Resource: 'arn:aws:states:::s3:listObjectsV2' } },
      'The Bucket must be a string but was: undefined',
    ],
    [
      'no such version',
      {
        ItemReader: {
          Resource: 'arn:aws:states:::s3:getObject',
          Parameters: { Bucket: 'b', Key: 'list.json', VersionId: 'v1' },
        },
      },
      'There are no versions of objects in this store.',
    ],
  ])('that cannot be read fail the run: %s', async (_, more, cause) => {
    const { outcome, events } = await run(map(pass, more), {}, undefined, objects);
    expect(outcome).toStrictEqual({
      status: 'FAILED',
      error: 'States.ItemReaderFailed',
      cause: expect.stringContaining(cause),
    });
    expect(lines(events).slice(3)).toStrictEqual([
      '4<-3 MapRunStarted',
      '5<-4 MapRunFailed',
      '6<-5 MapStateFailed',
      '7<-6 ExecutionFailed',
    ]);
  });

  test('that are larger than an execution takes fail the run', async () => {
    const { outcome, events } = await run(map(pass, { ItemSelector: { 'a.$': '$[0]', 'b.$': '$[0]' } }), [
      'x'.repeat(150_000),
    ]);
    expect([outcome.error, lines(events).slice(4)]).toStrictEqual([
      'States.DataLimitExceeded',
      ['5<-4 MapRunFailed', '6<-5 MapStateFailed', '7<-6 ExecutionFailed'],
    ]);
  });

  test('cannot be read where there is no store', async () => {
    expect((await run(map(pass, reader('list.json')))).outcome.cause).toBe('There is no object store to read from.');
  });
});

/** Results as they are, but for those of children that have failed: their status. */
function statusesIn(output = ''): readonly unknown[] {
  const results = JSON.parse(output) as readonly ({ readonly Status?: string } | number)[];
  return results.map((result) => (typeof result === 'object' ? result.Status : result));
}

describe('children that fail', () => {
  const failsFor =
    (...bad: readonly number[]): Answer =>
    (request) =>
      bad.includes(argumentOf(request) as number) ? failed('Boom') : ok(argumentOf(request));
  const exceeded = {
    status: 'FAILED',
    error: 'States.ExceedToleratedFailureThreshold',
    cause: 'The specified tolerated failure threshold was exceeded',
  };

  test.each<readonly [object, readonly number[], readonly unknown[] | undefined]>([
    [{}, [2], undefined],
    [{ ToleratedFailureCount: 1 }, [2], [1, 'FAILED', 3, 4]],
    [{ ToleratedFailureCount: 1 }, [2, 3], undefined],
    [{ ToleratedFailurePercentage: 50 }, [2, 3], [1, 'FAILED', 'FAILED', 4]],
    [{ ToleratedFailurePercentage: 50 }, [2, 3, 4], undefined],
    [{ ToleratedFailureCountPath: '$$.Execution.Input[0]' }, [2], [1, 'FAILED', 3, 4]],
  ])('%j with %j failing', async (more, bad, expected) => {
    const { outcome } = await run(map(call, more), [1, 2, 3, 4], failsFor(...bad));
    if (expected === undefined) expect(outcome).toStrictEqual(exceeded);
    else expect(statusesIn(outcome.output)).toStrictEqual(expected);
  });

  test('within the tolerance are described among the results', async () => {
    const { outcome } = await run(map(call, { ToleratedFailureCount: 1 }), [7], () => failed('Boom', 'it broke'));
    const [child] = JSON.parse(outcome.output ?? '') as readonly [{ readonly Name: string }];
    expect(child).toStrictEqual({
      Cause: 'it broke',
      Error: 'Boom',
      ExecutionArn: `arn:aws:states:us-east-1:000000000000:execution:machine/load:${child.Name}`,
      Input: '7',
      InputDetails: { Included: true },
      Name: expect.stringMatching(/^[0-9a-f-]{36}$/),
      RedriveCount: 0,
      RedriveStatus: 'REDRIVABLE_BY_MAP_RUN',
      StartDate: '2026-03-01T12:00:00.000Z',
      StateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:machine/load',
      Status: 'FAILED',
      StopDate: '2026-03-01T12:00:00.000Z',
    });
  });

  test.each<readonly [object, 'SUCCEEDED' | 'FAILED']>([
    // Of four items in batches of three and one, the batch that fails has three.
    [{ ToleratedFailureCount: 2 }, 'FAILED'],
    [{ ToleratedFailureCount: 3 }, 'SUCCEEDED'],
    [{ ToleratedFailurePercentage: 74 }, 'FAILED'],
    [{ ToleratedFailurePercentage: 75 }, 'SUCCEEDED'],
  ])('in batches count with all their items: %j', async (more, expected) => {
    const batched = { t: { ...call.t, Parameters: { 'n.$': '$.Items' } } };
    const answer: Answer = (request) => ((argumentOf(request) as Json[]).length === 3 ? failed('Boom') : ok(1));
    const { outcome } = await run(
      map(batched, { ...more, ItemBatcher: { MaxItemsPerBatch: 3 } }),
      [1, 2, 3, 4],
      answer,
    );
    expect(outcome.status).toBe(expected);
  });

  test('beyond the tolerance take the others with them', async () => {
    let aborted = 0;
    const answer: Answer = (request, _clock, signal) => {
      if (argumentOf(request) === 1) return failed('Boom');
      signal.addEventListener('abort', () => {
        aborted += 1;
      });
      return new Promise(() => undefined);
    };
    const { events } = await run(map(call), [1, 2, 3], answer);
    expect(lines(events).slice(3)).toStrictEqual([
      '4<-3 MapRunStarted',
      '5<-4 MapRunFailed',
      '6<-5 MapStateFailed',
      '7<-6 ExecutionFailed',
    ]);
    expect(aborted).toBe(2);
  });

  test('are caught by the Map under the name of the threshold', async () => {
    const machine = map(call, { Catch: [{ ErrorEquals: ['States.ExceedToleratedFailureThreshold'], Next: 'c' }] });
    const states = { ...machine.States, c: { Type: 'Pass', OutputPath: '$.Error', End: true } };
    const { outcome } = await run({ ...machine, States: states }, [1], () => failed('Boom'));
    expect(outcome.output).toBe('"States.ExceedToleratedFailureThreshold"');
  });

  test.each([
    ['ToleratedFailureCount', '-1', 'ToleratedFailureCount cannot be negative.'],
    ['ToleratedFailurePercentage', '101', 'ToleratedFailurePercentage must be between 0 and 100.'],
    [
      'ToleratedFailureCount',
      'many',
      'The ToleratedFailureCountPath field refers to value "many" which is not a valid integer: $[0]',
    ],
  ])('have a threshold that is checked once the Map has started: %s %s', async (field, value, cause) => {
    const { outcome, events } = await run(map(pass, { [`${field}Path`]: '$[0]' }), [value]);
    expect([outcome.error, outcome.cause, lines(events).slice(2)]).toStrictEqual([
      'States.Runtime',
      `An error occurred while executing the state 'm' (entered at the event id #2). ${cause}`,
      ['3<-2 MapStateStarted', '4<-3 ExecutionFailed'],
    ]);
  });
});

test('a run cut after any record, of children too, goes on to the same end', async () => {
  const states = {
    t: {
      Type: 'Task',
      Resource: resource,
      Parameters: { 'n.$': '$', 'try.$': '$$.State.RetryCount' },
      Retry: [{ ErrorEquals: ['Flaky'] }],
      Next: 'w',
    },
    w: { Type: 'Wait', Seconds: 2, End: true },
  };
  const machine = map(states, {
    ...reader('list.json'),
    MaxConcurrency: 2,
    ToleratedFailureCount: 1,
    ResultSelector: { 'done.$': '$[0:2]', 'third.$': '$[2].Status' },
  });
  const answer: Answer = (request) => {
    if (argumentOf(request) === 3) return failed('Boom');
    return request.retryCount === 0 ? failed('Flaky') : ok(argumentOf(request));
  };
  const whole = await checkEveryCut(machine, {}, answer, false, objects);
  expect(whole.outcome.output).toBe('{"done":[1,2],"third":"FAILED"}');
});
