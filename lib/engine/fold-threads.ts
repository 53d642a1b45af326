/** The part of the fold that makes, ends and removes threads: the children of a Parallel or Map. */
import type { Json, Scope } from '../asl/definition.ts';
import { type Payload, payloadOfValue } from '../asl/json.ts';
import {
  bodyOf,
  childThreadId,
  damagedJournal,
  entering,
  type Execution,
  type Failure,
  type Fan,
  isDistributed,
  type OwedEvent,
  rootThreadId,
  stateOf,
  type Thread,
} from './execution.ts';
import type { ChildExecution, MapRun } from './map-run-state.ts';

export function addThread(
  execution: Execution,
  place: Pick<Thread, 'id' | 'parent' | 'index' | 'scope' | 'item'>,
  input: Payload,
  lastEventId: number,
  child?: ChildExecution,
): void {
  const thread: Thread = {
    ...place,
    child,
    children: new Map(),
    variables: new Map(),
    state: place.scope.StartAt,
    known: undefined,
    phase: entering,
    queued: false,
    input,
    lastEventId,
    enteredId: 0,
    enteredPreviousId: 0,
    enteredAtMs: 0,
    retries: [],
    restarts: 0,
    token: undefined,
    chosenNext: undefined,
    brokenDown: undefined,
    prepared: undefined,
  };
  place.parent?.children.set(place.index, thread);
  execution.threads.set(thread.id, thread);
  execution.touched(thread);
}

/** What is under a removed thread stays with it: a redrive may bring it back. */
export function removeThread(execution: Execution, thread: Thread): void {
  thread.parent?.children.delete(thread.index);
  forget(execution, thread);
}

function forget(execution: Execution, thread: Thread): void {
  // Of a child that is to go on, what is under it is not back yet.
  if (execution.threads.get(thread.id) !== thread) return;
  for (const child of thread.children.values()) forget(execution, child);
  for (const { bytes } of thread.variables.values()) execution.variableBytes -= bytes;
  execution.threads.delete(thread.id);
  execution.touched(thread);
}

export function startParallel(execution: Execution, thread: Thread, eventId: number): void {
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

export function startMap(thread: Thread, eventId: number): void {
  const inputs = thread.prepared?.inputs ?? itemsIn(thread.input.value);
  const state = stateOf(thread);
  thread.lastEventId = eventId;
  if (state.Type === 'Map' && isDistributed(state)) {
    thread.phase = { kind: 'opening', items: inputs, limit: thread.prepared?.limit ?? 0 };
    return;
  }
  thread.phase = { kind: 'children', fan: newFan(eventId, inputs, thread.prepared?.limit ?? inputs.length) };
}

export function startIteration(execution: Execution, thread: Thread, index: number, eventId: number): void {
  const state = stateOf(thread);
  const { phase } = thread;
  if (state.Type !== 'Map' || phase.kind !== 'children')
    throw damagedJournal(`event ${eventId} starts an iteration of no Map`);
  phase.fan.next = index + 1;
  phase.fan.running += 1;
  phase.fan.freed.shift();
  addChild(execution, thread, phase.fan, index, bodyOf(state), phase.fan.inputs[index], eventId);
}

export function newFan(startedId: number, inputs: readonly Payload[], limit: number, run?: MapRun): Fan {
  return {
    startedId,
    run,
    inputs,
    limit,
    outputs: new Array(inputs.length).fill(undefined),
    executions: run === undefined ? [] : new Array(inputs.length).fill(undefined),
    next: 0,
    running: 0,
    freed: [],
    lost: [],
    again: [],
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

export function endIteration(execution: Execution, thread: Thread, eventId: number): void {
  const { parent, phase } = thread;
  if (parent?.phase.kind !== 'children' || phase.kind !== 'ended')
    throw damagedJournal(`event ${eventId} ends no iteration`);
  parent.phase.fan.freed.push(thread.lastEventId);
  endChild(execution, parent, parent.phase.fan, thread, phase.output, eventId);
}

export function endChild(
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
  execution.touched(parent);
}

export function failChildren(execution: Execution, thread: Thread, child: Thread): void {
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
  const children = inOrder(thread);
  if (thread.phase.kind === 'children') thread.brokenDown = { fan: thread.phase.fan, children };
  for (const each of children) removeThread(execution, each);
  settleAborting(thread, owed, failure);
}

export function settleAborting(thread: Thread, owed: readonly OwedEvent[], failure: Failure): void {
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

/** The machine's work is over; a redrive may go on with what is left of it. */
export function endThreads(execution: Execution): void {
  execution.left = execution.threads.get(rootThreadId);
  for (const thread of execution.threads.values()) execution.touched(thread);
  execution.threads.clear();
  execution.variableBytes = 0;
}

export function itemsOf(text: string): readonly Payload[] {
  return itemsIn(JSON.parse(text) as Json);
}

/** Their texts are made by the iterations: an item that is nested too deeply fails there, where that is looked for. */
function itemsIn(items: Json): readonly Payload[] {
  if (!Array.isArray(items)) throw damagedJournal('a Map runs over something that is no list');
  return (items as readonly Json[]).map(payloadOfValue);
}
