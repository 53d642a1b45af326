import { expect, it } from 'vitest';
import * as z from 'zod';
import { inputMistakes } from '../../lib/cli/checked-input.ts';
import type { Json } from '../../lib/ir/expressions.ts';
import type { PipelineIr } from '../../lib/ir/nodes.ts';

function taking(schema: z.ZodType): PipelineIr {
  return {
    irVersion: 1,
    id: 'daily',
    source: { file: '/work/daily.ts', line: 1, column: 1 },
    input: z.toJSONSchema(schema, { io: 'input' }),
    operations: {},
    body: { nodes: [] },
  };
}

const daily = taking(
  z.object({
    date: z.iso.date(),
    hubs: z.int().min(1).max(40).default(8).describe('how many airports'),
    mode: z.enum(['full', 'quick']).default('full'),
    where: z.object({ region: z.string() }).optional(),
  }),
);

const told = (pipeline: PipelineIr, input: { readonly [key: string]: Json }) =>
  inputMistakes(pipeline, input).map(({ message, hint }) => [message, hint]);

it('takes an input that fits, with fields left to their defaults', () => {
  expect([
    inputMistakes(daily, { date: '2026-11-20' }),
    inputMistakes(daily, { date: '2026-11-20', hubs: 3 }),
  ]).toStrictEqual([[], []]);
});

it('names every field that does not fit, what was found and what is allowed', () => {
  const input = { date: 'soon', hubs: 99, mode: 'fast', where: { region: 1 }, hub: 3, colour: 'red', bunsui: {} };
  expect(told(daily, input)).toStrictEqual([
    ['input "hub" is no field of this pipeline', 'did you mean "hubs"?'],
    ['input "colour" is no field of this pipeline', 'allowed are date, hubs, mode, where'],
    ['input "bunsui" is reserved for bunsui', 'allowed are date, hubs, mode, where'],
    ['input "date" is "soon", not of the format "date"', 'allowed is a date, as in 2026-11-20'],
    ['input "hubs" is 99, not at most 40', 'allowed is a whole number, 1 to 40: how many airports'],
    ['input "mode" is "fast", not one of "full", "quick"', 'allowed is one of "full", "quick"'],
    ['input "where.region" is 1, not string', 'allowed is text'],
  ]);
});

it('says what is missing', () => {
  expect(inputMistakes(daily, {})).toStrictEqual([
    {
      code: 'BS3001',
      severity: 'error',
      message: 'input "date" is required',
      path: ['daily', 'input', 'date'],
      hint: 'allowed is a date, as in 2026-11-20',
    },
  ]);
});

it('lets further fields pass where the schema welcomes them, and none where there are none', () => {
  expect([
    inputMistakes(taking(z.looseObject({ a: z.string() })), { a: 'x', b: 1 }),
    told(taking(z.object({})), { a: 1 }),
    told(taking(z.strictObject({ a: z.string() })), { a: 'x', b: 1 }),
  ]).toStrictEqual([
    [],
    [['input "a" is no field of this pipeline', 'the pipeline takes no input']],
    [['input "b" is no field of this pipeline', 'allowed are a']],
  ]);
});
