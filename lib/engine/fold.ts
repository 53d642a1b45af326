/**
 * The fold: in go an execution and one journal record, out comes the execution after it. It reads nothing but the
 * record and the definition, evaluates no expression and asks no clock, so that folding a journal again after a crash
 * gives the execution as it was.
 */

import type { Json } from '../asl/definition.ts';
import type { HistoryEvent, HistoryEventOf } from '../asl/history.ts';
import { payloadOfText } from '../asl/json.ts';
import {
  childOf,
  damagedJournal,
  entered,
  entering,
  type Execution,
  goTo,
  recorded,
  rootThreadId,
  stateOf,
  type Thread,
} from './execution.ts';
import { beating, fail, failAt, failureOf, schedule, succeed, timeoutOf } from './fold-tasks.ts';
import {
  changeRun,
  endChildExecution,
  endRun,
  endWriting,
  resultOfFan,
  startChild,
  startChildren,
  startWriting,
} from './fold-map-run.ts';
import { redrive, redriveRun, restartChild, reviveChild } from './fold-redrive.ts';
import {
  addThread,
  endChild,
  endIteration,
  endThreads,
  failChildren,
  itemsOf,
  settleAborting,
  startIteration,
  startMap,
  startParallel,
} from './fold-threads.ts';
import { newMapRun } from './map-run-state.ts';
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
  else if (event.type === 'ExecutionRedriven') redrive(execution, event);
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

function applyPrivate(execution: Execution, record: PrivateRecord): void {
  const thread = threadOf(execution, record.thread);
  execution.touched(thread);
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
    case 'token':
      thread.token = record.token;
      break;
    case 'heartbeat': {
      const { phase } = thread;
      if (phase.kind !== 'started') throw damagedJournal(`a heartbeat of ${thread.id}, where no task runs`);
      thread.phase = { kind: 'started', task: beating(phase.task, record.atMs) };
      break;
    }
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
    case 'run': {
      if (thread.phase.kind !== 'opening') throw damagedJournal(`${thread.id} opens no map run`);
      const { type: _, kind: __, thread: ___, ...known } = record;
      const run = newMapRun({ ...known, maxConcurrency: thread.phase.limit });
      thread.phase = { ...thread.phase, kind: 'reading', run };
      break;
    }
    case 'runChanged':
      changeRun(thread, record);
      break;
    case 'writing':
      startWriting(thread);
      break;
    case 'written':
      endWriting(thread, record.exported);
      break;
    case 'children':
      startChildren(thread, record.inputs);
      break;
    case 'child':
      startChild(execution, thread, record.index, record.name);
      break;
    case 'childEvent':
      applyChildEvent(execution, thread, record.event as unknown as HistoryEvent);
      break;
    case 'failure':
      fail(thread, failureOf(record), record.terminal === true, record.silent === true);
      break;
    case 'childAgain':
      restartChild(execution, thread, record.index, record.name);
      break;
    case 'redriveToken':
      break;
    case 'childFailure':
      failChildren(execution, thread, threadOf(execution, record.child));
      break;
  }
}

/** An event in the history of a child execution; its ends are those of the child alone. */
function applyChildEvent(execution: Execution, thread: Thread, event: HistoryEvent): void {
  const child = childOf(thread);
  if (child === undefined) throw damagedJournal(`${thread.id} belongs to no child execution`);
  if (event.id !== child.events + 1) throw damagedJournal(`event ${event.id} of ${child.name} follows ${child.events}`);
  child.events = event.id;
  switch (event.type) {
    case 'ExecutionStarted':
      child.startedAtMs = event.timestamp;
      break;
    case 'ExecutionRedriven':
      reviveChild(execution, thread, event);
      break;
    case 'ExecutionSucceeded':
      endChildExecution(execution, firstOf(thread), 'SUCCEEDED', event.timestamp, {
        output: payloadOfText(event.executionSucceededEventDetails.output),
      });
      break;
    case 'ExecutionFailed':
      endChildExecution(execution, firstOf(thread), 'FAILED', event.timestamp, {
        failure: failureOf(event.executionFailedEventDetails),
      });
      break;
    case 'ExecutionAborted':
      endChildExecution(execution, firstOf(thread), 'ABORTED', event.timestamp, {
        failure: failureOf(event.executionAbortedEventDetails ?? {}),
      });
      break;
    default:
      applyEvent(execution, thread, event);
  }
}

/** The first thread of the child execution that a thread belongs to. */
function firstOf(thread: Thread): Thread {
  return thread.child !== undefined || thread.parent === undefined ? thread : firstOf(thread.parent);
}

function applyEvent(execution: Execution, thread: Thread, event: HistoryEvent): void {
  execution.touched(thread);
  switch (event.type) {
    case 'ChoiceStateEntered':
    case 'FailStateEntered':
    case 'MapStateEntered':
    case 'ParallelStateEntered':
    case 'PassStateEntered':
    case 'SucceedStateEntered':
    case 'TaskStateEntered':
    case 'WaitStateEntered':
      goTo(thread, event.stateEnteredEventDetails.name);
      thread.input = recorded(execution, thread, event.stateEnteredEventDetails.input ?? 'null');
      thread.enteredId = event.id;
      thread.enteredPreviousId = event.previousEventId;
      thread.enteredAtMs = event.timestamp;
      thread.retries = [];
      thread.restarts = 0;
      thread.token = undefined;
      thread.brokenDown = undefined;
      thread.lastEventId = event.id;
      thread.phase = entered;
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
    case 'ActivityScheduled':
      schedule(thread, event, event.activityScheduledEventDetails.input, event.activityScheduledEventDetails);
      break;
    case 'TaskSubmitted':
      if (thread.phase.kind !== 'started') throw damagedJournal(`event ${event.id} submits what is not started`);
      thread.lastEventId = event.id;
      thread.phase = { kind: 'started', task: { ...beating(thread.phase.task, event.timestamp), submitted: true } };
      break;
    case 'TaskStarted':
    case 'LambdaFunctionStarted':
    case 'ActivityStarted':
      if (thread.phase.kind === 'started') thread.restarts += 1;
      else if (thread.phase.kind !== 'scheduled')
        throw damagedJournal(`event ${event.id} starts a task that is not scheduled`);
      thread.lastEventId = event.id;
      thread.phase = { kind: 'started', task: beating(thread.phase.task, event.timestamp) };
      break;
    case 'TaskSucceeded':
      succeed(thread, event.id, event.taskSucceededEventDetails.output);
      break;
    case 'LambdaFunctionSucceeded':
      succeed(thread, event.id, event.lambdaFunctionSucceededEventDetails.output);
      break;
    case 'ActivitySucceeded':
      succeed(thread, event.id, event.activitySucceededEventDetails.output);
      break;
    case 'ActivityFailed':
      failAt(thread, event.id, failureOf(event.activityFailedEventDetails));
      break;
    case 'ActivityTimedOut':
      failAt(thread, event.id, timeoutOf(thread, event.activityTimedOutEventDetails));
      break;
    case 'TaskFailed':
      failAt(thread, event.id, failureOf(event.taskFailedEventDetails));
      break;
    case 'TaskSubmitFailed':
      failAt(thread, event.id, failureOf(event.taskSubmitFailedEventDetails));
      break;
    case 'TaskTimedOut':
      failAt(thread, event.id, timeoutOf(thread, event.taskTimedOutEventDetails));
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
      thread.brokenDown = undefined;
      startParallel(execution, thread, event.id);
      break;
    case 'MapStateStarted':
      thread.brokenDown = undefined;
      startMap(thread, event.id);
      break;
    case 'MapIterationStarted':
      startIteration(execution, thread, event.mapIterationStartedEventDetails.index, event.id);
      break;
    case 'MapIterationSucceeded':
      endIteration(execution, thread, event.id);
      break;
    case 'MapRunStarted':
      if (thread.phase.kind === 'reading') thread.phase.run.startedAtMs = event.timestamp;
      thread.lastEventId = event.id;
      break;
    case 'MapRunSucceeded':
      endRun(execution, thread, 'SUCCEEDED', event.timestamp);
      thread.lastEventId = event.id;
      break;
    case 'MapRunRedriven':
      redriveRun(thread, event.id, event.mapRunRedrivenEventDetails.redriveCount, event.timestamp);
      break;
    case 'MapRunFailed':
      endRun(execution, thread, 'FAILED', event.timestamp);
      if (thread.phase.kind === 'children') thread.brokenDown = { fan: thread.phase.fan, children: [] };
      failAt(thread, event.id, failureOf(event.mapRunFailedEventDetails));
      break;
    case 'ParallelStateSucceeded':
    case 'MapStateSucceeded':
      if (thread.phase.kind !== 'children') throw damagedJournal(`event ${event.id} ends what is not running`);
      // The event after this one refers to the last child's end as well, so lastEventId stays.
      // The event after this one refers to the start of the map run.
      if (thread.phase.fan.run !== undefined) thread.lastEventId = thread.phase.fan.startedId;
      thread.phase = { kind: 'result', result: resultOfFan(thread.phase.fan) };
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
  if (assignedVariables !== undefined) {
    for (const [name, text] of Object.entries(assignedVariables)) {
      execution.variableBytes += text.length - (thread.variables.get(name)?.bytes ?? 0);
      thread.variables.set(name, { value: JSON.parse(text) as Json, bytes: text.length });
    }
  }
  const state = stateOf(thread);
  const next = thread.chosenNext ?? ('Next' in state ? state.Next : undefined);
  const left = recorded(execution, thread, output ?? 'null');
  thread.chosenNext = undefined;
  thread.prepared = undefined;
  thread.lastEventId = event.id;
  if (next !== undefined) {
    goTo(thread, next);
    thread.input = left;
    thread.phase = entering;
    return;
  }
  thread.phase = { kind: 'ended', output: left };
  const { parent } = thread;
  // The end of an iteration has an event of its own; the end of a branch has none.
  if (parent?.phase.kind === 'children' && stateOf(parent).Type === 'Parallel') {
    endChild(execution, parent, parent.phase.fan, thread, left, event.id);
  }
}

function end(execution: Execution, outcome: Execution['outcome']): void {
  execution.outcome = outcome;
  endThreads(execution);
}
