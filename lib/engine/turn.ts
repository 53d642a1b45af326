/** A turn: what a step may use to decide, and the records it has decided on, folded at once and not yet durable. */
import type { Awaitable } from '../asl/awaitable.ts';
import type { HistoryEvent } from '../asl/history.ts';
import { type EvaluationSources, QueryEvaluationError } from '../asl/jsonata.ts';
import { PathFailure } from '../asl/payload-template.ts';
import { childOf, type Execution, type Thread } from './execution.ts';
import { applyRecord } from './fold.ts';
import type { ChildExecution } from './map-run-state.ts';
import type { JournalRecord, Json, MapObjects } from './ports.ts';
import type { PrivateBody } from './records.ts';

/**
 * An execution has at most this many events; the last one says that it failed for that reason.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 */
export const maxHistoryEvents = 25_000;

type Undated<T> = T extends unknown ? Omit<T, 'id' | 'previousEventId' | 'timestamp'> : never;
/** A history event before it has its place in the history. */
export type EventBody = Undated<HistoryEvent>;

export interface Turn {
  readonly execution: Execution;
  readonly sources: EvaluationSources;
  /** Whether there is such an activity. */
  readonly hasActivity: (arn: string) => boolean;
  /** What a distributed Map reads its items from, and writes its results to. */
  readonly objects: MapObjects | undefined;
  /** Records decided in this turn, in order. */
  readonly records: JournalRecord[];
}

/** Whether a history is so long that only the event fits that ends it. */
export function isFull(events: number): boolean {
  return events >= maxHistoryEvents - 1;
}

/** Thrown to leave a step when the history is full; the execution has failed by then. */
export const historyFull = Symbol('history full');

/** Records an event. It refers to the thread's last event unless told otherwise. */
export function record(turn: Turn, thread: Thread, body: EventBody, previousEventId = thread.lastEventId): void {
  const child = childOf(thread);
  const count = child?.events ?? turn.execution.events.length;
  if (isFull(count) && !body.type.startsWith('Execution')) {
    put(turn, thread.id, child, fullHistory, previousEventId);
    throw historyFull;
  }
  put(turn, thread.id, child, body, previousEventId);
}

const fullHistory: EventBody = {
  type: 'ExecutionFailed',
  executionFailedEventDetails: {
    error: 'States.Runtime',
    cause: `The execution reached the maximum number of history events (${maxHistoryEvents}).`,
  },
};

/** Puts an event at the end of the history; the first one is there before its thread is. */
export function place(turn: Turn, thread: string, body: EventBody, previousEventId: number): void {
  put(turn, thread, undefined, body, previousEventId);
}

function put(
  turn: Turn,
  thread: string,
  child: ChildExecution | undefined,
  body: EventBody,
  previousEventId: number,
): void {
  const event = {
    id: (child?.events ?? turn.execution.events.length) + 1,
    previousEventId,
    timestamp: turn.sources.now(),
    ...body,
  } as HistoryEvent;
  if (child === undefined) append(turn, { kind: 'event', event, thread });
  else append(turn, { kind: 'private', type: 'childEvent', thread, event: event as unknown as Json });
}

/** Records something that a history does not hold. */
export function note(turn: Turn, thread: Thread, body: PrivateBody): void {
  append(turn, { kind: 'private', thread: thread.id, ...body });
}

function append(turn: Turn, journalRecord: JournalRecord): void {
  applyRecord(turn.execution, journalRecord);
  turn.records.push(journalRecord);
}

/**
 * Does the work of a state. When an expression fails it records EvaluationFailed, which makes the thread fail; when a
 * path fails it notes that failure.
 *
 * @param named the thread whose state the history names.
 * @returns false when the work failed that way.
 */
export function evaluating(
  turn: Turn,
  thread: Thread,
  work: () => Awaitable<void>,
  named: Thread = thread,
): Awaitable<boolean> {
  try {
    const working = work();
    if (!(working instanceof Promise)) return true;
    return working.then(
      () => true,
      (thrown) => recordFailure(turn, thread, thrown, named),
    );
  } catch (thrown) {
    return recordFailure(turn, thread, thrown, named);
  }
}

function recordFailure(turn: Turn, thread: Thread, thrown: unknown, named: Thread): false {
  if (thrown instanceof QueryEvaluationError) recordEvaluationFailure(turn, thread, thrown, named);
  else if (thrown instanceof PathFailure) notePathFailure(turn, thread, thrown, named);
  // The stack is full: no data may end the engine.
  else if (thrown instanceof RangeError) notePathFailure(turn, thread, tooDeep, named);
  else throw thrown;
  return false;
}

const tooDeep = new PathFailure('The data of the state are nested too deeply.');

/** A path that fails has no event of its own. */
function notePathFailure(turn: Turn, thread: Thread, failed: PathFailure, named: Thread): void {
  // A path of the Catch that handles a failure fails for good: it must not be caught by the same Catch.
  const terminal = thread.phase.kind === 'failed';
  const silent = failed.name === 'States.Runtime';
  const cause = `${whereIn(named)} ${failed.message}`;
  note(turn, thread, {
    type: 'failure',
    error: failed.name,
    cause,
    ...(terminal ? { terminal } : {}),
    ...(silent ? { silent } : {}),
  });
}

/** How AWS begins the cause of a failure inside a state. */
export function whereIn(thread: Thread): string {
  return `An error occurred while executing the state '${thread.state}' (entered at the event id #${thread.enteredId}).`;
}

function recordEvaluationFailure(turn: Turn, thread: Thread, failed: QueryEvaluationError, named: Thread): void {
  // AWS lets the event refer to what came before the state when nothing else has happened in it.
  const atEntry = named === thread && thread.lastEventId === thread.enteredId && !failed.afterwards;
  const evaluationFailedEventDetails = {
    error: failed.name,
    cause: `${whereIn(named)} ${failed.message}`,
    ...(failed.location === undefined ? {} : { location: failed.location }),
    state: named.state,
  };
  const body: EventBody = { type: 'EvaluationFailed', evaluationFailedEventDetails };
  record(turn, thread, body, atEntry ? thread.enteredPreviousId : thread.lastEventId);
}
