/**
 * Checks an input against the JSON Schema of a pipeline and fills in defaults: the keywords of draft 2020-12 that zod
 * prints. Not zod's own `fromJSONSchema`: that weighs 140 KiB in the function that starts sessions.
 */
import type { Json } from '../ir/expressions.ts';
import type { JsonSchema } from '../ir/nodes.ts';

/** What is wrong with an input, and where. */
export interface InputIssue {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export type InputCheck =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly issues: readonly InputIssue[] };

type JsonObject = { readonly [key: string]: Json };

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function typeOf(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}

function hasType(value: Json, type: unknown): boolean {
  return type === 'integer' ? Number.isInteger(value) : typeOf(value) === type;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function equal(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, at) => equal(item, b[at] ?? null));
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equal(a[key] ?? null, b[key] ?? null))
  );
}

const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value : []);

/** Deeper nesting than any author writes; a schema that refers to itself ends here. */
const maxDepth = 100;

/** Checks `value` and gives it back with the schema's defaults filled in. All issues are found in one go. */
export function checkInput(schema: JsonSchema, value: Json): InputCheck {
  const check = (at: unknown, found: Json, path: InputIssue['path'], issues: InputIssue[]): Json => {
    const report = (message: string, where = path): void => {
      issues.push({ path: where, message });
    };
    if (at === true) return found;
    if (at === false) {
      report('no value is allowed here');
      return found;
    }
    if (!isObject(at)) return found;
    if (path.length > maxDepth) {
      report('is nested too deeply');
      return found;
    }
    let result = found;
    const { $ref: ref, type, anyOf, oneOf, allOf, not } = at;
    if (typeof ref === 'string') result = check(resolve(schema, ref), result, path, issues);
    for (const part of list(allOf)) result = check(part, result, path, issues);
    for (const [alternatives, exactly] of [
      [anyOf, false],
      [oneOf, true],
    ] as const) {
      if (Array.isArray(alternatives)) result = choose(alternatives, exactly, result, path, issues);
    }
    if (not !== undefined) {
      const inverse: InputIssue[] = [];
      check(not, result, path, inverse);
      if (inverse.length === 0) report('is a value that is not allowed');
    }
    if ('const' in at && !equal(at['const'] ?? null, result)) report(`is ${show(result)}, not ${show(at['const'])}`);
    if (Array.isArray(at['enum']) && !at['enum'].some((one) => equal(one, result))) {
      report(`is ${show(result)}, not one of ${at['enum'].map(show).join(', ')}`);
    }
    const types = typeof type === 'string' ? [type] : list(type);
    if (types.length > 0 && !types.some((one) => hasType(result, one))) {
      report(`is ${show(result)}, not ${types.join(' or ')}`);
      return result;
    }
    if (typeof result === 'string') checkText(at, result, report);
    else if (typeof result === 'number') checkNumber(at, result, report);
    else if (Array.isArray(result)) return checkList(at, result, path, issues, report);
    else if (isObject(result)) return checkObject(at, result, path, issues);
    return result;
  };

  const choose = (
    alternatives: readonly Json[],
    exactly: boolean,
    found: Json,
    path: InputIssue['path'],
    issues: InputIssue[],
  ): Json => {
    const tries = alternatives.map((alternative) => {
      const own: InputIssue[] = [];
      return { value: check(alternative, found, path, own), own };
    });
    const fitting = tries.filter(({ own }) => own.length === 0);
    const [first] = fitting;
    if (first !== undefined && (!exactly || fitting.length === 1)) return first.value;
    if (fitting.length > 1)
      issues.push({ path, message: `is ${show(found)}, which fits several alternatives at once` });
    else {
      // The alternative that got furthest tells most of what to change.
      const nearest = tries.toSorted((a, b) => a.own.length - b.own.length || depth(b.own) - depth(a.own))[0];
      const typed = nearest?.own.filter((issue) => issue.path.length > path.length) ?? [];
      if (typed.length > 0) issues.push(...typed);
      else issues.push({ path, message: `is ${show(found)}, which fits none of ${alternatives.length} alternatives` });
    }
    return found;
  };

  const checkList = (
    at: JsonObject,
    found: readonly Json[],
    path: InputIssue['path'],
    issues: InputIssue[],
    report: (message: string) => void,
  ): Json => {
    const least = number(at['minItems']);
    const most = number(at['maxItems']);
    if (least !== undefined && found.length < least) report(`has ${found.length} items, at least ${least} are needed`);
    if (most !== undefined && found.length > most) report(`has ${found.length} items, at most ${most} are allowed`);
    const prefix = list(at['prefixItems']);
    return found.map((item, index) => check(prefix[index] ?? at['items'] ?? true, item, [...path, index], issues));
  };

  const checkObject = (at: JsonObject, found: JsonObject, path: InputIssue['path'], issues: InputIssue[]): Json => {
    const properties = isObject(at['properties']) ? at['properties'] : {};
    const result = new Map<string, Json>();
    for (const [key, item] of Object.entries(found)) {
      const known = Object.hasOwn(properties, key);
      if (!known && at['additionalProperties'] === false) {
        issues.push({
          path: [...path, key],
          message: `is not known; known are ${Object.keys(properties).join(', ') || 'none'}`,
        });
        continue;
      }
      const names: InputIssue[] = [];
      if (at['propertyNames'] !== undefined) check(at['propertyNames'], key, [...path, key], names);
      issues.push(...names.map((issue) => ({ ...issue, message: `as a name ${issue.message}` })));
      const rule = known ? properties[key] : at['additionalProperties'];
      result.set(key, check(rule ?? true, item, [...path, key], issues));
    }
    for (const [key, rule] of Object.entries(properties)) {
      if (!result.has(key) && isObject(rule) && rule['default'] !== undefined) result.set(key, rule['default']);
    }
    for (const key of list(at['required'])) {
      if (typeof key === 'string' && !result.has(key)) issues.push({ path: [...path, key], message: 'is required' });
    }
    return Object.fromEntries(result);
  };

  const issues: InputIssue[] = [];
  const checked = check(schema, value, [], issues);
  return issues.length === 0 ? { ok: true, value: checked } : { ok: false, issues };
}

function depth(issues: readonly InputIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length));
}

function resolve(schema: JsonSchema, ref: string): unknown {
  if (!ref.startsWith('#')) return true;
  let at: unknown = schema;
  for (const part of ref.slice(1).split('/').slice(1)) {
    const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    at = isObject(at) ? at[name] : undefined;
  }
  return at ?? true;
}

function checkText(at: JsonObject, text: string, report: (message: string) => void): void {
  const least = number(at['minLength']);
  const most = number(at['maxLength']);
  const { length } = text;
  if (least !== undefined && length < least) report(`has ${length} characters, at least ${least} are needed`);
  if (most !== undefined && length > most) report(`has ${length} characters, at most ${most} are allowed`);
  const { pattern, format } = at;
  if (typeof pattern === 'string' && !new RegExp(pattern, 'u').test(text)) {
    // zod prints the pattern of each of its formats beside the format's name, which says more.
    report(
      typeof format === 'string'
        ? `is ${show(text)}, not of the format "${format}"`
        : `is ${show(text)}, which does not match ${pattern}`,
    );
  }
}

function checkNumber(at: JsonObject, found: number, report: (message: string) => void): void {
  const bounds = [
    ['minimum', (limit: number) => found >= limit, 'at least'],
    ['maximum', (limit: number) => found <= limit, 'at most'],
    ['exclusiveMinimum', (limit: number) => found > limit, 'more than'],
    ['exclusiveMaximum', (limit: number) => found < limit, 'less than'],
  ] as const;
  for (const [keyword, fits, words] of bounds) {
    const limit = number(at[keyword]);
    if (limit !== undefined && !fits(limit)) report(`is ${found}, not ${words} ${limit}`);
  }
  const step = number(at['multipleOf']);
  if (step !== undefined && step > 0 && Math.abs(found / step - Math.round(found / step)) > 1e-9) {
    report(`is ${found}, not a multiple of ${step}`);
  }
}
