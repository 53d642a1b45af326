/** Parallel and Map: starting children, keeping within MaxConcurrency, and ending when all have ended. */
import type { MapState, ParallelState } from '../asl/definition.ts';
import { type Payload, payloadOfValue } from '../asl/json.ts';
import { evaluateTemplate, evaluateTyped, QueryEvaluationError } from '../asl/jsonata.ts';
import { bindingsFor } from './bindings.ts';
import { type Fan, joinedOutputs, stateOf, type Thread } from './execution.ts';
import { failsBySize } from './finish.ts';
import { note, record, type Turn } from './turn.ts';

/**
 * Iterations that an inline Map runs at once at most.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
 */
const maxInlineConcurrency = 40;

export async function startParallel(turn: Turn, thread: Thread, state: ParallelState): Promise<void> {
  if (state.Arguments !== undefined) {
    const input = await evaluateTemplate(
      state.Arguments,
      bindingsFor(turn.execution, thread),
      turn.sources,
      'Arguments',
    );
    const text = JSON.stringify(input);
    if (failsBySize(turn, thread, thread.state, text)) return;
    note(turn, thread, { type: 'branches', input: text });
  }
  record(turn, thread, { type: 'ParallelStateStarted' });
}

export async function startMap(turn: Turn, thread: Thread, state: MapState): Promise<void> {
  const bindings = bindingsFor(turn.execution, thread);
  const { sources } = turn;
  const items =
    state.Items === undefined
      ? thread.input.value
      : await evaluateTyped('array', state.Items, bindings, sources, 'Items');
  if (!Array.isArray(items)) {
    throw new QueryEvaluationError(`Map state input must be an array but was: ${thread.input.text}`);
  }
  const numberIn = async (field: 'MaxConcurrency' | 'ToleratedFailureCount' | 'ToleratedFailurePercentage') => {
    const template = state[field];
    if (template === undefined) return 0;
    const value = await evaluateTyped('number', template, bindings, sources, field);
    const most = field === 'ToleratedFailurePercentage' ? 100 : Number.POSITIVE_INFINITY;
    if (value >= 0 && value <= most) return value;
    const range = most === 100 ? 'must be between 0 and 100' : 'cannot be negative';
    throw new QueryEvaluationError(`${field} ${range}.`, field, true);
  };
  const concurrency = await numberIn('MaxConcurrency');
  // An inline Map fails with its first iteration; AWS still refuses thresholds out of range.
  await numberIn('ToleratedFailureCount');
  await numberIn('ToleratedFailurePercentage');
  const limit = Math.min(maxInlineConcurrency, concurrency === 0 ? maxInlineConcurrency : concurrency);
  note(turn, thread, {
    type: 'items',
    limit,
    ...(state.Items === undefined ? {} : { items: JSON.stringify(items) }),
  });
  record(turn, thread, { type: 'MapStateStarted', mapStateStartedEventDetails: { length: items.length } });
}

/** Goes on with a Parallel or Map whose children run: starts the next ones, or ends it when all have ended. */
export function continueFan(turn: Turn, thread: Thread, fan: Fan): void {
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
  return hasRoom(fan) || allEnded(fan);
}

function hasRoom(fan: Fan): boolean {
  return fan.next < fan.inputs.length && fan.running < fan.limit;
}

function allEnded(fan: Fan): boolean {
  return fan.next === fan.inputs.length && fan.running === 0;
}

/** What the first state of an iteration gets: the item, or what ItemSelector makes of it. */
export async function iterationInput(turn: Turn, thread: Thread): Promise<Payload> {
  const { parent } = thread;
  const map = parent === undefined ? undefined : stateOf(parent);
  if (parent === undefined || map?.Type !== 'Map' || map.ItemSelector === undefined) return thread.input;
  // The selector belongs to the Map: it sees the Map's input and context, and the item in `context.Map`.
  const own = bindingsFor(turn.execution, parent);
  const ofItem = bindingsFor(turn.execution, thread);
  const context = { ...(own.states['context'] as object), Map: (ofItem.states['context'] as { Map: unknown }).Map };
  const bindings = { ...own, states: { ...own.states, context } };
  return payloadOfValue(await evaluateTemplate(map.ItemSelector, bindings, turn.sources, 'ItemSelector'));
}
