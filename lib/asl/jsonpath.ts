/**
 * JSONPath as Step Functions reads it. Its dialect is Jayway's: a definite path (names and single indexes) gives one
 * value and fails without one; any other gives a list, which may be empty. A path begins with `$` (the data it is
 * applied to), `$$` (the context object) or `$name` (a variable).
 *
 * @see https://github.com/json-path/JsonPath
 */
import type { Json } from './definition.ts';
import { type Filter, passes } from './jsonpath-filter.ts';
import { parsePath } from './jsonpath-parse.ts';

/** One step of a path. */
export type Step =
  | { readonly kind: 'names'; readonly names: readonly string[] }
  | { readonly kind: 'indexes'; readonly indexes: readonly number[] }
  | { readonly kind: 'slice'; readonly from: number | undefined; readonly to: number | undefined }
  | { readonly kind: 'all' }
  /** `..`: this value and all within it. */
  | { readonly kind: 'deep' }
  | { readonly kind: 'filter'; readonly filter: Filter }
  | { readonly kind: 'function'; readonly name: PathFunction };

/** Functions at the end of a path. */
export type PathFunction = 'length' | 'keys' | 'min' | 'max' | 'avg' | 'sum' | 'stddev' | 'first' | 'last';

export interface JsonPath {
  readonly text: string;
  /** `$`, `$$`, or the name of a variable without its `$`. */
  readonly root: string;
  readonly steps: readonly Step[];
  /** Gives one value, not a list. */
  readonly definite: boolean;
}

/** A path without a value. The message is Jayway's. */
export class PathNotFound extends Error {
  override readonly name = 'PathNotFound';
}

const compiled = new Map<string, JsonPath>();
const maxCompiled = 10_000;

/** The path that a text is. @throws {SyntaxError} when it is none. */
export function compilePath(text: string): JsonPath {
  const known = compiled.get(text);
  if (known !== undefined) return known;
  const { root, steps } = parsePath(text);
  const path: JsonPath = { text, root, steps, definite: isDefinite(steps) };
  if (compiled.size >= maxCompiled) compiled.clear();
  compiled.set(text, path);
  return path;
}

/** A path of names and single indexes only, as ResultPath must be. */
export function isReferencePath(path: JsonPath): boolean {
  return path.steps.every(
    (step) =>
      (step.kind === 'names' && step.names.length === 1) ||
      (step.kind === 'indexes' && step.indexes.length === 1 && (step.indexes[0] ?? 0) >= 0),
  );
}

function isDefinite(steps: readonly Step[]): boolean {
  return steps.every(
    (step, index) =>
      (step.kind === 'names' && (step.names.length === 1 || index === steps.length - 1)) ||
      (step.kind === 'indexes' && step.indexes.length === 1) ||
      step.kind === 'function',
  );
}

/** Text of the steps in brackets, as messages show paths: `$['a'][0]`. */
function normalized(steps: readonly Step[]): string {
  const parts = steps.map((step) => {
    if (step.kind === 'names') return `[${step.names.map((name) => `'${name}'`).join(',')}]`;
    if (step.kind === 'indexes') return `[${step.indexes.join(',')}]`;
    if (step.kind === 'slice') return `[${step.from ?? ''}:${step.to ?? ''}]`;
    if (step.kind === 'all') return '[*]';
    if (step.kind === 'filter') return '[?]';
    return step.kind === 'deep' ? '..' : `.${step.name}()`;
  });
  return `$${parts.join('')}`;
}

/**
 * Applies the steps of a path to a value.
 * @throws {PathNotFound} when the path is definite and there is no value.
 */
export function applyPath(path: Pick<JsonPath, 'steps' | 'definite'>, root: Json): Json {
  const { steps } = path;
  let found: Json[] = [root];
  let definite = true;
  for (const [index, step] of steps.entries()) {
    if (step.kind === 'function') {
      // A function sees the list of an indefinite path as one value.
      found = [applyFunction(step.name, definite ? found[0] : found, steps)];
      definite = true;
      continue;
    }
    const next: Json[] = [];
    for (const value of found) take(step, value, next, root, index === steps.length - 1);
    if (next.length === 0 && path.definite) throw missing(steps, index);
    found = next;
    definite &&= isDefinite(steps.slice(0, index + 1));
  }
  return definite ? (found[0] as Json) : found;
}

/** What a path gives; undefined where `applyPath` finds nothing. */
export function valueAt(path: Pick<JsonPath, 'steps' | 'definite'>, root: Json): Json | undefined {
  try {
    return applyPath(path, root);
  } catch (thrown) {
    if (thrown instanceof PathNotFound) return undefined;
    throw thrown;
  }
}

function missing(steps: readonly Step[], index: number): PathNotFound {
  const isLast = index === steps.length - 1;
  return new PathNotFound(
    isLast || steps[index]?.kind === 'indexes'
      ? `No results for path: ${normalized(steps)}`
      : `Missing property in path ${normalized(steps.slice(0, index + 1))}`,
  );
}

function take(step: Exclude<Step, { kind: 'function' }>, value: Json, out: Json[], root: Json, isLast: boolean): void {
  switch (step.kind) {
    case 'names':
      takeNames(step.names, value, out, isLast);
      break;
    case 'indexes':
      if (Array.isArray(value)) for (const index of step.indexes) takeIndex(value, index, out);
      break;
    case 'slice':
      if (Array.isArray(value)) takeSlice(step.from, step.to, value, out);
      break;
    case 'all':
      if (typeof value === 'object' && value !== null) out.push(...Object.values(value));
      break;
    case 'deep':
      takeDeep(value, out);
      break;
    case 'filter':
      for (const item of Array.isArray(value) ? (value as readonly Json[]) : isFields(value) ? [value] : []) {
        if (passes(step.filter, ({ ofItem, path }) => valueAt(path, ofItem ? item : root))) out.push(item);
      }
      break;
  }
}

function takeNames(names: readonly string[], value: Json, out: Json[], isLast: boolean): void {
  if (!isFields(value)) return;
  const there = names.filter((name) => Object.hasOwn(value, name));
  if (names.length > 1 && isLast) out.push(Object.fromEntries(there.map((name) => [name, value[name] as Json])));
  else for (const name of there) out.push(value[name] as Json);
}

function takeIndex(list: readonly Json[], index: number, out: Json[]): void {
  const at = index < 0 ? list.length + index : index;
  if (at >= 0 && at < list.length) out.push(list[at] as Json);
}

/** Jayway's slices: negative ends count from the end, but for `[from:to]`, where the indexes run as they stand. */
function takeSlice(from: number | undefined, to: number | undefined, list: readonly Json[], out: Json[]): void {
  if (from !== undefined && to !== undefined) {
    for (let index = from; index < Math.min(to, list.length); index += 1) takeIndex(list, index, out);
    return;
  }
  out.push(...list.slice(from, to));
}

function takeDeep(value: Json, out: Json[]): void {
  out.push(value);
  if (typeof value !== 'object' || value === null) return;
  for (const part of Object.values(value)) takeDeep(part, out);
}

function applyFunction(name: PathFunction, value: Json | undefined, steps: readonly Step[]): Json {
  if (name === 'length') {
    if (Array.isArray(value) || typeof value === 'string') return value.length;
    return isFields(value) ? Object.keys(value).length : null;
  }
  if (name === 'keys') return isFields(value) ? Object.keys(value) : null;
  const items: readonly Json[] = Array.isArray(value) ? value : [];
  if (name === 'first' || name === 'last') {
    const item = items.at(name === 'first' ? 0 : -1);
    if (item === undefined) throw new PathNotFound(`No results for path: ${normalized(steps)}`);
    return item;
  }
  const numbers = items.filter((item) => typeof item === 'number');
  if (numbers.length === 0)
    throw new PathNotFound('Aggregation function attempted to calculate value using empty array');
  const sum = numbers.reduce((total, item) => total + item, 0);
  const mean = sum / numbers.length;
  switch (name) {
    case 'min':
      return Math.min(...numbers);
    case 'max':
      return Math.max(...numbers);
    case 'sum':
      return sum;
    case 'avg':
      return mean;
    case 'stddev':
      return Math.sqrt(numbers.reduce((total, item) => total + (item - mean) ** 2, 0) / numbers.length);
  }
}

function isFields(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A reference path that cannot be followed into the data it is applied to. */
export class ReferencePathConflict extends Error {
  override readonly name = 'States.ReferencePathConflict';
}

/**
 * The value at a reference path.
 * @throws {ReferencePathConflict} at the first step that has no value.
 */
export function followReference(path: JsonPath, root: Json): Json {
  let at: Json = root;
  for (const step of path.steps) {
    const found: Json[] = [];
    if (step.kind !== 'function') take(step, at, found, root, true);
    const [next] = found;
    if (next === undefined) throw conflict(step, at);
    at = next;
  }
  return at;
}

/**
 * The data with a value put at a reference path. Fields that are not there are made; what is no object or list on the
 * way gives way to the value's path only where nothing stands.
 *
 * @throws {ReferencePathConflict} when a step does not fit what stands there.
 */
export function putAt(path: JsonPath, root: Json, value: Json): Json {
  const put = (at: Json | undefined, index: number): Json => {
    const step = path.steps[index];
    if (step === undefined) return value;
    if (step.kind === 'indexes') {
      const [position = 0] = step.indexes;
      if (!Array.isArray(at) || position >= at.length) throw conflict(step, at ?? null);
      return (at as readonly Json[]).with(position, put(at[position] as Json, index + 1));
    }
    if (step.kind !== 'names') throw conflict(step, at ?? null);
    const [name = ''] = step.names;
    if (at !== undefined && !isFields(at)) throw conflict(step, at);
    const inner = put(at !== undefined && Object.hasOwn(at, name) ? at[name] : undefined, index + 1);
    return { ...at, [name]: inner };
  };
  return put(root, 0);
}

function conflict(step: Step, input: Json): ReferencePathConflict {
  const name = step.kind === 'names' ? step.names[0] : step.kind === 'indexes' ? step.indexes[0] : normalized([step]);
  return new ReferencePathConflict(`Unable to apply step "${name}" to input ${JSON.stringify(input)}`);
}
