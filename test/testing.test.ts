import { gt, lambda, pipeline } from 'bunsui';
import { runPipeline } from 'bunsui/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { approvals, operations } from './fixtures/handlers.ts';
import { rows } from './fixtures/pipelines.ts';

const step = lambda('step', { entry: './step.ts', input: z.object({ n: z.int() }), output: z.object({ n: z.int() }) });

describe('a pipeline of the fixture table, compiled and run by the engine', () => {
  it.each(rows.map((row) => [row.name, row] as const))('%s ends as expected', async (_name, row) => {
    const { status, output, error } = await runPipeline(row.pipeline, { input: row.input, operations, approvals });
    expect({
      status,
      ...(output === undefined ? {} : { output }),
      ...(error === undefined ? {} : { error }),
    }).toStrictEqual(row.expected);
  });
});

describe('runPipeline', () => {
  const ladder = pipeline(
    'ladder',
    { input: z.object({ n: z.int() }), output: z.object({ n: z.int() }) },
    (p, input) => {
      const a = p.job('a', step, { n: input.n }, { retry: { max: 3, delay: '8h', backoff: 1 } });
      p.output({ n: a.out.n });
    },
  );

  it('passes a day of retries in virtual time', async () => {
    const run = await runPipeline(ladder, {
      input: { n: 1 },
      operations: {
        step: ({ n }: { n: number }, { attempt }) => {
          if (attempt < 4) throw new RangeError('not yet');
          return { n: n + 1 };
        },
      },
    });
    expect(run).toStrictEqual({
      status: 'SUCCEEDED',
      output: { n: 2 },
      elapsedMs: 86_400_000,
      attempts: [0, 1, 2, 3].map((hours8) => ({
        job: 'a',
        attempt: hours8 + 1,
        startedAtMs: hours8 * 28_800_000,
        endedAtMs: hours8 * 28_800_000,
        input: { n: 1 },
        ...(hours8 < 3 ? { error: 'RangeError' } : { output: { n: 2 } }),
      })),
    });
  });

  it('starts each job of a series-parallel graph the moment its own inputs are there', async () => {
    const both = pipeline('both', { input: z.object({ n: z.int() }) }, (p, input) => {
      const a = p.job('a', step, { n: input.n });
      const b = p.job('b', step, { n: 2 });
      p.job('a-next', step, { n: a.out.n });
      p.job('b-next', step, { n: b.out.n }, { when: gt(b.out.n, 0) });
    });
    const run = await runPipeline(both, {
      input: { n: 1 },
      operations: {
        step: async ({ n }: { n: number }, { sleep }) => {
          await sleep(n * 1_000);
          return { n };
        },
      },
    });
    expect(run.attempts.map(({ job, startedAtMs, endedAtMs }) => [job, startedAtMs, endedAtMs])).toStrictEqual([
      ['a', 0, 1_000],
      ['b', 0, 2_000],
      ['a-next', 1_000, 2_000],
      ['b-next', 2_000, 4_000],
    ]);
    expect(run.elapsedMs).toBe(4_000);
  });

  it('refuses input that does not fit, and operations without a function', async () => {
    await expect(runPipeline(ladder, { input: { n: 'x' }, operations: {} })).rejects.toMatchObject({ code: 'BS3001' });
    await expect(runPipeline(ladder, { input: { n: 1 }, operations: {} })).rejects.toMatchObject({
      code: 'BS1105',
      hint: 'give operations: { step: (input) => … }',
    });
  });

  it('checks what functions are given and give, as a function on Lambda does', async () => {
    const run = (returned: unknown) => runPipeline(ladder, { input: { n: 1 }, operations: { step: () => returned } });
    expect(await run({ n: 'text' })).toMatchObject({ status: 'FAILED', error: 'Bunsui.OutputInvalid' });
    expect(await run(undefined)).toMatchObject({ status: 'FAILED', error: 'Bunsui.OutputInvalid' });
    expect(await run({ n: 2, more: true })).toMatchObject({ status: 'SUCCEEDED', attempts: [{ output: { n: 2 } }] });
  });

  it('names the field of an input that does not fit, and one that nobody declared', async () => {
    const start = (input: { readonly [field: string]: unknown }) => runPipeline(ladder, { input, operations: {} });
    await expect(start({ n: 'x' })).rejects.toThrow(/does not fit the pipeline "ladder": n: /);
    await expect(start({ n: 1, m: 2 })).rejects.toThrow('there is no field "m", did you mean "n"?');
  });

  it('takes a function of a misspelt name for the one that is missing', async () => {
    const operations = { stpe: () => ({ n: 1 }), step: undefined as never };
    await expect(runPipeline(ladder, { input: { n: 1 }, operations })).rejects.toMatchObject({
      message: 'operation "step" has no function',
      hint: '"stpe" is no operation of the pipeline: is "step" meant?',
    });
  });

  it('refuses a pipeline with mistakes, naming the first', async () => {
    const wrong = pipeline('wrong', { input: z.object({}) }, (p) => {
      p.job('a', step, { n: 1 });
      p.job('a', step, { n: 1 });
    });
    await expect(runPipeline(wrong, { input: {}, operations: {} })).rejects.toMatchObject({
      code: 'BS1102',
      message: 'two nodes are named "a"',
    });
  });
});
