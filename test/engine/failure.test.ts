import { describe, expect, test } from 'vitest';
import { matches, retryDelayMs } from '../../lib/engine/failure.ts';
import { failed, lines, ok, run, startMs, task } from './machine.ts';

const end = { Type: 'Pass', End: true };

describe('which errors a Retry or Catch matches', () => {
  test.each([
    [['Boom'], 'Boom', true],
    [['Bang', 'Boom'], 'Boom', true],
    [['Boom'], 'Bang', false],
    [['States.ALL'], 'Boom', true],
    [['States.ALL'], 'States.Timeout', true],
    [['States.ALL'], 'States.Runtime', false],
    [['States.Runtime'], 'States.Runtime', false],
    [['States.TaskFailed'], 'Boom', true],
    [['States.TaskFailed'], 'States.Timeout', false],
    [['States.Timeout'], 'States.Timeout', true],
  ])('%j and %s: %s', (errorEquals, error, expected) => {
    expect(matches(errorEquals, { error })).toBe(expected);
  });
});

describe('how long a retry waits', () => {
  const half = () => 0.5;
  test.each([
    [{}, [1_000, 2_000, 4_000]],
    [{ IntervalSeconds: 3, BackoffRate: 1 }, [3_000, 3_000, 3_000]],
    [{ IntervalSeconds: 2, BackoffRate: 1.5, MaxDelaySeconds: 4 }, [2_000, 3_000, 4_000]],
    [{ IntervalSeconds: 4, JitterStrategy: 'FULL' }, [2_000, 4_000, 8_000]],
    [{ IntervalSeconds: 99_999_999 }, [31_622_400_000, 31_622_400_000, 31_622_400_000]],
  ] as const)('%j', (retrier, delays) => {
    expect([0, 1, 2].map((tries) => retryDelayMs({ ErrorEquals: [], ...retrier }, tries, half))).toStrictEqual(delays);
  });
});

describe('retry', () => {
  test('tries again up to MaxAttempts, each try with its number, then fails', async () => {
    const state = task(undefined, {
      Retry: [{ ErrorEquals: ['Boom'], MaxAttempts: 2 }],
      Arguments: '{% $states.context.State.RetryCount %}',
    });
    const { events, tasks, outcome, clock } = await run({ StartAt: 'a', States: { a: state } }, {}, () =>
      failed('Boom', 'why'),
    );
    expect(lines(events).slice(1)).toStrictEqual([
      '2<-0 TaskStateEntered a',
      '3<-2 TaskScheduled',
      '4<-3 TaskStarted',
      '5<-4 TaskFailed',
      '6<-5 TaskScheduled',
      '7<-6 TaskStarted',
      '8<-7 TaskFailed',
      '9<-8 TaskScheduled',
      '10<-9 TaskStarted',
      '11<-10 TaskFailed',
      '12<-11 ExecutionFailed',
    ]);
    expect(tasks.map((request) => [request.retryCount, request.arguments])).toStrictEqual([
      [0, 0],
      [1, 1],
      [2, 2],
    ]);
    expect([outcome, clock.now() - startMs]).toStrictEqual([{ status: 'FAILED', error: 'Boom', cause: 'why' }, 3_000]);
  });

  test('the first retrier that matches counts its own tries', async () => {
    let tries = 0;
    const Retry = [
      { ErrorEquals: ['A'], MaxAttempts: 1 },
      { ErrorEquals: ['States.ALL'], MaxAttempts: 1, IntervalSeconds: 10 },
    ];
    const { outcome, clock } = await run({ StartAt: 'a', States: { a: task(undefined, { Retry }) } }, {}, () =>
      failed(['A', 'B', 'A'][tries++] ?? 'C'),
    );
    expect([tries, outcome.error, clock.now() - startMs]).toStrictEqual([3, 'A', 11_000]);
  });

  test('MaxAttempts 0 is never', async () => {
    const Retry = [{ ErrorEquals: ['Boom'], MaxAttempts: 0 }, { ErrorEquals: ['States.ALL'] }];
    const { tasks } = await run({ StartAt: 'a', States: { a: task(undefined, { Retry }) } }, {}, () => failed('Boom'));
    expect(tasks.length).toBe(1);
  });

  test('a day of retries takes no time', async () => {
    const Retry = [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 1, MaxAttempts: 17, BackoffRate: 2 }];
    const { clock, outcome, tasks } = await run(
      { StartAt: 'a', States: { a: task(undefined, { Retry }) } },
      {},
      (request) => (request.retryCount < 17 ? failed('Boom') : ok('at last')),
    );
    expect([clock.now() - startMs, outcome.output, tasks.length]).toStrictEqual([
      (2 ** 17 - 1) * 1_000,
      '"at last"',
      18,
    ]);
  });

  test('counters start anew when a state is entered again', async () => {
    const machine = {
      StartAt: 'a',
      States: {
        a: task('again', {
          Retry: [{ ErrorEquals: ['Boom'], MaxAttempts: 1 }],
          Assign: { n: '{% $exists($n) ? $n + 1 : 1 %}' },
        }),
        again: { Type: 'Choice', Choices: [{ Condition: '{% $n < 2 %}', Next: 'a' }], Default: 'end' },
        end,
      },
    };
    const { tasks, outcome } = await run(machine, {}, (request) => (request.retryCount === 0 ? failed('Boom') : ok(1)));
    expect([tasks.map(({ retryCount }) => retryCount), outcome.status]).toStrictEqual([[0, 1, 0, 1], 'SUCCEEDED']);
  });
});

describe('catch', () => {
  test('without output gives on the error output', async () => {
    const machine = {
      StartAt: 'a',
      States: {
        a: task('end', {
          Catch: [
            { ErrorEquals: ['X'], Next: 'a' },
            { ErrorEquals: ['States.ALL'], Next: 'end' },
          ],
        }),
        end,
      },
    };
    expect((await run(machine, {}, () => failed('Boom', 'why'))).outcome.output).toBe('{"Error":"Boom","Cause":"why"}');
  });

  test('takes a failed expression of its own state', async () => {
    const machine = {
      StartAt: 'a',
      States: {
        a: task('end', {
          Output: '{% $nothing %}',
          Catch: [{ ErrorEquals: ['States.QueryEvaluationError'], Next: 'end', Output: 'saved' }],
        }),
        end,
      },
    };
    const { events, outcome } = await run(machine);
    expect([outcome.output, lines(events).slice(5, 7)]).toStrictEqual([
      '"saved"',
      ['6<-5 EvaluationFailed', '7<-6 TaskStateExited a'],
    ]);
  });

  test('whose own expression fails does not catch itself', async () => {
    const machine = {
      StartAt: 'a',
      States: {
        a: task('end', { Catch: [{ ErrorEquals: ['States.ALL'], Next: 'end', Output: '{% $nothing %}' }] }),
        end,
      },
    };
    const { outcome } = await run(machine, {}, () => failed('Boom'));
    expect(outcome.error).toBe('States.QueryEvaluationError');
    expect(outcome.cause).toContain("specified for the field 'Catch[0]/Output' returned nothing");
  });
});
