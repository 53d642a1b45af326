/**
 * Event patterns, as EventBridge matches them: what is in a pattern must be in the event, each field with one of the
 * values that the pattern lists.
 *
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
import type { TriggerIr } from '../ir/nodes.ts';
import type { Unplaced } from '../ir/policy.ts';
import type { Json } from '../ir/expressions.ts';

export type JsonObject = { readonly [field: string]: Json };
function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type Matcher = (operand: Json, value: Json | undefined) => boolean;
const isText = (value: Json | undefined): value is string => typeof value === 'string';

const matchers: { readonly [name: string]: Matcher } = {
  prefix: (operand, value) => isText(operand) && isText(value) && value.startsWith(operand),
  suffix: (operand, value) => isText(operand) && isText(value) && value.endsWith(operand),
  wildcard: (operand, value) => isText(operand) && isText(value) && wildcard(operand, value),
  'equals-ignore-case': (operand, value) =>
    isText(operand) && isText(value) && value.toLowerCase() === operand.toLowerCase(),
  exists: (operand, value) => (value !== undefined) === operand,
  'anything-but': (operand, value) => value !== undefined && !isOneOf(operand, value),
  numeric: (operand, value) => Array.isArray(operand) && typeof value === 'number' && inRange(operand, value),
};

function isOneOf(operand: Json, value: Json): boolean {
  const list: readonly Json[] = Array.isArray(operand) ? operand : [operand];
  return list.some((one) => (isObject(one) ? fitsOne(one, value) : one === value));
}

/** `*` stands for any characters, a backslash takes the meaning from what follows. */
function wildcard(pattern: string, text: string): boolean {
  const parts: string[] = [''];
  for (const [token] of pattern.matchAll(/\\[\s\S]|[\s\S]/gu)) {
    if (token === '*') parts.push('');
    else parts.push((parts.pop() ?? '') + (token.length > 1 && token.startsWith('\\') ? token.slice(1) : token));
  }
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}

/** `['>', 1, '<=', 5]` */
function inRange(conditions: readonly Json[], value: number): boolean {
  for (let index = 0; index + 1 < conditions.length; index += 2) {
    const limit = conditions[index + 1];
    if (typeof limit !== 'number') return false;
    const holds = {
      '=': value === limit,
      '<': value < limit,
      '<=': value <= limit,
      '>': value > limit,
      '>=': value >= limit,
    };
    if (holds[conditions[index] as keyof typeof holds] !== true) return false;
  }
  return true;
}

function fitsOne(wanted: Json, value: Json | undefined): boolean {
  if (!isObject(wanted)) return wanted === value;
  const [[name, operand] = ['', null]] = Object.entries(wanted);
  return Object.hasOwn(matchers, name) && matchers[name]?.(operand, value) === true;
}

/** Whether an event fits a pattern. */
export function fitsPattern(pattern: JsonObject, event: JsonObject): boolean {
  return Object.entries(pattern).every(([field, wanted]) => {
    if (field === '$or' && Array.isArray(wanted)) return wanted.some((one) => isObject(one) && fitsPattern(one, event));
    const value = Object.hasOwn(event, field) ? event[field] : undefined;
    if (isObject(wanted)) {
      // What is asked for below a field that is not there is not there.
      return fitsPattern(wanted, isObject(value) ? value : {});
    }
    if (!Array.isArray(wanted)) return false;
    const values: readonly (Json | undefined)[] = Array.isArray(value) ? value : [value];
    return wanted.some((one) => values.some((each) => fitsOne(one, each)));
  });
}

/** The first operator in a pattern that is not served here, and would never match. */
export function unservedOperator(pattern: Json): string | undefined {
  if (Array.isArray(pattern)) {
    for (const one of pattern) {
      if (!isObject(one)) continue;
      const [name = ''] = Object.keys(one);
      if (!Object.hasOwn(matchers, name)) return name;
      const inner = name === 'anything-but' ? one[name] : undefined;
      const found = isObject(inner) ? unservedOperator([inner]) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (!isObject(pattern)) return undefined;
  for (const [field, inner] of Object.entries(pattern)) {
    const all = field === '$or' && Array.isArray(inner) ? inner : [inner];
    for (const one of all) {
      const found = unservedOperator(one);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** Whether an event is one that a trigger means. */
export function fitsTrigger(trigger: Unplaced<TriggerIr>, event: JsonObject): boolean {
  const { source, detail = {} } = event;
  const data: JsonObject = isObject(detail) ? detail : {};
  switch (trigger.kind) {
    case 'event':
      return trigger.bus === undefined && fitsPattern(trigger.pattern, event);
    case 's3': {
      const object = data['object'];
      const key = isObject(object) ? object['key'] : undefined;
      const { bucket, prefix = '', suffix = '' } = trigger;
      return (
        source === 'aws.s3' &&
        event['detail-type'] === 'Object Created' &&
        fitsPattern({ bucket: { name: [bucket] } }, data) &&
        isText(key) &&
        key.length >= prefix.length + suffix.length &&
        key.startsWith(prefix) &&
        key.endsWith(suffix)
      );
    }
    case 'pipeline': {
      const machine = data['stateMachineArn'];
      return (
        source === 'aws.states' &&
        data['status'] === 'SUCCEEDED' &&
        isText(machine) &&
        machine.split(':').at(-1) === trigger.pipeline
      );
    }
  }
}
