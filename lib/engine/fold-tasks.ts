/** The part of the fold that follows a task: scheduled, alive, ended; and how a state fails. */
import type { FailureDetails, HistoryEvent, TaskScheduledDetails } from '../asl/history.ts';
import { payloadOfText } from '../asl/json.ts';
import type { Failure, TaskInFlight, Thread } from './execution.ts';

export function schedule(
  thread: Thread,
  event: HistoryEvent,
  parameters: string,
  details: Pick<TaskScheduledDetails, 'timeoutInSeconds' | 'heartbeatInSeconds' | 'taskCredentials'>,
): void {
  const { timeoutInSeconds: timeoutSeconds, heartbeatInSeconds: heartbeatSeconds, taskCredentials } = details;
  thread.lastEventId = event.id;
  thread.phase = {
    kind: 'scheduled',
    task: {
      scheduledId: event.id,
      arguments: payloadOfText(parameters),
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds, deadlineMs: event.timestamp + timeoutSeconds * 1_000 }),
      ...(heartbeatSeconds === undefined ? {} : { heartbeatSeconds }),
      ...(taskCredentials === undefined ? {} : { credentialsRoleArn: taskCredentials.roleArn }),
      ...(thread.token === undefined ? {} : { token: thread.token }),
    },
  };
}

/** The task after a sign of life: the next one is due a heartbeat later. */
export function beating(task: TaskInFlight, atMs: number): TaskInFlight {
  return task.heartbeatSeconds === undefined ? task : { ...task, heartbeatDueMs: atMs + task.heartbeatSeconds * 1_000 };
}

export function timeoutOf(thread: Thread, details: FailureDetails): Failure {
  const { deadlineMs = Number.POSITIVE_INFINITY, heartbeatDueMs = Number.POSITIVE_INFINITY } =
    thread.phase.kind === 'started' ? thread.phase.task : {};
  return { ...failureOf(details), ...(heartbeatDueMs < deadlineMs ? { heartbeat: true } : {}) };
}

export function succeed(thread: Thread, eventId: number, output: string): void {
  thread.lastEventId = eventId;
  thread.phase = { kind: 'result', result: payloadOfText(output) };
}

export function fail(thread: Thread, failure: Failure, terminal = false, marked = false): void {
  thread.phase = { kind: 'failed', failure: terminal ? { ...failure, terminal } : failure, marked };
}

export function failAt(thread: Thread, eventId: number, failure: Failure, terminal = false): void {
  thread.lastEventId = eventId;
  fail(thread, failure, terminal);
}

export function failureOf(details: {
  readonly error?: string | undefined;
  readonly cause?: string | undefined;
}): Failure {
  return {
    ...(details.error === undefined ? {} : { error: details.error }),
    ...(details.cause === undefined ? {} : { cause: details.cause }),
  };
}
