import { expect, it } from 'vitest';
import * as z from 'zod';
import { allowedText } from '../../lib/cli/allowed-values.ts';
import { checkInput } from '../../lib/sessions/input-schema.ts';

const textOf = (schema: z.ZodType, given?: unknown) =>
  allowedText(['f'], z.toJSONSchema(z.object({ f: schema }), { io: 'input' }), given);

const cases: readonly (readonly [z.ZodType, string | undefined])[] = [
  [z.iso.date(), 'a date, as in 2026-11-20'],
  [z.iso.datetime(), 'a date with time and zone, as in 2026-11-20T09:30:00Z'],
  [z.iso.duration(), 'a duration, as in PT15M'],
  [z.email(), 'an e-mail address, as in ann@example.com'],
  [z.uuid(), 'a UUID, as in 3f2b8c1e-5d4a-4c6b-9e7f-0a1b2c3d4e5f'],
  [z.url(), 'a URL, as in https://example.com/data'],
  [z.ipv4(), 'an IPv4 address, as in 192.0.2.10'],
  [z.cuid2(), 'text of the format cuid2'],
  [z.string().regex(/^[A-Z]{3}$/), 'text, matching ^[A-Z]{3}$'],
  [z.string().min(1), 'text, at least 1 character'],
  [z.string().min(2).max(5).describe('a short name'), 'text, 2 to 5 characters: a short name'],
  [z.int(), 'a whole number'],
  [z.int().max(9), 'a whole number, at most 9'],
  [z.number().min(0.3).max(1), 'a number, 0.3 to 1'],
  [z.number().gt(0).lt(1).multipleOf(0.25), 'a number, more than 0, less than 1, a multiple of 0.25'],
  [z.boolean(), 'true or false'],
  [z.enum(['full', 'quick']), 'one of "full", "quick"'],
  [z.literal('x'), '"x"'],
  [z.iso.date().nullable(), 'a date, as in 2026-11-20; or null'],
  [z.union([z.string(), z.unknown()]), undefined],
  [z.array(z.int()), `a list, as in -p 'f=[1]'`],
  [z.array(z.iso.date()).min(2).max(2), `a list of 2 items, as in -p 'f=["2026-11-20"]'`],
  [
    z.object({ a: z.string(), b: z.int().default(3), c: z.boolean().optional(), d: z.enum(['x']), e: z.null() }),
    `an object, as in -p 'f={"a":"a","d":"x","e":null}'`,
  ],
  [z.unknown(), undefined],
];

it('says in words what a field takes, with an example', () => {
  expect(cases.map(([schema]) => textOf(schema))).toStrictEqual(cases.map(([, text]) => text));
});

it('gives examples that are right', () => {
  const wrong = cases.flatMap(([schema, text]) => {
    const example = /, as in ([^' ]+)$/.exec(text ?? '')?.[1];
    if (example === undefined) return [];
    const checked = checkInput(z.toJSONSchema(schema, { io: 'input' }), example);
    return checked.ok ? [] : [checked.issues];
  });
  expect(wrong).toStrictEqual([]);
});

it('shows how the list that was meant is written', () => {
  expect([
    textOf(z.array(z.string()), 'eu,us'),
    textOf(z.array(z.string()), `eu,it's`),
    textOf(z.array(z.int()), '1,2'),
    textOf(z.array(z.string()), ['eu', 1]),
  ]).toStrictEqual([
    `a list, as in -p 'f=["eu","us"]'`,
    `a list, as in -p 'f=["a"]'`,
    `a list, as in -p 'f=[1]'`,
    'a list',
  ]);
});

it('finds the schema of what lies deeper, through references', () => {
  const day = z.object({ at: z.iso.date() }).meta({ id: 'Day' });
  const schema = z.toJSONSchema(z.object({ days: z.array(day), by: z.record(z.string(), z.int()) }), { io: 'input' });
  expect([
    allowedText(['days', 0, 'at'], schema),
    allowedText(['by', 'x'], schema),
    allowedText(['nothing', 'there'], schema),
  ]).toStrictEqual(['a date, as in 2026-11-20', 'a whole number', undefined]);
});
