/**
 * The fold: in go an execution and one journal record, out comes the execution after it. It reads nothing but the
 * record and the definition, evaluates no expression and asks no clock, so that folding a journal again after a crash
 * gives the execution as it was.
 */
import type { HistoryEvent, HistoryEventOf, TaskScheduledDetails } from '../asl/history.ts';
import { payloadOfText, type Payload } from '../asl/json.ts';
import type { Json, Scope } from '../asl/definition.ts';
import {
  childThreadId,
  damagedJournal,
  type Execution,
  type Failure,
  type Fan,
  joinedOutputs,
  type OwedEvent,
  rootThreadId,
  stateOf,
  type Thread,
} from './execution.ts';
import type { JournalRecord } from './ports.ts';
import { asPrivateRecord, type PrivateRecord } from './records.ts';

/** Applies one record, in place. @throws {BunsuiError} BS4003 when the record does not fit what came before. */
export function applyRecord(execution: Execution, record: JournalRecord): void {
  if (record.kind === 'private') {
    const known = asPrivateRecord(record);
    if (known === undefined) throw damagedJournal(`unknown private record ${String(record['type'])}`);
    applyPrivate(execution, known);
    return;
  }
  const { event } = record;
  if (event.id !== execution.events.length + 1) {
    throw damagedJournal(`event ${event.id} follows event ${execution.events.length}`);
  }
  execution.events.push(event);
  if (event.type === 'ExecutionStarted') start(execution, event);
  else applyEvent(execution, threadOf(execution, record.thread), event);
}

function threadOf(execution: Execution, id: string): Thread {
  const thread = execution.threads.get(id);
  if (thread === undefined) throw damagedJournal(`no thread ${id} is running`);
  return thread;
}

function start(execution: Execution, event: HistoryEventOf<'ExecutionStarted'>): void {
  const { definition } = execution.identity;
  execution.startedAtMs = event.timestamp;
  execution.input = payloadOfText(event.executionStartedEventDetails.input);
  // The first state refers to event 0, not to ExecutionStarted.
  addThread(
    execution,
    { id: rootThreadId, parent: undefined, index: 0, scope: definition, item: undefined },
    execution.input,
    0,
  );
}

function addThread(
  execution: Execution,
  place: Pick<Thread, 'id' | 'parent' | 'index' | 'scope' | 'item'>,
  input: Payload,
  lastEventId: number,
): void {
  const thread: Thread = {
    ...place,
    children: new Map(),
    variables: new Map(),
    state: place.scope.StartAt,
    phase: { kind: 'entering' },
    input,
    lastEventId,
    enteredId: 0,
    enteredPreviousId: 0,
    enteredAtMs: 0,
    retries: [],
    chosenNext: undefined,
    prepared: undefined,
  };
  place.parent?.children.set(place.index, thread);
  execution.threads.set(thread.id, thread);
  execution.touched.add(thread);
}

function removeThread(execution: Execution, thread: Thread): void {
  for (const child of thread.children.values()) removeThread(execution, child);
  for (const { bytes } of thread.variables.values()) execution.variableBytes -= bytes;
  execution.threads.delete(thread.id);
  thread.parent?.children.delete(thread.index);
  execution.touched.add(thread);
}

function applyPrivate(execution: Execution, record: PrivateRecord): void {
  const thread = threadOf(execution, record.thread);
  execution.touched.add(thread);
  switch (record.type) {
    case 'next':
      thread.chosenNext = record.state;
      break;
    case 'wait':
      thread.phase = { kind: 'waiting', untilMs: record.untilMs };
      break;
    case 'retry':
      thread.retries[record.retrier] = (thread.retries[record.retrier] ?? 0) + 1;
      thread.phase = { kind: 'retrying', atMs: record.atMs };
      break;
    case 'branches':
      thread.prepared = { inputs: undefined, input: payloadOfText(record.input), limit: 0 };
      break;
    case 'items':
      thread.prepared = {
        inputs: record.items === undefined ? undefined : itemsOf(record.items),
        input: undefined,
        limit: record.limit,
      };
      break;
    case 'failure':
      fail(thread, failureOf(record), record.terminal === true);
      break;
    case 'childFailure':
      failChildren(execution, thread, threadOf(execution, record.child));
      break;
  }
}

function applyEvent(execution: Execution, thread: Thread, event: HistoryEvent): void {
  execution.touched.add(thread);
  switch (event.type) {
    case 'ChoiceStateEntered':
    case 'FailStateEntered':
    case 'MapStateEntered':
    case 'ParallelStateEntered':
    case 'PassStateEntered':
    case 'SucceedStateEntered':
    case 'TaskStateEntered':
    case 'WaitStateEntered':
      thread.state = event.stateEnteredEventDetails.name;
      thread.input = payloadOfText(event.stateEnteredEventDetails.input ?? 'null');
      thread.enteredId = event.id;
      thread.enteredPreviousId = event.previousEventId;
      thread.enteredAtMs = event.timestamp;
      thread.retries = [];
      thread.lastEventId = event.id;
      thread.phase = { kind: 'entered' };
      break;
    case 'ChoiceStateExited':
    case 'MapStateExited':
    case 'ParallelStateExited':
    case 'PassStateExited':
    case 'SucceedStateExited':
    case 'TaskStateExited':
    case 'WaitStateExited':
      leave(execution, thread, event);
      break;
    case 'TaskScheduled':
      schedule(thread, event, event.taskScheduledEventDetails.parameters, event.taskScheduledEventDetails);
      break;
    case 'LambdaFunctionScheduled':
      schedule(
        thread,
        event,
        event.lambdaFunctionScheduledEventDetails.input,
        event.lambdaFunctionScheduledEventDetails,
      );
      break;
    case 'TaskStarted':
    case 'LambdaFunctionStarted':
      if (thread.phase.kind !== 'scheduled')
        throw damagedJournal(`event ${event.id} starts a task that is not scheduled`);
      thread.lastEventId = event.id;
      thread.phase = { kind: 'started', task: thread.phase.task };
      break;
    case 'TaskSucceeded':
      succeed(thread, event.id, event.taskSucceededEventDetails.output);
      break;
    case 'LambdaFunctionSucceeded':
      succeed(thread, event.id, event.lambdaFunctionSucceededEventDetails.output);
      break;
    case 'TaskFailed':
      failAt(thread, event.id, failureOf(event.taskFailedEventDetails));
      break;
    case 'TaskTimedOut':
      failAt(thread, event.id, failureOf(event.taskTimedOutEventDetails));
      break;
    case 'LambdaFunctionFailed':
      failAt(thread, event.id, failureOf(event.lambdaFunctionFailedEventDetails));
      break;
    case 'LambdaFunctionTimedOut':
      failAt(thread, event.id, failureOf(event.lambdaFunctionTimedOutEventDetails));
      break;
    case 'EvaluationFailed': {
      // An expression of the Catch that handles a failure fails for good: it must not be caught by the same Catch.
      const { error, cause } = event.evaluationFailedEventDetails;
      failAt(thread, event.id, failureOf({ error, cause }), thread.phase.kind === 'failed');
      break;
    }
    case 'ParallelStateStarted':
      startParallel(execution, thread, event.id);
      break;
    case 'MapStateStarted':
      startMap(thread, event.id);
      break;
    case 'MapIterationStarted':
      startIteration(execution, thread, event.mapIterationStartedEventDetails.index, event.id);
      break;
    case 'MapIterationSucceeded':
      endIteration(execution, thread, event.id);
      break;
    case 'ParallelStateSucceeded':
    case 'MapStateSucceeded':
      if (thread.phase.kind !== 'children') throw damagedJournal(`event ${event.id} ends what is not running`);
      // The event after this one refers to the last child's end as well, so lastEventId stays.
      thread.phase = { kind: 'result', result: joinedOutputs(thread.phase.fan) };
      break;
    case 'ParallelStateFailed':
    case 'MapStateFailed':
      if (thread.phase.kind !== 'failed') throw damagedJournal(`event ${event.id} fails what has not failed`);
      thread.lastEventId = event.id;
      thread.phase = { ...thread.phase, marked: true };
      break;
    case 'MapIterationFailed':
    case 'MapIterationAborted':
    case 'TaskStateAborted':
    case 'WaitStateAborted':
    case 'ParallelStateAborted':
    case 'MapStateAborted':
      if (thread.phase.kind !== 'aborting') throw damagedJournal(`event ${event.id} closes what is not being closed`);
      settleAborting(thread, thread.phase.owed.slice(1), thread.phase.failure);
      break;
    case 'ExecutionSucceeded':
      end(execution, { status: 'SUCCEEDED', output: event.executionSucceededEventDetails.output });
      break;
    case 'ExecutionFailed':
      end(execution, { status: 'FAILED', ...event.executionFailedEventDetails });
      break;
    case 'ExecutionTimedOut':
      end(execution, { status: 'TIMED_OUT', ...event.executionTimedOutEventDetails });
      break;
    case 'ExecutionAborted':
      end(execution, { status: 'ABORTED', ...event.executionAbortedEventDetails });
      break;
    default:
      throw damagedJournal(`event ${event.id} is a ${event.type}, which this engine does not record`);
  }
}

type ExitedEvent = Extract<HistoryEvent, { stateExitedEventDetails: unknown }>;

function leave(execution: Execution, thread: Thread, event: ExitedEvent): void {
  const { output, assignedVariables } = event.stateExitedEventDetails;
  for (const [name, text] of Object.entries(assignedVariables ?? {})) {
    execution.variableBytes += text.length - (thread.variables.get(name)?.bytes ?? 0);
    thread.variables.set(name, { value: JSON.parse(text) as Json, bytes: text.length });
  }
  const state = stateOf(thread);
  const next = thread.chosenNext ?? ('Next' in state ? state.Next : undefined);
  const left = payloadOfText(output ?? 'null');
  thread.chosenNext = undefined;
  thread.prepared = undefined;
  thread.lastEventId = event.id;
  if (next !== undefined) {
    thread.state = next;
    thread.input = left;
    thread.phase = { kind: 'entering' };
    return;
  }
  thread.phase = { kind: 'ended', output: left };
  const { parent } = thread;
  // The end of an iteration has an event of its own; the end of a branch has none.
  if (parent?.phase.kind === 'children' && stateOf(parent).Type === 'Parallel') {
    endChild(execution, parent, parent.phase.fan, thread, left, event.id);
  }
}

function schedule(
  thread: Thread,
  event: HistoryEvent,
  parameters: string,
  details: Pick<TaskScheduledDetails, 'timeoutInSeconds' | 'taskCredentials'>,
): void {
  const { timeoutInSeconds: timeoutSeconds, taskCredentials } = details;
  thread.lastEventId = event.id;
  thread.phase = {
    kind: 'scheduled',
    task: {
      scheduledId: event.id,
      arguments: payloadOfText(parameters),
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds, deadlineMs: event.timestamp + timeoutSeconds * 1_000 }),
      ...(taskCredentials === undefined ? {} : { credentialsRoleArn: taskCredentials.roleArn }),
    },
  };
}

function succeed(thread: Thread, eventId: number, output: string): void {
  thread.lastEventId = eventId;
  thread.phase = { kind: 'result', result: payloadOfText(output) };
}

function fail(thread: Thread, failure: Failure, terminal = false): void {
  thread.phase = { kind: 'failed', failure: terminal ? { ...failure, terminal } : failure, marked: false };
}

function failAt(thread: Thread, eventId: number, failure: Failure, terminal = false): void {
  thread.lastEventId = eventId;
  fail(thread, failure, terminal);
}

function failureOf(details: { readonly error?: string | undefined; readonly cause?: string | undefined }): Failure {
  return {
    ...(details.error === undefined ? {} : { error: details.error }),
    ...(details.cause === undefined ? {} : { cause: details.cause }),
  };
}

function startParallel(execution: Execution, thread: Thread, eventId: number): void {
  const state = stateOf(thread);
  if (state.Type !== 'Parallel') throw damagedJournal(`event ${eventId} starts branches in a ${state.Type}`);
  const input = thread.prepared?.input ?? thread.input;
  const fan = newFan(
    eventId,
    state.Branches.map(() => input),
    state.Branches.length,
  );
  fan.next = fan.running = state.Branches.length;
  thread.lastEventId = eventId;
  thread.phase = { kind: 'children', fan };
  for (const [index, scope] of state.Branches.entries()) {
    addChild(execution, thread, fan, index, scope, undefined, eventId);
  }
}

function startMap(thread: Thread, eventId: number): void {
  const inputs = thread.prepared?.inputs ?? itemsOf(thread.input.text);
  thread.lastEventId = eventId;
  thread.phase = { kind: 'children', fan: newFan(eventId, inputs, thread.prepared?.limit ?? inputs.length) };
}

function startIteration(execution: Execution, thread: Thread, index: number, eventId: number): void {
  const state = stateOf(thread);
  const { phase } = thread;
  if (state.Type !== 'Map' || phase.kind !== 'children')
    throw damagedJournal(`event ${eventId} starts an iteration of no Map`);
  phase.fan.next = index + 1;
  phase.fan.running += 1;
  phase.fan.freed.shift();
  addChild(execution, thread, phase.fan, index, state.ItemProcessor, phase.fan.inputs[index], eventId);
}

function newFan(startedId: number, inputs: readonly Payload[], limit: number): Fan {
  return {
    startedId,
    inputs,
    limit,
    outputs: new Array(inputs.length).fill(undefined),
    next: 0,
    running: 0,
    freed: [],
  };
}

function addChild(
  execution: Execution,
  parent: Thread,
  fan: Fan,
  index: number,
  scope: Scope,
  item: Payload | undefined,
  eventId: number,
): void {
  const input = fan.inputs[index];
  if (input === undefined) throw damagedJournal(`event ${eventId} starts child ${index} of ${fan.inputs.length}`);
  addThread(execution, { id: childThreadId(parent, fan, index), parent, index, scope, item }, input, eventId);
}

function endIteration(execution: Execution, thread: Thread, eventId: number): void {
  const { parent, phase } = thread;
  if (parent?.phase.kind !== 'children' || phase.kind !== 'ended')
    throw damagedJournal(`event ${eventId} ends no iteration`);
  parent.phase.fan.freed.push(thread.lastEventId);
  endChild(execution, parent, parent.phase.fan, thread, phase.output, eventId);
}

function endChild(
  execution: Execution,
  parent: Thread,
  fan: Fan,
  child: Thread,
  output: Payload,
  eventId: number,
): void {
  fan.outputs[child.index] = output;
  fan.running -= 1;
  parent.lastEventId = eventId;
  removeThread(execution, child);
  execution.touched.add(parent);
}

function failChildren(execution: Execution, thread: Thread, child: Thread): void {
  if (child.phase.kind !== 'failed') throw damagedJournal(`child ${child.id} has not failed`);
  const { failure } = child.phase;
  const isMap = stateOf(thread).Type === 'Map';
  const owed: OwedEvent[] = isMap ? [{ type: 'MapIterationFailed', index: child.index }] : [];
  if (child.enteredId !== 0 && stateOf(child).Type === 'Task') owed.push({ type: 'TaskStateAborted' });
  for (const sibling of inOrder(thread)) {
    if (sibling === child) continue;
    if (isMap) owed.push({ type: 'MapIterationAborted', index: sibling.index });
    owed.push(...closingEvents(sibling));
  }
  thread.lastEventId = child.lastEventId;
  for (const each of inOrder(thread)) removeThread(execution, each);
  settleAborting(thread, owed, failure);
}

function settleAborting(thread: Thread, owed: readonly OwedEvent[], failure: Failure): void {
  thread.phase = owed.length === 0 ? { kind: 'failed', failure, marked: false } : { kind: 'aborting', owed, failure };
}

function inOrder(thread: Thread): readonly Thread[] {
  return [...thread.children.values()].sort((a, b) => a.index - b.index);
}

/** What a history says of a state that is stopped from outside; nothing for states that take no time. */
function closingEvents(thread: Thread): readonly OwedEvent[] {
  if (thread.phase.kind === 'entering' || thread.phase.kind === 'ended') return [];
  const { Type: type } = stateOf(thread);
  if (type === 'Task' || type === 'Wait') return [{ type: `${type}StateAborted` }];
  if (type !== 'Parallel' && type !== 'Map') return [];
  const inner = inOrder(thread).flatMap((child): readonly OwedEvent[] => [
    ...(type === 'Map' ? [{ type: 'MapIterationAborted', index: child.index } as const] : []),
    ...closingEvents(child),
  ]);
  return [...inner, { type: `${type}StateAborted` }];
}

function end(execution: Execution, outcome: Execution['outcome']): void {
  execution.outcome = outcome;
  for (const thread of [...execution.threads.values()]) execution.touched.add(thread);
  execution.threads.clear();
}

function itemsOf(text: string): readonly Payload[] {
  const items = JSON.parse(text) as unknown;
  if (!Array.isArray(items)) throw damagedJournal('a Map runs over something that is no list');
  return (items as readonly Json[]).map((item) => payloadOfText(JSON.stringify(item)));
}
