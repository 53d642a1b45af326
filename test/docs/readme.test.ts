import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { typeCheck } from './type-check.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const blocks = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);
const blockWith = (text: string) => blocks.find((code) => code.includes(text)) ?? '';

/** Contracts that the second pipeline of the README takes for granted. */
const contracts = `
import { and, gt, lambda, orElse, pipeline, pluck, sum, tpl } from 'bunsui';
import * as z from 'zod';
const op = <I extends z.ZodObject, O extends z.ZodObject>(id: string, input: I, output: O) => lambda(id, { entry: './x.ts', input, output: output as never }) as ReturnType<typeof lambda<I, O>>;
const listFiles = op('list', z.object({ prefix: z.string() }), z.object({ files: z.array(z.object({ key: z.string() })) }));
const convert = op('convert', z.object({ file: z.string(), index: z.int() }), z.object({ rows: z.int() }));
const archive = op('archive', z.object({ rows: z.int() }), z.object({ note: z.string().optional() }));
const keep = op('keep', z.object({ rows: z.int() }), z.object({ note: z.string() }));
const tell = op('tell', z.object({ text: z.string() }), z.object({}));
`;

describe('the README', () => {
  it('begins with a pipeline that type-checks', () => {
    expect(typeCheck(blockWith("pipeline('daily'")).errors).toStrictEqual([]);
  });

  it('shows a branch, a map and functions that type-check', () => {
    expect(typeCheck(contracts + blockWith("pipeline('files'")).errors).toStrictEqual([]);
  });

  it('shows schedules, triggers and notices that type-check', () => {
    const code = blockWith("pipeline('days'").replace('{ … }', '{ void [p, input]; }');
    expect(typeCheck(code).errors).toStrictEqual([]);
    expect(
      typeCheck(code.replace("date: logical('yyyy-MM-dd')", "day: logical('yyyy-MM-dd')")).errors,
    ).not.toStrictEqual([]);
  });

  it('would not pass with a field that is not there', () => {
    expect(typeCheck(blockWith("pipeline('daily'").replace('e.out.key', 'e.out.kee')).errors).not.toStrictEqual([]);
  });
});
