/** Redrives: what had succeeded is kept, what had not is done again, in machines, Parallels, Maps and map runs. */
import { describe, expect, test } from 'vitest';
import { redriveExecution, resumeExecution, startExecution } from '../../lib/engine/run.ts';
import {
  type Answer,
  definitionOf,
  ended,
  failed,
  identityOf,
  lines,
  ok,
  portsOf,
  type Run,
  run,
  startMs,
  task,
} from './machine.ts';

const laterMs = startMs + 3_600_000;

/** Redrives what has ended. `records` of the answer are all of the journal. */
async function redriven(machine: object, before: Run, answer: Answer, token?: string): Promise<Run> {
  const made = portsOf(answer, laterMs);
  made.records.push(...before.records);
  return ended(redriveExecution(made.ports, identityOf(definitionOf(machine)), before.records, token), made);
}

const named =
  (answers: { readonly [state: string]: Answer }): Answer =>
  (request, clock, signal, progress) =>
    (answers[request.stateName] ?? (() => ok(request.stateName)))(request, clock, signal, progress);
const broken = () => failed('Broken', 'it is');
const called = ({ tasks }: Run) => tasks.map(({ stateName }) => stateName);
const fresh = ({ events }: Run, before: Run) => lines(events.slice(before.events.length));

describe('a redrive', () => {
  const chain = {
    StartAt: 'a',
    States: {
      a: task('b', { Assign: { kept: '{% $states.result %}' } }),
      b: task('c', {
        Arguments: { kept: '{% $kept %}', redrive: '{% $states.context.Execution.RedriveCount %}' },
        Retry: [{ ErrorEquals: ['States.ALL'], MaxAttempts: 1 }],
      }),
      c: { Type: 'Pass', Output: '{% $states.context.Execution.RedriveTime %}', End: true },
    },
  };

  test('goes on in the state that failed, with its input, its variables and all its tries', async () => {
    const before = await run(chain, {}, named({ b: broken }));
    expect([before.outcome.status, called(before)]).toStrictEqual(['FAILED', ['a', 'b', 'b']]);
    let tries = 0;
    const after = await redriven(chain, before, named({ b: () => (tries++ === 0 ? broken() : ok('b')) }));
    expect(called(after)).toStrictEqual(['b', 'b']);
    expect(after.tasks[0]).toMatchObject({ arguments: { kept: 'a', redrive: 1 }, retryCount: 0 });
    expect(after.outcome).toStrictEqual({
      status: 'SUCCEEDED',
      output: JSON.stringify(new Date(laterMs).toISOString()),
    });
    const at = before.events.length;
    expect(fresh(after, before)).toStrictEqual([
      `${at + 1}<-${at} ExecutionRedriven`,
      `${at + 2}<-${at + 1} TaskScheduled`,
      `${at + 3}<-${at + 2} TaskStarted`,
      `${at + 4}<-${at + 3} TaskFailed`,
      `${at + 5}<-${at + 4} TaskScheduled`,
      `${at + 6}<-${at + 5} TaskStarted`,
      `${at + 7}<-${at + 6} TaskSucceeded`,
      `${at + 8}<-${at + 7} TaskStateExited b`,
      `${at + 9}<-${at + 8} PassStateEntered c`,
      `${at + 10}<-${at + 9} PassStateExited c`,
      `${at + 11}<-${at + 10} ExecutionSucceeded`,
    ]);
  });

  test('may be repeated, and counts', async () => {
    const first = await run(chain, {}, named({ b: broken }));
    const second = await redriven(chain, first, named({ b: broken }));
    const third = await redriven(chain, second, named({}), 'token-3');
    expect(third.tasks[0]).toMatchObject({ arguments: { redrive: 2 } });
    expect(third.outcome.status).toBe('SUCCEEDED');
    expect(
      third.records.find((record) => record.kind === 'private' && record['type'] === 'redriveToken'),
    ).toMatchObject({
      token: 'token-3',
    });
  });

  test('is not for what runs or has succeeded', async () => {
    const machine = { StartAt: 'p', States: { p: { Type: 'Pass', End: true } } };
    await expect(redriven(machine, await run(machine), named({}))).rejects.toThrow(TypeError);
  });

  test('survives a crash after every record', async () => {
    const before = await run(chain, {}, named({ b: broken }));
    const after = await redriven(chain, before, named({}));
    for (let cut = before.records.length + 1; cut < after.records.length; cut += 1) {
      const made = portsOf(named({}), laterMs);
      const identity = identityOf(definitionOf(chain));
      const again = await ended(resumeExecution(made.ports, identity, after.records.slice(0, cut)), made);
      expect([cut, again.outcome]).toStrictEqual([cut, after.outcome]);
    }
  });

  test('of an execution that was stopped or ran out of time counts its time anew', async () => {
    const machine = { ...chain, TimeoutSeconds: 60 };
    const before = await run(machine, {}, named({ b: () => new Promise(() => undefined) }));
    expect(before.outcome.status).toBe('TIMED_OUT');
    expect((await redriven(machine, before, named({}))).outcome.status).toBe('SUCCEEDED');
    const hanging = await redriven(machine, before, named({ b: () => new Promise(() => undefined) }));
    expect([hanging.outcome.status, hanging.clock.now()]).toStrictEqual(['TIMED_OUT', laterMs + 60_000]);
    const made = portsOf(named({}), startMs);
    const waiting = { StartAt: 'w', States: { w: { Type: 'Wait', Seconds: 100, End: true } } };
    const handle = startExecution(made.ports, { ...identityOf(definitionOf(waiting)), input: '{}' });
    made.clock.wakeAt(startMs + 50_000, () => void handle.stop());
    const stopped = await ended(handle, made);
    expect(stopped.outcome.status).toBe('ABORTED');
    const waited = await redriven(waiting, stopped, named({}));
    expect([waited.outcome.status, waited.clock.now()]).toStrictEqual(['SUCCEEDED', laterMs + 100_000]);
  });

  test('of what failed by an expression evaluates it again', async () => {
    const machine = {
      StartAt: 'p',
      States: {
        p: { Type: 'Pass', Output: "{% $states.context.Execution.RedriveCount > 0 ? 1 : $error('no') %}", End: true },
      },
    };
    const before = await run(machine);
    expect(before.outcome.status).toBe('FAILED');
    expect((await redriven(machine, before, named({}))).outcome).toStrictEqual({ status: 'SUCCEEDED', output: '1' });
  });
});

describe('a redrive within', () => {
  test('a Parallel runs only branches that had not succeeded', async () => {
    const branch = (name: string) => ({
      StartAt: name,
      States: { [name]: task(undefined, { Output: '{% $states.result %}' }) },
    });
    const machine = {
      StartAt: 'all',
      States: { all: { Type: 'Parallel', Branches: [branch('x'), branch('y'), branch('z')], End: true } },
    };
    const before = await run(
      machine,
      {},
      named({
        y: (_task, clock) => new Promise((done) => clock.wakeAt(startMs + 1_000, () => done(broken()))),
        z: () => new Promise(() => undefined),
      }),
    );
    expect([before.outcome.status, called(before)]).toStrictEqual(['FAILED', ['x', 'y', 'z']]);
    const after = await redriven(machine, before, named({}));
    expect([called(after), after.outcome]).toStrictEqual([
      ['y', 'z'],
      { status: 'SUCCEEDED', output: '["x","y","z"]' },
    ]);
  });

  test('a Map runs the iterations that failed, and those that had not begun', async () => {
    const machine = {
      StartAt: 'm',
      States: {
        m: {
          Type: 'Map',
          MaxConcurrency: 1,
          ItemProcessor: {
            StartAt: 'f',
            States: { f: task('t', { Arguments: '{% $states.input %}' }), t: { Type: 'Pass', End: true } },
          },
          End: true,
        },
      },
    };
    const fails =
      (item: number): Answer =>
      (request) =>
        request.arguments === item ? broken() : ok(request.arguments);
    const before = await run(machine, [1, 2, 3], named({ f: fails(2) }));
    const after = await redriven(machine, before, named({ f: fails(9) }));
    expect(after.tasks.map((request) => request.arguments)).toStrictEqual([2, 3]);
    expect(after.outcome).toStrictEqual({ status: 'SUCCEEDED', output: '[1,2,3]' });
  });

  test('a Parallel within a Map within a Parallel goes to the bottom', async () => {
    const leaf = (name: string) => ({ StartAt: name, States: { [name]: task(undefined) } });
    const machine = {
      StartAt: 'outer',
      States: {
        outer: {
          Type: 'Parallel',
          Branches: [
            leaf('side'),
            {
              StartAt: 'map',
              States: {
                map: {
                  Type: 'Map',
                  Items: [1, 2],
                  ItemProcessor: {
                    StartAt: 'inner',
                    States: { inner: { Type: 'Parallel', Branches: [leaf('good'), leaf('bad')], End: true } },
                  },
                  End: true,
                },
              },
            },
          ],
          End: true,
        },
      },
    };
    let fails = true;
    const bad: Answer = (_task, clock) =>
      new Promise((done) => clock.wakeAt(clock.now() + 1_000, () => done(fails ? broken() : ok('bad'))));
    const before = await run(machine, {}, named({ bad }));
    fails = false;
    const after = await redriven(machine, before, named({ bad }));
    expect([called(before).sort(), called(after)]).toStrictEqual([
      ['bad', 'bad', 'good', 'good', 'side'],
      ['bad', 'bad'],
    ]);
    expect(after.outcome).toStrictEqual({
      status: 'SUCCEEDED',
      output: '["side",[["good","bad"],["good","bad"]]]',
    });
  });

  const distributed = (ExecutionType: string) => ({
    StartAt: 'm',
    States: {
      m: {
        Type: 'Map',
        Label: 'load',
        ToleratedFailureCount: 1,
        ItemProcessor: {
          ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType },
          StartAt: 'first',
          States: {
            first: task('t', { Output: '{% $states.input %}' }),
            t: task(undefined, { Arguments: '{% $states.input %}' }),
          },
        },
        End: true,
      },
    },
  });
  const even: Answer = ({ arguments: n }, clock) =>
    Number(n) % 2 === 1 ? ok(n) : new Promise((done) => clock.wakeAt(clock.now() + 1_000, () => done(broken())));

  test('a map run goes on with the children that failed, where they failed', async () => {
    const machine = distributed('STANDARD');
    const before = await run(machine, [1, 2, 3, 4], named({ t: even }));
    expect(before.outcome).toMatchObject({ status: 'FAILED', error: 'States.ExceedToleratedFailureThreshold' });
    const after = await redriven(machine, before, named({ t: ({ arguments: n }) => ok(n) }));
    expect(after.tasks.map(({ stateName, arguments: n }) => [stateName, n])).toStrictEqual([
      ['t', 2],
      ['t', 4],
    ]);
    expect(after.outcome).toStrictEqual({ status: 'SUCCEEDED', output: '[1,2,3,4]' });
    expect(fresh(after, before).map((line) => line.split(' ')[1])).toStrictEqual([
      'ExecutionRedriven',
      'MapRunRedriven',
      'MapRunSucceeded',
      'MapStateSucceeded',
      'MapStateExited',
      'ExecutionSucceeded',
    ]);
  });

  test('a map run of EXPRESS children begins the failed ones anew', async () => {
    const machine = distributed('EXPRESS');
    const before = await run(machine, [1, 2, 3, 4], named({ t: even }));
    const after = await redriven(machine, before, named({ t: ({ arguments: n }) => ok(n) }));
    expect(called(after)).toStrictEqual(['first', 'first', 't', 't']);
    expect(after.outcome).toStrictEqual({ status: 'SUCCEEDED', output: '[1,2,3,4]' });
  });

  test('a map run that is cut off in its redrive is resumed', async () => {
    const machine = distributed('STANDARD');
    const before = await run(machine, [1, 2, 3, 4], named({ t: even }));
    const answer = named({ t: ({ arguments: n }) => ok(n) });
    const after = await redriven(machine, before, answer);
    for (let cut = before.records.length + 1; cut < after.records.length; cut += 1) {
      const made = portsOf(answer, laterMs);
      const identity = identityOf(definitionOf(machine));
      const again = await ended(resumeExecution(made.ports, identity, after.records.slice(0, cut)), made);
      expect([cut, again.outcome]).toStrictEqual([cut, after.outcome]);
    }
  });
});
