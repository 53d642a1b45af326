import fc from 'fast-check';
import * as z from 'zod';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../lib/ir/expressions.ts';
import type { JsonSchema } from '../../lib/ir/nodes.ts';
import { checkInput } from '../../lib/sessions/input-schema.ts';

const print = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input' }) as JsonSchema;

const tree: z.ZodType = z.object({
  name: z.string(),
  get children() {
    return z.array(tree).optional();
  },
});

/** What pipelines ask for, one kind each; values near them are drawn below. */
const schemas: Readonly<Record<string, z.ZodType>> = {
  text: z.string().min(1).max(3),
  matched: z.string().regex(/^a+b$/),
  day: z.iso.date(),
  email: z.email(),
  whole: z.int().min(-2).max(5),
  bounded: z.number().gt(0).lt(3),
  step: z.number().multipleOf(0.5),
  truth: z.boolean(),
  nothing: z.null(),
  anything: z.unknown(),
  never: z.never(),
  one: z.literal('a'),
  few: z.enum(['a', 'b']),
  list: z.array(z.int()).min(1).max(2),
  pair: z.tuple([z.string(), z.int()]),
  open: z.object({ a: z.string(), b: z.int().optional() }),
  strict: z.strictObject({ a: z.string() }),
  loose: z.looseObject({ a: z.string() }),
  record: z.record(z.string().regex(/^[ab]$/), z.int()),
  defaults: z.object({ a: z.string().default('x'), b: z.object({ c: z.int().default(1) }).optional() }),
  nullable: z.string().nullable(),
  union: z.union([z.string(), z.array(z.int())]),
  tagged: z.discriminatedUnion('a', [z.object({ a: z.literal('a'), b: z.int() }), z.object({ a: z.literal('b') })]),
  both: z.intersection(z.object({ a: z.string() }), z.object({ b: z.int() })),
  tree,
};

const near: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom<Json>(null, true, '', 'a', 'b', 'aab', 'aaaab', 'x', '2026-02-28', '2026-02-30', 'a@b.cd'),
    fc.constantFrom<Json>(-3, -2, 0, 0.5, 0.75, 1, 2.5, 3, 5, 6),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'name', 'children'), tie('value'), { maxKeys: 3 }),
  ),
})).value;

describe('an input checked against what zod prints', () => {
  it.each(Object.keys(schemas))('is taken or refused as zod does, with the same defaults: %s', (name) => {
    const schema = schemas[name] ?? z.never();
    const printed = print(schema);
    const again = z.fromJSONSchema(printed as never);
    fc.assert(
      fc.property(near, (value) => {
        const zod = again.safeParse(value);
        const ours = checkInput(printed, value);
        expect(ours.ok).toBe(zod.success);
        // zod drops what an object does not know; an input keeps it for the pipeline's first job to judge.
        if (ours.ok && name === 'defaults') expect(ours.value).toStrictEqual(zod.data);
      }),
      { numRuns: 400, seed: 11 },
    );
  });

  it('says every issue with its path and what is allowed', () => {
    const schema = z.strictObject({
      day: z.iso.date(),
      n: z.int().min(1).max(9),
      kind: z.enum(['a', 'b']),
      list: z.array(z.object({ key: z.string().min(2) })).min(2),
      also: z.union([z.strictObject({ t: z.literal('x'), v: z.int() }), z.strictObject({ t: z.literal('y') })]),
    });
    const value = { day: 'x', n: 0, kind: 'c', list: [{ key: 'k' }], also: { t: 'x', v: 'no' }, extra: 1 };
    const checked = checkInput(print(schema), value);
    expect(checked.ok ? [] : checked.issues.map(({ path, message }) => `${path.join('.')} ${message}`)).toStrictEqual([
      'day is "x", not of the format "date"',
      'n is 0, not at least 1',
      'kind is "c", not one of "a", "b"',
      'list has 1 items, at least 2 are needed',
      'list.0.key has 1 characters, at least 2 are needed',
      'also.v is "no", not integer',
      'extra is not known; known are day, n, kind, list, also',
    ]);
  });

  it('keeps a field named __proto__ a field', () => {
    const value = JSON.parse('{"__proto__": {"a": 1}}') as Json;
    const checked = checkInput({ type: 'object' }, value);
    expect(JSON.stringify(checked)).toBe('{"ok":true,"value":{"__proto__":{"a":1}}}');
  });

  it('ends on a schema that refers to itself without end', () => {
    const deep = JSON.parse(`${'['.repeat(500)}${']'.repeat(500)}`) as Json;
    const checked = checkInput({ type: 'array', items: { $ref: '#' } }, deep);
    expect(checked.ok ? '' : checked.issues[0]?.message).toBe('is nested too deeply');
  });
});
