import { add, lambda, lt, type Pipeline, pipeline } from 'bunsui';
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
function artifactOf({ ir }: Pipeline) {
  const compiled = compilePipeline(ir, { sha256: (text) => String(text.length) });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
  return withFingerprints(compiled.artifact, {
    sha256: (text) => `${text.length}`.padStart(40, '0'),
    code: new Map(),
  });
}

function resultsIn(artifact: ReturnType<typeof artifactOf>, ran: readonly string[]) {
  return ran.map((job) => {
    const fingerprint = artifact.fingerprints?.[job.split('/').at(-1) ?? ''];
    return { job, input_hash: 'same', ...(fingerprint && { fingerprint }) };
  });
}

describe('a plan of a rerun whose jobs all have results', () => {
  const artifact = artifactOf(made);
  const ran = ['a', 'rounds[0]/step', 'rounds[1]/step', 'b', 'told', 'closed'];
  const results = resultsIn(artifact, ran);
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

describe('a plan of a rerun of a map over S3', () => {
  const mapped = pipeline('mapped', { input: z.object({ key: z.string() }) }, (p, input) => {
    const item = z.object({ n: z.int() });
    const rows = p.mapS3('rows', { format: 'jsonl', key: input.key, item }, (row, q) =>
      q.job('one', work, { n: row.n }),
    );
    p.job('all', work, { n: rows.out.total });
  });
  const artifact = artifactOf(mapped);
  const statuses = new Map([
    ['rows', 'completed' as const],
    ['all', 'completed' as const],
  ]);
  const planned = (ran: readonly string[], beyond: readonly string[]) => {
    const same = { before: { key: 'k' }, now: { key: 'k' }, selection: {} };
    const { jobs, reuse } = planJobs({ artifact, results: resultsIn(artifact, ran), statuses, beyond, ...same });
    return { one: jobs.find(({ job }) => job === 'one'), reuse: reuse.map(({ job, as }) => `${job} ${as}`) };
  };

  it('asks each of its jobs by its input, because the records may be others', () => {
    expect(planned(['rows[0]/one', 'rows[1]/one', 'all'], [])).toStrictEqual({
      one: { job: 'one', action: 'run', reason: 'the records of rows may be others', unless_same_input: true },
      reuse: ['rows[0]/one candidate', 'rows[1]/one candidate', 'all candidate'],
    });
  });

  it('says that it runs all of them where there are too many to be looked through', () => {
    expect(planned(['all'], ['rows'])).toStrictEqual({
      one: { job: 'one', action: 'run', reason: 'rows has more results than are looked through' },
      reuse: ['all candidate'],
    });
  });
});
