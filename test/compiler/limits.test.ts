import { add, and, eq, lambda, type Pipeline, pipeline, type Ref, tpl } from 'bunsui';
import { runPipeline } from 'bunsui/testing';
import jsonata from 'jsonata';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { boundsOf } from '../../lib/compiler/bounds.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import {
  dataLimitBytes,
  definitionLimitBytes,
  envelopeReserveBytes,
  expressionDepthLimit,
  historyLimitEvents,
} from '../../lib/compiler/limits.ts';

/** Just under and just over each limit: what is refused says the number and the place, what is accepted runs. */
const number = z.object({ n: z.int() });
const work = lambda('work', { entry: './work.ts', input: number, output: number });
const big = lambda('big', { entry: './big.ts', input: z.object({ text: z.string() }), output: number });
const operations = {
  work: ({ n }: { n: number }) => ({ n }),
  big: ({ text }: { text: string }) => ({ n: text.length }),
};

function mistakesIn(of: Pipeline): readonly string[] {
  const { diagnostics } = compilePipeline(of.ir, { sha256: () => '' });
  for (const { source, hint } of diagnostics) {
    expect(source?.file).toMatch(/limits\.test\.ts$/);
    expect(hint).not.toBe('');
  }
  return diagnostics.map(({ code, severity, message }) => `${code} ${severity}: ${message}`);
}

/** Runs what a pipeline that was accepted has to stand. */
async function runs(of: Pipeline, input: { readonly [field: string]: unknown } = {}): Promise<unknown> {
  expect(mistakesIn(of)).toStrictEqual([]);
  const used = Object.fromEntries(Object.entries(operations).filter(([id]) => Object.hasOwn(of.ir.operations, id)));
  const { status, output, error, cause } = await runPipeline(of, { input, operations: used });
  expect([status, error, cause]).toStrictEqual(['SUCCEEDED', undefined, undefined]);
  return output;
}

describe('the events of a history', () => {
  const mapOver = (most: number) =>
    pipeline('many', { input: z.object({ list: z.array(z.int()).max(most) }) }, (p, { list }) => {
      p.map('each', list, (n, q) => q.job('one', work, { n }), { concurrency: 40 });
    });
  // A map has four events beside those of its items, an execution two, an item two and those of its task.
  const most = Math.floor((historyLimitEvents - 2 - 4) / (2 + 5));

  it('are refused when a list may have one item more than there is room for', async () => {
    expect(mistakesIn(mapOver(most + 1))).toStrictEqual([
      `BS1113 error: a run may have ${2 + 4 + (most + 1) * 7} events, and the history of an execution holds ${historyLimitEvents}: map "each" has up to ${most + 1} items`,
    ]);
    await runs(mapOver(most), { list: Array.from({ length: most }, (_, n) => n) });
    const compiled = compilePipeline(mapOver(most).ir, { sha256: () => '' });
    expect(compiled.ok && boundsOf(compiled.artifact).machines[0]?.events.max).toBe(2 + 4 + most * 7);
  });
});

describe('the bytes of a definition', () => {
  const described = (description: string) =>
    pipeline('long', { input: z.object({}), description }, (p) => {
      p.job('one', work, { n: 1 });
    });

  it('may be as many as Step Functions takes, and not one more', async () => {
    const compiled = compilePipeline(described('x').ir, { sha256: () => '' });
    if (!compiled.ok) throw new Error('does not compile');
    const room = definitionLimitBytes - Buffer.byteLength(JSON.stringify(compiled.artifact.definition)) + 1;
    await runs(described('x'.repeat(room)));
    expect(mistakesIn(described('x'.repeat(room + 1)))).toStrictEqual([
      `BS1113 error: a state machine has ${definitionLimitBytes + 1} bytes, and Step Functions takes ${definitionLimitBytes}`,
    ]);
    // Bytes, not characters.
    expect(mistakesIn(described(`é${'x'.repeat(room - 1)}`))).toHaveLength(1);
  });
});

describe('the bytes of constants', () => {
  const constant = (bytes: number) =>
    pipeline('constants', { input: z.object({}), output: number }, (p) => {
      // The object around the text has ten bytes of its own, its quotes two.
      const one = p.job('one', big, { text: 'x'.repeat(bytes - '{"text":""}'.length) });
      p.output({ n: one.out.n });
    });
  const room = dataLimitBytes - envelopeReserveBytes;

  it('may be as many as a task takes beside its envelope', async () => {
    expect(await runs(constant(room))).toStrictEqual({ n: room - '{"text":""}'.length });
    expect(mistakesIn(constant(room + 1))).toStrictEqual([
      `BS1113 error: the constants in the input of "one" have ${room + 1} bytes, and there is room for ${room}`,
    ]);
  });
});

describe('the depth of an expression', () => {
  const nested = (depth: number) =>
    pipeline('nested', { input: z.object({ n: z.int() }), output: number }, (p, input) => {
      let total: Ref<number> = input.n;
      for (let index = 0; index < depth; index += 1) total = add(total, 1);
      const one = p.job('one', work, { n: total });
      p.output({ n: one.out.n });
    });

  it('may be what is sure to be evaluated', async () => {
    expect(await runs(nested(expressionDepthLimit), { n: 1 })).toStrictEqual({ n: 1 + expressionDepthLimit });
    expect(mistakesIn(nested(expressionDepthLimit + 1))).toStrictEqual([
      `BS1113 error: the input of "one" is nested ${expressionDepthLimit + 1} deep, and at most ${expressionDepthLimit} are sure to be evaluated`,
    ]);
  });

  it('does not grow with the number of texts that are joined or conditions that must hold', async () => {
    const wide = pipeline('wide', { input: z.object({ n: z.int() }), output: number }, (p, { n }) => {
      const parts = Array.from({ length: 1_000 }, () => n);
      const strings = Object.assign(['', ...parts.map(() => ',')], { raw: ['', ...parts.map(() => ',')] });
      const text = tpl(strings, ...parts);
      const one = p.job('one', big, { text }, { when: and(...parts.map((part) => eq(part, 7))) });
      const two = p.job('two', work, { n: 5 }, { after: [one] });
      p.output({ n: two.out.n });
    });
    const compiled = compilePipeline(wide.ir, { sha256: () => '' });
    if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
    const depths = expressionsIn(compiled.artifact.definition).map((expression) => depth(jsonata(expression).ast()));
    expect(depths.length).toBeGreaterThan(2);
    expect(Math.max(...depths)).toBeLessThanOrEqual(expressionDepthLimit);
    expect(await runs(wide, { n: 7 })).toStrictEqual({ n: 5 });
  });
});

/** The expressions of a definition. */
function expressionsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return value.startsWith('{%') ? [value.slice(2, -2)] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(expressionsIn) : [];
}

function depth(node: unknown): number {
  if (typeof node !== 'object' || node === null) return 0;
  const inner = Math.max(0, ...Object.values(node).map(depth));
  return 'type' in node ? inner + 1 : inner;
}

describe('items at once', () => {
  const mapped = (concurrency: number) =>
    pipeline('mapped', { input: z.object({}) }, (p) => {
      p.map('each', [1, 2], (n, q) => q.job('one', work, { n }), { concurrency });
    });

  it('may be forty in an inline map; more is worth a warning', async () => {
    await runs(mapped(40));
    expect(mistakesIn(mapped(41))).toStrictEqual([
      'BS1113 warning: map "each" asks for 41 items at once, and Step Functions runs 40',
    ]);
  });
});
