/**
 * Choice rules of JSONPath states. A comparison with a value of another type is false; a path without a value fails.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
 */
import type { Json, PathRule } from './definition.ts';
import { parseTimestamp } from './json.ts';
import { lookUp, type PathData, PathFailure } from './payload-template.ts';

type Order = (order: number) => boolean;

const orders: { readonly [suffix: string]: Order } = {
  Equals: (order) => order === 0,
  LessThan: (order) => order < 0,
  LessThanEquals: (order) => order <= 0,
  GreaterThan: (order) => order > 0,
  GreaterThanEquals: (order) => order >= 0,
};

/** The kinds of values that have operators: a value of the kind as something that has an order, or undefined. */
const kinds: { readonly [kind: string]: (value: Json) => string | number | undefined } = {
  String: (value) => (typeof value === 'string' ? value : undefined),
  Numeric: (value) => (typeof value === 'number' ? value : undefined),
  Boolean: (value) => (typeof value === 'boolean' ? Number(value) : undefined),
  Timestamp: (value) => (typeof value === 'string' ? parseTimestamp(value) : undefined),
};

const typeTests: { readonly [operator: string]: (value: Json) => boolean } = {
  IsNull: (value) => value === null,
  IsString: (value) => typeof value === 'string',
  IsNumeric: (value) => typeof value === 'number',
  IsBoolean: (value) => typeof value === 'boolean',
  IsTimestamp: (value) => typeof value === 'string' && parseTimestamp(value) !== undefined,
};

const comparisons: ReadonlyMap<string, (left: Json, right: Json) => boolean> = new Map([
  ...Object.entries(kinds).flatMap(([kind, read]) =>
    Object.entries(orders)
      .filter(([suffix]) => kind !== 'Boolean' || suffix === 'Equals')
      .map(([suffix, accepts]): [string, (left: Json, right: Json) => boolean] => [
        `${kind}${suffix}`,
        (left, right) => compare(read(left), read(right), accepts),
      ]),
  ),
  [
    'StringMatches',
    (left, right) => typeof left === 'string' && typeof right === 'string' && matchesPattern(left, right),
  ] as const,
]);

/** The operators, each a field of a rule, and what a definition may give them. */
export function operatorTakes(field: string): 'String' | 'Numeric' | 'Boolean' | 'Timestamp' | 'path' | undefined {
  if (field === 'IsPresent' || Object.hasOwn(typeTests, field)) return 'Boolean';
  if (field === 'StringMatches') return 'String';
  if (comparisons.has(field)) return Object.keys(kinds).find((kind) => field.startsWith(kind)) as 'String';
  return field.endsWith('Path') && field !== 'StringMatchesPath' && comparisons.has(field.slice(0, -4))
    ? 'path'
    : undefined;
}

/** Whether a rule holds. @throws {PathFailure} when a path in it has no value. */
export function ruleHolds(rule: PathRule, data: PathData): boolean {
  if (rule.And !== undefined) return rule.And.every((part) => ruleHolds(part, data));
  if (rule.Or !== undefined) return rule.Or.some((part) => ruleHolds(part, data));
  if (rule.Not !== undefined) return !ruleHolds(rule.Not, data);
  const path = rule.Variable ?? '$';
  const operator = Object.keys(rule).find((field) => operatorTakes(field) !== undefined) ?? '';
  const wanted = rule[operator] as Json;
  if (operator === 'IsPresent') return (lookUp(path, data) !== undefined) === wanted;
  const left = present(path, data);
  const isType = Object.hasOwn(typeTests, operator) ? typeTests[operator] : undefined;
  if (isType !== undefined) return isType(left) === wanted;
  const compareTwo = comparisons.get(operatorTakes(operator) === 'path' ? operator.slice(0, -4) : operator);
  const right = operatorTakes(operator) === 'path' ? present(String(wanted), data) : wanted;
  return compareTwo?.(left, right) === true;
}

function present(path: string, data: PathData): Json {
  const value = lookUp(path, data);
  if (value !== undefined) return value;
  throw new PathFailure(`Invalid path '${path}': The choice state's condition path references an invalid value.`);
}

function compare(
  left: string | number | undefined,
  right: string | number | undefined,
  accepts: (order: number) => boolean,
): boolean {
  if (left === undefined || right === undefined) return false;
  return accepts(left < right ? -1 : left > right ? 1 : 0);
}

/** `*` stands for any text; a backslash takes it, or a backslash, as it is. */
function matchesPattern(text: string, pattern: string): boolean {
  const parts: string[] = [''];
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern[at] ?? '';
    const next = pattern[at + 1];
    if (char === '*') parts.push('');
    else if (char === '\\' && (next === '*' || next === '\\')) {
      parts[parts.length - 1] += next;
      at += 1;
    } else parts[parts.length - 1] += char;
  }
  return matchesParts(text, parts);
}

/** Looks for the parts between wildcards one after another: no backtracking, so that no pattern takes long. */
function matchesParts(text: string, parts: readonly string[]): boolean {
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return text === first;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  const end = text.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
