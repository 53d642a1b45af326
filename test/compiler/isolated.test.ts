import { gt, lambda, type Pipeline, pipeline } from 'bunsui';
import { runPipeline } from 'bunsui/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { compilePipeline } from '../../lib/compiler/compile.ts';

const load = lambda('load', { entry: './x.ts', input: z.object({ n: z.int() }), output: z.object({ n: z.int() }) });
const n = z.object({ n: z.int() });

function machinesOf({ ir }: Pipeline, budget?: { readonly bytes: number; readonly events: number }) {
  const compiled = compilePipeline(ir, { sha256: () => 'v', ...(budget && { budget }) });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
  const { definition, shards = [] } = compiled.artifact;
  return [definition, ...shards].map(({ States }) => Object.keys(States as object));
}

describe('a node that asks for a machine of its own', () => {
  const some = (isolate: { readonly isolate?: true }) =>
    pipeline('some', { input: n, output: n }, (p, input) => {
      const a = p.job('a', load, { n: input.n });
      const b = p.job('b', load, { n: a.out.n }, { ...isolate, when: gt(a.out.n, 0) });
      const c = p.job('c', load, { n: 1 }, { after: b });
      p.output({ n: c.out.n });
    });

  it('is in one, with its condition, and everything else in that of the pipeline', () => {
    expect(machinesOf(some({}))).toStrictEqual([['a', 'b?', 'b', 'c']]);
    expect(machinesOf(some({ isolate: true }))).toStrictEqual([
      ['a', 'part 1', 'c'],
      ['b skipped', 'b?', 'b'],
    ]);
  });

  it('keeps it where the pipeline is cut because of its size as well', () => {
    const cut = machinesOf(some({ isolate: true }), { bytes: 3_000, events: 20_000 });
    expect(cut.filter((states) => states.includes('b'))).toStrictEqual([['b skipped', 'b?', 'b']]);
  });

  it('runs as it does without, alone in a pipeline and beside what is seen to at the end', async () => {
    const lone = pipeline('lone', { input: n, output: n }, (p, input) => {
      p.output({ n: p.job('only', load, { n: input.n }, { isolate: true }).out.n });
    });
    const guarded = pipeline('guarded', { input: n, output: n }, (p, input) => {
      const a = p.job('a', load, { n: input.n }, { isolate: true });
      p.finally((q) => {
        q.job('close', load, { n: 0 });
      });
      p.output({ n: a.out.n });
    });
    const operations = { load: (given: { n: number }) => ({ n: given.n + 1 }) };
    for (const [one, jobs] of [
      [lone, ['only']],
      [guarded, ['a', 'close']],
      [some({ isolate: true }), ['a', 'b', 'c']],
    ] as const) {
      const run = await runPipeline(one, { input: { n: 3 }, operations });
      expect([run.status, run.attempts.map(({ job }) => job)]).toStrictEqual(['SUCCEEDED', jobs]);
      expect(machinesOf(one).length).toBe(2);
    }
  });

  it('is refused inside of another one, with its place', () => {
    const { diagnostics } = pipeline('inside', { input: n }, (p, input) => {
      p.map('each', [1, 2], (item, q) =>
        q.branch('big', gt(item, 1), (r) => r.job('a', load, { n: item }, { isolate: true })),
      );
      p.finally((q) => {
        q.job('close', load, { n: input.n }, { isolate: true });
      });
    });
    expect(
      diagnostics.map(({ code, message, hint, source }) => [code, message, hint, source?.file.split('/').at(-1)]),
    ).toStrictEqual([
      [
        'BS1126',
        '"a" asks for a machine of its own inside of "each"',
        'give isolate to "each" itself, or take it out',
        'isolated.test.ts',
      ],
      ['BS1126', '"close" asks for a machine of its own inside of p.finally', 'take isolate out', 'isolated.test.ts'],
    ]);
  });
});
