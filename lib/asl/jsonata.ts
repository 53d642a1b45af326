/**
 * JSONata as Step Functions evaluates it: templates in which every string that is wholly `{% … %}` is an expression,
 * AWS's extra functions, and AWS's words for what goes wrong. Results are plain JSON.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
 */
import { createHash } from 'node:crypto';
import jsonata from 'jsonata';
import { type Awaitable, andThen, inOrder } from './awaitable.ts';
import type { Json, Template } from './definition.ts';
import { type Closure, closureOf, unsure } from './jsonata-closures.ts';

/** What expressions see: `$states`, whose parts may be getters, and the variables. */
export interface Bindings {
  readonly states: { readonly [part: string]: unknown };
  /** The value of a variable, by its name without the `$`; undefined when there is none. */
  readonly variable: (name: string) => Json | undefined;
}

/** Where time and chance inside expressions come from. */
export interface EvaluationSources {
  /** Milliseconds since the epoch, for `$now()` and `$millis()`. */
  readonly now: () => number;
  /** Uniform in [0, 1), for `$random()` without a seed. */
  readonly random: () => number;
  /** For `$uuid()`. */
  readonly uuid: () => string;
}

/** An expression failed: the state fails with `States.QueryEvaluationError`. `location` is the field, as `Output/total`. */
export class QueryEvaluationError extends Error {
  override readonly name = 'States.QueryEvaluationError';
  readonly location: string | undefined;
  /** The expression itself gave a value; using the value failed. */
  readonly afterwards: boolean;

  constructor(message: string, location?: string, afterwards = false) {
    super(message);
    this.location = location;
    this.afterwards = afterwards;
  }
}

/** Guards of one evaluation. AWS stops after about a second; ours is wider, so that a busy machine does not decide. */
const guards = { timeout: 10_000, stack: 1_000, sequence: 873_782 } as const;

interface Compiled {
  readonly text: string;
  readonly expression: ReturnType<typeof jsonata>;
  /** The same, faster, as far as it can tell. */
  readonly closure: Closure | undefined;
  /** Names that follow a `$`: the only ones that need a binding. jsonata binds each one for each evaluation. */
  readonly names: readonly string[];
}

const compiled = new Map<string, Compiled>();
const maxCompiled = 10_000;

/** The expression inside `{% … %}`, trimmed; undefined for any other string. */
export function expressionIn(text: string): string | undefined {
  return text.length >= 4 && text.startsWith('{%') && text.endsWith('%}') ? text.slice(2, -2).trim() : undefined;
}

function compile(expression: string): Compiled {
  const known = compiled.get(expression);
  if (known !== undefined) return known;
  const names = new Set(
    Array.from(expression.matchAll(/\$(\p{ID_Start}\p{ID_Continue}*)/gu), (match) => match[1] ?? ''),
  );
  const parsed = jsonata(expression, guards);
  const closure = closureOf(parsed.ast(), names);
  const made = { text: expression, expression: parsed, closure, names: [...names] };
  // Dropping everything is rare and cheap; an eviction order would cost each lookup.
  if (compiled.size >= maxCompiled) compiled.clear();
  compiled.set(expression, made);
  return made;
}

const compiledTemplates = new Map<string, Compiled>();
let compiledCharacters = 0;
const maxCompiledCharacters = 16_777_216;

/** A string of a template, compiled by the string itself: cutting the expression out costs more than to evaluate most. */
function compiledTemplate(text: string, location: string): Compiled | 'plain' {
  const known = compiledTemplates.get(text);
  if (known !== undefined) return known;
  const expression = expressionIn(text);
  // Anything may stand in a plain string, and be large; to see that it is plain costs next to nothing.
  if (expression === undefined) return 'plain';
  const made = compileAt(expression, location);
  compiledCharacters += text.length;
  if (compiledTemplates.size >= maxCompiled || compiledCharacters > maxCompiledCharacters) {
    compiledTemplates.clear();
    compiledCharacters = text.length;
  }
  compiledTemplates.set(text, made);
  return made;
}

function compileAt(expression: string, location: string): Compiled {
  try {
    return compile(expression);
  } catch (thrown) {
    throw evaluationError(expression, location, thrown);
  }
}

function evaluationError(expression: string, location: string, thrown: unknown): QueryEvaluationError {
  const code = codeOf(thrown);
  const separator = code === undefined ? ': ' : `. ${code}: `;
  const what = `${specified(expression, location)} threw an error during evaluation`;
  return new QueryEvaluationError(`${what}${separator}${messageOf(thrown)}`, location);
}

/** How AWS begins what it says of an expression. */
function specified(expression: string, location: string): string {
  return `The JSONata expression '${expression}' specified for the field '${location}'`;
}

/** What is wrong with an expression's syntax, in jsonata's words; undefined when it parses. */
export function syntaxErrorOf(expression: string): string | undefined {
  try {
    compile(expression);
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/** The variables that an expression reads: not `$states`, not what it binds itself, not functions that it calls. */
export function variablesOf(expression: string): readonly string[] {
  const read = new Set<string>();
  const bound = new Set<string>(['', '$', 'states']);
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { type, value, lhs, procedure, arguments: given } = node as { readonly [field: string]: unknown };
    if (type === 'variable' && typeof value === 'string') read.add(value);
    if (type === 'bind') bound.add(String((lhs as { readonly value?: unknown }).value));
    if (type === 'lambda') for (const each of given as readonly { value: string }[]) bound.add(each.value);
    for (const [field, part] of Object.entries(node)) {
      const isName = field === 'procedure' && (procedure as { readonly type?: unknown }).type === 'variable';
      if (!isName) visit(part);
    }
  };
  visit(compile(expression).expression.ast());
  return [...read].filter((name) => !bound.has(name));
}

/** True when some string of the template is an expression. */
export function hasExpressions(template: Template): boolean {
  if (typeof template === 'string') return expressionIn(template) !== undefined;
  if (typeof template !== 'object' || template === null) return false;
  return Object.values(template).some(hasExpressions);
}

/**
 * Evaluates a template. Answers at once when it holds no expression.
 *
 * @param location the field the template stands in, for messages: `Arguments`, `Choices[0]/Output`.
 * @throws {QueryEvaluationError} (or rejects with it) when an expression fails, gives nothing, or gives a function.
 */
export function evaluateTemplate(
  template: Template,
  bindings: Bindings,
  sources: EvaluationSources,
  location: string,
): Awaitable<Json> {
  if (!hasExpressions(template)) return template;
  return evaluateParts(template, bindings, sources, location);
}

/**
 * Evaluates a field that must give a certain type of value.
 *
 * @throws {QueryEvaluationError} (or rejects with it) also when the type is another one.
 */
export function evaluateTyped<T extends keyof JsonTypes>(
  expected: T,
  template: Template,
  bindings: Bindings,
  sources: EvaluationSources,
  location: string,
): Awaitable<JsonTypes[T]> {
  return andThen(evaluateTemplate(template, bindings, sources, location), (value) =>
    ofType(expected, template, value, location),
  );
}

function ofType<T extends keyof JsonTypes>(
  expected: T,
  template: Template,
  value: Json,
  location: string,
): JsonTypes[T] {
  const found = Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
  if (found === expected) return value as JsonTypes[T];
  const what =
    typeof template === 'string' ? `The JSONata expression '${expressionIn(template) ?? template}'` : 'The value';
  throw new QueryEvaluationError(
    `${what} specified for the field '${location}' returned an unexpected result type. ` +
      `Expected '${expected}', but was '${found}' for value: ${JSON.stringify(value)}`,
    location,
  );
}

interface JsonTypes {
  readonly string: string;
  readonly number: number;
  readonly boolean: boolean;
  readonly array: readonly Json[];
}

function evaluateParts(
  template: Template,
  bindings: Bindings,
  sources: EvaluationSources,
  location: string,
): Awaitable<Json> {
  if (typeof template === 'string') return evaluateText(template, bindings, sources, location);
  if (typeof template !== 'object' || template === null) return template;
  if (Array.isArray(template)) {
    const parts = template as readonly Template[];
    return inOrder(parts, (part, index) => evaluateParts(part, bindings, sources, `${location}[${index}]`));
  }
  const fields = Object.entries(template);
  const values = inOrder(fields, ([key, value]) => evaluateParts(value, bindings, sources, `${location}/${key}`));
  return andThen(values, (made) =>
    Object.fromEntries(fields.map(([key], index): [string, Json] => [key, made[index] as Json])),
  );
}

function evaluateText(text: string, bindings: Bindings, sources: EvaluationSources, location: string): Awaitable<Json> {
  const known = compiledTemplate(text, location);
  if (known === 'plain') return text;
  const result = known.closure === undefined ? unsure : known.closure(bindings);
  // Nothing is an error, which has its words below.
  if (result !== unsure && result !== undefined) return result as Json;
  return evaluateByJsonata(known, bindings, sources, location);
}

async function evaluateByJsonata(
  known: Compiled,
  bindings: Bindings,
  sources: EvaluationSources,
  location: string,
): Promise<Json> {
  let result: unknown;
  try {
    result = await known.expression.evaluate(undefined, bound(known.names, bindings, functionsFor(sources)));
  } catch (thrown) {
    throw evaluationError(known.text, location, thrown);
  }
  const at = specified(known.text, location);
  if (result === undefined) throw new QueryEvaluationError(`${at} returned nothing (undefined).`, location);
  const json = plainJson(result);
  if (json === undefined) throw new QueryEvaluationError(`${at} returned an unsupported result type.`, location);
  return json;
}

/** The values of the names an expression mentions. jsonata's own functions need none. */
function bound(
  names: readonly string[],
  bindings: Bindings,
  functions: Functions,
): { readonly [name: string]: unknown } {
  const values: { [name: string]: unknown } = {};
  for (const name of names) {
    if (name === 'states') values[name] = bindings.states;
    else {
      const variable = bindings.variable(name);
      if (variable !== undefined) values[name] = variable;
      else if (Object.hasOwn(functions, name)) values[name] = functions[name];
    }
  }
  return values;
}

/**
 * A result of jsonata as plain JSON: lists lose the marks jsonata leaves on sequences. Undefined for what JSON does
 * not hold: functions, infinite numbers, regular expressions.
 */
function plainJson(value: unknown): Json | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'object') return undefined;
  if (Array.isArray(value)) {
    const items: Json[] = [];
    for (const item of value) {
      const json = plainJson(item);
      if (json === undefined) return undefined;
      items.push(json);
    }
    return items;
  }
  // jsonata's own closures are objects with these marks.
  if ('_jsonata_lambda' in value || '_jsonata_function' in value || value instanceof RegExp) return undefined;
  const fields: [string, Json][] = [];
  for (const [key, part] of Object.entries(value)) {
    if (part === undefined) continue;
    const json = plainJson(part);
    if (json === undefined) return undefined;
    fields.push([key, json]);
  }
  return Object.fromEntries(fields);
}

/** AWS's functions beside jsonata's own, and those of jsonata that depend on time and chance. `$eval` is not there. */
function functionsFor(sources: EvaluationSources): Functions {
  const known = functionsBySources.get(sources);
  if (known !== undefined) return known;
  const made: Functions = {
    now: (picture?: string, timezone?: string) => formatTime(sources.now(), picture, timezone),
    millis: () => sources.now(),
    random: (seed?: unknown) => (seed === undefined ? sources.random() : seededRandom(seed)),
    uuid: () => sources.uuid(),
    ...pureFunctions,
  };
  functionsBySources.set(sources, made);
  return made;
}

type Functions = { readonly [name: string]: unknown };
const functionsBySources = new WeakMap<EvaluationSources, Functions>();

const pureFunctions = {
  eval: () => refuse('the function $eval is not supported, use $parse for JSON text'),
  partition: (list: unknown, size: unknown) => {
    if (list === undefined) return undefined;
    if (typeof size !== 'number') return refuse('the second argument of $partition must be a number');
    const chunk = Math.floor(size);
    if (chunk < 1) return refuse('the second argument of $partition must be at least 1');
    const items = Array.isArray(list) ? list : [list];
    return Array.from({ length: Math.ceil(items.length / chunk) }, (_, at) =>
      items.slice(at * chunk, (at + 1) * chunk),
    );
  },
  range: (first: unknown, last: unknown, step: unknown) => {
    if (typeof first !== 'number' || typeof last !== 'number' || typeof step !== 'number') {
      return refuse('the arguments of $range must be three numbers: first, last and step');
    }
    const [from, to, by] = [Math.round(first), Math.round(last), Math.round(step)];
    if (by === 0) return refuse('the step of $range must not be 0');
    const length = Math.max(0, Math.floor((to - from) / by) + 1);
    if (length > 1_000) return refuse('$range gives at most 1000 numbers');
    return Array.from({ length }, (_, index) => from + index * by);
  },
  hash: (text: unknown, algorithm: unknown) => {
    if (text === undefined) return undefined;
    const known = typeof algorithm === 'string' ? hashes[algorithm] : undefined;
    if (known === undefined) return refuse(`the algorithm of $hash must be one of ${Object.keys(hashes).join(', ')}`);
    return createHash(known)
      .update(typeof text === 'string' ? text : JSON.stringify(text))
      .digest('hex');
  },
  parse: (text: unknown) => {
    if (text === undefined) return undefined;
    if (typeof text !== 'string') return refuse('the argument of $parse must be a string');
    return JSON.parse(text) as unknown;
  },
};

const hashes: { readonly [name: string]: string } = Object.assign(Object.create(null), {
  MD5: 'md5',
  'SHA-1': 'sha1',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
});

function refuse(message: string): never {
  throw new Error(message);
}

const timeFormatter = jsonata('$fromMillis($at, $picture, $zone)');

function formatTime(at: number, picture?: string, zone?: string): Promise<unknown> {
  return timeFormatter.evaluate(undefined, { at, picture, zone });
}

/** The same number for the same seed (mulberry32). AWS does not publish its own generator. */
export function seededRandom(seed: unknown): number {
  if (typeof seed !== 'number') return refuse('the seed of $random must be a number');
  let state = (Math.trunc(seed) + 0x6d2b79f5) | 0;
  state = Math.imul(state ^ (state >>> 15), state | 1);
  state ^= state + Math.imul(state ^ (state >>> 7), state | 61);
  return ((state ^ (state >>> 14)) >>> 0) / 4_294_967_296;
}

function codeOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

function messageOf(thrown: unknown): string {
  if (typeof thrown === 'object' && thrown !== null && 'message' in thrown) return String(thrown.message);
  return String(thrown);
}
