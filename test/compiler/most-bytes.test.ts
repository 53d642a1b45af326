import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { mostBytes } from '../../lib/compiler/most-bytes.ts';

const most = (schema: z.ZodType) => mostBytes(z.toJSONSchema(schema) as never);
const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

describe('the longest value of a schema', () => {
  it.each<[string, z.ZodType, unknown]>([
    ['a number', z.number(), -1.2345678901234567e-308],
    ['an integer', z.int(), Number.MIN_SAFE_INTEGER],
    ['a flag', z.boolean(), false],
    ['a choice', z.enum(['a', 'éé']), 'éé'],
    ['a text with an end', z.string().max(3), '\ud800\udc00\ud800'.slice(0, 3)],
    ['control characters', z.string().max(2), '\u0001\u0001'],
    [
      'fields, some of which need not be there',
      z.object({ n: z.int(), 'a"b': z.boolean().optional() }),
      { n: -9, 'a"b': false },
    ],
    ['one of several', z.union([z.null(), z.object({ on: z.literal(true) })]), { on: true }],
  ])('of %s is no longer than what is said', (_, schema, longest) => {
    expect(schema.safeParse(longest).success).toBe(true);
    expect(most(schema)).toBeGreaterThanOrEqual(bytes(longest));
    expect(most(schema)).toBeLessThan(100);
  });

  it.each<[string, z.ZodType]>([
    ['text', z.string()],
    ['a list', z.array(z.int())],
    ['anything', z.unknown()],
    ['fields of any name', z.record(z.string(), z.int())],
    ['fields beside others', z.looseObject({ n: z.int() })],
    [
      'what contains itself',
      z.object({
        get next() {
          return z.union([z.null(), z.lazy(() => node)]);
        },
      }),
    ],
  ])('has no end where it may be %s', (_, schema) => {
    expect(most(schema)).toBe(Number.POSITIVE_INFINITY);
  });

  it('is the sum of its fields', () => {
    expect(most(z.object({ a: z.boolean(), bb: z.null() }))).toBe('{"a":false,"bb":null}'.length + 1);
  });
});

const node: z.ZodType = z.object({
  get next(): z.ZodType {
    return z.union([z.null(), node]);
  },
});
