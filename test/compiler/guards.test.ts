import { lambda, type Pipeline, pipeline } from 'bunsui';
import { runPipeline } from 'bunsui/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { boundsOf } from '../../lib/compiler/bounds.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { graphOf } from '../../lib/graph/graph.ts';
import { toMermaid } from '../../lib/graph/mermaid.ts';
import { foldHistory } from '../../lib/sessions/fold.ts';
import { rows } from '../fixtures/pipelines.ts';
import { runRow, tinyBudget } from '../sessions/fixture-run.ts';

const work = lambda('work', {
  entry: './work.ts',
  input: z.object({ fails: z.string().optional(), text: z.string().optional() }),
  output: z.object({ n: z.int() }),
});
const input = z.object({ fails: z.string().optional(), told: z.string().optional() });
const operations = {
  work: ({ fails }: { readonly fails?: string }) => {
    if (fails !== undefined) throw Object.assign(new Error(`${fails} as asked`), { name: fails });
    return { n: 1 };
  },
};

const made = pipeline('made', { input, output: z.object({ n: z.int() }) }, (p, given) => {
  const a = p.job('a', work, { fails: given.fails });
  p.job('b', work, {}, { after: a });
  p.onFailure((q, failure) => {
    q.job('told', work, { text: failure.name, fails: given.told });
  });
  p.finally((q, run) => {
    q.job('closed', work, {});
    q.job('good', work, {}, { when: run.ok });
    q.job('bad', work, { text: run.failure.cause }, { when: run.failed });
  });
  p.output({ n: a.out.n });
});
const ran = async (given: { readonly fails?: string; readonly told?: string }) => {
  const { status, output, error, cause, attempts } = await runPipeline(made, { input: given, operations });
  return { status, output, error, cause, jobs: attempts.map(({ job }) => job).sort() };
};

describe('onFailure and finally', () => {
  it('leave a pipeline that succeeds as it is, and finally runs', async () => {
    expect(await ran({})).toStrictEqual({
      status: 'SUCCEEDED',
      output: { n: 1 },
      error: undefined,
      cause: undefined,
      jobs: ['a', 'b', 'closed', 'good'],
    });
  });

  it('run when a job has failed, and the pipeline fails with its error', async () => {
    const run = await ran({ fails: 'Broken' });
    expect(run).toMatchObject({ status: 'FAILED', error: 'Broken', jobs: ['a', 'bad', 'closed', 'told'] });
    expect(run.cause).toContain('Broken as asked');
  });

  it('finally runs when onFailure fails, whose error is the one that counts', async () => {
    expect(await ran({ fails: 'Broken', told: 'Mute' })).toMatchObject({
      status: 'FAILED',
      error: 'Mute',
      jobs: ['a', 'bad', 'closed', 'told'],
    });
  });

  it('are not asked for by what is tolerated', async () => {
    const tolerant = pipeline('tolerant', { input }, (p, given) => {
      p.job('a', work, { fails: given.fails }, { tolerate: true });
      p.onFailure((q) => void q.job('told', work, {}));
    });
    const { status, attempts } = await runPipeline(tolerant, { input: { fails: 'Broken' }, operations });
    expect([status, attempts.map(({ job }) => job)]).toStrictEqual(['SUCCEEDED', ['a']]);
  });

  it('cost a state each, and one more for finally, when nothing fails', () => {
    const count = ({ ir }: Pipeline) => {
      const compiled = compilePipeline(ir, { sha256: () => 'v' });
      if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
      return boundsOf(compiled.artifact).transitions;
    };
    const bare = (handlers: (p: Parameters<Parameters<typeof pipeline>[2]>[0]) => void) =>
      pipeline('bare', { input }, (p) => {
        p.job('a', work, {});
        handlers(p as never);
      }) as unknown as Pipeline;
    expect(count(bare(() => {}))).toStrictEqual({ min: 1, max: 1 });
    expect(count(bare((p) => p.onFailure((q) => void q.job('b', work, {}))))).toStrictEqual({ min: 2, max: 2 });
    // The Parallel, the job in it, the one that closes, the Choice behind that and the Pass that ends it.
    expect(count(bare((p) => p.finally((q) => void q.job('b', work, {}))))).toStrictEqual({ min: 5, max: 5 });
  });

  it.each([
    ['in one machine', undefined],
    ['cut into several', tinyBudget],
  ])('leave the blame in the record with the job that has failed, %s', async (_, budget) => {
    const row = rows.find(({ name }) => name === 'guarded-failing');
    if (row === undefined) throw new Error('no such row');
    const { artifact, events } = await runRow(row, budget);
    const { status, error } = foldHistory(artifact, events);
    expect({ status, error, cut: artifact.shards !== undefined }).toMatchObject({
      status: 'failed',
      error: { name: 'Broken', job: 'b' },
      cut: budget !== undefined,
    });
  });

  it('are groups of the picture', () => {
    const { ir } = pipeline('drawn', { input }, (p) => {
      p.job('a', work, {});
      p.finally((q) => void q.job('closed', work, {}));
    });
    expect(toMermaid(graphOf(ir))).toBe(
      [
        'flowchart TB',
        '    subgraph run["run"]',
        '        subgraph run_case1["jobs"]',
        '            a["a"]',
        '        end',
        '        subgraph run_case2["finally"]',
        '            closed["closed"]',
        '        end',
        '    end',
        '',
      ].join('\n'),
    );
  });

  it('take names that nobody has, see no output of jobs, and are checked with the rest', () => {
    const { ir, diagnostics } = pipeline(
      'p',
      { input, output: z.object({ n: z.int(), t: z.string() }) },
      (p, given) => {
        const run = p.job('run', work, {}, { tolerate: true });
        p.onFailure((q) => void q.job('told', work, { text: run.out.n as never }));
        p.onFailure((q) => void q.job('again', work, { fails: given.fails }));
        p.output({ n: run.out.n, t: run.out.n as never });
      },
    );
    expect(ir.body.nodes.map(({ id, kind }) => [id, kind])).toStrictEqual([['run-2', 'guard']]);
    expect(diagnostics.map(({ code, path }) => [code, path.slice(1).join('.')])).toStrictEqual([
      ['BS1102', 'onFailure'],
      ['BS1106', 'told.input'],
      ['BS1107', 'output.n'],
      ['BS1107', 'output.t'],
    ]);
  });
});
