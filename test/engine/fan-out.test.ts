import { describe, expect, test } from 'vitest';
import type { TaskOutcome } from '../../lib/engine/ports.ts';
import { type Answer, failed, lines, ok, run, startMs, task } from './machine.ts';

const branch = (name: string, state: object) => ({ StartAt: name, States: { [name]: state } });
const pass = (more: object = {}) => ({ Type: 'Pass', End: true, ...more });

/** Answers after a while of virtual time, by state name. */
const answersAfter =
  (times: { readonly [state: string]: readonly [seconds: number, outcome: TaskOutcome] }): Answer =>
  (request, clock) =>
    new Promise((resolve) => {
      const [seconds, outcome] = times[request.stateName] ?? [0, ok(null)];
      clock.wakeAt(clock.now() + seconds * 1_000, () => resolve(outcome));
    });

describe('parallel', () => {
  test('runs its branches side by side and joins their outputs in order', async () => {
    const machine = {
      StartAt: 'both',
      States: {
        both: {
          Type: 'Parallel',
          Arguments: { n: '{% $states.input.n + 1 %}' },
          Branches: [branch('slow', task(undefined)), branch('quick', pass({ Output: '{% $states.input %}' }))],
          Assign: { joined: '{% $states.result %}' },
          Output: '{% $count($states.result) %}',
          Next: 'end',
        },
        end: pass({ Output: '{% $joined %}' }),
      },
    };
    const { events, outcome } = await run(machine, { n: 1 }, answersAfter({ slow: [5, ok('s')] }));
    expect(lines(events)).toStrictEqual([
      '1<-0 ExecutionStarted',
      '2<-0 ParallelStateEntered both',
      '3<-2 ParallelStateStarted',
      '4<-3 TaskStateEntered slow',
      '5<-4 TaskScheduled',
      '6<-3 PassStateEntered quick',
      '7<-5 TaskStarted',
      '8<-6 PassStateExited quick',
      '9<-7 TaskSucceeded',
      '10<-9 TaskStateExited slow',
      '11<-10 ParallelStateSucceeded',
      '12<-10 ParallelStateExited both',
      '13<-12 PassStateEntered end',
      '14<-13 PassStateExited end',
      '15<-14 ExecutionSucceeded',
    ]);
    expect(outcome.output).toBe('["s",{"n":2}]');
  });

  test('fails with its first failing branch: siblings are aborted, recorded and not waited for', async () => {
    const inner = { Type: 'Parallel', End: true, Branches: [branch('deep', { Type: 'Wait', Seconds: 99, End: true })] };
    const machine = {
      StartAt: 'all',
      States: {
        all: {
          Type: 'Parallel',
          Branches: [
            branch('bad', task(undefined)),
            branch('hang', task(undefined)),
            branch('nap', { Type: 'Wait', Seconds: 99, End: true }),
            branch('inner', inner),
          ],
          Catch: [
            {
              ErrorEquals: ['Boom'],
              Assign: { caught: '{% $states.errorOutput.Error %}' },
              Output: '{% $states.errorOutput %}',
              Next: 'end',
            },
          ],
          End: true,
        },
        end: pass({ Output: '{% [$caught, $states.input.Cause] %}' }),
      },
    };
    const signals: boolean[] = [];
    const { events, outcome, clock } = await run(machine, {}, (request, at, signal, progress) => {
      if (request.stateName === 'bad')
        return answersAfter({ bad: [3, failed('Boom', 'why')] })(request, at, signal, progress);
      signal.addEventListener('abort', () => signals.push(true));
      return new Promise(() => undefined);
    });
    expect(lines(events).slice(3)).toStrictEqual([
      '4<-3 TaskStateEntered bad',
      '5<-4 TaskScheduled',
      '6<-3 TaskStateEntered hang',
      '7<-6 TaskScheduled',
      '8<-3 WaitStateEntered nap',
      '9<-3 ParallelStateEntered inner',
      '10<-5 TaskStarted',
      '11<-7 TaskStarted',
      '12<-9 ParallelStateStarted',
      '13<-12 WaitStateEntered deep',
      '14<-10 TaskFailed',
      '15<-14 TaskStateAborted',
      '16<-14 TaskStateAborted',
      '17<-14 WaitStateAborted',
      '18<-14 WaitStateAborted',
      '19<-14 ParallelStateAborted',
      '20<-14 ParallelStateFailed',
      '21<-20 ParallelStateExited all',
      '22<-21 PassStateEntered end',
      '23<-22 PassStateExited end',
      '24<-23 ExecutionSucceeded',
    ]);
    expect([outcome.output, signals, clock.now() - startMs]).toStrictEqual(['["Boom","why"]', [true], 3_000]);
  });

  test('is tried again as a whole', async () => {
    let tries = 0;
    const retrying = {
      Type: 'Parallel',
      Branches: [branch('once', task(undefined))],
      Retry: [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 4 }],
      End: true,
    };
    const { events, outcome } = await run({ StartAt: 'p', States: { p: retrying } }, {}, () =>
      tries++ === 0 ? failed('E') : ok(tries),
    );
    expect(lines(events).slice(6, 12)).toStrictEqual([
      '7<-6 TaskFailed',
      '8<-7 TaskStateAborted',
      '9<-7 ParallelStateStarted',
      '10<-9 TaskStateEntered once',
      '11<-10 TaskScheduled',
      '12<-11 TaskStarted',
    ]);
    expect([outcome.output, (events[8]?.timestamp ?? 0) - startMs]).toStrictEqual(['[2]', 4_000]);
  });

  test('inner scopes read outer variables, and lose their own at the end', async () => {
    const machine = {
      StartAt: 'a',
      States: {
        a: { Type: 'Pass', Assign: { x: 1 }, Next: 'p' },
        p: {
          Type: 'Parallel',
          Branches: [
            {
              StartAt: 'l',
              States: {
                l: { Type: 'Pass', Assign: { y: '{% $x + 1 %}' }, Next: 'm' },
                m: pass({ Output: '{% [$x, $y] %}' }),
              },
            },
            { StartAt: 'r', States: { r: pass({ Output: '{% $exists($y) %}' }) } },
          ],
          Next: 'end',
        },
        end: pass({ Output: { joined: '{% $states.input %}', left: '{% $exists($y) %}' } }),
      },
    };
    expect((await run(machine)).outcome.output).toBe('{"joined":[[1,2],false],"left":false}');
  });
});

describe('map', () => {
  const each = (processor: object, more: object = {}) => ({
    StartAt: 'each',
    States: { each: { Type: 'Map', ItemProcessor: processor, End: true, ...more } },
  });

  test('runs at most MaxConcurrency iterations at once and keeps the order of the items', async () => {
    let running = 0;
    let most = 0;
    const answer: Answer = (request, clock) =>
      new Promise((resolve) => {
        most = Math.max(most, ++running);
        const { item } = request.arguments as { item: number };
        clock.wakeAt(clock.now() + item * 1_000, () => {
          running -= 1;
          resolve(ok(item * 10));
        });
      });
    const one = task(undefined, {
      Arguments: { item: '{% $states.input %}', index: '{% $states.context.Map.Item.Index %}' },
    });
    const { outcome, tasks, clock } = await run(
      each(branch('one', one), { Items: [5, 1, 1, 4], MaxConcurrency: '{% 1 + 1 %}' }),
      {},
      answer,
    );
    expect([outcome.output, most, clock.now() - startMs]).toStrictEqual(['[50,10,10,40]', 2, 6_000]);
    expect(tasks.map((request) => request.arguments)).toStrictEqual([
      { item: 5, index: 0 },
      { item: 1, index: 1 },
      { item: 1, index: 2 },
      { item: 4, index: 3 },
    ]);
  });

  test('has at most 40 iterations at once without MaxConcurrency, and none of an empty list', async () => {
    const started = new Set<unknown>();
    const many = each(branch('one', task(undefined)), { Items: '{% [1..41] %}' });
    const hanging = await run(many, {}, (request) => {
      started.add(request.arguments);
      return new Promise(() => undefined);
    });
    expect([started.size, hanging.outcome.status]).toStrictEqual([40, 'RUNNING']);
    expect(lines((await run(each(branch('one', pass()), { Items: [] }))).events).slice(2)).toStrictEqual([
      '3<-2 MapStateStarted',
      '4<-3 MapStateSucceeded',
      '5<-3 MapStateExited each',
      '6<-5 ExecutionSucceeded',
    ]);
  });

  test('ItemSelector makes each iteration’s input from the item, the input and the variables', async () => {
    const selector = {
      v: '{% $states.context.Map.Item.Value %}',
      i: '{% $states.context.Map.Item.Index %}',
      n: '{% $states.input.n %}',
    };
    const { outcome } = await run(
      each(branch('one', pass()), { Items: '{% $states.input.list %}', ItemSelector: selector }),
      { n: 9, list: ['a', 'b'] },
    );
    expect(outcome.output).toBe('[{"v":"a","i":0,"n":9},{"v":"b","i":1,"n":9}]');
  });

  test('an ItemSelector that fails fails the Map, not the first state of the iteration', async () => {
    const caught = pass({ Output: 'inner' });
    const body = {
      StartAt: 'one',
      States: { one: task(undefined, { Catch: [{ ErrorEquals: ['States.ALL'], Next: 'inner' }] }), inner: caught },
    };
    const machine = each(body, { Items: [1], ItemSelector: '{% $nothing %}' });
    const { events, outcome } = await run(machine);
    expect(lines(events).slice(3)).toStrictEqual([
      '4<-3 MapIterationStarted each[0]',
      '5<-4 EvaluationFailed',
      '6<-5 MapIterationFailed each[0]',
      '7<-5 MapStateFailed',
      '8<-7 ExecutionFailed',
    ]);
    expect(outcome.cause).toBe(
      "An error occurred while executing the state 'each' (entered at the event id #2). The JSONata expression '$nothing' specified for the field 'ItemSelector' returned nothing (undefined).",
    );
  });

  test('a failing iteration takes the others with it', async () => {
    const body = branch('one', task(undefined, { Arguments: '{% $states.input %}' }));
    const { events, outcome } = await run(
      each(body, { Items: [1, 2, 3], MaxConcurrency: 2 }),
      {},
      (request, clock, signal, progress) =>
        request.arguments === 2
          ? answersAfter({ one: [1, failed('Boom')] })(request, clock, signal, progress)
          : new Promise(() => undefined),
    );
    expect(lines(events).slice(11)).toStrictEqual([
      '12<-11 TaskFailed',
      '13<-12 MapIterationFailed each[1]',
      '14<-12 TaskStateAborted',
      '15<-12 MapIterationAborted each[0]',
      '16<-12 TaskStateAborted',
      '17<-12 MapStateFailed',
      '18<-17 ExecutionFailed',
    ]);
    expect(outcome).toStrictEqual({ status: 'FAILED', error: 'Boom', cause: '' });
  });

  test.each([
    [{ MaxConcurrency: '{% -1 %}' }, 'MaxConcurrency cannot be negative.'],
    [{ ToleratedFailurePercentage: '{% 101 %}' }, 'ToleratedFailurePercentage must be between 0 and 100.'],
    [{ Items: '{% "x" %}' }, "Expected 'array', but was 'string' for value: \"x\""],
  ])('refuses %j', async (more, cause) => {
    const { outcome } = await run(each(branch('one', pass()), { Items: [1], ...more }));
    expect(outcome.error).toBe('States.QueryEvaluationError');
    expect(outcome.cause).toContain(cause);
  });
});

describe('data beyond 256 KiB', () => {
  const half = "{% $join($map([1..15000], function($n) { '0123456789' })) %}";
  const whole = "{% $join($map([1..30000], function($n) { '0123456789' })) %}";
  const body = branch('one', pass({ Output: half }));
  const handled = {
    Retry: [{ ErrorEquals: ['States.ALL'] }],
    Catch: [{ ErrorEquals: ['States.ALL'], Next: 'end' }],
    Next: 'end',
  };
  test.each([
    [
      'joined outputs of branches',
      { Type: 'Parallel', Branches: [body, branch('two', pass({ Output: half }))], Output: 1 },
    ],
    ['joined outputs of iterations', { Type: 'Map', Items: [1, 2], ItemProcessor: body, Output: 1 }],
    ['arguments of branches', { Type: 'Parallel', Arguments: whole, Branches: [branch('one', pass())] }],
    [
      'the input of an iteration',
      { Type: 'Map', Items: [1], ItemSelector: whole, ItemProcessor: branch('one', pass()) },
    ],
  ])('fails the state for good: %s', async (_, state) => {
    const { outcome } = await run({ StartAt: 'fan', States: { fan: { ...state, ...handled }, end: pass() } });
    expect(outcome).toStrictEqual({
      status: 'FAILED',
      error: 'States.DataLimitExceeded',
      cause: "The state/task 'fan' returned a result with a size exceeding the maximum number of bytes service limit.",
    });
  });
});
