import { describe, expect, test } from 'vitest';
import { failed, lines, ok, run, startMs, task } from './machine.ts';

const identity = { Type: 'Pass', End: true };

describe('a history', () => {
  test('holds inputs, outputs and assigned variables of each state as JSON text', async () => {
    const { events, outcome } = await run(
      {
        StartAt: 'A',
        States: {
          A: { Type: 'Pass', Assign: { x: '{% $states.input.n + 1 %}', y: [1] }, Output: { m: 2 }, Next: 'B' },
          B: { Type: 'Succeed', Output: '{% { "x": $x, "y": $y, "m": $states.input.m } %}' },
        },
      },
      { n: 1 },
    );
    expect(outcome).toStrictEqual({ status: 'SUCCEEDED', output: '{"x":2,"y":[1],"m":2}' });
    expect(events).toStrictEqual([
      {
        id: 1,
        previousEventId: 0,
        timestamp: startMs,
        type: 'ExecutionStarted',
        executionStartedEventDetails: { input: '{"n":1}', roleArn: 'arn:aws:iam::000000000000:role/machine' },
      },
      {
        id: 2,
        previousEventId: 0,
        timestamp: startMs,
        type: 'PassStateEntered',
        stateEnteredEventDetails: { name: 'A', input: '{"n":1}' },
      },
      {
        id: 3,
        previousEventId: 2,
        timestamp: startMs,
        type: 'PassStateExited',
        stateExitedEventDetails: { name: 'A', output: '{"m":2}', assignedVariables: { x: '2', y: '[1]' } },
      },
      {
        id: 4,
        previousEventId: 3,
        timestamp: startMs,
        type: 'SucceedStateEntered',
        stateEnteredEventDetails: { name: 'B', input: '{"m":2}' },
      },
      {
        id: 5,
        previousEventId: 4,
        timestamp: startMs,
        type: 'SucceedStateExited',
        stateExitedEventDetails: { name: 'B', output: '{"x":2,"y":[1],"m":2}' },
      },
      {
        id: 6,
        previousEventId: 5,
        timestamp: startMs,
        type: 'ExecutionSucceeded',
        executionSucceededEventDetails: { output: '{"x":2,"y":[1],"m":2}' },
      },
    ]);
  });

  test('ends with States.Runtime at 25,000 events', async () => {
    const { events, outcome } = await run({
      StartAt: 'A',
      States: { A: { Type: 'Pass', Next: 'B' }, B: { Type: 'Choice', Choices: [{ Condition: true, Next: 'A' }] } },
    });
    const cause = 'The execution reached the maximum number of history events (25000).';
    expect([events.length, events.at(-1)?.type, outcome]).toStrictEqual([
      25_000,
      'ExecutionFailed',
      { status: 'FAILED', error: 'States.Runtime', cause },
    ]);
  });
});

describe('a task', () => {
  const call = task(undefined, {
    Arguments: { FunctionName: 'load', Payload: { job: 'load', attempt: '{% $states.context.State.RetryCount %}' } },
    TimeoutSeconds: '{% 30 * 2 %}',
    Output: '{% $states.result.Payload %}',
  });

  test('is scheduled with what it is called with, and its result makes the output', async () => {
    const { events, tasks, outcome } = await run({ StartAt: 'load', States: { load: call } }, {}, () =>
      ok({ Payload: [7] }),
    );
    expect(events.slice(1)).toMatchObject([
      { type: 'TaskStateEntered' },
      {
        previousEventId: 2,
        type: 'TaskScheduled',
        taskScheduledEventDetails: {
          resourceType: 'lambda',
          resource: 'invoke',
          region: 'us-east-1',
          parameters: '{"FunctionName":"load","Payload":{"job":"load","attempt":0}}',
          timeoutInSeconds: 60,
        },
      },
      {
        previousEventId: 3,
        type: 'TaskStarted',
        taskStartedEventDetails: { resourceType: 'lambda', resource: 'invoke' },
      },
      {
        previousEventId: 4,
        type: 'TaskSucceeded',
        taskSucceededEventDetails: { resourceType: 'lambda', resource: 'invoke', output: '{"Payload":[7]}' },
      },
      { previousEventId: 5, type: 'TaskStateExited', stateExitedEventDetails: { name: 'load', output: '[7]' } },
      { previousEventId: 6, type: 'ExecutionSucceeded' },
    ]);
    expect(tasks).toStrictEqual([
      {
        executionArn: 'arn:aws:states:us-east-1:000000000000:execution:machine:run',
        stateName: 'load',
        tryId: 'arn:aws:states:us-east-1:000000000000:execution:machine:run#3',
        resource: 'arn:aws:states:::lambda:invoke',
        arguments: { FunctionName: 'load', Payload: { job: 'load', attempt: 0 } },
        retryCount: 0,
        restarts: 0,
        timeoutSeconds: 60,
      },
    ]);
    expect(outcome).toStrictEqual({ status: 'SUCCEEDED', output: '[7]' });
  });

  test('named by a function ARN has the Lambda events, and its credentials go along', async () => {
    const resource = 'arn:aws:lambda:us-east-1:000000000000:function:load';
    const state = { Type: 'Task', Resource: resource, Credentials: { RoleArn: '{% $states.input.role %}' }, End: true };
    const machine = { StartAt: 'load', States: { load: state } };
    const good = await run(machine, { role: 'r' }, () => ok(1));
    const bad = await run(machine, { role: 'r' }, () => failed('E', 'why'));
    expect(good.events.slice(2, 5)).toMatchObject([
      {
        type: 'LambdaFunctionScheduled',
        lambdaFunctionScheduledEventDetails: { resource, input: '{"role":"r"}', taskCredentials: { roleArn: 'r' } },
      },
      { type: 'LambdaFunctionStarted' },
      { type: 'LambdaFunctionSucceeded', lambdaFunctionSucceededEventDetails: { output: '1' } },
    ]);
    expect(good.tasks[0]?.credentialsRoleArn).toBe('r');
    expect(bad.events.slice(4)).toMatchObject([
      { type: 'LambdaFunctionFailed', lambdaFunctionFailedEventDetails: { error: 'E', cause: 'why' } },
      { type: 'ExecutionFailed', executionFailedEventDetails: { error: 'E', cause: 'why' } },
    ]);
  });

  test('times out, its signal is aborted and its late answer is ignored', async () => {
    let aborted = false;
    const hanging = task(undefined, { TimeoutSeconds: 10, Catch: [{ ErrorEquals: ['States.Timeout'], Next: 'rest' }] });
    const { events, outcome, clock } = await run(
      { StartAt: 'hang', States: { hang: hanging, rest: identity } },
      {},
      (_, at, signal) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            at.wakeAt(at.now() + 5_000, () => resolve(ok('late')));
          });
        }),
    );
    expect(lines(events)).toStrictEqual([
      '1<-0 ExecutionStarted',
      '2<-0 TaskStateEntered hang',
      '3<-2 TaskScheduled',
      '4<-3 TaskStarted',
      '5<-4 TaskTimedOut',
      '6<-5 TaskStateExited hang',
      '7<-6 PassStateEntered rest',
      '8<-7 PassStateExited rest',
      '9<-8 ExecutionSucceeded',
    ]);
    expect([aborted, outcome, clock.now() >= startMs + 10_000]).toStrictEqual([
      true,
      { status: 'SUCCEEDED', output: '{"Error":"States.Timeout","Cause":""}' },
      true,
    ]);
  });

  test('ignores the answer of a try that has timed out while the next one runs', async () => {
    const state = task(undefined, { TimeoutSeconds: 10, Retry: [{ ErrorEquals: ['States.Timeout'] }] });
    const { events, outcome } = await run(
      { StartAt: 'a', States: { a: state } },
      {},
      (request, clock) =>
        new Promise((resolve) => {
          const seconds = request.retryCount === 0 ? 13 : 5;
          clock.wakeAt(clock.now() + seconds * 1_000, () => resolve(ok(`try ${request.retryCount}`)));
        }),
    );
    expect([outcome.output, events.map(({ timestamp }) => (timestamp - startMs) / 1_000)]).toStrictEqual([
      '"try 1"',
      [0, 0, 0, 0, 10, 11, 11, 16, 16, 16],
    ]);
  });

  test('fails with States.TaskFailed when its runner throws, and when its output is no JSON', async () => {
    const machine = { StartAt: 'load', States: { load: task(undefined) } };
    const thrown = await run(machine, {}, () => Promise.reject(new Error('no runner')));
    const circular: unknown[] = [];
    circular.push(circular);
    const odd = await run(machine, {}, () => ({ ok: true, output: circular as never }));
    expect(thrown.outcome).toStrictEqual({ status: 'FAILED', error: 'States.TaskFailed', cause: 'no runner' });
    expect(odd.outcome).toMatchObject({ status: 'FAILED', error: 'States.TaskFailed' });
    expect(odd.outcome.cause).toMatch(/^the task's output is not JSON/);
  });

  test('whose first try answers late still has its second one aborted at its timeout', async () => {
    const state = task(undefined, { TimeoutSeconds: 10, Retry: [{ ErrorEquals: ['States.Timeout'], MaxAttempts: 1 }] });
    const aborted: number[] = [];
    const { outcome } = await run({ StartAt: 'a', States: { a: state } }, {}, (request, clock, signal) => {
      signal.addEventListener('abort', () => aborted.push(request.retryCount));
      return new Promise((resolve) => {
        if (request.retryCount === 0) clock.wakeAt(clock.now() + 13_000, () => resolve(ok('late')));
      });
    });
    expect([outcome.error, aborted]).toStrictEqual(['States.Timeout', [0, 1]]);
  });

  test('named by a function ARN times out with its own event', async () => {
    const state = {
      Type: 'Task',
      Resource: 'arn:aws:lambda:us-east-1:000000000000:function:f',
      TimeoutSeconds: 2,
      End: true,
    };
    const { events } = await run({ StartAt: 'f', States: { f: state } }, {}, () => new Promise(() => undefined));
    expect(events.slice(2)).toMatchObject([
      { type: 'LambdaFunctionScheduled', lambdaFunctionScheduledEventDetails: { timeoutInSeconds: 2 } },
      { type: 'LambdaFunctionStarted' },
      { type: 'LambdaFunctionTimedOut', lambdaFunctionTimedOutEventDetails: { error: 'States.Timeout' } },
      { type: 'ExecutionFailed', executionFailedEventDetails: { error: 'States.Timeout' } },
    ]);
  });

  test.each([
    [{ TimeoutSeconds: '{% 0 %}' }, 'The TimeoutSeconds field must be an integer from 1 to 99999999 but was: 0'],
    [{ TimeoutSeconds: '{% "1" %}' }, "Expected 'number', but was 'string' for value: \"1\""],
    [
      { Arguments: "{% $join($map([1..30000], function($n) { '0123456789' })) %}" },
      "The arguments of the state 'a' exceed the maximum of 262144 bytes.",
    ],
  ])('is not scheduled with %j', async (more, cause) => {
    const { outcome, tasks } = await run({ StartAt: 'a', States: { a: task(undefined, more) } });
    expect(outcome.cause).toContain(cause);
    expect([outcome.status, tasks]).toStrictEqual(['FAILED', []]);
  });

  test('fails with States.DataLimitExceeded beyond 256 KiB, and not at it', async () => {
    const machine = { StartAt: 'load', States: { load: task(undefined, { Output: 1 }) } };
    const text = (bytes: number) => 'é'.repeat((bytes - 2) / 2);
    const fits = await run(machine, {}, () => ok(text(262_144)));
    const over = await run(machine, {}, () => ok(text(262_146)));
    expect(fits.outcome).toStrictEqual({ status: 'SUCCEEDED', output: '1' });
    expect(over.outcome).toStrictEqual({
      status: 'FAILED',
      error: 'States.DataLimitExceeded',
      cause:
        "The state/task 'lambda' returned a result with a size exceeding the maximum number of bytes service limit.",
    });
  });
});

describe('choice, wait, fail', () => {
  const choice = {
    Type: 'Choice',
    Choices: [
      { Condition: '{% $states.input.n > 2 %}', Assign: { by: 'rule 0' }, Output: 'many', Next: 'end' },
      { Condition: '{% $states.input.n > 1 %}', Next: 'end' },
    ],
    Default: 'end',
    Assign: { by: 'default' },
    Output: 'few',
  };
  const machine = {
    StartAt: 'which',
    States: {
      which: choice,
      end: { Type: 'Pass', End: true, Output: '{% [$states.input, $exists($by) ? $by : null] %}' },
    },
  };

  test.each([
    [{ n: 3 }, '["many","rule 0"]'],
    [{ n: 2 }, '[{"n":2},null]'],
    [{ n: 1 }, '["few","default"]'],
  ])('a choice takes the first rule that holds, with that rule’s own output: %j', async (input, output) => {
    expect((await run(machine, input)).outcome).toStrictEqual({ status: 'SUCCEEDED', output });
  });

  test('a choice without a rule that holds and without default fails', async () => {
    const { Default: _, Output: __, Assign: ___, ...bare } = choice;
    const { outcome } = await run({ StartAt: 'which', States: { which: bare, end: identity } }, { n: 1 });
    expect(outcome).toMatchObject({ status: 'FAILED', error: 'States.NoChoiceMatched' });
  });

  test('a condition that is no boolean fails the evaluation', async () => {
    const { outcome } = await run({
      StartAt: 'which',
      States: { which: { ...choice, Choices: [{ Condition: '{% 1 %}', Next: 'end' }] }, end: identity },
    });
    expect(outcome).toStrictEqual({
      status: 'FAILED',
      error: 'States.QueryEvaluationError',
      cause:
        "An error occurred while executing the state 'which' (entered at the event id #2). The JSONata expression '1' specified for the field 'Choices[0]/Condition' returned an unexpected result type. Expected 'boolean', but was 'number' for value: 1",
    });
  });

  test.each([
    [{ Seconds: 90 }, 90_000],
    [{ Seconds: '{% $states.input.n %}' }, 5_000],
    [{ Seconds: 0 }, 0],
    [{ Timestamp: '2026-03-01T14:00:00.5+01:00' }, 3_600_500],
    [{ Timestamp: '{% $states.input.past %}' }, 0],
  ])('a wait lasts as long as it says: %j', async (until, ms) => {
    const input = { n: 5, past: '2020-01-01T00:00:00Z' };
    const { clock, outcome } = await run(
      { StartAt: 'wait', States: { wait: { Type: 'Wait', End: true, ...until } } },
      input,
    );
    expect([clock.now() - startMs, outcome.status]).toStrictEqual([ms, 'SUCCEEDED']);
  });

  test('a wait for something that is no time fails', async () => {
    const bad = await run({
      StartAt: 'wait',
      States: { wait: { Type: 'Wait', End: true, Timestamp: '{% "noon" %}' } },
    });
    const negative = await run({ StartAt: 'wait', States: { wait: { Type: 'Wait', End: true, Seconds: '{% -1 %}' } } });
    expect([bad.outcome.error, negative.outcome.error]).toStrictEqual([
      'States.QueryEvaluationError',
      'States.QueryEvaluationError',
    ]);
    expect(lines(bad.events).slice(2)).toStrictEqual(['3<-2 EvaluationFailed', '4<-3 ExecutionFailed']);
  });

  test('a fail state evaluates its error and cause', async () => {
    const fail = { Type: 'Fail', Error: '{% "E" & $states.input.n %}', Cause: 'because' };
    expect((await run({ StartAt: 'stop', States: { stop: fail } }, { n: 4 })).outcome).toStrictEqual({
      status: 'FAILED',
      error: 'E4',
      cause: 'because',
    });
  });

  test('the machine times out as a whole', async () => {
    const { events, outcome, clock } = await run({
      TimeoutSeconds: 60,
      StartAt: 'wait',
      States: { wait: { Type: 'Wait', Seconds: 3_600, End: true } },
    });
    expect([lines(events), outcome, clock.now() - startMs]).toStrictEqual([
      ['1<-0 ExecutionStarted', '2<-0 WaitStateEntered wait', '3<-0 ExecutionTimedOut'],
      { status: 'TIMED_OUT' },
      60_000,
    ]);
  });
});

describe('variables and context', () => {
  test('an output beyond 256 KiB, and a variable beyond it, fail the state for good', async () => {
    const big = "{% $join($map([1..30000], function($n) { '0123456789' })) %}";
    const catchAll = {
      Retry: [{ ErrorEquals: ['States.ALL'] }],
      Catch: [{ ErrorEquals: ['States.ALL'], Next: 'end' }],
    };
    const output = await run({ StartAt: 'a', States: { a: task('end', { ...catchAll, Output: big }), end: identity } });
    const variable = await run({
      StartAt: 'a',
      States: { a: task('end', { ...catchAll, Assign: { v: big } }), end: identity },
    });
    expect(output.outcome).toMatchObject({ status: 'FAILED', error: 'States.DataLimitExceeded' });
    expect(variable.outcome).toStrictEqual({
      status: 'FAILED',
      error: 'States.DataLimitExceeded',
      cause: "The variable 'v' exceeds the maximum of 262144 bytes.",
    });
  });

  test('variables together stay within 256 KiB in one state and 10 MiB in an execution', async () => {
    const big = "{% $join($map([1..20000], function($n) { '0123456789' })) %}";
    const both = await run({ StartAt: 'a', States: { a: { Type: 'Pass', Assign: { v: big, w: big }, End: true } } });
    const states = Object.fromEntries(
      Array.from({ length: 60 }, (_, n) => [
        `s${n}`,
        { Type: 'Pass', Assign: { [`v${n}`]: big }, ...(n < 59 ? { Next: `s${n + 1}` } : { End: true }) },
      ]),
    );
    const many = await run({ StartAt: 's0', States: states });
    expect([both.outcome.cause, many.outcome.cause, many.events.length]).toStrictEqual([
      'The variables assigned in one state exceed the maximum of 262144 bytes.',
      'The variables of the execution exceed the maximum of 10485760 bytes.',
      1 + 2 * 52 + 2,
    ]);
  });

  test('expressions see the context object', async () => {
    const { outcome } = await run(
      { StartAt: 'a', States: { a: { Type: 'Pass', Output: '{% $states.context %}', End: true } } },
      { n: 1 },
    );
    expect(JSON.parse(outcome.output ?? '')).toStrictEqual({
      Execution: {
        Id: 'arn:aws:states:us-east-1:000000000000:execution:machine:run',
        Input: { n: 1 },
        Name: 'run',
        RoleArn: 'arn:aws:iam::000000000000:role/machine',
        StartTime: '2026-03-01T12:00:00.000Z',
        RedriveCount: 0,
      },
      State: { Name: 'a', EnteredTime: '2026-03-01T12:00:00.000Z' },
      StateMachine: { Id: 'arn:aws:states:us-east-1:000000000000:stateMachine:machine', Name: 'machine' },
    });
  });

  test('assignments count from the next state on', async () => {
    const { outcome } = await run({
      StartAt: 'a',
      States: {
        a: { Type: 'Pass', Assign: { x: 1 }, Next: 'b' },
        b: { Type: 'Pass', Assign: { x: '{% $x + 1 %}', y: '{% $x %}' }, Output: '{% $x %}', Next: 'c' },
        c: { Type: 'Pass', Output: '{% [$states.input, $x, $y] %}', End: true },
      },
    });
    expect(outcome.output).toBe('[1,2,1]');
  });
});
