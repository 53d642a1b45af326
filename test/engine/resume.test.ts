/**
 * Crashes: the journal of a run is cut after every record and resumed with the same task answers. The result is the
 * same, nothing that had ended is done again, and old and new records together are one sound journal.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JournalRecord, TaskRequest } from '../../lib/engine/ports.ts';
import { resumeExecution } from '../../lib/engine/run.ts';
import { checkEveryCut, foldWhole, happened, restartIds } from './cuts.ts';
import {
  type Answer,
  definitionOf,
  failed,
  identityOf,
  lines,
  ok,
  portsOf,
  resume,
  run,
  startMs,
  task,
} from './machine.ts';

/** Machines out of every kind of state; each state named once, each task call told apart by its arguments. */
function machines(options: { readonly mayFail: boolean }) {
  return fc.array(fc.nat(1_000), { minLength: 40, maxLength: 40 }).map((dice) => {
    let rolled = 0;
    let names = 0;
    const roll = (sides: number): number => (dice[rolled++ % dice.length] ?? 0) % sides;
    const scope = (depth: number): object => {
      const states: { [name: string]: object } = {};
      const length = 1 + roll(3);
      const ids = Array.from({ length }, () => `s${names++}`);
      const tail = `s${names++}`;
      for (const [index, id] of ids.entries()) states[id] = state(id, ids[index + 1] ?? tail, depth);
      states[tail] = {
        Type: 'Pass',
        Output: { in: '{% $states.input %}', v: `{% $exists($${ids[0]}) ? $${ids[0]} : 0 %}` },
        End: true,
      };
      return { StartAt: ids[0], States: states };
    };
    const call = (id: string) => {
      const wanted = options.mayFail ? roll(8) : 1 + roll(7);
      const behaviour = wanted === 0 ? 'fails' : wanted < 3 ? 'flaky' : 'works';
      return {
        id,
        behaviour,
        item: '{% $states.context.Map.Item.Index ? $states.context.Map.Item.Index : 0 %}',
        try: '{% $states.context.State.RetryCount %}',
      };
    };
    const state = (id: string, next: string, depth: number): object => {
      const Retry = [{ ErrorEquals: ['Flaky'], MaxAttempts: 2, JitterStrategy: roll(2) === 0 ? 'FULL' : 'NONE' }];
      const Assign = { [id]: '{% $states.context.State.Name %}' };
      switch (depth > 2 ? roll(4) : roll(6)) {
        case 0:
          return task(next, { Arguments: call(id), Retry, Assign });
        case 1:
          return { Type: 'Pass', Assign, Output: { from: id }, Next: next };
        case 2:
          return { Type: 'Wait', Seconds: roll(4), Next: next };
        case 3:
          return { Type: 'Choice', Choices: [{ Condition: roll(2) === 0, Next: next, Assign }], Default: next };
        case 4:
          return {
            Type: 'Parallel',
            Branches: Array.from({ length: 1 + roll(3) }, () => scope(depth + 1)),
            Assign,
            Next: next,
          };
        default:
          return {
            Type: 'Map',
            Items: Array.from({ length: roll(4) }, (_, item) => item),
            ItemSelector: { item: '{% $states.context.Map.Item.Value %}' },
            MaxConcurrency: roll(3),
            ItemProcessor: scope(depth + 1),
            Next: next,
          };
      }
    };
    return scope(0);
  });
}

const behave: Answer = (request) => {
  const { behaviour } = request.arguments as { behaviour: string };
  if (behaviour === 'fails') return failed('Boom', 'always');
  return behaviour === 'flaky' && request.retryCount === 0 ? failed('Flaky') : ok({ done: request.arguments });
};

describe('a run cut after any record', () => {
  test('of a machine whose tasks work in the end goes on to the same end, event for event', async () => {
    await fc.assert(
      fc.asyncProperty(machines({ mayFail: false }), async (machine) => {
        await checkEveryCut(machine, { n: 1 }, behave, true);
      }),
      { numRuns: 60, seed: 3 },
    );
  });

  test('of a machine that may fail anywhere goes on to the same end', async () => {
    await fc.assert(
      fc.asyncProperty(machines({ mayFail: true }), async (machine) => {
        await checkEveryCut(machine, { n: 1 }, behave, false);
      }),
      { numRuns: 60, seed: 4 },
    );
  });

  test('of a failing Map with a Catch records the closing events that were still owed', async () => {
    const machine = {
      StartAt: 'm',
      States: {
        m: {
          Type: 'Map',
          Items: [0, 1, 2],
          ItemProcessor: {
            StartAt: 't',
            States: {
              t: task(undefined, {
                Arguments: { behaviour: '{% $states.input = 1 ? "fails" : "hangs" %}', i: '{% $states.input %}' },
              }),
            },
          },
          Catch: [{ ErrorEquals: ['States.ALL'], Next: 'end' }],
          Next: 'end',
        },
        end: { Type: 'Pass', End: true },
      },
    };
    const answer: Answer = (request, ...rest) => {
      const { behaviour } = request.arguments as { behaviour: string };
      return behaviour === 'hangs' ? new Promise(() => undefined) : behave(request, ...rest);
    };
    const whole = await checkEveryCut(machine, {}, answer, false);
    const cut =
      whole.records.findIndex((record) => record.kind === 'event' && record.event.type === 'MapIterationFailed') + 1;
    const rest = await resume(machine, whole.records.slice(0, cut), answer);
    expect(happened(rest.records)).toStrictEqual(happened(whole.records.slice(cut)));
    expect(rest.tasks).toStrictEqual([]);
  });

  test('keeps task deadlines and retry waits as recorded', async () => {
    const state = task(undefined, {
      TimeoutSeconds: 30,
      Retry: [{ ErrorEquals: ['States.Timeout'], IntervalSeconds: 100, JitterStrategy: 'FULL', MaxAttempts: 1 }],
    });
    const machine = { StartAt: 'a', States: { a: state } };
    const hang: Answer = () => new Promise(() => undefined);
    const whole = await run(machine, {}, hang);
    const times = (records: readonly JournalRecord[]) =>
      records.flatMap((record) => (record.kind === 'event' ? [record.event.timestamp] : []));
    for (let cut = 1; cut < whole.records.length; cut += 1) {
      const rest = await resume(machine, whole.records.slice(0, cut), hang);
      if (cut < 6) continue;
      // A second start stands at the time of the one that it repeats: the clock of the resumed run begins there.
      const repeated = restartIds([...whole.records.slice(0, cut), ...rest.records]);
      const own = rest.records.filter((record) => record.kind !== 'event' || !repeated.has(record.event.id));
      expect([...times(whole.records.slice(0, cut)), ...times(own)]).toStrictEqual(times(whole.records));
    }
    expect(whole.outcome).toStrictEqual({ status: 'FAILED', error: 'States.Timeout' });
  });

  test('counts a wait from when its state was entered, however long the machine was off', async () => {
    const machine = { StartAt: 'w', States: { w: { Type: 'Wait', Seconds: 60, End: true } } };
    const { records } = await run(machine);
    const late = portsOf(() => ok(1), startMs + 45_000);
    const handle = resumeExecution(late.ports, identityOf(definitionOf(machine)), records.slice(0, 2));
    expect([(await handle.done).status, late.clock.now() - startMs]).toStrictEqual(['SUCCEEDED', 60_000]);
  });

  test('after its end stays ended and does nothing', async () => {
    const machine = { StartAt: 'a', States: { a: task(undefined) } };
    const whole = await run(machine, {}, () => ok(5));
    const rest = await resume(machine, whole.records, () => ok(6));
    expect([rest.outcome, rest.records, rest.tasks, rest.events]).toStrictEqual([
      { status: 'SUCCEEDED', output: '5' },
      [],
      [],
      whole.events,
    ]);
  });
});

describe('a task in flight when its run was cut', () => {
  const hang: Answer = () => new Promise(() => undefined);
  const Retry = [{ ErrorEquals: ['States.ALL'], IntervalSeconds: 1, MaxAttempts: 2 }];
  const counts = (tasks: readonly TaskRequest[]) =>
    tasks.map(({ stateName, retryCount, restarts }) => [stateName, retryCount, restarts]);

  test('starts again on record; its tries remember that, and the next state does not', async () => {
    const machine = { StartAt: 'a', States: { a: task('b', { Retry }), b: task(undefined) } };
    const first = await run(machine, {}, hang);
    const second = await resume(machine, first.records, hang);
    const upToThird = [...first.records, ...second.records];
    const third = await resume(machine, upToThird, (request, ...rest) =>
      request.retryCount === 0 ? failed('Boom') : hang(request, ...rest),
    );
    const upToLast = [...upToThird, ...third.records];
    const last = await resume(machine, upToLast, () => ok(1));
    expect([first, second, third, last].map(({ tasks }) => counts(tasks))).toStrictEqual([
      [['a', 0, 0]],
      [['a', 0, 1]],
      [
        ['a', 0, 2],
        ['a', 1, 2],
      ],
      [
        ['a', 1, 3],
        ['b', 0, 0],
      ],
    ]);
    expect(lines(last.events)).toStrictEqual([
      '1<-0 ExecutionStarted',
      '2<-0 TaskStateEntered a',
      '3<-2 TaskScheduled',
      '4<-3 TaskStarted',
      '5<-4 TaskStarted',
      '6<-5 TaskStarted',
      '7<-6 TaskFailed',
      '8<-7 TaskScheduled',
      '9<-8 TaskStarted',
      '10<-9 TaskStarted',
      '11<-10 TaskSucceeded',
      '12<-11 TaskStateExited a',
      '13<-12 TaskStateEntered b',
      '14<-13 TaskScheduled',
      '15<-14 TaskStarted',
      '16<-15 TaskSucceeded',
      '17<-16 TaskStateExited b',
      '18<-17 ExecutionSucceeded',
    ]);
    expect(last.events[4]).toStrictEqual({ ...last.events[3], id: 5, previousEventId: 4 });
    expect(foldWhole(machine, [...upToLast, ...last.records])).toBe('SUCCEEDED');
  });

  test('and called by a function ARN starts again as such', async () => {
    const resource = 'arn:aws:lambda:us-east-1:000000000000:function:load';
    const machine = { StartAt: 'a', States: { a: { Type: 'Task', Resource: resource, End: true } } };
    const first = await run(machine, {}, hang);
    const { events, tasks } = await resume(machine, first.records, () => ok(1));
    expect(lines(events).slice(3, 6)).toStrictEqual([
      '4<-3 LambdaFunctionStarted',
      '5<-4 LambdaFunctionStarted',
      '6<-5 LambdaFunctionSucceeded',
    ]);
    expect(counts(tasks)).toStrictEqual([['a', 0, 1]]);
  });

  test('does not run before its second start is durable', async () => {
    const machine = { StartAt: 'a', States: { a: task(undefined) } };
    const first = await run(machine, {}, hang);
    const made = portsOf(() => ok(1), startMs);
    const asked: (readonly JournalRecord[])[] = [];
    const durable = Promise.withResolvers<void>();
    const append = async (records: readonly JournalRecord[]) => {
      asked.push(records);
      await durable.promise;
    };
    const identity = identityOf(definitionOf(machine));
    const handle = resumeExecution({ ...made.ports, journal: { append } }, identity, first.records);
    await expect.poll(() => asked.length).toBe(1);
    expect([made.tasks, handle.events.length]).toStrictEqual([[], 4]);
    durable.resolve();
    expect([(await handle.done).status, counts(made.tasks)]).toStrictEqual(['SUCCEEDED', [['a', 0, 1]]]);
  });

  test('whose time was up meanwhile ends, and is not run again', async () => {
    const machine = { StartAt: 'a', States: { a: task(undefined, { TimeoutSeconds: 30 }) } };
    const { records } = await run(machine, {}, hang);
    const late = portsOf(() => ok(1), startMs + 30_000);
    const handle = resumeExecution(late.ports, identityOf(definitionOf(machine)), records.slice(0, 4));
    expect([await handle.done, lines(handle.events).slice(3), late.tasks]).toStrictEqual([
      { status: 'FAILED', error: 'States.Timeout' },
      ['4<-3 TaskStarted', '5<-4 TaskTimedOut', '6<-5 ExecutionFailed'],
      [],
    ]);
  });

  test('ends with its execution when the history has no room for a second start', async () => {
    const passes = Array.from({ length: 6 }, (_, index) => [`p${index}`, { Type: 'Pass', Next: `p${index + 1}` }]);
    const machine = {
      StartAt: 'p0',
      States: {
        ...Object.fromEntries(passes),
        p6: task('again'),
        again: { Type: 'Choice', Choices: [{ Condition: true, Next: 'p6' }] },
      },
    };
    const whole = await run(machine);
    const last = whole.records.findIndex((record) => record.kind === 'event' && record.event.id === 24_999);
    expect(whole.events[24_998]?.type).toBe('TaskStarted');
    const rest = await resume(machine, whole.records.slice(0, last + 1), () => ok(1));
    expect([rest.events.length, rest.outcome.error, rest.tasks]).toStrictEqual([25_000, 'States.Runtime', []]);
  });
});

describe('a journal that does not fit', () => {
  const machine = { StartAt: 'a', States: { a: task('b'), b: { Type: 'Pass', End: true } } };
  const resumeWith = (records: readonly JournalRecord[]) => () =>
    resumeExecution(portsOf(() => ok(1), startMs).ports, identityOf(definitionOf(machine)), records);

  test.each([
    ['nothing', () => [], /it has no ExecutionStarted/],
    ['a missing event', (all: readonly JournalRecord[]) => all.toSpliced(1, 1), /event 3 follows event 1/],
    [
      'an event twice',
      (all: readonly JournalRecord[]) => [...all.slice(0, 2), ...all.slice(1)],
      /event 2 follows event 2/,
    ],
    [
      'an unknown private record',
      (all: readonly JournalRecord[]) => [...all, { kind: 'private', type: 'odd', thread: '0' }],
      /unknown private record odd/,
    ],
    [
      'a record of no thread',
      (all: readonly JournalRecord[]) => [...all, { kind: 'private', type: 'wait', thread: '0/9.9', untilMs: 1 }],
      /no thread 0\/9.9 is running/,
    ],
  ] as const)('is refused: %s', async (_, change, message) => {
    const { records } = await run(machine, {}, () => new Promise(() => undefined));
    expect(resumeWith(change(records) as readonly JournalRecord[])).toThrow(message);
  });
});
