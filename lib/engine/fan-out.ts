/** Parallel and Map: starting children, keeping within MaxConcurrency, and ending when all have ended. */
import type { Json, MapState, ParallelState } from '../asl/definition.ts';
import { type Payload, payloadOfValue } from '../asl/json.ts';
import { evaluateTemplate, evaluateTyped, QueryEvaluationError } from '../asl/jsonata.ts';
import { evaluateReference, fillTemplate, PathFailure, selectPath } from '../asl/payload-template.ts';
import { bindingsFor, pathDataFor } from './bindings.ts';
import { dataOf, effectiveInput, parametersOf } from './data-flow.ts';
import { type Fan, joinedOutputs, speaksJsonPath, stateOf, type Thread } from './execution.ts';
import { failsBySize } from './finish.ts';
import { note, record, type Turn } from './turn.ts';

/**
 * Iterations that an inline Map runs at once at most.
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html
 */
const maxInlineConcurrency = 40;

export async function startParallel(turn: Turn, thread: Thread, state: ParallelState): Promise<void> {
  if (speaksJsonPath(turn.execution, state)) {
    const { text } = parametersOf(turn, thread);
    if (failsBySize(turn, thread, thread.state, text)) return;
    if (text !== thread.input.text) note(turn, thread, { type: 'branches', input: text });
  } else if (state.Arguments !== undefined) {
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

/** A number that a field of a Map gives or a path leads to. Text that holds a number will do, as on AWS. */
function numberAt(path: string, field: string, kind: 'integer' | 'float', turn: Turn, thread: Thread): number {
  const value = selectPath(path, dataOf(turn, thread));
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number) && (kind === 'float' || Number.isInteger(number))) {
    return number;
  }
  const shown = typeof value === 'string' ? value : JSON.stringify(value);
  throw new PathFailure(`The ${field} field refers to value "${shown}" which is not a valid ${kind}: ${path}`);
}

/** @throws {PathFailure} */
function startMapByPaths(turn: Turn, thread: Thread, state: MapState): void {
  const { ItemsPath: path = '$' } = state;
  const items = evaluateReference(path, dataOf(turn, thread));
  if (!Array.isArray(items)) {
    throw new PathFailure(`Reference path "${path}" must point to array.`, 'States.ReferencePathConflict');
  }
  const concurrency =
    state.MaxConcurrencyPath === undefined
      ? Number(state.MaxConcurrency ?? 0)
      : numberAt(state.MaxConcurrencyPath, 'MaxConcurrencyPath', 'integer', turn, thread);
  if (concurrency < 0) throw new PathFailure('MaxConcurrency cannot be negative.');
  noteItems(turn, thread, items, concurrency, items === thread.input.value);
}

function noteItems(turn: Turn, thread: Thread, items: readonly Json[], concurrency: number, areInput: boolean): void {
  const limit = Math.min(maxInlineConcurrency, concurrency === 0 ? maxInlineConcurrency : concurrency);
  note(turn, thread, { type: 'items', limit, ...(areInput ? {} : { items: JSON.stringify(items) }) });
  record(turn, thread, { type: 'MapStateStarted', mapStateStartedEventDetails: { length: items.length } });
}

export async function startMap(turn: Turn, thread: Thread, state: MapState): Promise<void> {
  if (speaksJsonPath(turn.execution, state)) return startMapByPaths(turn, thread, state);
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
  noteItems(turn, thread, items, concurrency, state.Items === undefined);
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
  if (parent === undefined || map?.Type !== 'Map') return thread.input;
  if (speaksJsonPath(turn.execution, map)) {
    const selector = map.ItemSelector ?? map.Parameters;
    if (selector === undefined) return thread.input;
    // Paths see the Map's input; the context object is the Map's too, with the item in `$$.Map`.
    const data = pathDataFor(turn, parent, effectiveInput(turn, parent));
    const context = () => selectorContext(turn, parent, thread);
    return payloadOfValue(fillTemplate(selector, { ...data, context }));
  }
  if (map.ItemSelector === undefined) return thread.input;
  // The selector belongs to the Map: it sees the Map's input and context, and the item in `context.Map`.
  const own = bindingsFor(turn.execution, parent);
  const bindings = { ...own, states: { ...own.states, context: selectorContext(turn, parent, thread) } };
  return payloadOfValue(await evaluateTemplate(map.ItemSelector, bindings, turn.sources, 'ItemSelector'));
}

function selectorContext(turn: Turn, map: Thread, item: Thread): Json {
  const contextOf = (thread: Thread) =>
    bindingsFor(turn.execution, thread).states['context'] as { readonly Map?: Json };
  return { ...contextOf(map), Map: contextOf(item).Map ?? null };
}
