/**
 * The one fold from history events to a session: `foldHistory` for a whole history, `emptyFold` + `foldEvents` + `view`
 * for a live one. Events are keyed by id, so duplicates and any order give the same session.
 *
 * An event is placed by the event before it in its thread (`previousEventId`), and waits until that one is known.
 * Where histories say too little for that (the events that abort the siblings of a failed branch name the failed
 * branch, not their own), structure decides: what a failed Parallel, Map or iteration held and had not ended is over.
 */
import type { HistoryEvent } from '../asl/history.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { type FoldState, type Iteration, type Position, type Recorded, pathOf, placeKey } from './fold-state.ts';
import { type StateShape, mapMachine } from './machine-map.ts';
import { jobScheduledBy } from './job-view.ts';
import { buildView } from './session-view.ts';
import type { SessionView } from './view.ts';

/** A fold that has seen nothing. */
export function emptyFold(artifact: PipelineArtifact): FoldState {
  return {
    artifact,
    machine: mapMachine(artifact),
    known: new Set(),
    positions: new Map(),
    waiting: new Map(),
    jobs: new Map(),
    maps: new Map(),
    rounds: new Map(),
    causes: new Map(),
    current: new Map(),
    closures: new Map(),
    execution: [],
  };
}

/**
 * Takes more events in. Costs only what is new: `state` itself is carried on, so use only what is returned.
 * Events already seen are ignored; an event that comes before its predecessor waits for it.
 */
export function foldEvents(state: FoldState, events: readonly HistoryEvent[]): FoldState {
  for (const event of events) {
    if (state.known.has(event.id)) continue;
    state.known.add(event.id);
    const open = [event];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const predecessor = predecessorOf(next);
      if (predecessor !== 0 && !state.positions.has(predecessor)) {
        const others = state.waiting.get(predecessor);
        if (others === undefined) state.waiting.set(predecessor, [next]);
        else others.push(next);
        // The end of an execution is known by itself; only the job to blame has to wait.
        if (isExecutionEvent(next)) recordExecution(state, next);
        continue;
      }
      state.positions.set(next.id, place(state, next, state.positions.get(predecessor)));
      open.push(...(state.waiting.get(next.id) ?? []));
      state.waiting.delete(next.id);
    }
  }
  return state;
}

/** The session as far as it is known. */
export function view(state: FoldState): SessionView {
  return buildView(state);
}

/** Path of the job, or map, whose state an event belongs to; `undefined` when it belongs to none or is not placed yet. */
export function jobOfEvent(state: FoldState, eventId: number): string | undefined {
  const at = state.positions.get(eventId);
  const node = at?.state === undefined ? undefined : state.machine.nodeOfState.get(at.state.name);
  return at === undefined || node === undefined ? undefined : pathOf(state.machine, at.iterations, node);
}

/** A whole history, folded. */
export function foldHistory(artifact: PipelineArtifact, events: readonly HistoryEvent[]): SessionView {
  return view(foldEvents(emptyFold(artifact), events));
}

/**
 * The event that places this one. AWS names, before an `EvaluationFailed`, the event before the state was entered; the
 * entering event itself stands in the cause.
 */
function predecessorOf(event: HistoryEvent): number {
  if (event.type === 'EvaluationFailed') {
    const entered = /\(entered at the event id #(\d{1,9})\)/.exec(event.evaluationFailedEventDetails.cause ?? '')?.[1];
    if (entered !== undefined && Number(entered) < event.id) return Number(entered);
  }
  return event.previousEventId;
}

function isExecutionEvent(event: HistoryEvent): boolean {
  return event.type.startsWith('Execution');
}

/** Adds to a list kept by ascending id; nearly always at its end. */
function insertById(events: HistoryEvent[], event: HistoryEvent): void {
  let at = events.length;
  while (at > 0 && (events[at - 1]?.id ?? 0) > event.id) at -= 1;
  if (events[at - 1]?.id !== event.id) events.splice(at, 0, event);
}

function recordExecution(state: FoldState, event: HistoryEvent): void {
  insertById(state.execution, event);
}

function close(state: FoldState, key: string, event: HistoryEvent): void {
  if ((state.closures.get(key)?.eventId ?? 0) < event.id) {
    state.closures.set(key, { eventId: event.id, timestamp: event.timestamp });
  }
}

/** Puts an event where it belongs and says where that is. */
function place(state: FoldState, event: HistoryEvent, before: Position | undefined): Position {
  const { machine } = state;
  const from: Position = before ?? { iterations: [], region: machine.top, closed: false };
  if (isExecutionEvent(event)) {
    recordExecution(state, event);
    if (event.type === 'ExecutionFailed') return from;
    // It goes on where it failed.
    if (event.type === 'ExecutionRedriven' && before !== undefined) {
      const { cause: _, ...where } = before;
      return { ...where, closed: false };
    }
    return { iterations: [], region: machine.top, closed: false };
  }
  if ('stateEnteredEventDetails' in event) {
    const shape = machine.states.get(event.stateEnteredEventDetails.name);
    if (shape === undefined) return from;
    const to = inState(from, shape);
    const key = placeKey(shape.region.id, to.iterations, shape.region.maps.length);
    if ((state.current.get(key)?.eventId ?? 0) < event.id) state.current.set(key, { state: shape, eventId: event.id });
    if (machine.rounds.has(shape.name)) noteRound(state, shape.name, to.iterations, event.id);
    // What a guard fails on with is the failure of the job that it has caught.
    const { role, node = '' } = state.artifact.states[shape.name] ?? {};
    const cause = role === 'rethrow' ? state.causes.get(node) : undefined;
    return record(state, event, cause === undefined ? to : { ...to, cause });
  }
  if ('stateExitedEventDetails' in event) {
    const shape = machine.states.get(event.stateExitedEventDetails.name);
    if (shape === undefined) return from;
    const to = inState(from, shape);
    record(state, event, to);
    return { ...to, closed: true };
  }
  switch (event.type) {
    case 'TaskScheduled': {
      const isRedriven = state.execution.some(
        ({ id, type }) => id === event.previousEventId && type === 'ExecutionRedriven',
      );
      // In a spliced history a child's redrive is none of the events: what it schedules comes after what has failed.
      const isElsewhere = isRedriven || from.closed || from.cause !== undefined;
      return record(state, event, (isElsewhere ? placeOfJob(machine, jobScheduledBy(event)) : undefined) ?? from);
    }
    case 'MapIterationStarted':
      return iterate(state, event, from, event.mapIterationStartedEventDetails);
    case 'MapIterationSucceeded':
      return iterate(state, event, from, event.mapIterationSucceededEventDetails);
    case 'MapIterationFailed':
      return iterate(state, event, from, event.mapIterationFailedEventDetails);
    case 'MapStateStarted':
    case 'MapStateSucceeded':
    case 'MapStateFailed':
      return end(state, event, from, 'Map');
    case 'ParallelStateStarted':
    case 'ParallelStateSucceeded':
    case 'ParallelStateFailed':
      return end(state, event, from, 'Parallel');
    case 'EvaluationFailed': {
      const shape = machine.states.get(event.evaluationFailedEventDetails.state);
      return shape === undefined ? from : record(state, event, inState(from, shape));
    }
    case 'MapIterationAborted':
    case 'MapStateAborted':
    case 'ParallelStateAborted':
    case 'TaskStateAborted':
    case 'WaitStateAborted':
      return from;
    default:
      return record(state, event, from);
  }
}

/**
 * Where a job's state is, by the job's path. What a redrive schedules is in a state that was entered before, and names
 * the redrive as the event before it, so that only the call itself says which job it is for.
 */
function placeOfJob({ stateOfNode }: FoldState['machine'], path: string | undefined): Position | undefined {
  const parts = (path ?? '').split('/');
  const shape = stateOfNode.get(parts.at(-1) ?? '');
  if (shape === undefined) return undefined;
  const iterations: Iteration[] = [];
  for (const part of parts.slice(0, -1)) {
    const [, node = '', index = ''] = /^(.+)\[(\d+)\]$/.exec(part) ?? [];
    const map = stateOfNode.get(node)?.name;
    if (map === undefined || map !== shape.region.maps[iterations.length]) return undefined;
    iterations.push({ map, index: Number(index) });
  }
  if (iterations.length !== shape.region.maps.length) return undefined;
  return { iterations, region: shape.region, state: shape, closed: false };
}

function inState(from: Position, shape: StateShape): Position {
  const { region } = shape;
  return { iterations: from.iterations.slice(0, region.maps.length), region, state: shape, closed: false };
}

/** Adds the event to the job or map whose state it is in. A failure is remembered as the cause of what it brings down. */
function record(state: FoldState, event: HistoryEvent, at: Position): Position {
  const { machine } = state;
  const node = at.state === undefined ? undefined : machine.nodeOfState.get(at.state.name);
  if (at.state === undefined || node === undefined || at.iterations.length < at.region.maps.length) return at;
  const path = pathOf(machine, at.iterations, node);
  const isOfRounds = machine.rounds.has(machine.stateOfNode.get(node)?.name ?? '');
  const { role } = state.artifact.states[at.state.name] ?? {};
  const isOfMap = at.state.type === 'Map' || isOfRounds || role === 'totals';
  const recorded: Map<string, Recorded<unknown>> = isOfMap ? state.maps : state.jobs;
  // Of a container's job the one that runs it stands for all of its states, of a map over S3 the Map.
  const isBeside = role === 'given' || role === 'taken' || role === 'totals';
  const own = isBeside ? (machine.stateOfNode.get(node) ?? at.state) : at.state;
  const entry = recorded.get(path) ?? { state: own, events: [], facts: undefined, settled: undefined };
  recorded.set(path, entry);
  insertById(entry.events, event);
  entry.facts = undefined;
  entry.settled = undefined;
  const failed =
    (/(Failed|TimedOut)$/.test(event.type) && !event.type.startsWith('MapIteration')) ||
    event.type === 'FailStateEntered';
  return failed && at.cause === undefined && event.type !== 'MapStateFailed' ? { ...at, cause: path } : at;
}

/** A loop's Map is entered anew for each round and has one item: which round it is says how often that has happened. */
function noteRound(state: FoldState, name: string, iterations: readonly Iteration[], eventId: number): void {
  const key = placeKey(name, iterations, iterations.length);
  const entered = state.rounds.get(key) ?? [];
  state.rounds.set(key, entered);
  let at = entered.length;
  while (at > 0 && (entered[at - 1] ?? 0) > eventId) at -= 1;
  entered.splice(at, 0, eventId);
}

function roundOf(state: FoldState, name: string, iterations: readonly Iteration[], eventId: number): number {
  const entered = state.rounds.get(placeKey(name, iterations, iterations.length)) ?? [];
  let at = entered.length;
  while (at > 0 && (entered[at - 1] ?? 0) > eventId) at -= 1;
  return Math.max(0, at - 1);
}

function iterate(
  state: FoldState,
  event: HistoryEvent,
  from: Position,
  at: { readonly name: string; readonly index: number },
): Position {
  const shape = state.machine.states.get(at.name);
  const body = state.machine.bodies.get(at.name);
  if (shape === undefined || body === undefined) return from;
  const to = inState(from, shape);
  record(state, event, to);
  const index = state.machine.rounds.has(at.name) ? roundOf(state, at.name, to.iterations, event.id) : at.index;
  const iterations = [...to.iterations, { map: at.name, index }];
  if (event.type === 'MapIterationFailed') close(state, placeKey(body.id, iterations, iterations.length), event);
  const cause = event.type === 'MapIterationFailed' ? from.cause : undefined;
  return { iterations, region: body, closed: true, ...(cause === undefined ? {} : { cause }) };
}

/** Places an event that names no state: it belongs to the Parallel or Map it stands in, or to the nearest one around. */
function end(state: FoldState, event: HistoryEvent, from: Position, type: 'Map' | 'Parallel'): Position {
  let shape = from.closed ? from.region.holder : (from.state ?? from.region.holder);
  while (shape !== undefined && shape.type !== type) shape = shape.region.holder;
  if (shape === undefined) return from;
  const to = inState(from, shape);
  record(state, event, to);
  const failed = event.type.endsWith('Failed');
  if (failed) close(state, placeKey(shape.name, to.iterations, to.iterations.length), event);
  const cause = failed ? from.cause : undefined;
  if (cause !== undefined) state.causes.set(shape.name, cause);
  return { ...to, closed: !event.type.endsWith('Started'), ...(cause === undefined ? {} : { cause }) };
}
