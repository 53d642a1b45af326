/** Redrives of histories without room, redrives that are stopped and redriven, and what a redriven map run keeps to. */
import { describe, expect, test } from 'vitest';
import { newExecution } from '../../lib/engine/execution.ts';
import { applyRecord } from '../../lib/engine/fold.ts';
import type { JournalRecord } from '../../lib/engine/ports.ts';
import { redriveExecution, resumeExecution } from '../../lib/engine/run.ts';
import { maxHistoryEvents } from '../../lib/engine/turn.ts';
import {
  type Answer,
  definitionOf,
  ended,
  failed,
  identityOf,
  ok,
  portsOf,
  type Run,
  run,
  startMs,
  task,
} from './machine.ts';

const laterMs = startMs + 3_600_000;
const identity = (machine: object) => identityOf(definitionOf(machine));

/** Redrives what has ended. With `stopAfter` it is stopped once that many records are in the journal. */
async function redriven(machine: object, before: Run, answer: Answer, stopAfter = Infinity): Promise<Run> {
  const made = portsOf(answer, laterMs);
  made.records.push(...before.records);
  const { append } = made.ports.journal;
  let stop = (): void => undefined;
  const journal = {
    // One record at a time, so that a stop finds every state in between.
    append: async (records: readonly JournalRecord[]) => {
      await append(records);
      if (made.records.length >= stopAfter) stop();
    },
  };
  const handle = redriveExecution({ ...made.ports, journal }, identity(machine), before.records);
  stop = () => void handle.stop();
  return ended(handle, made);
}

/** A journal that was cut by a stop. */
function stoppedAfter(records: readonly JournalRecord[], cut: number): Pick<Run, 'records'> {
  const kept = records.slice(0, cut);
  const events = kept.flatMap((record) => (record.kind === 'event' ? [record.event] : []));
  const [first] = kept;
  if (first?.kind !== 'event') throw new Error('a journal begins with an event');
  const event = {
    id: events.length + 1,
    previousEventId: 0,
    timestamp: laterMs,
    type: 'ExecutionAborted' as const,
    executionAbortedEventDetails: {},
  };
  return { records: [...kept, { kind: 'event', thread: first.thread, event }] };
}

const leaf = (name: string) => ({ StartAt: name, States: { [name]: task(undefined) } });
const distributed = (body: object, more: object = {}, ExecutionType = 'STANDARD') => ({
  StartAt: 'm',
  States: {
    m: {
      Type: 'Map',
      Label: 'load',
      ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType }, ...body },
      End: true,
      ...more,
    },
  },
});
const named = ({ tasks }: Run) => tasks.map(({ stateName }) => stateName);
/** Counts for ever. */
const endless = {
  StartAt: 'a',
  States: {
    a: { Type: 'Pass', Output: '{% $states.input + 1 %}', Next: 'c' },
    c: { Type: 'Choice', Choices: [{ Condition: '{% $states.input < 40000 %}', Next: 'a' }], Default: 'e' },
    e: { Type: 'Pass', End: true },
  },
};

describe('a history that is full', () => {
  test('of a child is not gone on with: the child begins anew', async () => {
    const machine = distributed(endless);
    const before = await run(machine, [1]);
    expect(before.outcome.status).toBe('FAILED');
    const after = await redriven(machine, before, () => ok(null));
    expect(after.outcome.status).toBe('FAILED');
    const ids = after.records.flatMap((record) =>
      record.kind === 'private' && record['type'] === 'childEvent' ? [(record['event'] as { id: number }).id] : [],
    );
    expect([Math.max(...ids), ids.filter((id) => id === 1).length]).toStrictEqual([maxHistoryEvents, 2]);
  });

  test('of an execution is not redriven, and one that is nearly full ends within its limit', async () => {
    const before = await run(endless, 0);
    expect(before.events.length).toBe(maxHistoryEvents);
    const cutAt = (id: number) =>
      before.records.findIndex((record) => record.kind === 'event' && record.event.id === id) + 1;
    for (const length of [maxHistoryEvents - 1, maxHistoryEvents]) {
      const { records } = stoppedAfter(before.records, cutAt(length - 1));
      const made = portsOf(() => ok(null), laterMs);
      expect(() => redriveExecution(made.ports, identity(endless), records)).toThrow(/history is full/);
    }
    const { records } = stoppedAfter(before.records, cutAt(maxHistoryEvents - 3));
    const after = await redriven(endless, { ...before, records }, () => ok(null));
    expect([after.outcome.status, after.events.length]).toStrictEqual(['FAILED', maxHistoryEvents]);
  });
});

describe('a redrive that is stopped', () => {
  const both = {
    StartAt: 'p',
    States: { p: { Type: 'Parallel', Branches: [leaf('good'), leaf('bad')], End: true } },
  };
  const machine = distributed(both, { ToleratedFailureCount: 0 });
  const bad =
    (fails: boolean): Answer =>
    (request, clock) =>
      request.stateName === 'bad'
        ? new Promise((done) => clock.wakeAt(clock.now() + 1_000, () => done(fails ? failed('Broken') : ok('bad'))))
        : ok(request.stateName);

  test('after any record, and redriven, runs nothing again that had succeeded', async () => {
    const before = await run(machine, [1, 2], bad(true));
    expect(named(before).sort()).toStrictEqual(['bad', 'bad', 'good', 'good']);
    const whole = await redriven(machine, before, bad(false));
    expect(whole.outcome.status).toBe('SUCCEEDED');
    for (let cut = before.records.length + 1; cut < whole.records.length; cut += 1) {
      const { records } = stoppedAfter(whole.records, cut);
      const after = await redriven(machine, { ...before, records }, bad(false));
      expect([cut, after.outcome, named(after).filter((name) => name === 'good')]).toStrictEqual([
        cut,
        whole.outcome,
        [],
      ]);
      const twice = stoppedAfter(after.records, Math.min(records.length + 2, after.records.length - 1));
      const last = await redriven(machine, { ...before, records: twice.records }, bad(false));
      expect([cut, last.outcome, named(last).includes('good')]).toStrictEqual([cut, whole.outcome, false]);
    }
  });

  test('by a stop of its own, with more children than there is room for', async () => {
    const many = distributed(both, { MaxConcurrency: 3, ToleratedFailureCount: 19 });
    const items = Array.from({ length: 20 }, (_, index) => index);
    const before = await run(many, items, bad(true));
    expect(before.outcome.status).toBe('FAILED');
    for (const at of [1, 2, 12, 40]) {
      const stopped = await redriven(many, before, bad(false), before.records.length + at);
      expect(stopped.outcome.status).toBe('ABORTED');
      const after = await redriven(many, stopped, bad(false));
      expect([at, after.outcome.status, named(after).includes('good')]).toStrictEqual([at, 'SUCCEEDED', false]);
    }
  });
});

describe('the variables of an execution', () => {
  test.each(['STANDARD', 'EXPRESS'])('are counted as they are, in a redrive of %s children as well', async (type) => {
    const map = distributed(
      {
        StartAt: 'g',
        States: {
          g: task('p', { Assign: { q: '{% $states.result %}' } }),
          p: {
            Type: 'Parallel',
            Branches: [
              {
                StartAt: 'x',
                States: {
                  x: { Type: 'Pass', Assign: { r: 'xxxxxxxx' }, Next: 'w' },
                  w: { Type: 'Wait', Seconds: 9, End: true },
                },
              },
              leaf('bad'),
            ],
            End: true,
          },
        },
      },
      { Items: [1, 2, 3] },
      type,
    );
    const fails =
      (still: boolean): Answer =>
      ({ stateName, arguments: _ }, clock) =>
        stateName === 'bad' && still
          ? new Promise((done) => clock.wakeAt(clock.now() + 1_000, () => done(failed('B'))))
          : ok('v'.repeat(100));
    const before = await run(map, {}, fails(true));
    const stopped = await redriven(map, before, fails(false), before.records.length + 3);
    const again = await redriven(map, stopped, fails(true));
    const after = await redriven(map, again, fails(false));
    expect(after.outcome.status).toBe('SUCCEEDED');
    const execution = newExecution(identity(map));
    for (const [index, record] of after.records.entries()) {
      applyRecord(execution, record);
      let bytes = 0;
      for (const { variables } of execution.threads.values()) {
        for (const variable of variables.values()) bytes += variable.bytes;
      }
      expect([index, execution.variableBytes]).toStrictEqual([index, bytes]);
    }
  });
});

describe('a redriven map run', () => {
  const body = {
    StartAt: 'first',
    States: {
      first: task('t', { Output: '{% $states.input %}' }),
      t: task(undefined, {
        Arguments: '{% {"n": $states.input, "since": $states.context.Execution.StartTime} %}',
        Output: '{% $states.input %}',
      }),
    },
  };
  const numberOf = (given: unknown) => Number((given as { n: number }).n);
  const even =
    (fails: boolean): Answer =>
    ({ stateName, arguments: given }, clock) =>
      new Promise((done) =>
        clock.wakeAt(clock.now() + 1_000, () =>
          done(fails && stateName === 't' && numberOf(given) % 2 === 0 ? failed('Broken') : ok(null)),
        ),
      );

  test('of EXPRESS children that is cut off is resumed, and its children know when they began', async () => {
    const machine = distributed(body, { ToleratedFailureCount: 1 }, 'EXPRESS');
    const before = await run(machine, [1, 2, 3, 4], even(true));
    const whole = await redriven(machine, before, even(false));
    expect(whole.outcome).toStrictEqual({ status: 'SUCCEEDED', output: '[1,2,3,4]' });
    for (let cut = before.records.length + 1; cut < whole.records.length; cut += 1) {
      const made = portsOf(even(false), laterMs);
      const again = await ended(resumeExecution(made.ports, identity(machine), whole.records.slice(0, cut)), made);
      const since = again.tasks.flatMap(({ stateName, arguments: given }) =>
        stateName === 't' ? [Date.parse((given as { since: string }).since)] : [],
      );
      expect([cut, again.outcome, since.filter((at) => at < startMs)]).toStrictEqual([cut, whole.outcome, []]);
    }
  });

  test('keeps to MaxConcurrency', async () => {
    const machine = distributed(body, { MaxConcurrency: 2, ToleratedFailurePercentage: 49 });
    const before = await run(machine, [2, 4, 6, 8, 10, 12], even(true));
    expect(before.outcome.status).toBe('FAILED');
    let [running, most] = [0, 0];
    const after = await redriven(machine, before, async (request, clock, signal, progress) => {
      running += 1;
      most = Math.max(most, running);
      const answer = await even(false)(request, clock, signal, progress);
      running -= 1;
      return answer;
    });
    expect([after.outcome, most]).toStrictEqual([{ status: 'SUCCEEDED', output: '[2,4,6,8,10,12]' }, 2]);
  });

  test.each(['STANDARD', 'EXPRESS'])('of %s children starts the items as well that it had not begun', async (type) => {
    const machine = distributed(body, { MaxConcurrency: 1 }, type);
    const before = await run(machine, [1, 2, 3, 5], even(true));
    expect(named(before)).toStrictEqual(['first', 't', 'first', 't']);
    const after = await redriven(machine, before, even(false));
    expect(after.outcome).toStrictEqual({ status: 'SUCCEEDED', output: '[1,2,3,5]' });
    expect(named(after)).toStrictEqual(
      type === 'STANDARD' ? ['t', 'first', 't', 'first', 't'] : ['first', 't', 'first', 't', 'first', 't'],
    );
  });
});
