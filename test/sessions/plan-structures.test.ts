import { add, lambda, lt, pipeline } from 'bunsui';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { withFingerprints } from '../../lib/ir/fingerprints.ts';
import { planJobs } from '../../lib/sessions/plan-jobs.ts';

const work = lambda('work', { entry: './work.ts', input: z.object({ n: z.int() }), output: z.object({ n: z.int() }) });
const made = pipeline('made', { input: z.object({ n: z.int() }) }, (p, input) => {
  const a = p.job('a', work, { n: input.n });
  const state = z.object({ n: z.int() });
  p.loop('rounds', { state, start: { n: a.out.n }, while: (s) => lt(s.n, 9), max: 9 }, (s, q) => ({
    n: add(s.n, q.job('step', work, { n: s.n }).out.n),
  }));
  p.job('b', work, { n: a.out.n });
  p.onFailure((q) => void q.job('told', work, { n: input.n }));
  p.finally((q) => void q.job('closed', work, { n: input.n }));
});
const compiled = compilePipeline(made.ir, { sha256: (text) => String(text.length) });
if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
const artifact = withFingerprints(compiled.artifact, {
  sha256: (text) => `${text.length}`.padStart(40, '0'),
  code: new Map(),
});

describe('a plan of a rerun whose jobs all have results', () => {
  const ran = ['a', 'rounds[0]/step', 'rounds[1]/step', 'b', 'told', 'closed'];
  const results = ran.map((job) => {
    const fingerprint = artifact.fingerprints?.[job.split('/').at(-1) ?? ''];
    return { job, input_hash: 'same', ...(fingerprint && { fingerprint }) };
  });
  const statuses = new Map(ran.map((job) => [job, 'completed' as const]));
  const { jobs } = planJobs({ artifact, results, statuses, before: { n: 1 }, now: { n: 1 }, selection: {} });

  it('runs the rounds of loops anew, because they build on each other, and what sees to the end', () => {
    expect(Object.fromEntries(jobs.map(({ job, action }) => [job, action]))).toStrictEqual({
      a: 'reuse',
      b: 'reuse',
      step: 'run',
      told: 'run',
      closed: 'run',
    });
  });
});
