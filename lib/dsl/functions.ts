/**
 * Functions over refs: conditions, text and small arithmetic that the state machine itself evaluates. Each records
 * an expression; none computes at synth.
 */
import type { ExpressionFunction } from '../ir/expressions.ts';
import { fieldRef, type In, makeRef, type Ref, type RefBase, refRecord, toExpression } from './refs.ts';

type Scalar = string | number | boolean | null;

function call(name: ExpressionFunction, values: readonly unknown[]): Ref<never> {
  const parts = values.map((value) => toExpression(value));
  const problem = parts.flatMap((part) => part.problems)[0];
  if (problem)
    throw new TypeError(
      `${name}(…) was given ${problem.found}: it takes refs, text, numbers, booleans, lists and plain objects`,
    );
  return makeRef({
    expression: { kind: 'call', name, arguments: parts.map((part) => part.expression) },
    owners: [...new Set(parts.flatMap((part) => part.owners))],
  });
}

/**
 * Are two values equal? Texts, numbers, booleans and null; no conversion.
 * @example eq(load.out.status, 'ready')
 */
export function eq<T extends Scalar | undefined>(a: RefBase<T>, b: NoInfer<T> | RefBase<NoInfer<T>>): Ref<boolean> {
  return call('eq', [a, b]);
}

/**
 * Are two values different?
 * @example ne(load.out.status, 'ready')
 */
export function ne<T extends Scalar | undefined>(a: RefBase<T>, b: NoInfer<T> | RefBase<NoInfer<T>>): Ref<boolean> {
  return call('ne', [a, b]);
}

/**
 * Is the first number greater?
 * @example gt(check.out.rejected, 0)
 */
export function gt(a: In<number>, b: In<number>): Ref<boolean> {
  return call('gt', [a, b]);
}

/**
 * Is the first number greater or equal?
 * @example gte(check.out.rows, 100)
 */
export function gte(a: In<number>, b: In<number>): Ref<boolean> {
  return call('gte', [a, b]);
}

/**
 * Is the first number less?
 * @example lt(check.out.rejected, 10)
 */
export function lt(a: In<number>, b: In<number>): Ref<boolean> {
  return call('lt', [a, b]);
}

/**
 * Is the first number less or equal?
 * @example lte(check.out.rejected, 10)
 */
export function lte(a: In<number>, b: In<number>): Ref<boolean> {
  return call('lte', [a, b]);
}

/**
 * Are all conditions true?
 * @example and(gt(check.out.rows, 0), not(input.dryRun))
 */
export function and(...conditions: readonly RefBase<boolean>[]): Ref<boolean> {
  return call('and', conditions);
}

/**
 * Is at least one condition true?
 * @example or(input.force, gt(check.out.rows, 0))
 */
export function or(...conditions: readonly RefBase<boolean>[]): Ref<boolean> {
  return call('or', conditions);
}

/**
 * Is the condition false?
 * @example not(input.dryRun)
 */
export function not(condition: RefBase<boolean>): Ref<boolean> {
  return call('not', [condition]);
}

/**
 * Text with values in it.
 * @example tpl`s3://${load.out.bucket}/${load.out.key}`
 */
export function tpl(
  parts: TemplateStringsArray,
  ...values: readonly (RefBase<string | number | boolean> | string | number | boolean)[]
): Ref<string> {
  const pieces = parts.flatMap((text, index) => (index < values.length ? [text, values[index]] : [text]));
  return call(
    'text',
    pieces.filter((piece) => piece !== ''),
  );
}

/**
 * A value that may be absent (an optional field, the output of a job that may be skipped), and what to take then.
 * @example orElse(load.out.note, 'none')
 */
export function orElse<T>(value: RefBase<T | undefined>, otherwise: In<NoInfer<T>>): Ref<T> {
  return call('orElse', [value, otherwise]);
}

/**
 * One field of each object of a list.
 * @example pluck(convert.out, 'rows')
 */
export function pluck<T, K extends keyof T & string>(list: RefBase<readonly T[]>, field: K): Ref<readonly T[K][]> {
  return call('pluck', [list, field]);
}

/**
 * The sum of a list of numbers; 0 for an empty list.
 * @example sum(pluck(convert.out, 'rows'))
 */
export function sum(list: RefBase<readonly number[]>): Ref<number> {
  return call('sum', [list]);
}

/**
 * How many items a list has.
 * @example gt(count(list.out.files), 0)
 */
export function count(list: RefBase<readonly unknown[]>): Ref<number> {
  return call('count', [list]);
}

/**
 * A field by name or a list's item by index, where plain property access cannot be written (`then`, an index).
 * @example get(list.out.files, 0)
 */
export function get<T, K extends keyof T & (string | number)>(value: RefBase<T>, key: K): Ref<T[K]> {
  const record = refRecord(value);
  if (!record)
    throw new TypeError('get(value, key) takes a ref as its value: a constant can be read with plain property access');
  return fieldRef(record, key);
}

/**
 * Two numbers added.
 * @example add(a.out.rows, b.out.rows)
 */
export function add(a: In<number>, b: In<number>): Ref<number> {
  return call('add', [a, b]);
}

/**
 * The second number taken from the first.
 * @example subtract(a.out.rows, a.out.rejected)
 */
export function subtract(a: In<number>, b: In<number>): Ref<number> {
  return call('subtract', [a, b]);
}

/**
 * Two numbers multiplied.
 * @example multiply(a.out.rows, 100)
 */
export function multiply(a: In<number>, b: In<number>): Ref<number> {
  return call('multiply', [a, b]);
}
