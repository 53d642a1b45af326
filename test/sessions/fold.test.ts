import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { emptyFold, foldEvents, foldHistory, view } from '../../lib/sessions/fold.ts';
import { jobMoves } from '../../lib/sessions/status.ts';
import type { SessionView } from '../../lib/sessions/view.ts';
import { artifact, failureHistory, historyOf, successHistory } from './history-fixture.ts';

const statuses = (seen: SessionView) => Object.fromEntries(seen.jobs.map((job) => [job.job, job.status]));

describe('a history that ends well', () => {
  const seen = foldHistory(artifact, successHistory());

  it('gives every job its end, with what was skipped and what was tried twice', () => {
    expect(statuses(seen)).toStrictEqual({
      load: 'completed',
      check: 'skipped',
      convert: 'completed',
      'convert[0]/one': 'completed',
      'convert[0]/two': 'completed',
      'convert[1]/one': 'completed',
      'convert[1]/two': 'completed',
      alarm: 'skipped',
      publish: 'completed',
      close: 'completed',
    });
  });

  it('tells the session without the reserved key', () => {
    const { jobs: _, ...session } = seen;
    expect(session).toStrictEqual({
      status: 'completed',
      startedAt: 1000,
      endedAt: 58000,
      input: { day: 'mon' },
      output: { rows: 3 },
    });
  });

  it('tells a retried job with both attempts, its own input and its output', () => {
    expect(seen.jobs.find(({ job }) => job === 'convert[1]/one')).toStrictEqual({
      job: 'convert[1]/one',
      kind: 'job',
      node: 'one',
      operation: 'one',
      source: { file: '/work/flow.ts', line: 13, column: 3 },
      status: 'completed',
      input: { to: 'one' },
      output: { from: 'one' },
      startedAt: 20000,
      endedAt: 34000,
      attempts: [
        {
          number: 1,
          startedAt: 21000,
          endedAt: 23000,
          status: 'failed',
          error: { name: 'Flaky', cause: '{"errorMessage":"Flaky"}' },
          eventId: 21,
        },
        { number: 2, startedAt: 31000, endedAt: 33000, status: 'completed', eventId: 31 },
      ],
    });
  });

  it('tells a map with the count of its iterations', () => {
    expect(seen.jobs.find(({ job }) => job === 'convert')).toStrictEqual({
      job: 'convert',
      kind: 'map',
      node: 'convert',
      source: { file: '/work/flow.ts', line: 12, column: 3 },
      status: 'completed',
      attempts: [],
      startedAt: 10000,
      endedAt: 43000,
      iterations: { total: 2, completed: 2, failed: 0 },
    });
  });
});

describe('a history that ends badly', () => {
  const seen = foldHistory(artifact, failureHistory());

  it('names the job that failed and where it was written', () => {
    expect(seen.error).toStrictEqual({
      name: 'Broken',
      cause: 'why',
      job: 'convert[0]/two',
      source: { file: '/work/flow.ts', line: 14, column: 3 },
    });
  });

  it('leaves nothing running or pending', () => {
    expect(statuses(seen)).toStrictEqual({
      load: 'completed',
      check: 'completed',
      convert: 'failed',
      'convert[0]/one': 'completed',
      'convert[0]/two': 'failed',
      'convert[1]/one': 'cancelled',
      'convert[1]/two': 'cancelled',
      alarm: 'cancelled',
      publish: 'cancelled',
      close: 'cancelled',
    });
  });

  it('ends what ran when its map failed, not when the execution did', () => {
    const cancelled = seen.jobs.find(({ job }) => job === 'convert[1]/one');
    const failed = failureHistory().find(({ type }) => type === 'MapStateFailed');
    expect([cancelled?.endedAt, cancelled?.attempts.map(({ status, endedAt }) => [status, endedAt])]).toStrictEqual([
      failed?.timestamp,
      [['cancelled', failed?.timestamp]],
    ]);
  });
});

describe('a history under way', () => {
  it('is queued before the first event, with every static job pending', () => {
    expect(foldHistory(artifact, [])).toStrictEqual({
      status: 'queued',
      input: null,
      jobs: ['load', 'check', 'convert', 'alarm', 'publish', 'close'].map((job, index) => ({
        job,
        kind: job === 'convert' ? 'map' : 'job',
        node: job,
        ...(job === 'convert' ? {} : { operation: job }),
        status: 'pending',
        attempts: [],
        source: { file: '/work/flow.ts', line: [10, 11, 12, 16, 17, 18][index], column: 3 },
      })),
    });
  });

  it.each([
    ['waits to try again while its retry allows', ['Flaky', 'Flaky'], 'retrying'],
    ['has failed when its tries are used up', ['Flaky', 'Flaky', 'Flaky'], 'failed'],
    ['has failed at once by an error that nobody retries', ['Other'], 'failed'],
  ])('says that a job %s', (_, errors, status) => {
    const h = historyOf();
    errors.reduce(
      (after, error, attempt) => h.failed(error, h.schedule('load', after, attempt)),
      h.entered('Task', 'load', 0),
    );
    expect(foldHistory(artifact, h.events).jobs[0]?.status).toBe(status);
  });

  it('keeps a job that has delivered running until its state is left', () => {
    const h = historyOf();
    h.succeeded('load', h.schedule('load', h.entered('Task', 'load', 0), 0));
    expect(foldHistory(artifact, h.events).jobs[0]?.status).toBe('running');
  });

  it('marks the side not taken as skipped as soon as the other begins', () => {
    const h = historyOf();
    h.entered('Task', 'alarm', h.exited('Choice', 'any', h.entered('Choice', 'any', h.ran('load', 0))));
    expect(statuses(foldHistory(artifact, h.events))).toMatchObject({
      alarm: 'running',
      publish: 'skipped',
      check: 'skipped',
      close: 'pending',
    });
  });
});

describe('what ends a job otherwise', () => {
  it('keeps a job failed whose error the pipeline caught', () => {
    const h = historyOf();
    const failed = h.failed('Broken', h.schedule('alarm', h.entered('Task', 'alarm', h.ran('load', 0)), 0));
    const close = h.ran('close', h.exited('Task', 'alarm', failed));
    h.add('ExecutionSucceeded', close, { executionSucceededEventDetails: { output: 'null' } });
    const seen = foldHistory(artifact, h.events);
    expect([seen.status, seen.output, statuses(seen)['alarm'], statuses(seen)['close']]).toStrictEqual([
      'completed',
      null,
      'failed',
      'completed',
    ]);
  });

  it('makes an attempt of every start: what was cut off is cancelled, and no failure of the job', () => {
    const h = historyOf();
    const first = h.startedAgain(h.startedAgain(h.schedule('load', h.entered('Task', 'load', 0), 0)));
    const second = h.startedAgain(h.schedule('load', h.failed('Flaky', first), 1));
    const running = foldHistory(artifact, h.events).jobs[0];
    expect([running?.status, running?.error]).toStrictEqual([
      'running',
      { name: 'Flaky', cause: '{"errorMessage":"Flaky"}' },
    ]);
    h.exited('Task', 'load', h.succeeded('load', second));
    const seen = foldHistory(artifact, h.events).jobs[0];
    const error = { name: 'Bunsui.Interrupted', cause: 'the runtime stopped while this attempt ran' };
    expect(seen?.attempts).toStrictEqual([
      { number: 1, startedAt: 3000, endedAt: 5000, status: 'cancelled', error, eventId: 3 },
      { number: 2, startedAt: 5000, endedAt: 6000, status: 'cancelled', error, eventId: 5 },
      {
        number: 3,
        startedAt: 6000,
        endedAt: 7000,
        status: 'failed',
        error: { name: 'Flaky', cause: '{"errorMessage":"Flaky"}' },
        eventId: 6,
      },
      { number: 4, startedAt: 8000, endedAt: 10000, status: 'cancelled', error, eventId: 8 },
      { number: 5, startedAt: 10000, endedAt: 11000, status: 'completed', eventId: 10 },
    ]);
    expect([seen?.status, seen?.error]).toStrictEqual(['completed', undefined]);
  });

  it('tells a timed-out attempt as such', () => {
    const h = historyOf();
    const timedOut = h.add('TaskTimedOut', h.schedule('load', h.entered('Task', 'load', 0), 0), {
      taskTimedOutEventDetails: { resourceType: 'lambda', resource: 'invoke', error: 'States.Timeout' },
    });
    h.add('ExecutionFailed', timedOut, { executionFailedEventDetails: { error: 'States.Timeout' } });
    const seen = foldHistory(artifact, h.events);
    expect([seen.status, seen.error?.job, seen.jobs[0]?.status, seen.jobs[0]?.attempts[0]?.status]).toStrictEqual([
      'failed',
      'load',
      'timeout',
      'timeout',
    ]);
  });

  it.each([
    ['ExecutionAborted', 'cancelled', undefined],
    ['ExecutionTimedOut', 'timeout', { name: 'States.Timeout', cause: '' }],
  ] as const)('ends what ran when the whole execution ends by %s', (type, status, error) => {
    const h = historyOf();
    h.schedule('load', h.entered('Task', 'load', 0), 0);
    h.add(type, 0, {});
    const seen = foldHistory(artifact, h.events);
    expect([seen.status, seen.error, seen.jobs[0]?.status, seen.jobs[0]?.endedAt]).toStrictEqual([
      status,
      error,
      'cancelled',
      5000,
    ]);
  });

  it('places a failed expression by the event its cause names, before any attempt', () => {
    const h = historyOf();
    const load = h.ran('load', 0);
    const fork = h.add('ParallelStateStarted', h.entered('Parallel', 'fork', load), {});
    const map = h.add('MapStateStarted', h.entered('Map', 'convert', fork), {
      mapStateStartedEventDetails: { length: 2 },
    });
    const second = h.iteration(1, map);
    const one = h.entered('Task', 'one', second);
    const cause = `An error occurred while executing the state 'one' (entered at the event id #${one}). No`;
    const failed = h.add('EvaluationFailed', second, {
      evaluationFailedEventDetails: { error: 'States.QueryEvaluationError', cause, state: 'one' },
    });
    h.add('ExecutionFailed', failed, { executionFailedEventDetails: { error: 'States.QueryEvaluationError', cause } });
    const seen = foldHistory(artifact, h.events);
    const job = seen.jobs.find((candidate) => candidate.job === 'convert[1]/one');
    expect([seen.error?.job, job?.status, job?.error, job?.attempts]).toStrictEqual([
      'convert[1]/one',
      'failed',
      { name: 'States.QueryEvaluationError', cause },
      [],
    ]);
  });

  it.each([
    ['LambdaFunctionSucceeded', { lambdaFunctionSucceededEventDetails: { output: '{"a":1}' } }, 'completed', { a: 1 }],
    ['LambdaFunctionFailed', { lambdaFunctionFailedEventDetails: { error: 'E', cause: 'c' } }, 'failed', undefined],
    ['LambdaFunctionTimedOut', { lambdaFunctionTimedOutEventDetails: { error: 'E' } }, 'timeout', undefined],
    ['LambdaFunctionStartFailed', { lambdaFunctionStartFailedEventDetails: { error: 'E' } }, 'failed', undefined],
  ] as const)('reads a job that names its function directly: %s', (type, details, status, output) => {
    const h = historyOf();
    const scheduled = h.add('LambdaFunctionScheduled', h.entered('Task', 'load', 0), {
      lambdaFunctionScheduledEventDetails: { resource: 'arn', input: '{"in":1}' },
    });
    const done = h.add(type, h.add('LambdaFunctionStarted', scheduled, {}), details as never);
    h.exited('Task', 'load', done);
    const job = foldHistory(artifact, h.events).jobs[0];
    expect([job?.status, job?.attempts[0]?.status, job?.input, job?.output]).toStrictEqual([
      status,
      status,
      { in: 1 },
      output,
    ]);
  });

  it.each([
    ['TaskStartFailed', 'taskStartFailedEventDetails'],
    ['TaskSubmitFailed', 'taskSubmitFailedEventDetails'],
  ] as const)('takes %s as a failed attempt', (type, key) => {
    const h = historyOf();
    const details = { [key]: { resourceType: 'lambda', resource: 'invoke', error: 'E', cause: 'c' } };
    h.add(type, h.schedule('load', h.entered('Task', 'load', 0), 0), details as never);
    const job = foldHistory(artifact, h.events).jobs[0];
    expect([job?.status, job?.error, job?.attempts.length]).toStrictEqual(['failed', { name: 'E', cause: 'c' }, 1]);
  });

  it('fails a map whose list cannot be had, with the error at the map', () => {
    const h = historyOf();
    const fork = h.add('ParallelStateStarted', h.entered('Parallel', 'fork', h.ran('load', 0)), {});
    const map = h.entered('Map', 'convert', fork);
    const cause = `An error occurred while executing the state 'convert' (entered at the event id #${map}). No`;
    const failed = h.add('EvaluationFailed', fork, {
      evaluationFailedEventDetails: { error: 'States.QueryEvaluationError', cause, state: 'convert' },
    });
    h.add('ExecutionFailed', h.add('ParallelStateFailed', failed, {}), {
      executionFailedEventDetails: { error: 'States.QueryEvaluationError', cause },
    });
    const seen = foldHistory(artifact, h.events);
    const job = seen.jobs.find((candidate) => candidate.job === 'convert');
    expect([seen.error?.job, seen.error?.source?.line, job?.status, job?.error?.name]).toStrictEqual([
      'convert',
      12,
      'failed',
      'States.QueryEvaluationError',
    ]);
  });

  it('opens again by a redrive', () => {
    const events = failureHistory();
    const last = events.at(-1)?.id ?? 0;
    const redriven: HistoryEvent = {
      id: last + 1,
      previousEventId: last,
      timestamp: 90000,
      type: 'ExecutionRedriven',
      executionRedrivenEventDetails: { redriveCount: 1 },
    };
    expect(foldHistory(artifact, [...events, redriven]).status).toBe('running');
  });

  it('goes on after a redrive with what the failure had cut off', () => {
    const h = historyOf();
    const load = h.ran('load', 0);
    const fork = h.add('ParallelStateStarted', h.entered('Parallel', 'fork', load), {});
    const check = h.schedule('check', h.entered('Task', 'check', fork), 0);
    const map = h.add('EvaluationFailed', h.entered('Map', 'convert', fork), {
      evaluationFailedEventDetails: { state: 'convert', error: 'States.QueryEvaluationError', cause: 'why' },
    });
    const failed = h.add('ParallelStateFailed', map, {});
    const end = h.add('ExecutionFailed', failed, { executionFailedEventDetails: { error: 'E', cause: 'why' } });
    const before = foldHistory(artifact, h.events);
    const redriven = h.add('ExecutionRedriven', end, { executionRedrivenEventDetails: { redriveCount: 1 } });
    h.schedule('check', h.entered('Task', 'check', redriven), 0);
    const after = foldHistory(artifact, h.events);
    const told = (seen: typeof after) =>
      seen.jobs
        .filter(({ job }) => ['check', 'publish', 'close'].includes(job))
        .map(({ job, status, attempts }) => [job, status, ...attempts.map((one) => [one.status, one.endedAt])]);
    const cut = ['cancelled', failed * 1000];
    expect(told(before)).toStrictEqual([
      ['check', 'cancelled', cut],
      ['publish', 'cancelled'],
      ['close', 'cancelled'],
    ]);
    expect(told(after)).toStrictEqual([
      ['check', 'running', cut, ['running', undefined]],
      ['publish', 'pending'],
      ['close', 'pending'],
    ]);
    expect([after.status, check < failed]).toStrictEqual(['running', true]);
  });

  it('takes what a redrive schedules for the job that its function is called for, also in maps', () => {
    const h = historyOf();
    for (const event of failureHistory().slice(1)) h.events.push(event);
    const redriven = h.add('ExecutionRedriven', h.events.length, {
      executionRedrivenEventDetails: { redriveCount: 1 },
    });
    const [twoOfFirst, oneOfSecond] = ['convert[0]/two', 'convert[1]/one'].map((job) => {
      const parameters = JSON.stringify({ FunctionName: 'f', Payload: { bunsui: { job }, input: { to: job } } });
      const called = { resourceType: 'lambda', resource: 'invoke', region: 'us-east-1', parameters };
      return h.add('TaskScheduled', redriven, { taskScheduledEventDetails: called });
    });
    h.exited('Task', 'two', h.succeeded('two', twoOfFirst ?? 0));
    h.failed('Flaky', oneOfSecond ?? 0);
    const seen = foldHistory(artifact, h.events);
    expect(
      seen.jobs
        .filter(({ job }) => job.startsWith('convert['))
        .map(({ job, status, attempts }) => [job, status, ...attempts.map((one) => one.status)]),
    ).toStrictEqual([
      ['convert[0]/one', 'completed', 'completed'],
      ['convert[0]/two', 'completed', 'failed', 'completed'],
      ['convert[1]/one', 'retrying', 'cancelled', 'failed'],
      ['convert[1]/two', 'pending'],
    ]);
  });
  it('bears states that the artifact does not know and texts that are no JSON', () => {
    const h = historyOf();
    const load = h.ran('load', h.exited('Pass', 'stranger', h.entered('Pass', 'stranger', 0)));
    const cut = h.events.map((event) =>
      event.type === 'TaskSucceeded'
        ? { ...event, taskSucceededEventDetails: { ...event.taskSucceededEventDetails, output: '{"Pay' } }
        : event,
    );
    expect(load).toBe(cut.length);
    const job = foldHistory(artifact, cut).jobs[0];
    expect([job?.status, job !== undefined && 'output' in job]).toStrictEqual(['completed', false]);
  });
});

describe('any order, any number of times', () => {
  it('gives the same session for every order of a small history', () => {
    const h = historyOf();
    const failed = h.failed('Other', h.startedAgain(h.schedule('load', h.entered('Task', 'load', 0), 0)));
    h.add('ExecutionFailed', failed, { executionFailedEventDetails: { error: 'Other' } });
    const want = foldHistory(artifact, h.events);
    const orders = permutations(h.events);
    expect(orders).toHaveLength(5_040);
    for (const order of orders) expect(foldHistory(artifact, order)).toStrictEqual(want);
    console.log(`${orders.length} orders of ${h.events.length} events: 1 final state`);
  });

  it('gives the same session for shuffled, repeated and split deliveries of whole histories', () => {
    for (const history of [successHistory(), failureHistory()]) {
      const want = foldHistory(artifact, history);
      const all = history.map((_, index) => index);
      const deliveries = fc
        .tuple(
          fc.shuffledSubarray(all, { minLength: all.length }),
          fc.array(fc.constantFrom(...all), { maxLength: 80 }),
        )
        .chain(([order, extra]) =>
          fc.shuffledSubarray([...order, ...extra], { minLength: order.length + extra.length }),
        );
      fc.assert(
        fc.property(deliveries, fc.integer({ min: 1, max: 20 }), (order, size) => {
          const events = order.flatMap((index) => history[index] ?? []);
          let state = emptyFold(artifact);
          for (let from = 0; from < events.length; from += size) {
            state = foldEvents(state, events.slice(from, from + size));
            // A look in between must leave no trace.
            view(state);
          }
          expect(view(state)).toStrictEqual(want);
        }),
        { numRuns: 300, seed: 3 },
      );
    }
  });

  it('moves every job only as the table of moves allows, event by event', () => {
    for (const history of [successHistory(), failureHistory()]) {
      let state = emptyFold(artifact);
      let before = statuses(view(state));
      for (const event of history) {
        state = foldEvents(state, [event]);
        const now = statuses(view(state));
        const wrong = Object.entries(now).filter(([job, status]) => {
          const from = before[job] ?? 'pending';
          return from !== status && !jobMoves[from].includes(status);
        });
        expect({ event: event.id, wrong }).toStrictEqual({ event: event.id, wrong: [] });
        before = now;
      }
    }
  });

  it('never takes a terminal status back, in any order', () => {
    const history = failureHistory();
    const all = history.map((_, index) => index);
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (order) => {
        let state = emptyFold(artifact);
        let ended = false;
        for (const index of order) {
          state = foldEvents(state, history.slice(index, index + 1));
          const { status } = view(state);
          expect(ended ? status : 'failed').toBe('failed');
          ended = status === 'failed';
        }
        expect(ended).toBe(true);
      }),
      { numRuns: 100, seed: 5 },
    );
  });
});

function permutations<T>(items: readonly T[]): readonly (readonly T[])[] {
  if (items.length === 0) return [[]];
  return items.flatMap((item, index) =>
    permutations([...items.slice(0, index), ...items.slice(index + 1)]).map((rest) => [item, ...rest]),
  );
}
