import { describe, expect, it } from 'vitest';
import { typeCheck } from '../docs/type-check.ts';

/**
 * What a job costs the type-checker. Instantiations are counted, not timed, so the number is the same on every
 * machine. Each job has an operation of its own with two objects of three and four fields.
 */
function source(jobs: number, chain: number): string {
  const schema = 'a: z.string(), b: z.int(), c: z.boolean()';
  const operations = Array.from(
    { length: jobs },
    (_, i) =>
      `const o${i} = lambda("o${i}", { entry: "./o${i}.ts", input: z.object({ ${schema} }), output: z.object({ ${schema}, d${i}: z.string() }) });`,
  );
  const body = Array.from({ length: jobs }, (_, i) => {
    const from = i % chain === 0 ? 'input' : `j${i - 1}.out`;
    return `  const j${i} = p.job("j${i}", o${i}, { a: ${from}.a, b: ${from}.b, c: ${from}.c });`;
  });
  return [
    'import { lambda, pipeline } from "bunsui";',
    'import * as z from "zod";',
    ...operations,
    `export default pipeline("p", { input: z.object({ ${schema} }), output: z.object({ r: z.string() }) }, (p, input) => {`,
    ...body,
    `  p.output({ r: j${jobs - 1}.out.d${jobs - 1} });`,
    '});',
  ].join('\n');
}

function instantiations(jobs: number, chain: number): number {
  const checked = typeCheck(source(jobs, chain));
  expect(checked.errors).toStrictEqual([]);
  return checked.instantiations;
}

describe('the types of the DSL', () => {
  const empty = instantiations(1, 1);
  it.each([
    [50, 50],
    [200, 200],
    [1_000, 20],
  ])('cost at most 1,000 instantiations a job for %i jobs in chains of %i', (jobs, chain) => {
    const perJob = (instantiations(jobs, chain) - empty) / (jobs - 1);
    console.log(`${jobs} jobs in chains of ${chain}: ${perJob.toFixed(0)} instantiations a job`);
    expect(perJob).toBeLessThanOrEqual(1_000);
  });
});
