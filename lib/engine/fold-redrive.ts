/**
 * The part of the fold that brings threads back: a redrive goes on in the states that had not succeeded, with the input
 * they had, and with their tries counted anew. What had succeeded is kept, in Parallels and Maps as well.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
 */
import type { HistoryEventOf } from '../asl/history.ts';
import { bodyOf, damagedJournal, type Execution, type Fan, stateOf, type Thread } from './execution.ts';
import { startChild } from './fold-map-run.ts';

/** The execution runs again. */
export function redrive(execution: Execution, event: HistoryEventOf<'ExecutionRedriven'>): void {
  const { left } = execution;
  if (left === undefined || execution.outcome.status === 'RUNNING') {
    throw damagedJournal(`event ${event.id} redrives what has not ended`);
  }
  execution.redrives = event.executionRedrivenEventDetails.redriveCount;
  execution.redrivenAtMs = event.timestamp;
  execution.outcome = { status: 'RUNNING' };
  execution.left = undefined;
  revive(execution, left, event.id, event.timestamp);
}

/** The children of a map run that have failed are to run again. */
export function redriveRun(thread: Thread, eventId: number, redriveCount: number, atMs: number): void {
  if (thread.phase.kind !== 'redriving') throw damagedJournal(`event ${eventId} redrives no map run`);
  const { fan, run } = thread.phase;
  Object.assign(run, { redrives: redriveCount, redrivenAtMs: atMs, status: 'RUNNING', stoppedAtMs: undefined });
  run.failed = 0;
  run.exported = undefined;
  thread.lastEventId = eventId;
  thread.phase = { kind: 'children', fan };
}

/** A child of a redriven map run goes on, or begins anew under another name. */
export function restartChild(execution: Execution, thread: Thread, index: number, name: string | undefined): void {
  const fan = thread.phase.kind === 'children' ? thread.phase.fan : undefined;
  const child = fan?.again.find((lost) => lost.index === index);
  if (fan === undefined || child === undefined)
    throw damagedJournal(`child ${index} of ${thread.id} is not to run again`);
  fan.again = fan.again.filter((lost) => lost !== child);
  if (name !== undefined) {
    startChild(execution, thread, index, name);
    return;
  }
  fan.running += 1;
  // One that was to go on, and was stopped before it did, is left where it was before that.
  if (child.phase.kind !== 'again') child.phase = { kind: 'again', left: child.phase };
  execution.variableBytes += bytesOf(child);
  thread.children.set(index, child);
  execution.threads.set(child.id, child);
  execution.touched(child);
}

/** A child of a map run is redriven: the first event of what follows in its history. */
export function reviveChild(execution: Execution, thread: Thread, event: HistoryEventOf<'ExecutionRedriven'>): void {
  if (thread.child === undefined || thread.phase.kind !== 'again')
    throw damagedJournal(`event ${event.id} redrives no child execution`);
  thread.child.redrives = event.executionRedrivenEventDetails.redriveCount;
  thread.child.redrivenAtMs = event.timestamp;
  Object.assign(thread.child, { status: 'RUNNING', stoppedAtMs: undefined, failure: {} });
  thread.phase = thread.phase.left;
  // They count since it is to go on.
  execution.variableBytes -= bytesOf(thread);
  revive(execution, thread, event.id, event.timestamp);
}

function revive(execution: Execution, thread: Thread, eventId: number, atMs: number): void {
  execution.threads.set(thread.id, thread);
  execution.touched(thread);
  execution.variableBytes += bytesOf(thread);
  thread.lastEventId = eventId;
  thread.retries = [];
  thread.restarts = 0;
  thread.token = undefined;
  thread.chosenNext = undefined;
  const { phase, brokenDown } = thread;
  const broken =
    phase.kind === 'children' || phase.kind === 'writing'
      ? { fan: phase.fan, children: [...thread.children.values()] }
      : brokenDown;
  thread.brokenDown = undefined;
  if (broken !== undefined && ['children', 'writing', 'failed', 'aborting'].includes(phase.kind)) {
    reviveChildren(execution, thread, broken.fan, broken.children, eventId, atMs);
  } else if (!keptPhases.has(phase.kind)) {
    thread.enteredAtMs = atMs;
    thread.prepared = undefined;
    thread.phase = { kind: thread.enteredId === 0 ? 'entering' : 'entered' };
  }
}

/** Phases in which nothing has failed and nothing was given up. */
const keptPhases: ReadonlySet<string> = new Set([
  'entering',
  'entered',
  'ended',
  'result',
  'opening',
  'reading',
  'redriving',
]);

function reviveChildren(
  execution: Execution,
  thread: Thread,
  fan: Fan,
  children: readonly Thread[],
  eventId: number,
  atMs: number,
): void {
  thread.children.clear();
  fan.freed.length = 0;
  if (fan.run !== undefined) {
    // Of a redrive that was stopped, some had not gone on.
    fan.again = [...fan.again, ...fan.lost, ...children].sort((a, b) => a.index - b.index);
    for (const { child } of fan.again) if (child !== undefined) child.status = 'PENDING_REDRIVE';
    fan.lost.length = 0;
    fan.running = 0;
    thread.phase = { kind: 'redriving', fan, run: fan.run };
    return;
  }
  fan.running = children.length;
  thread.phase = { kind: 'children', fan };
  for (const child of children) {
    thread.children.set(child.index, child);
    revive(execution, child, eventId, atMs);
  }
}

function bytesOf(thread: Thread): number {
  let sum = 0;
  for (const { bytes } of thread.variables.values()) sum += bytes;
  return sum;
}

/** Whether the children of a map run are of type EXPRESS: these cannot be redriven, and begin anew. */
export function hasExpressChildren(thread: Thread): boolean {
  const state = stateOf(thread);
  return state.Type === 'Map' && bodyOf(state).ProcessorConfig?.ExecutionType === 'EXPRESS';
}
