import fc from 'fast-check';
import jsonata from 'jsonata';
import { describe, expect, it } from 'vitest';
import { access, type PrintScope, print, template } from '../../lib/compiler/jsonata.ts';
import { levelsOf } from '../../lib/compiler/levels.ts';
import type { CallExpression, Expression, Json } from '../../lib/ir/expressions.ts';
import type { JsonSchema } from '../../lib/ir/nodes.ts';
import { draws } from '../fuzz.ts';

/**
 * Every expression function, printed and evaluated by the JSONata engine, against plain TypeScript: the values are
 * generated, with the shapes that JSONata is known to surprise with (missing, null, one element, empty, nested
 * lists, names that need quoting).
 */
const missing = Symbol('missing');
type Value = Json | typeof missing;

function evaluate(data: Json, expression: Expression): Value {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'ref':
      return expression.path.reduce<Value>((value, key) => read(value, key), data);
    case 'object':
      return Object.fromEntries(
        Object.entries(expression.fields).flatMap(([key, field]) => {
          const value = evaluate(data, field);
          return value === missing ? [] : [[key, value]];
        }),
      ) as Json;
    case 'array':
      return expression.items.map((item) => evaluate(data, item)) as Json;
    case 'call':
      return evaluateCall(data, expression);
  }
}

function read(value: Value, key: string | number): Value {
  if (typeof value !== 'object' || value === null) return missing;
  if (Array.isArray(value))
    return typeof key === 'number' ? (value[key] ?? (key < value.length ? null : missing)) : missing;
  return Object.hasOwn(value, key) ? ((value as { [key: string]: Json })[key] ?? null) : missing;
}

function evaluateCall(data: Json, { name, arguments: given }: CallExpression): Value {
  const values = given.map((argument) => evaluate(data, argument));
  const [a, b] = values;
  const numbers = values as number[];
  const list = a as Json[];
  switch (name) {
    case 'eq':
      return a !== missing && b !== missing && a === b;
    case 'ne':
      return !(a !== missing && b !== missing && a === b);
    case 'gt':
      return (a as number) > (b as number);
    case 'gte':
      return (a as number) >= (b as number);
    case 'lt':
      return (a as number) < (b as number);
    case 'lte':
      return (a as number) <= (b as number);
    case 'and':
      return values.every((value) => value === true);
    case 'or':
      return values.includes(true);
    case 'not':
      return a !== true;
    case 'text':
      return values.map(String).join('');
    case 'orElse':
      return a === missing ? (b ?? missing) : (a ?? missing);
    case 'pluck':
      return list.map((item) => read(item, b as string)) as Json;
    case 'sum':
      return (list as number[]).reduce((sum, value) => sum + value, 0);
    case 'count':
      return list.length;
    case 'get':
      return read(a ?? missing, b as string);
    case 'add':
      return (numbers[0] ?? 0) + (numbers[1] ?? 0);
    case 'subtract':
      return (numbers[0] ?? 0) - (numbers[1] ?? 0);
    case 'multiply':
      // Through JSON there is no negative zero.
      return (numbers[0] ?? 0) * (numbers[1] ?? 0) + 0;
    case 'ok':
      return a !== null;
  }
}

const name = fc
  .oneof(
    fc.constantFrom('n', 'a-b', 'and', 'null', 'sp ace', '`tick', '1st', '', 'ü'),
    fc.string({ minLength: 1, maxLength: 5 }),
  )
  .filter((text) => text !== '__proto__');
const word = fc.oneof(
  fc.constantFrom('', '{% x %}', '%}', '"', "'", '\\', '\u2028', '$a', '{{', 'null'),
  fc.string({ maxLength: 6, unit: 'grapheme' }),
);
const int = fc.integer({ min: -1_000_000, max: 1_000_000 });

/** Data for `$data`, with its schema: fixed field names, generated values. */
const record = fc.record({
  n: int,
  m: int,
  t: word,
  flag: fc.boolean(),
  other: fc.boolean(),
  nothing: fc.constant(null),
  ints: fc.array(int, { maxLength: 3 }),
  lists: fc.array(fc.array(int, { maxLength: 3 }), { maxLength: 3 }),
  items: fc.array(fc.record({ n: int, tags: fc.array(word, { maxLength: 2 }) }), { maxLength: 3 }),
});
const optional = fc.record(
  { maybe: int, maybeText: word, maybeList: fc.array(int, { maxLength: 2 }) },
  { requiredKeys: [] },
);
// Through JSON, as every value of an execution goes: no odd prototypes, no negative zero.
const data = fc
  .tuple(record, optional)
  .map(([always, sometimes]) => JSON.parse(JSON.stringify({ ...always, ...sometimes })) as Json);

const list = (items: JsonSchema): JsonSchema => ({ type: 'array', items });
const schema: JsonSchema = {
  type: 'object',
  properties: {
    n: { type: 'integer' },
    m: { type: 'integer' },
    t: { type: 'string' },
    flag: { type: 'boolean' },
    other: { type: 'boolean' },
    nothing: { type: 'null' },
    ints: list({ type: 'integer' }),
    lists: list(list({ type: 'integer' })),
    items: list({
      type: 'object',
      properties: { n: { type: 'integer' }, tags: list({ type: 'string' }) },
      required: ['n', 'tags'],
    }),
    maybe: { type: 'integer' },
    maybeText: { type: 'string' },
    maybeList: list({ type: 'integer' }),
  },
  required: ['n', 'm', 't', 'flag', 'other', 'nothing', 'ints', 'lists', 'items'],
};
const source = { file: 'p.ts', line: 1, column: 1 };
const scope: PrintScope = {
  base: () => '$data',
  shapes: {
    pipeline: { irVersion: 1, id: 'p', source, input: schema, operations: {}, body: { nodes: [] } },
    nodes: new Map(),
    known: [],
  },
};

const ref = (...path: (string | number)[]): Expression => ({ kind: 'ref', target: { kind: 'input' }, path });
const call = (called: CallExpression['name'], ...given: Expression[]): Expression => ({
  kind: 'call',
  name: called,
  arguments: given,
});
const literal = (value: Json): Expression => ({ kind: 'literal', value });

const { number, text, boolean } = fc.letrec<{ number: Expression; text: Expression; boolean: Expression }>((tie) => ({
  number: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(
      ref('n'),
      ref('m'),
      call('count', ref('ints')),
      call('count', ref('lists')),
      call('count', ref('items')),
      call('sum', ref('ints')),
      call('sum', call('pluck', ref('items'), literal('n'))),
    ),
    int.map(literal),
    fc
      .tuple(fc.constantFrom('add' as const, 'subtract' as const), tie('number'), tie('number'))
      .map(([f, a, b]) => call(f, a, b)),
    // What is given is small: what is printed as text has no more digits than JSONata prints.
    fc.tuple(fc.nat(30), tie('number')).map(([factor, a]) => call('multiply', literal(factor - 15), a)),
    fc.tuple(tie('number'), fc.nat(30)).map(([a, factor]) => call('multiply', a, literal(factor - 15))),
    tie('number').map((otherwise) => call('orElse', ref('maybe'), otherwise)),
    fc.tuple(fc.nat(3), tie('number')).map(([index, otherwise]) => call('orElse', ref('ints', index), otherwise)),
    // One of both may be absent still.
    fc
      .tuple(fc.nat(3), tie('number'))
      .map(([index, otherwise]) => call('orElse', call('orElse', ref('maybe'), ref('ints', index)), otherwise)),
    fc.tuple(fc.nat(3), tie('number'), tie('number')).map(([index, n, otherwise]) => {
      const item = call('orElse', call('get', ref('items'), literal(index)), { kind: 'object', fields: { n } });
      return call('orElse', call('get', item, literal('n')), otherwise);
    }),
    fc
      .tuple(fc.nat(3), tie('number'))
      .map(([index, otherwise]) =>
        call('orElse', call('get', call('pluck', ref('items'), literal('n')), literal(index)), otherwise),
      ),
  ),
  text: fc.oneof(
    { depthSize: 'small' },
    fc.constant(ref('t')),
    word.map(literal),
    fc
      .array(fc.oneof(tie('text'), tie('number'), tie('boolean')), { maxLength: 3 })
      .map((parts) => call('text', ...parts)),
    tie('text').map((otherwise) => call('orElse', ref('maybeText'), otherwise)),
  ),
  boolean: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(ref('flag'), ref('other')),
    fc
      .tuple(
        fc.constantFrom('eq' as const, 'ne' as const, 'gt' as const, 'gte' as const, 'lt' as const, 'lte' as const),
        tie('number'),
        tie('number'),
      )
      .map(([f, a, b]) => call(f, a, b)),
    fc
      .tuple(
        fc.constantFrom('eq' as const, 'ne' as const),
        fc.oneof(tie('text'), fc.constantFrom(ref('maybeText'), ref('maybe'), ref('nothing'))),
        fc.oneof(tie('text'), fc.constant(literal(null))),
      )
      .map(([f, a, b]) => call(f, a, b)),
    fc.array(tie('boolean'), { maxLength: 3 }).map((conditions) => call('and', ...conditions)),
    fc.array(tie('boolean'), { maxLength: 3 }).map((conditions) => call('or', ...conditions)),
    tie('boolean').map((condition) => call('not', condition)),
  ),
}));
const lists = fc.constantFrom(
  ref('ints'),
  ref('lists'),
  ref('items'),
  call('pluck', ref('items'), literal('n')),
  call('pluck', ref('items'), literal('tags')),
  call('orElse', ref('maybeList'), ref('ints')),
);
const anything = fc.oneof(number, text, boolean, lists);
const structure = fc.oneof(
  anything,
  fc.array(anything, { maxLength: 3 }).map((items): Expression => ({ kind: 'array', items })),
  fc
    .dictionary(name, fc.oneof(anything, fc.constantFrom(ref('maybe'), ref('maybeText'), ref('maybeList'))), {
      maxKeys: 3,
    })
    .map((fields): Expression => ({ kind: 'object', fields })),
);

/** How deep what evaluates an expression calls itself. */
function depthOf(node: unknown): number {
  if (typeof node !== 'object' || node === null) return 0;
  const inner = Math.max(0, ...Object.values(node).map(depthOf));
  return 'type' in node ? inner + 1 : inner;
}

/** JSONata's answer as plain JSON: its lists carry properties of their own. */
async function answer(expression: string, value: Json): Promise<Value> {
  const result: unknown = await jsonata(expression).evaluate(null, { data: value });
  return result === undefined ? missing : (JSON.parse(JSON.stringify(result)) as Json);
}

/** What Step Functions does with a template: every string that is an expression is replaced by its value. */
async function fill(filled: Json, value: Json): Promise<Value> {
  if (typeof filled === 'string') return /^\{%.*%\}$/s.test(filled) ? answer(filled.slice(2, -2), value) : filled;
  if (Array.isArray(filled)) return (await Promise.all(filled.map((item: Json) => fill(item, value)))) as Json;
  if (typeof filled === 'object' && filled !== null) {
    const entries = await Promise.all(
      Object.entries(filled).map(async ([key, field]) => [key, await fill(field as Json, value)] as const),
    );
    return Object.fromEntries(entries) as Json;
  }
  return filled;
}

describe('a printed expression', () => {
  it('has the value that plain TypeScript gives', async () => {
    await fc.assert(
      fc.asyncProperty(data, structure, async (value, expression) => {
        expect(await answer(print(scope, expression), value)).toStrictEqual(evaluate(value, expression));
      }),
      { numRuns: draws(2_000) },
    );
  });

  it('has that value as a template too', async () => {
    await fc.assert(
      fc.asyncProperty(data, structure, async (value, expression) => {
        expect(await fill(template(scope, expression), value)).toStrictEqual(evaluate(value, expression));
      }),
      { numRuns: draws(1_000) },
    );
  });

  it('lies as deep in itself as is said of it before it is printed, or a little less', async () => {
    await fc.assert(
      fc.property(structure, (expression) => {
        const levels = levelsOf(expression);
        const depth = depthOf(jsonata(print(scope, expression)).ast());
        expect([depth, levels, depth <= levels && levels <= 2 * depth + 12]).toContain(true);
      }),
      { numRuns: draws(1_000) },
    );
    const nested = (count: number, around: (inner: Expression) => Expression) =>
      Array.from({ length: count }).reduce<Expression>(around, ref('n'));
    const grown: readonly ((inner: Expression) => Expression)[] = [
      (inner) => call('add', inner, literal(1)),
      (inner) => call('subtract', inner, literal(1)),
      (inner) => call('multiply', inner, literal(1)),
      (inner) => call('add', literal(1), inner),
      (inner) => call('multiply', call('add', inner, literal(1)), literal(2)),
      (inner) => call('not', inner),
      (inner) => call('ne', inner, literal(1)),
      (inner) => call('text', inner, literal('x')),
      (inner) => call('and', ...Array.from({ length: 70 }, () => ref('flag')), inner),
      (inner) => call('orElse', inner, literal(1)),
      (inner) => call('orElse', literal(1), inner),
      (inner) => call('orElse', call('get', inner, literal(0)), literal(1)),
      (inner) => call('sum', inner),
      (inner) => ({ kind: 'object', fields: { inner } }),
      (inner) => ({ kind: 'array', items: [inner] }),
    ];
    for (const around of grown) {
      const [some, more] = [10, 20].map((count) => {
        const expression = nested(count, around);
        const printed = print(scope, expression);
        return { depth: depthOf(jsonata(printed).ast()), levels: levelsOf(expression), length: printed.length };
      });
      if (some === undefined || more === undefined) throw new Error('two');
      expect(some.levels).toBeGreaterThanOrEqual(some.depth);
      expect(more.levels).toBeGreaterThanOrEqual(more.depth);
      // It grows by no more than what it is made of.
      expect(more.length).toBeLessThan(3 * some.length);
    }
  });

  it('takes the default of an input field that an execution was started without', async () => {
    const withDefault = { type: 'object', properties: { size: { type: 'integer', default: 3 } } } as const;
    const pipeline = { ...scope.shapes.pipeline, input: withDefault };
    const printed = print({ ...scope, shapes: { ...scope.shapes, pipeline } }, ref('size'));
    expect([await answer(printed, {}), await answer(printed, { size: 0 })]).toStrictEqual([3, 0]);
  });

  it('gives the whole input without what bunsui adds to it', async () => {
    expect(await answer(print(scope, ref()), { n: 1, bunsui: { session: 's' } })).toStrictEqual({ n: 1 });
  });

  it('reaches a field of any name', async () => {
    await fc.assert(
      fc.asyncProperty(name, name, int, async (outer, inner, value) => {
        expect(await answer(access('$data', [outer, inner]), { [outer]: { [inner]: value } })).toBe(value);
      }),
    );
  });
});
