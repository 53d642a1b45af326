/** What the intrinsic functions do. Messages say what is wrong with an argument; the caller says in which call. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Json } from './definition.ts';
import { type EvaluationSources, seededRandom } from './jsonata.ts';

/** An argument that a function does not take. */
export class IntrinsicFailure extends Error {
  override readonly name = 'States.IntrinsicFailure';
}

type Fields = { readonly [key: string]: Json };
type IntrinsicFunction = (args: readonly Json[], sources: EvaluationSources) => Json;

const maxRangeItems = 1_000;
/** Base64 and Hash take at most this many characters. */
const maxTextLength = 10_000;

const functions: { readonly [name: string]: readonly [least: number, most: number, call: IntrinsicFunction] } = {
  Format: [1, Number.POSITIVE_INFINITY, ([template, ...args]) => format(textIn(template, 1), args)],
  StringToJson: [1, 1, ([text]) => stringToJson(textIn(text, 1))],
  JsonToString: [1, 1, ([value]) => JSON.stringify(value)],
  Array: [0, Number.POSITIVE_INFINITY, (args) => args],
  ArrayPartition: [2, 2, ([list, size]) => partition(listIn(list, 1), integerIn(size, 2))],
  ArrayContains: [2, 2, ([list, value]) => listIn(list, 1).some((item) => isDeepStrictEqual(item, value))],
  ArrayRange: [3, 3, ([first, last, step]) => range(integerIn(first, 1), integerIn(last, 2), integerIn(step, 3))],
  ArrayGetItem: [2, 2, ([list, index]) => itemAt(listIn(list, 1), integerIn(index, 2))],
  ArrayLength: [1, 1, ([list]) => listIn(list, 1).length],
  ArrayUnique: [1, 1, ([list]) => unique(listIn(list, 1))],
  Base64Encode: [1, 1, ([text]) => Buffer.from(shortTextIn(text, 1), 'utf8').toString('base64')],
  Base64Decode: [1, 1, ([text]) => decodeBase64(shortTextIn(text, 1))],
  Hash: [2, 2, ([data, algorithm]) => hash(data ?? null, textIn(algorithm, 2))],
  JsonMerge: [3, 3, ([left, right, deep]) => merge(fieldsIn(left, 1), fieldsIn(right, 2), deep)],
  MathRandom: [
    2,
    3,
    ([start, end, seed], sources) => mathRandom(roundedIn(start, 1), roundedIn(end, 2), seed, sources.random),
  ],
  MathAdd: [2, 2, ([left, right]) => roundedIn(left, 1) + roundedIn(right, 2)],
  StringSplit: [2, 2, ([text, separators]) => split(textIn(text, 1), textIn(separators, 2))],
  UUID: [0, 0, (_args, sources) => sources.uuid()],
};

/** How many arguments a function takes; undefined when there is no such function. */
export function arity(name: string): readonly [least: number, most: number] | undefined {
  const known = Object.hasOwn(functions, name) ? functions[name] : undefined;
  return known === undefined ? undefined : [known[0], known[1]];
}

/** Calls a function that `arity` knows. @throws {IntrinsicFailure} when it does not take an argument. */
export function callIntrinsic(name: string, args: readonly Json[], sources: EvaluationSources): Json {
  const known = functions[name];
  if (known === undefined) throw new IntrinsicFailure(`there is no function ${name}`);
  return known[2](args, sources);
}

function refuse(position: number, expected: string, found: Json | undefined): never {
  const shown = JSON.stringify(found ?? null).slice(0, 200);
  throw new IntrinsicFailure(`The argument at position ${position} must be ${expected}, but was: ${shown}`);
}

function textIn(value: Json | undefined, position: number): string {
  return typeof value === 'string' ? value : refuse(position, 'a string', value);
}

function shortTextIn(value: Json | undefined, position: number): string {
  const text = textIn(value, position);
  return text.length <= maxTextLength ? text : refuse(position, `at most ${maxTextLength} characters long`, text);
}

function listIn(value: Json | undefined, position: number): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : refuse(position, 'an array', value);
}

function fieldsIn(value: Json | undefined, position: number): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : refuse(position, 'an object', value);
}

/** A whole number; AWS rounds half up, also below zero. */
function roundedIn(value: Json | undefined, position: number): number {
  return typeof value === 'number' ? Math.round(value) + 0 : refuse(position, 'a number', value);
}

function integerIn(value: Json | undefined, position: number): number {
  return roundedIn(value, position);
}

/** Puts arguments into the `{}` of a template. `\{`, `\}`, `\'` and `\\` are those characters themselves. */
function format(template: string, args: readonly Json[]): string {
  let taken = 0;
  const text = template.replace(/\\([{}'\\])|\{\}/g, (_, escaped?: string) => {
    if (escaped !== undefined) return escaped;
    const arg = args[taken++];
    return arg === undefined ? '{}' : typeof arg === 'string' ? arg : shown(arg);
  });
  if (taken === args.length) return text;
  throw new IntrinsicFailure(
    `Expected ${taken} arguments for the placeholders of the template, but got ${args.length}`,
  );
}

/** A value inside a formatted text: AWS shows objects as `{key=value, …}`. */
function shown(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{${Object.entries(value)
    .map(([key, part]) => `${key}=${shown(part as Json)}`)
    .join(', ')}}`;
}

function stringToJson(text: string): Json {
  if (text.trim() === '') return null;
  try {
    return withoutNegativeZero(JSON.parse(text) as Json);
  } catch {
    return refuse(1, 'valid JSON', text);
  }
}

function withoutNegativeZero(value: Json): Json {
  return Object.is(value, -0) ? 0 : value;
}

function partition(list: readonly Json[], size: number): Json {
  if (size < 1) return refuse(2, 'a positive number', size);
  return Array.from({ length: Math.ceil(list.length / size) }, (_, at) => list.slice(at * size, (at + 1) * size));
}

function range(first: number, last: number, step: number): Json {
  if (step === 0) return refuse(3, 'a number other than 0', step);
  const length = Math.max(0, Math.floor((last - first) / step) + 1);
  if (length > maxRangeItems) throw new IntrinsicFailure(`The range has more than ${maxRangeItems} items`);
  return Array.from({ length }, (_, index) => first + index * step);
}

function itemAt(list: readonly Json[], index: number): Json {
  const item = index < 0 ? undefined : list[index];
  return item === undefined ? refuse(2, `an index from 0 to ${list.length - 1}`, index) : item;
}

function unique(list: readonly Json[]): Json {
  const texts = new Set<string>();
  return list.filter((item) => {
    const text = canonical(item);
    return !texts.has(text) && texts.add(text);
  });
}

/** Text that is the same for equal values, whatever the order of their fields. */
function canonical(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, part]) => `${JSON.stringify(key)}:${canonical(part as Json)}`).join(',')}}`;
}

function decodeBase64(text: string): string {
  const bytes = Buffer.from(text, 'base64');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return refuse(1, 'Base64 text', text);
  return bytes.toString('utf8');
}

const hashes: ReadonlyMap<string, string> = new Map([
  ['MD5', 'md5'],
  ['SHA-1', 'sha1'],
  ['SHA-256', 'sha256'],
  ['SHA-384', 'sha384'],
  ['SHA-512', 'sha512'],
]);

function hash(data: Json, algorithm: string): string {
  const known = hashes.get(algorithm) ?? refuse(2, `one of ${[...hashes.keys()].join(', ')}`, algorithm);
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  if (text.length > maxTextLength) return refuse(1, `at most ${maxTextLength} characters long`, text);
  return createHash(known).update(text).digest('hex');
}

/** AWS merges the top level only. */
function merge(left: Fields, right: Fields, deep: Json | undefined): Json {
  if (deep !== false) return refuse(3, 'false: only shallow merging is supported', deep);
  return { ...left, ...right };
}

function mathRandom(start: number, end: number, seed: Json | undefined, random: () => number): number {
  if (start >= end) return refuse(2, `greater than the start, which is ${start}`, end);
  const drawn = seed === undefined ? random() : seededRandom(roundedIn(seed, 3));
  return start + Math.floor(drawn * (end - start));
}

/** Splits at every one of the separator's characters; empty parts fall away. */
function split(text: string, separators: string): Json {
  const at = new Set(separators);
  const parts: string[] = [''];
  for (const char of text) {
    if (at.has(char)) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts.filter((part) => part !== '');
}
