/** The fields of a Map, in either language: its items, its numbers, and what ItemSelector makes of an item. */
import type { Awaitable } from '../asl/awaitable.ts';
import type { Json, MapState } from '../asl/definition.ts';
import { evaluateTemplate, evaluateTyped, QueryEvaluationError } from '../asl/jsonata.ts';
import { evaluateReference, fillTemplate, PathFailure, selectPath } from '../asl/payload-template.ts';
import { bindingsFor } from './bindings.ts';
import { dataOf } from './data-flow.ts';
import { speaksJsonPath, type Thread } from './execution.ts';
import type { Turn } from './turn.ts';

/** The list that a Map runs over. @throws {QueryEvaluationError | PathFailure} also when it is none. */
export async function itemsOf(turn: Turn, thread: Thread, state: MapState): Promise<readonly Json[]> {
  if (speaksJsonPath(turn.execution, state)) {
    const { ItemsPath: path = '$' } = state;
    const items = evaluateReference(path, dataOf(turn, thread));
    if (Array.isArray(items)) return items as readonly Json[];
    throw new PathFailure(`Reference path "${path.replace(/^\$\$/, '$')}" must point to array.`);
  }
  const items =
    state.Items === undefined
      ? thread.input.value
      : await evaluateTyped('array', state.Items, bindingsFor(turn.execution, thread), turn.sources, 'Items');
  if (Array.isArray(items)) return items as readonly Json[];
  throw new QueryEvaluationError(`Map state input must be an array but was: ${thread.input.text}`);
}

const ranges = {
  MaxConcurrency: ['integer', Number.POSITIVE_INFINITY, 'cannot be negative'],
  ToleratedFailureCount: ['integer', Number.POSITIVE_INFINITY, 'cannot be negative'],
  ToleratedFailurePercentage: ['float', 100, 'must be between 0 and 100'],
} as const;

/** A number of a Map; undefined when the state does not have it. @throws {QueryEvaluationError | PathFailure} */
export async function mapNumber(
  turn: Turn,
  thread: Thread,
  state: MapState,
  field: keyof typeof ranges,
): Promise<number | undefined> {
  const [kind, most, range] = ranges[field];
  const value = await numberIn(turn, thread, state, state, field, field, kind);
  if (value === undefined || (value >= 0 && value <= most)) return value;
  if (speaksJsonPath(turn.execution, state)) throw new PathFailure(`${field} ${range}.`);
  throw new QueryEvaluationError(`${field} ${range}.`, field, true);
}

/** A number in a field of `holder`, by an expression, or at the path that `<field>Path` gives. */
export async function numberIn(
  turn: Turn,
  thread: Thread,
  state: MapState,
  holder: object,
  field: string,
  location: string,
  kind: 'integer' | 'float' = 'integer',
): Promise<number | undefined> {
  const fields = holder as { readonly [field: string]: Json | undefined };
  const path = fields[`${field}Path`];
  if (typeof path === 'string') return numberAt(turn, thread, path, `${field}Path`, kind);
  const value = fields[field];
  if (value === undefined || speaksJsonPath(turn.execution, state)) return value as number | undefined;
  return evaluateTyped('number', value, bindingsFor(turn.execution, thread), turn.sources, location);
}

/** The number at a path. Text that holds a number will do, as on AWS. */
function numberAt(turn: Turn, thread: Thread, path: string, field: string, kind: 'integer' | 'float'): number {
  const value = selectPath(path, dataOf(turn, thread));
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number) && (kind === 'float' || Number.isInteger(number))) {
    return number;
  }
  const shown = typeof value === 'string' ? value : JSON.stringify(value);
  throw new PathFailure(`The ${field} field refers to value "${shown}" which is not a valid ${kind}: ${path}`);
}

/** A template of the Map itself, in its language. */
export async function filled(
  turn: Turn,
  thread: Thread,
  state: MapState,
  template: Json,
  location: string,
): Promise<Json> {
  if (speaksJsonPath(turn.execution, state)) return fillTemplate(template, dataOf(turn, thread));
  return evaluateTemplate(template, bindingsFor(turn.execution, thread), turn.sources, location);
}

/** Whether the iterations of a Map get something else than its items. */
export function selectsItems(turn: Turn, state: MapState): boolean {
  return selectorOf(turn, state) !== undefined;
}

function selectorOf(turn: Turn, state: MapState): Json | undefined {
  return state.ItemSelector ?? (speaksJsonPath(turn.execution, state) ? state.Parameters : undefined);
}

/** What an iteration gets for an item. @see itemSelector */
export function selectItem(turn: Turn, map: Thread, state: MapState, index: number, item: Json): Awaitable<Json> {
  return itemSelector(turn, map, state)(index, item);
}

/**
 * What iterations get for items. A selector belongs to the Map: it sees the Map's input and context, and the item in
 * `context.Map`.
 */
export function itemSelector(turn: Turn, map: Thread, state: MapState): (index: number, item: Json) => Awaitable<Json> {
  const isPath = speaksJsonPath(turn.execution, state);
  const selector = selectorOf(turn, state);
  if (selector === undefined) return (_, item) => item;
  const own = bindingsFor(turn.execution, map);
  const around = own.states['context'] as { readonly [key: string]: Json };
  return (index, item) => {
    const context: Json = { ...around, Map: { Item: { Index: index, Value: item } } };
    if (isPath) return fillTemplate(selector, { ...dataOf(turn, map), context: () => context });
    const bindings = { ...own, states: { ...own.states, context } };
    return evaluateTemplate(selector, bindings, turn.sources, 'ItemSelector');
  };
}
