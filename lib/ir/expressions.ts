/**
 * Expressions: values that exist only at run time, as a small closed algebra. The compiler prints them as JSONata,
 * tests evaluate them in plain TypeScript; nobody writes JSONata by hand.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** What a reference points at. */
export type RefTarget =
  /** The pipeline's input. */
  | { readonly kind: 'input' }
  /** The output of a job, branch, switch or map. */
  | { readonly kind: 'node'; readonly id: string }
  /** What a job failed with that tolerates it: `{ name, cause }`; absent unless it has failed. */
  | { readonly kind: 'failure'; readonly id: string }
  /** The current item of a map or loop, inside its body; of a map over S3 a record, or the list of a batch. */
  | { readonly kind: 'item'; readonly map: string }
  /** The current index (from 0) of a map or loop, inside its body; of a batch that of its first record. */
  | { readonly kind: 'index'; readonly map: string }
  /** The state of a loop, inside its body and in its condition. */
  | { readonly kind: 'state'; readonly map: string };

export interface LiteralExpression {
  readonly kind: 'literal';
  readonly value: Json;
  /** The name of a secret that the job's function puts in the place of the value, which only says so. */
  readonly secret?: string;
}
export interface RefExpression {
  readonly kind: 'ref';
  readonly target: RefTarget;
  /** Field names and list indexes from the target's value inwards. */
  readonly path: readonly (string | number)[];
}
export interface CallExpression {
  readonly kind: 'call';
  readonly name: ExpressionFunction;
  readonly arguments: readonly Expression[];
}
export interface ObjectExpression {
  readonly kind: 'object';
  readonly fields: { readonly [name: string]: Expression };
}
export interface ArrayExpression {
  readonly kind: 'array';
  readonly items: readonly Expression[];
}
export type Expression = LiteralExpression | RefExpression | CallExpression | ObjectExpression | ArrayExpression;

/**
 * The functions. Arguments by position:
 * `eq ne gt gte lt lte`: two scalars; `and or`: any number of booleans; `not`: one boolean;
 * `text`: scalars, joined as text (what `tpl` makes); `orElse`: a value that may be absent, and the one to take then;
 * `pluck`: a list of objects and a literal field name; `sum`: a list of numbers; `count`: a list;
 * `get`: a value and a literal field name or index; `add subtract multiply`: two numbers; `ok`: a ref to a node, true
 * when its output is there: a job or map that ran and has not failed, a branch whose side taken gave something; or to a
 * job's failure, true when it has failed.
 *
 * Absent: the output of a skipped node or of a failed one, a field or item that is not there, an item of a map's list whose body gave
 * nothing. An object leaves out a field that is absent, `eq` is false of it and `ne` true.
 */
export type ExpressionFunction =
  | 'eq'
  | 'ne'
  | 'gt'
  | 'gte'
  | 'lt'
  | 'lte'
  | 'and'
  | 'or'
  | 'not'
  | 'text'
  | 'orElse'
  | 'pluck'
  | 'sum'
  | 'count'
  | 'get'
  | 'add'
  | 'subtract'
  | 'multiply'
  | 'ok';

/** The node that has to have ended before a target is known, if any. */
export function nodeOf(target: RefTarget): string | undefined {
  return target.kind === 'node' || target.kind === 'failure' ? target.id : undefined;
}

/** Every secret inside an expression: its name, and where it is; `computed` when it is an argument of a function. */
export function secretsOf(
  expression: Expression,
  at: readonly (string | number)[] = [],
  computed = false,
): readonly { readonly name: string; readonly at: readonly (string | number)[]; readonly computed: boolean }[] {
  switch (expression.kind) {
    case 'literal':
      return expression.secret === undefined ? [] : [{ name: expression.secret, at, computed }];
    case 'ref':
      return [];
    case 'call':
      return expression.arguments.flatMap((argument) => secretsOf(argument, at, true));
    case 'object':
      return Object.entries(expression.fields).flatMap(([key, field]) => secretsOf(field, [...at, key], computed));
    case 'array':
      return expression.items.flatMap((item, index) => secretsOf(item, [...at, index], computed));
  }
}

/** Every ref inside an expression, in order of appearance. */
export function refsOf(expression: Expression): readonly RefExpression[] {
  switch (expression.kind) {
    case 'literal':
      return [];
    case 'ref':
      return [expression];
    case 'call':
      return expression.arguments.flatMap(refsOf);
    case 'object':
      return Object.values(expression.fields).flatMap(refsOf);
    case 'array':
      return expression.items.flatMap(refsOf);
  }
}
