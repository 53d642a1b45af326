import { describe, expect, test } from 'vitest';
import type { JournalRecord, TaskOutcome } from '../../lib/engine/ports.ts';
import { resumeExecution, startExecution } from '../../lib/engine/run.ts';
import { definitionOf, identityOf, lines, ok, portsOf, run, startMs, task } from './machine.ts';

const machine = { StartAt: 'a', States: { a: task('b'), b: { Type: 'Pass', End: true } } };
const wait = { StartAt: 'w', States: { w: { Type: 'Wait', Seconds: 60, End: true } } };

/** Lets every promise settle that can. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('nothing is seen before it is durable', () => {
  test('tasks start, events show and the result comes only after the append that holds them', async () => {
    const made = portsOf(() => ok(1), startMs);
    const pending: { readonly records: readonly JournalRecord[]; readonly resolve: () => void }[] = [];
    const journal = {
      append: (records: readonly JournalRecord[]) => new Promise<void>((resolve) => pending.push({ records, resolve })),
    };
    const handle = startExecution({ ...made.ports, journal }, { ...identityOf(definitionOf(machine)), input: '{}' });
    const shown: string[][] = [];
    handle.onEvents((events) => shown.push([...lines(events)]));
    await settle();
    expect([made.tasks.length, handle.events.length, pending.length]).toStrictEqual([0, 0, 1]);

    pending[0]?.resolve();
    await settle();
    expect([made.tasks.length, handle.events.length, handle.status, pending.length]).toStrictEqual([
      1,
      4,
      'RUNNING',
      2,
    ]);

    pending[1]?.resolve();
    expect(await handle.done).toStrictEqual({ status: 'SUCCEEDED', output: '1' });
    expect(shown).toStrictEqual([
      ['1<-0 ExecutionStarted', '2<-0 TaskStateEntered a', '3<-2 TaskScheduled', '4<-3 TaskStarted'],
      [
        '5<-4 TaskSucceeded',
        '6<-5 TaskStateExited a',
        '7<-6 PassStateEntered b',
        '8<-7 PassStateExited b',
        '9<-8 ExecutionSucceeded',
      ],
    ]);
  });

  test('what arrives while an append is in flight goes into one append together', async () => {
    const branches = ['x', 'y', 'z'].map((name) => ({ StartAt: name, States: { [name]: task(undefined) } }));
    const outcomes: ((outcome: TaskOutcome) => void)[] = [];
    const made = portsOf(() => new Promise((resolve) => outcomes.push(resolve)), startMs);
    const appends: number[] = [];
    let open: () => void = () => undefined;
    const journal = {
      append: (records: readonly JournalRecord[]) => {
        appends.push(records.length);
        return new Promise<void>((resolve) => {
          open = resolve;
        });
      },
    };
    const parallel = { StartAt: 'p', States: { p: { Type: 'Parallel', Branches: branches, End: true } } };
    const handle = startExecution({ ...made.ports, journal }, { ...identityOf(definitionOf(parallel)), input: '{}' });
    await settle();
    open();
    await settle();
    outcomes[0]?.(ok(0));
    await settle();
    // The first end is being written; the two others wait for their turn.
    outcomes[1]?.(ok(1));
    outcomes[2]?.(ok(2));
    await settle();
    expect(appends).toStrictEqual([12, 2]);
    open();
    await settle();
    expect(appends).toStrictEqual([12, 2, 7]);
    open();
    expect((await handle.done).output).toBe('[0,1,2]');
  });

  test('a journal that fails ends the work with its error, and aborts tasks', async () => {
    let aborted = false;
    const made = portsOf((_, clock, signal) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      clock.wakeAt(clock.now() + 1_000, () => undefined);
      return new Promise(() => undefined);
    }, startMs);
    let appends = 0;
    const journal = { append: () => (appends++ === 0 ? Promise.resolve() : Promise.reject(new Error('disk full'))) };
    const timed = { ...machine, TimeoutSeconds: 5 };
    const handle = startExecution({ ...made.ports, journal }, { ...identityOf(definitionOf(timed)), input: '{}' });
    await expect(handle.done).rejects.toThrow('disk full');
    await expect(handle.stop()).rejects.toThrow('disk full');
    expect([aborted, handle.status, handle.events.length]).toStrictEqual([true, 'RUNNING', 4]);
  });
});

describe('stop and suspend', () => {
  test('stop aborts tasks and records ExecutionAborted with error and cause', async () => {
    let aborted = false;
    const made = portsOf((_, __, signal) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      return new Promise(() => undefined);
    }, startMs);
    const handle = startExecution(made.ports, { ...identityOf(definitionOf(machine)), input: '{}' });
    await settle();
    await handle.stop('Operator', 'enough');
    await handle.stop();
    expect(lines(handle.events).slice(4)).toStrictEqual(['5<-0 ExecutionAborted']);
    expect([aborted, await handle.done]).toStrictEqual([
      true,
      { status: 'ABORTED', error: 'Operator', cause: 'enough' },
    ]);
  });

  test('suspend records nothing, and the execution goes on from its journal with its deadline kept', async () => {
    const made = portsOf(() => ok(1), startMs);
    const release = made.clock.hold();
    const definition = definitionOf(wait);
    const handle = startExecution(made.ports, { ...identityOf(definition), input: '{}' });
    await settle();
    await handle.suspend();
    release();
    expect([await handle.done, made.records.length]).toStrictEqual([{ status: 'RUNNING' }, 3]);

    const later = portsOf(() => ok(1), startMs + 20_000);
    const resumed = resumeExecution(later.ports, identityOf(definition), made.records);
    expect(lines(resumed.events)).toStrictEqual(['1<-0 ExecutionStarted', '2<-0 WaitStateEntered w']);
    expect(await resumed.done).toStrictEqual({ status: 'SUCCEEDED', output: '{}' });
    expect(later.clock.now()).toBe(startMs + 60_000);
  });

  test('a listener hears no more after it has left', async () => {
    const made = portsOf(() => ok(1), startMs);
    const handle = startExecution(made.ports, { ...identityOf(definitionOf(machine)), input: '{}' });
    let heard = 0;
    const leave = handle.onEvents(() => {
      heard += 1;
      leave();
    });
    await handle.done;
    expect(heard).toBe(1);
  });
});

describe('starting', () => {
  test.each([
    ['{', /is not JSON/],
    [JSON.stringify('x'.repeat(262_143)), /larger than 262144 bytes/],
  ])('refuses an input that is none', (input, message) => {
    const made = portsOf(() => ok(1), startMs);
    const start = () => startExecution(made.ports, { ...identityOf(definitionOf(machine)), input });
    expect(start).toThrow(message);
    expect(made.records).toStrictEqual([]);
  });

  test('at a given moment, which the context shows', async () => {
    const made = portsOf(() => ok(1), startMs);
    const shows = {
      StartAt: 's',
      States: { s: { Type: 'Pass', Output: '{% $states.context.Execution.StartTime %}', End: true } },
    };
    const begun = { ...identityOf(definitionOf(shows)), input: ' { } ', startedAtMs: startMs - 1_000 };
    const { output } = await startExecution(made.ports, begun).done;
    expect([output, made.records[0]]).toMatchObject([
      '"2026-03-01T11:59:59.000Z"',
      { event: { timestamp: startMs - 1_000, executionStartedEventDetails: { input: ' { } ' } } },
    ]);
  });

  test('the same definition, input, answers and chance give the same journal, byte for byte', async () => {
    const retry = {
      Retry: [{ ErrorEquals: ['States.ALL'], JitterStrategy: 'FULL' }],
      Output: '{% [$random(), $uuid(), $now(), $millis()] %}',
    };
    const many = {
      StartAt: 'm',
      States: {
        m: {
          Type: 'Map',
          Items: [1, 2, 3],
          End: true,
          ItemProcessor: { StartAt: 't', States: { t: task(undefined, retry) } },
        },
      },
    };
    const once = () =>
      run(many, {}, (request) => (request.retryCount === 0 ? { ok: false, error: 'E', cause: '' } : ok(1)));
    const [first, second] = [await once(), await once()];
    expect(first.outcome.status).toBe('SUCCEEDED');
    expect(JSON.stringify(first.records)).toBe(JSON.stringify(second.records));
  });

  test('a clock that rings early is asked again', async () => {
    const made = portsOf(() => ok(1), startMs);
    let early = true;
    const clock = {
      ...made.clock,
      wakeAt: (atMs: number, wake: () => void) => {
        const ringsAt = early ? atMs - 1 : atMs;
        early = false;
        return made.clock.wakeAt(ringsAt, wake);
      },
    };
    const handle = startExecution({ ...made.ports, clock }, { ...identityOf(definitionOf(wait)), input: '{}' });
    expect([(await handle.done).status, made.clock.now()]).toStrictEqual(['SUCCEEDED', startMs + 60_000]);
  });

  test('a history that is full when a task answers ends there', async () => {
    const loop = {
      StartAt: 'a',
      States: { a: task('b'), b: { Type: 'Choice', Choices: [{ Condition: true, Next: 'a' }] } },
    };
    const { events, outcome } = await run(loop);
    expect([events.length, outcome.error]).toStrictEqual([25_000, 'States.Runtime']);
  });

  test('real time runs the same engine', async () => {
    const { systemClock } = await import('../../lib/engine/clock.ts');
    const made = portsOf(() => ok(1), startMs);
    const moment = {
      StartAt: 'w',
      States: { w: { Type: 'Wait', Timestamp: '{% $fromMillis($millis() + 5) %}', End: true } },
    };
    const handle = startExecution(
      { ...made.ports, clock: systemClock() },
      { ...identityOf(definitionOf(moment)), input: '{}' },
    );
    expect(await handle.done).toStrictEqual({ status: 'SUCCEEDED', output: '{}' });
  });
});
