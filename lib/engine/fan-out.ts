/** Parallel and Map: starting children, keeping within MaxConcurrency, and ending when all have ended. */
import { type Awaitable, andThen } from '../asl/awaitable.ts';
import type { MapState, ParallelState } from '../asl/definition.ts';
import { type Payload, payloadOfValue } from '../asl/json.ts';
import { evaluateTemplate } from '../asl/jsonata.ts';
import { bindingsFor } from './bindings.ts';
import { parametersOf } from './data-flow.ts';
import { type Fan, isDistributed, joinedOutputs, speaksJsonPath, stateOf, type Thread } from './execution.ts';
import { failsBySize } from './finish.ts';
import { itemsOf, mapNumber, selectItem, selectsItems } from './map-fields.ts';
import { continueMapRun, isExceeded, startMapRun } from './map-run.ts';
import { note, record, type Turn } from './turn.ts';

/**
 * Iterations that an inline Map runs at once at most.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
 */
const maxInlineConcurrency = 40;

export function startParallel(turn: Turn, thread: Thread, state: ParallelState): Awaitable<void> {
  if (speaksJsonPath(turn.execution, state)) return startBranches(turn, thread, parametersOf(turn, thread));
  if (state.Arguments === undefined) return startBranches(turn, thread, thread.input);
  const bindings = bindingsFor(turn.execution, thread);
  const input = evaluateTemplate(state.Arguments, bindings, turn.sources, 'Arguments');
  return andThen(input, (value) => startBranches(turn, thread, payloadOfValue(value)));
}

function startBranches(turn: Turn, thread: Thread, { text }: Payload): void {
  if (failsBySize(turn, thread, thread.state, text)) return;
  if (text !== thread.input.text) note(turn, thread, { type: 'branches', input: text });
  record(turn, thread, { type: 'ParallelStateStarted' });
}

export async function startMap(turn: Turn, thread: Thread, state: MapState): Promise<void> {
  if (isDistributed(state)) return startMapRun(turn, thread, state);
  const items = await itemsOf(turn, thread, state);
  const concurrency = (await mapNumber(turn, thread, state, 'MaxConcurrency')) ?? 0;
  // An inline Map fails with its first iteration; AWS still refuses thresholds out of range.
  await mapNumber(turn, thread, state, 'ToleratedFailureCount');
  await mapNumber(turn, thread, state, 'ToleratedFailurePercentage');
  const limit = Math.min(maxInlineConcurrency, concurrency === 0 ? maxInlineConcurrency : concurrency);
  const areInput = items === thread.input.value;
  note(turn, thread, { type: 'items', limit, ...(areInput ? {} : { items: JSON.stringify(items) }) });
  record(turn, thread, { type: 'MapStateStarted', mapStateStartedEventDetails: { length: items.length } });
}

/** Goes on with a Parallel or Map whose children run: starts the next ones, or ends it when all have ended. */
export function continueFan(turn: Turn, thread: Thread, fan: Fan): void {
  if (fan.run !== undefined) {
    continueMapRun(turn, thread, fan, fan.run);
    return;
  }
  const { Type: type } = stateOf(thread);
  while (type === 'Map' && hasRoom(fan)) {
    record(
      turn,
      thread,
      { type: 'MapIterationStarted', mapIterationStartedEventDetails: { name: thread.state, index: fan.next } },
      fan.freed[0] ?? fan.startedId,
    );
  }
  if (!allEnded(fan) || failsBySize(turn, thread, thread.state, joinedOutputs(fan).text)) return;
  record(turn, thread, { type: type === 'Map' ? 'MapStateSucceeded' : 'ParallelStateSucceeded' });
}

/** True when `continueFan` has something to do. */
export function canContinue(fan: Fan): boolean {
  return hasRoom(fan) || allEnded(fan) || (fan.run !== undefined && isExceeded(fan.run));
}

function hasRoom(fan: Fan): boolean {
  return (fan.again.length > 0 || fan.next < fan.inputs.length) && fan.running < fan.limit;
}

function allEnded(fan: Fan): boolean {
  return fan.next === fan.inputs.length && fan.running === 0 && fan.again.length === 0;
}

/** What the first state of an iteration gets: the item, or what ItemSelector makes of it. */
export function iterationInput(turn: Turn, thread: Thread): Awaitable<Payload> {
  const { parent, item } = thread;
  const map = parent === undefined ? undefined : stateOf(parent);
  if (parent === undefined || item === undefined || map?.Type !== 'Map') return thread.input;
  if (!selectsItems(turn, map)) return thread.input;
  return andThen(selectItem(turn, parent, map, thread.index, item.value), payloadOfValue);
}
