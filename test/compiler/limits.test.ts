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
import { placeFunctions } from '../../lib/constructs/place-functions.ts';
import type { PipelineArtifact } from '../../lib/ir/artifact.ts';
import type { Expression } from '../../lib/ir/expressions.ts';
import type { PipelineIr } from '../../lib/ir/nodes.ts';
import { innerScopes } from '../../lib/ir/walk.ts';
import { deploymentMark } from '../../lib/storage-layout.ts';

/** Just under and just over each limit: what is refused says the number and the place, what is accepted runs. */
const number = z.object({ n: z.int() });
const work = lambda('work', { entry: './work.ts', input: number, output: number });
const big = lambda('big', { entry: './big.ts', input: z.object({ text: z.string() }), output: number });
const operations = {
  work: ({ n }: { n: number }) => ({ n }),
  big: ({ text }: { text: string }) => ({ n: text.length }),
};

function mistakesIn(of: Pick<Pipeline, 'ir'>): readonly string[] {
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

  const rowOf = (lengths: readonly (number | undefined)[]) => {
    const list = (length: number | undefined) =>
      length === undefined ? z.array(z.int()) : z.array(z.int()).max(length);
    const input = z.object(Object.fromEntries(lengths.map((length, at) => [`l${at}`, list(length)])));
    return pipeline('row', { input }, (p, lists) => {
      let before: readonly Maps[] = [];
      for (const at of lengths.keys())
        before = [p.map(`m${at}`, lists[`l${at}`] ?? [], (n, q) => q.job(`j${at}`, work, { n }), { after: before })];
    });
  };
  type Maps = ReturnType<Parameters<Parameters<typeof pipeline>[2]>[0]['map']>;

  it('of maps are those of their items: what two machines hold is cut into two', async () => {
    for (const length of [2_000, most - 10]) {
      const row = rowOf([length, length]);
      const compiled = compilePipeline(row.ir, { sha256: () => '' });
      if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
      const { machines } = boundsOf(compiled.artifact);
      expect(machines.length).toBeGreaterThan(1);
      expect(Math.max(...machines.map(({ events }) => events.max))).toBeLessThanOrEqual(historyLimitEvents);
      await runs(row, { l0: [1, 2], l1: [3] });
    }
  });

  it('that are known are not hidden by a list of which nothing is known, and that is worth a note', () => {
    expect(mistakesIn(rowOf([undefined, most + 1]))).toStrictEqual([
      expect.stringMatching(/^BS1113 error: a run may have \d+ events, .*: map "m1" has up to 3571 items$/),
      'BS1113 info: nothing says how many items map "m0" has, and the history of an execution holds 25000 events',
    ]);
    expect(mistakesIn(rowOf([undefined, 10]))).toHaveLength(1);
  });
});

/** The bytes that a definition is deployed to: what stands in the place of functions, and where its artifact lies, have lengths of their own. */
function deployedTo(definition: PipelineArtifact['definition']): number {
  const arn = `arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:long-work-12345678-12345678:12345`;
  const mark = { version: '0'.repeat(12), bucket: 'b'.repeat(63), key: 'k'.repeat(160) };
  return placeFunctions(definition, { work: arn }, { comment: deploymentMark(mark) }).text.length;
}

describe('the bytes of a definition', () => {
  const described = (description: string) =>
    pipeline('long', { input: z.object({}), description }, (p) => {
      p.job('one', work, { n: 1 });
    });

  it('may be as many as Step Functions takes, and not one more', async () => {
    const compiled = compilePipeline(described('x').ir, { sha256: () => '' });
    if (!compiled.ok) throw new Error('does not compile');
    const room = definitionLimitBytes - deployedTo(compiled.artifact.definition) + 1;
    await runs(described('x'.repeat(room)));
    const tooMany = [
      `BS1113 error: a state machine has ${definitionLimitBytes + 1} bytes, and Step Functions takes ${definitionLimitBytes}`,
    ];
    expect(mistakesIn(described('x'.repeat(room + 1)))).toStrictEqual(tooMany);
    // As a deployment writes them, which is in ASCII and without what CloudFormation would fill in.
    for (const [text, bytes] of [
      ['é', 6],
      ['漢', 6],
      ['😀', 12],
      ['${', 7],
      ['"', 2],
    ] as const) {
      const filled = (more: number) => described(text + 'x'.repeat(room - bytes + more));
      expect(mistakesIn(filled(1))).toStrictEqual(tooMany);
      const most = compilePipeline(filled(0).ir, { sha256: () => '' });
      expect(most.ok && deployedTo(most.artifact.definition)).toBe(definitionLimitBytes);
    }
  });

  it('are counted as such when machines are cut: texts that are not ASCII take three for a character', () => {
    const texts = pipeline('texts', { input: z.object({}) }, (p) => {
      for (let at = 0; at < 8; at += 1) p.job(`j${at}`, big, { text: '漢'.repeat(60_000) });
    });
    expect(mistakesIn(texts)).toStrictEqual([]);
    const compiled = compilePipeline(texts.ir, { sha256: () => '' });
    expect(compiled.ok && compiled.artifact.shards?.length).toBeGreaterThan(0);
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

  it('may be as many in what a pipeline, a side or an iteration gives as a state holds', async () => {
    const length = dataLimitBytes - '{"text":""}'.length;
    const text = z.object({ text: z.string() });
    const whole = (more: number) =>
      pipeline('whole', { input: z.object({}), output: text }, (p) => {
        p.job('one', work, { n: 1 });
        p.output({ text: 'x'.repeat(length + more) });
      });
    await runs(whole(0));
    const told = `have ${dataLimitBytes + 1} bytes, and there is room for ${dataLimitBytes}`;
    expect(mistakesIn(whole(1))).toStrictEqual([`BS1113 error: the constants in the output of "whole" ${told}`]);
    const given = (more: number): Expression => ({
      kind: 'literal',
      value: { text: 'x'.repeat(length + more) },
    });
    for (const [part, where] of results) {
      expect(mistakesIn(withResult(part, given(0)))).toStrictEqual([]);
      expect(mistakesIn(withResult(part, given(1)))).toStrictEqual([`BS1113 error: the constants in ${where} ${told}`]);
    }
  });
});

const results = [
  ['yes', 'the result of "in" where it is true'],
  ['no', 'the result of "in" where it is not true'],
  ['body', 'the result of the items of "in"'],
] as const;

/** A pipeline whose scope inside gives this, which the IR allows and the DSL does not. */
function withResult(part: (typeof results)[number][0], result: Expression): { readonly ir: PipelineIr } {
  const { ir } = pipeline('inner', { input: z.object({ n: z.int() }) }, (p, { n }) => {
    const one = (q: Pick<typeof p, 'job'>, id: string) => q.job(id, work, { n });
    if (part === 'body') p.map('in', [1], (_, q) => one(q, 'each'));
    else
      p.branch(
        'in',
        eq(n, 1),
        (q) => one(q, 'then'),
        (q) => one(q, 'else'),
      );
  });
  const [node] = ir.body.nodes;
  if (node === undefined) throw new Error('no node');
  const scope = innerScopes(node).find((one) => one.part === part)?.scope;
  return { ir: { ...ir, body: { nodes: [{ ...node, [part]: { nodes: scope?.nodes ?? [], result } }] } } };
}

describe('the depth of an expression', () => {
  const nested = (depth: number) =>
    pipeline('nested', { input: z.object({ n: z.int() }), output: number }, (p, input) => {
      let total: Ref<number> = input.n;
      for (let index = 0; index < depth; index += 1) total = add(total, 1);
      const one = p.job('one', work, { n: total });
      p.output({ n: one.out.n });
    });

  /** So many are added in a row where a path to a value, which may have a default, and brackets are all that is besides. */
  const most = expressionDepthLimit - 9;

  it('may be what is sure to be evaluated', async () => {
    expect(await runs(nested(most), { n: 1 })).toStrictEqual({ n: 1 + most });
    const compiled = compilePipeline(nested(most).ir, { sha256: () => '' });
    const depths = expressionsIn(compiled.ok && compiled.artifact.definition).map((one) => depth(jsonata(one).ast()));
    expect(Math.max(...depths)).toBeLessThanOrEqual(expressionDepthLimit);
    expect(Math.max(...depths)).toBeGreaterThan(most);
    expect(mistakesIn(nested(most + 1))).toStrictEqual([
      `BS1113 error: the input of "one" is nested ${expressionDepthLimit + 1} deep, and at most ${expressionDepthLimit} are sure to be evaluated`,
    ]);
  });

  it('is that of outputs and results of scopes too', async () => {
    const outer = (depth: number) =>
      pipeline('outer', { input: z.object({ n: z.int() }), output: number }, (p, { n }) => {
        p.job('one', work, { n });
        let total: Ref<number> = n;
        for (let index = 0; index < depth; index += 1) total = add(total, 1);
        p.output({ n: total });
      });
    // Without an object around it.
    expect(await runs(outer(most), { n: 1 })).toStrictEqual({ n: 1 + most });
    const told = `is nested ${expressionDepthLimit + 1} deep, and at most ${expressionDepthLimit} are sure to be evaluated`;
    expect(mistakesIn(outer(most + 1))).toStrictEqual([`BS1113 error: the output of "outer" ${told}`]);
    const deep = (depth: number): Expression => {
      const one: Expression = { kind: 'literal', value: 1 };
      let sum: Expression = one;
      for (let index = 0; index < depth; index += 1) sum = { kind: 'call', name: 'add', arguments: [sum, one] };
      return sum;
    };
    for (const [part, where] of results) {
      expect(mistakesIn(withResult(part, deep(expressionDepthLimit - 2)))).toStrictEqual([]);
      expect(mistakesIn(withResult(part, deep(expressionDepthLimit - 1)))).toStrictEqual([
        `BS1113 error: ${where} ${told}`,
      ]);
    }
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
