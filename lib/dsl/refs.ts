/**
 * Refs: values that exist only when the pipeline runs. `job.out` is a `Ref`; reading a field of it gives a deeper
 * `Ref`, lazily. Nothing here computes: a ref records the expression that the compiler will print.
 */
import { secretMark } from '../secret-layout.ts';
import { type Expression, type Json, type RefTarget, refsOf } from '../ir/expressions.ts';

declare const phantom: unique symbol;

/** A value that exists at run time. Give it to an input, a condition or `tpl`; native operators do not work on it. */
export interface RefBase<out T> {
  readonly [phantom]: () => T;
}

/** Nothing, or `undefined` when a value of the type may be absent: then so may all its fields. */
type Absent<T> = undefined extends T ? undefined : null extends T ? undefined : never;

// biome-ignore lint/complexity/noBannedTypes: `{}` is "no further fields", which is what scalars and lists have
type NoFields = {};
type Fields<T, A> = T extends readonly unknown[] ? NoFields : T extends object ? FieldRefs<T, A> : NoFields;
type FieldRefs<T, A> = { readonly [K in keyof T]-?: Ref<T[K] | A> };

/** A reference to a value of type `T`, with its fields. */
export type Ref<T> = RefBase<T> & Fields<NonNullable<T>, Absent<T>>;

declare const secretName: unique symbol;

/** A secret, by its name: only the function of the job that is given it sees its value. */
export interface Secret {
  readonly [secretName]: true;
}

/**
 * A secret of Secrets Manager, for a field of a job's input that is text. The handler is given its value; it stands in no
 * definition, input, output, history, log or report. On a laptop it is the variable `BUNSUI_SECRET_<NAME>` or a line of
 * the file `.bunsui-secrets`.
 * @example p.job('load', load, { token: secret('warehouse/token'), key: extract.out.key });
 */
export function secret(name: string): Secret {
  const expression: Expression = { kind: 'literal', value: secretMark(name), secret: name };
  return makeRef({ expression, owners: [] }) as unknown as Secret;
}

/** What may be given where a `T` is wanted: a constant, a `Ref`, or a structure of both. */
export type In<T> =
  | RefBase<T>
  | (T extends string | number | boolean | null | undefined
      ? T | (string extends T ? Secret : never)
      : T extends readonly (infer E)[]
        ? RefBase<readonly E[]> | readonly In<E>[]
        : // Records in S3 are what a job has written, and are given as its output.
          T extends AsyncIterable<unknown>
          ? never
          : { [K in keyof T]: In<T[K]> });

/** What a ref knows of itself: its expression, and the recording it belongs to. */
export interface RefRecord {
  readonly expression: Expression;
  /** The pipelines that the expression's refs were recorded in: one, unless the author mixed two. */
  readonly owners: readonly object[];
}

const records = new WeakMap<object, RefRecord>();

/** The record of a ref, or `undefined` for anything else. */
export function refRecord(value: unknown): RefRecord | undefined {
  return typeof value === 'object' && value !== null ? records.get(value) : undefined;
}

function describe(expression: Expression): string {
  const [first] = refsOf(expression);
  if (!first) return expression.kind;
  const { target } = first;
  const base =
    target.kind === 'node'
      ? target.id
      : target.kind === 'input'
        ? 'input'
        : `${target.kind} of ${'map' in target ? target.map : target.id}`;
  return [base, ...first.path].join('.');
}

/**
 * Makes the ref of an expression. Field access on a path ref gives a deeper one; everything a JavaScript runtime
 * asks of an object unasked (`then`, `toJSON`, inspection, conversion to text) is answered without recording.
 *
 * A payload field named `then` or `toJSON` is reached with `get(ref, "then")`.
 */
export function makeRef(record: RefRecord): Ref<never> {
  const { expression } = record;
  const label = () => `Ref(${describe(expression)})`;
  const proxy: object = new Proxy(Object.create(null), {
    get(_target, key) {
      if (key === Symbol.toPrimitive || key === 'toString' || key === 'valueOf') {
        return () => {
          throw new TypeError(
            `${label()} is known only when the pipeline runs: use tpl\`…\` for text and eq, gt, and, … for conditions instead of JavaScript operators`,
          );
        };
      }
      if (key === Symbol.toStringTag) return 'Ref';
      if (typeof key === 'symbol') return key.description === 'nodejs.util.inspect.custom' ? label : undefined;
      if (key === 'then') return undefined;
      if (key === 'toJSON') return label;
      return fieldRef(record, key);
    },
    has: () => false,
    set() {
      throw new TypeError(`${label()} is read-only`);
    },
  });
  records.set(proxy, record);
  return proxy as unknown as Ref<never>;
}

/** The ref of a field (or list index) of another ref. */
export function fieldRef(record: RefRecord, key: string | number): Ref<never> {
  const { expression } = record;
  if (expression.kind === 'ref') {
    return makeRef({ ...record, expression: { ...expression, path: [...expression.path, key] } });
  }
  return makeRef({
    ...record,
    expression: { kind: 'call', name: 'get', arguments: [expression, { kind: 'literal', value: key }] },
  });
}

/** The ref of a whole target: a job's output, the input, a map's item. */
export function targetRef(target: RefTarget, owner: object): Ref<never> {
  return makeRef({ expression: { kind: 'ref', target, path: [] }, owners: [owner] });
}

/** Something in a structure of constants and refs that JSON cannot hold. */
export interface Unserialisable {
  readonly path: readonly (string | number)[];
  readonly found: string;
}

/** A structure of constants and refs as one expression. */
export interface Recorded {
  readonly expression: Expression;
  readonly owners: readonly object[];
  readonly problems: readonly Unserialisable[];
}

const nothing: Recorded = { expression: { kind: 'literal', value: null }, owners: [], problems: [] };

/** Reads a structure of constants and refs. Fields that are `undefined` are left out, as JSON does. */
export function toExpression(
  value: unknown,
  path: readonly (string | number)[] = [],
  seen: readonly object[] = [],
): Recorded {
  const record = refRecord(value);
  if (record) return { ...record, problems: [] };
  const refuse = (found: string): Recorded => ({ ...nothing, problems: [{ path, found }] });
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return { ...nothing, expression: { kind: 'literal', value } };
    case 'number':
      return Number.isFinite(value) ? { ...nothing, expression: { kind: 'literal', value } } : refuse(String(value));
    case 'object':
      break;
    default:
      return refuse(typeof value);
  }
  if (value === null) return nothing;
  if (seen.includes(value)) return refuse('a structure that contains itself');
  const inside = [...seen, value];
  if (Array.isArray(value)) {
    const parts = value.map((item, index) => toExpression(item, [...path, index], inside));
    return gather(parts, (items) => ({ kind: 'array', items }));
  }
  if (!isPlainObject(value)) return refuse(`an instance of ${value.constructor?.name ?? 'a class'}`);
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  const parts = entries.map(([key, field]) => toExpression(field, [...path, key], inside));
  return gather(parts, (fields) => ({
    kind: 'object',
    fields: Object.fromEntries(fields.map((field, index) => [entries[index]?.[0] ?? '', field])),
  }));
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** Joins parts; a structure of constants only becomes one constant. */
function gather(parts: readonly Recorded[], join: (expressions: readonly Expression[]) => Expression): Recorded {
  const expression = join(parts.map((part) => part.expression));
  const constant = literalOf(expression);
  return {
    expression: constant === undefined ? expression : { kind: 'literal', value: constant },
    owners: [...new Set(parts.flatMap((part) => part.owners))],
    problems: parts.flatMap((part) => part.problems),
  };
}

function literalOf(expression: Expression): Json | undefined {
  if (expression.kind === 'literal') return expression.secret === undefined ? expression.value : undefined;
  if (expression.kind === 'array') {
    const items = expression.items.map(literalOf);
    return items.includes(undefined) ? undefined : (items as Json[]);
  }
  if (expression.kind === 'object') {
    const entries = Object.entries(expression.fields).map(([key, field]) => [key, literalOf(field)] as const);
    if (entries.some(([, value]) => value === undefined)) return undefined;
    return Object.fromEntries(entries) as { [key: string]: Json };
  }
  return undefined;
}
