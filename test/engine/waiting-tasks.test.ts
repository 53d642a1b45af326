/** Tasks that others end: task tokens, jobs that are waited for, activities, heartbeats. */
import { describe, expect, test } from 'vitest';
import { type Answer, failed, lines, ok, resume, run, startMs } from './machine.ts';

const tokenTask = (more: object = {}) => ({
  Type: 'Task',
  Resource: 'arn:aws:states:::sqs:sendMessage.waitForTaskToken',
  Parameters: { 'Token.$': '$$.Task.Token' },
  End: true,
  ...more,
});
const activityArn = 'arn:aws:states:us-east-1:000000000000:activity:work';
const machine = (a: object, more: object = {}) => ({ QueryLanguage: 'JSONPath', StartAt: 'a', States: { a, ...more } });
/** Ends a task after so many seconds of virtual time; `news` is told at once. */
const endsAfter =
  (seconds: number, end: ReturnType<typeof ok>): Answer =>
  (_task, clock, _signal, progress) => {
    progress.submitted({ id: 'm' });
    progress.taken('worker');
    return new Promise((resolve) => clock.wakeAt(clock.now() + seconds * 1_000, () => resolve(end)));
  };

describe('a task that waits for its token', () => {
  test('is submitted, then ended by whoever has the token', async () => {
    const { outcome, events, tasks } = await run(machine(tokenTask()), {}, endsAfter(60, ok({ done: true })));
    expect(lines(events)).toStrictEqual([
      '1<-0 ExecutionStarted',
      '2<-0 TaskStateEntered a',
      '3<-2 TaskScheduled',
      '4<-3 TaskStarted',
      '5<-4 TaskSubmitted',
      '6<-5 TaskSucceeded',
      '7<-6 TaskStateExited a',
      '8<-7 ExecutionSucceeded',
    ]);
    const token = '00000000-0000-4000-8000-000000000000';
    expect([outcome.output, tasks[0]?.token, tasks[0]?.arguments]).toStrictEqual([
      '{"done":true}',
      token,
      { Token: token },
    ]);
    expect(events[4]).toMatchObject({
      taskSubmittedEventDetails: {
        resource: 'sendMessage.waitForTaskToken',
        resourceType: 'sqs',
        output: '{"id":"m"}',
      },
    });
  });

  test.each([
    ['is too large', 'x'.repeat(262_144), 'States.DataLimitExceeded'],
    ['is no JSON', 1n as unknown as string, 'States.TaskFailed'],
  ])('fails when the answer to its request %s, and is not waited for any more', async (_, answer, error) => {
    let isWanted = true;
    const { outcome, events } = await run(machine(tokenTask()), {}, (_task, _clock, signal, progress) => {
      signal.addEventListener('abort', () => {
        isWanted = false;
      });
      progress.submitted({ answer });
      return new Promise(() => undefined);
    });
    expect([outcome.error, lines(events).slice(3), isWanted]).toStrictEqual([
      error,
      ['4<-3 TaskStarted', '5<-4 TaskSubmitFailed', '6<-5 ExecutionFailed'],
      false,
    ]);
  });

  test('may be failed without a name or a cause, which is caught as null', async () => {
    const Catch = [{ ErrorEquals: ['States.ALL'], Next: 'b' }];
    const { outcome } = await run(
      machine(tokenTask({ Catch }), { b: { Type: 'Pass', End: true } }),
      {},
      endsAfter(1, { ok: false }),
    );
    expect(outcome.output).toBe('{"Error":null,"Cause":null}');
  });

  test('that was submitted is awaited by a resumed run, under the same token, and not sent again', async () => {
    const hang: Answer = (_task, _clock, _signal, progress) => {
      progress.submitted({ id: 'm' });
      return new Promise(() => undefined);
    };
    const first = await run(machine(tokenTask()), {}, hang);
    const second = await resume(machine(tokenTask()), first.records, () => ok(1));
    expect(lines(second.events).slice(4)).toStrictEqual([
      '5<-4 TaskSubmitted',
      '6<-5 TaskSucceeded',
      '7<-6 TaskStateExited a',
      '8<-7 ExecutionSucceeded',
    ]);
    expect(second.tasks).toMatchObject([{ token: first.tasks[0]?.token, submitted: true, restarts: 0 }]);
  });

  test('gets another token with another try', async () => {
    const Retry = [{ ErrorEquals: ['States.ALL'], MaxAttempts: 1 }];
    const { tasks } = await run(machine(tokenTask({ Retry })), {}, () => failed('Boom'));
    expect(new Set(tasks.map(({ token }) => token)).size).toBe(2);
  });
});

test.each(['states:startExecution.sync', 'states:startExecution.sync:2'])(
  'a job is waited for: %s',
  async (resource) => {
    const task = { Type: 'Task', Resource: `arn:aws:states:::${resource}`, End: true };
    const { events } = await run(machine(task), {}, endsAfter(1, ok(1)));
    const details = { resourceType: 'states', resource: resource.slice('states:'.length) };
    expect(events.slice(2, 6)).toMatchObject([
      { type: 'TaskScheduled', taskScheduledEventDetails: details },
      { type: 'TaskStarted', taskStartedEventDetails: details },
      { type: 'TaskSubmitted', taskSubmittedEventDetails: details },
      { type: 'TaskSucceeded', taskSucceededEventDetails: details },
    ]);
  },
);

test('a plain request has no TaskSubmitted, whatever its runner tells', async () => {
  const { events } = await run(
    machine(tokenTask({ Resource: 'arn:aws:states:::sqs:sendMessage', Parameters: {} })),
    {},
    endsAfter(1, ok(1)),
  );
  expect(events.map(({ type }) => type)).not.toContain('TaskSubmitted');
});

describe('an activity', () => {
  const task = (more: object = {}) => ({ Type: 'Task', Resource: activityArn, End: true, ...more });

  test('is taken by a worker, who ends it', async () => {
    const { events, tasks } = await run(machine(task({ TimeoutSeconds: 60 })), { n: 1 }, endsAfter(5, ok(2)));
    expect(lines(events)).toStrictEqual([
      '1<-0 ExecutionStarted',
      '2<-0 TaskStateEntered a',
      '3<-2 ActivityScheduled',
      '4<-3 ActivityStarted',
      '5<-4 ActivitySucceeded',
      '6<-5 TaskStateExited a',
      '7<-6 ExecutionSucceeded',
    ]);
    expect(events.slice(2, 4)).toMatchObject([
      { activityScheduledEventDetails: { resource: activityArn, input: '{"n":1}', timeoutInSeconds: 60 } },
      { activityStartedEventDetails: { workerName: 'worker' } },
    ]);
    expect(tasks).toHaveLength(1);
  });

  test('that nobody takes times out; one that fails, fails', async () => {
    const hang: Answer = () => new Promise(() => undefined);
    const late = await run(machine(task({ TimeoutSeconds: 60 })), {}, hang);
    const broken = await run(machine(task()), {}, endsAfter(1, failed('Boom', 'why')));
    expect([lines(late.events).slice(2), late.outcome, late.clock.now() - startMs]).toStrictEqual([
      ['3<-2 ActivityScheduled', '4<-3 ActivityTimedOut', '5<-4 ExecutionFailed'],
      { status: 'FAILED', error: 'States.Timeout' },
      60_000,
    ]);
    expect(broken.events.at(-2)).toMatchObject({
      type: 'ActivityFailed',
      activityFailedEventDetails: { error: 'Boom', cause: 'why' },
    });
  });
});

describe('a heartbeat', () => {
  const Retry = [{ ErrorEquals: ['States.HeartbeatTimeout'], MaxAttempts: 1 }];
  /** Beats every two seconds, so many times, and then falls silent. */
  const beats =
    (count: number): Answer =>
    (_task, clock, _signal, progress) => {
      progress.submitted({});
      for (let beat = 1; beat <= count; beat += 1) clock.wakeAt(clock.now() + beat * 2_000, progress.heartbeat);
      return new Promise(() => undefined);
    };

  test('that fails to come times the task out, and is retried by its own name', async () => {
    const { outcome, tasks, clock } = await run(
      machine(tokenTask({ HeartbeatSeconds: 3, TimeoutSeconds: 600, Retry })),
      {},
      beats(4),
    );
    expect([outcome, tasks.length, clock.now() - startMs]).toStrictEqual([
      { status: 'FAILED', error: 'States.Timeout' },
      2,
      // Twice four beats and the silence after them, and the second of the retry.
      2 * (8_000 + 3_000) + 1_000,
    ]);
  });

  test('does not keep a task beyond its timeout, which has the other name', async () => {
    const { tasks, clock } = await run(
      machine(tokenTask({ HeartbeatSeconds: 3, TimeoutSeconds: 7, Retry })),
      {},
      beats(10),
    );
    expect([tasks.length, clock.now() - startMs]).toStrictEqual([1, 7_000]);
  });
});
