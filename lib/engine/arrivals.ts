/** What has happened outside, recorded: answers and news of tasks, exports, timeouts, stops, and what somebody asks for. */
import type { Arrival, Effects } from './effects.ts';
import { rootThreadId } from './execution.ts';
import { runOf } from './fold-map-run.ts';
import { recordExported } from './map-run.ts';
import { limitedFailure, recordProgress, recordTaskOutcome } from './task.ts';
import { historyFull, note, place, record, type Turn } from './turn.ts';

/** Records an arrival. @returns who waits until the record is durable, if somebody does */
export function takeArrival(turn: Turn, effects: Effects, arrival: Arrival): ((done: boolean) => void) | undefined {
  switch (arrival.kind) {
    case 'wake':
      effects.rang(arrival.thread);
      break;
    case 'progress': {
      const { thread, scheduledId, news } = arrival;
      if (effects.awaits(thread, scheduledId)) withinLimit(() => recordProgress(turn, thread, news));
      break;
    }
    case 'outcome': {
      const { thread, scheduledId, outcome } = arrival;
      // An answer that comes after a timeout or the end of its branch is not wanted any more.
      if (effects.answered(thread, scheduledId)) withinLimit(() => recordTaskOutcome(turn, thread, outcome));
      break;
    }
    case 'exported': {
      const { thread, exported } = arrival;
      const isAwaited = turn.execution.threads.get(thread.id) === thread && thread.phase.kind === 'writing';
      if (isAwaited) recordExported(turn, thread, exported);
      break;
    }
    case 'runChanged':
    case 'stopChild':
      if (takeRequest(turn, arrival)) return arrival.done;
      arrival.done(false);
      break;
    case 'timeout':
      place(turn, rootThreadId, { type: 'ExecutionTimedOut' }, 0);
      break;
    case 'stop': {
      const { error, cause } = arrival;
      const executionAbortedEventDetails = limitedFailure({
        ...(error === undefined ? {} : { error }),
        ...(cause === undefined ? {} : { cause }),
      });
      place(turn, rootThreadId, { type: 'ExecutionAborted', executionAbortedEventDetails }, 0);
      break;
    }
  }
  return undefined;
}

/** Records what somebody has asked for. @returns whether there is what it was asked of */
function takeRequest(turn: Turn, request: Arrival & { kind: 'runChanged' | 'stopChild' }): boolean {
  const threads = [...turn.execution.threads.values()];
  if (request.kind === 'runChanged') {
    const thread = threads.find((each) => runOf(each)?.arn === request.arn);
    if (thread !== undefined) note(turn, thread, { type: 'runChanged', ...request.changes });
    return thread !== undefined;
  }
  const child = threads.find((each) => each.child?.executionArn === request.executionArn);
  if (child === undefined) return false;
  const executionAbortedEventDetails = limitedFailure(request.failure);
  record(turn, child, { type: 'ExecutionAborted', executionAbortedEventDetails });
  return true;
}

/** Does some work; when the history is full by it, the execution has failed by that. */
export function withinLimit(work: () => void): void {
  try {
    work();
  } catch (thrown) {
    if (thrown !== historyFull) throw thrown;
  }
}
