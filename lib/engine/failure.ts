/** A state has failed: it is tried again, caught, or takes everything around it with it. */
import type { Awaitable } from '../asl/awaitable.ts';
import type { Retrier } from '../asl/definition.ts';
import { payloadOfValue } from '../asl/json.ts';
import { errorOutput } from './bindings.ts';
import { type Failure, stateOf, type Thread } from './execution.ts';
import { finish } from './finish.ts';
import { evaluating, note, record, type Turn } from './turn.ts';

/** Decides what becomes of a failed state, and records it. */
export function handleFailure(turn: Turn, thread: Thread, failure: Failure, marked: boolean): Awaitable<unknown> {
  if (thread.enteredId === 0) {
    // No state has begun: what failed belongs to the Map around, and so does its handling.
    giveUp(turn, thread, failure);
    return undefined;
  }
  const state = stateOf(thread);
  const handlers = 'Branches' in state || state.Type === 'Map' || 'Resource' in state ? state : undefined;
  const retrier = marked ? -1 : (handlers?.Retry ?? []).findIndex(({ ErrorEquals }) => matches(ErrorEquals, failure));
  const rule = handlers?.Retry?.[retrier];
  if (rule !== undefined && (thread.retries[retrier] ?? 0) < (rule.MaxAttempts ?? 3)) {
    const delayMs = retryDelayMs(rule, thread.retries[retrier] ?? 0, turn.sources.random);
    note(turn, thread, { type: 'retry', retrier, atMs: turn.sources.now() + delayMs });
    return undefined;
  }
  if (!marked && (state.Type === 'Parallel' || state.Type === 'Map')) {
    record(turn, thread, { type: `${state.Type}StateFailed` });
  }
  const index = (handlers?.Catch ?? []).findIndex(({ ErrorEquals }) => matches(ErrorEquals, failure));
  const catcher = handlers?.Catch?.[index];
  if (catcher === undefined) {
    giveUp(turn, thread, failure);
    return undefined;
  }
  const caught = errorOutput(failure);
  return evaluating(turn, thread, () =>
    finish(turn, thread, {
      part: catcher,
      location: `Catch[${index}]/`,
      otherwise: payloadOfValue(caught),
      extras: { errorOutput: caught },
      next: catcher.Next,
    }),
  );
}

function giveUp(turn: Turn, thread: Thread, failure: Failure): void {
  if (thread.child === undefined && thread.parent !== undefined) {
    note(turn, thread.parent, { type: 'childFailure', child: thread.id });
    return;
  }
  const { error, cause } = failure;
  record(turn, thread, {
    type: 'ExecutionFailed',
    executionFailedEventDetails: {
      ...(error === undefined ? {} : { error }),
      ...(cause === undefined ? {} : { cause }),
    },
  });
}

/**
 * Whether an ErrorEquals matches. States.Runtime is matched by nothing; States.TaskFailed by its name matches every
 * error but a timeout. AWS's guide says that States.ALL never catches States.DataLimitExceeded; AWS itself lets it catch
 * a task's result that is too large, and so does this. What is too large in the state's own data is `terminal`.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
 */
export function matches(errorEquals: readonly string[], failure: Failure): boolean {
  if (failure.terminal === true || failure.error === 'States.Runtime') return false;
  return errorEquals.some(
    (name) =>
      name === failure.error ||
      name === 'States.ALL' ||
      (name === 'States.HeartbeatTimeout' && failure.heartbeat === true) ||
      (name === 'States.TaskFailed' && failure.error !== 'States.Timeout'),
  );
}

/** The wait before a retry, in whole milliseconds. `tries` counts the retries of this retrier so far. */
export function retryDelayMs(retrier: Retrier, tries: number, random: () => number): number {
  const { IntervalSeconds = 1, BackoffRate = 2, MaxDelaySeconds = Number.POSITIVE_INFINITY } = retrier;
  const seconds = Math.min(IntervalSeconds * BackoffRate ** tries, MaxDelaySeconds, longestRetrySeconds);
  return Math.round(seconds * 1_000 * (retrier.JitterStrategy === 'FULL' ? random() : 1));
}

/** A year: an execution lasts no longer. */
const longestRetrySeconds = 31_622_400;
