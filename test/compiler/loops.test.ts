import { add, gt, gte, lambda, lt, type Pipeline, pipeline, type Scope } from 'bunsui';
import { runPipeline } from 'bunsui/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { boundsOf } from '../../lib/compiler/bounds.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { explainPipeline } from '../../lib/compiler/explain.ts';
import { graphOf } from '../../lib/graph/graph.ts';
import { toMermaid } from '../../lib/graph/mermaid.ts';
import { foldHistory } from '../../lib/sessions/fold.ts';
import { number } from '../fixtures/operations.ts';
import { rows } from '../fixtures/pipelines.ts';
import { runRow } from '../sessions/fixture-run.ts';

const step = lambda('step', {
  entry: './step.ts',
  input: z.object({ n: z.int() }),
  output: z.object({ n: z.int() }),
});
const input = z.object({ n: z.int(), list: z.array(z.int()).max(7) });
const state = z.object({ n: z.int() });
const count = { state, start: { n: 0 } };
const operations = { step: ({ n }: { readonly n: number }) => ({ n: n + 1 }) };

const one = (q: Scope, of: { readonly n: never }) => ({ n: q.job('one', step, { n: of.n }).out.n });

function artifactOf({ ir }: Pipeline) {
  const compiled = compilePipeline(ir, { sha256: () => 'v' });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.diagnostics));
  return compiled.artifact;
}

describe('a loop', () => {
  it('goes on with what its rounds give, each with a path of its own, one after the other', async () => {
    const made = pipeline('rounds', { input, output: state }, (p, given) => {
      const rounds = p.loop('rounds', { ...count, until: (s) => gte(s.n, given.n), max: 5 }, (s, q) =>
        one(q, s as never),
      );
      p.output(rounds.out);
    });
    const run = await runPipeline(made, {
      input: { n: 3, list: [] },
      operations: {
        step: async ({ n }: { readonly n: number }, { sleep }) => {
          await sleep(1_000);
          return { n: n + 1 };
        },
      },
    });
    expect(run).toMatchObject({ status: 'SUCCEEDED', output: { n: 3 }, elapsedMs: 3_000 });
    expect(run.attempts.map(({ job, startedAtMs }) => [job, startedAtMs])).toStrictEqual([
      ['rounds[0]/one', 0],
      ['rounds[1]/one', 1_000],
      ['rounds[2]/one', 2_000],
    ]);
  });

  it.each([
    [3, 'SUCCEEDED', undefined],
    [4, 'FAILED', 'Bunsui.LoopBound'],
  ])('that needs %i rounds of at most 3 ends as %s', async (n, status, error) => {
    const made = pipeline('bound', { input, output: state }, (p, given) => {
      const rounds = p.loop('rounds', { ...count, while: (s) => lt(s.n, given.n), max: 3 }, (s, q) =>
        one(q, s as never),
      );
      p.output(rounds.out);
    });
    const run = await runPipeline(made, { input: { n, list: [] }, operations });
    expect([run.status, run.error, run.cause]).toStrictEqual([
      status,
      error,
      error && 'loop "rounds" has not ended after 3 rounds',
    ]);
  });

  it('carries what its schema says, and its condition may look at what is outside', async () => {
    const made = pipeline('outside', { input, output: z.object({ n: z.int(), last: z.int() }) }, (p, given) => {
      const most = p.job('most', step, { n: given.n });
      const carried = z.object({ n: z.int(), last: z.int() });
      const rounds = p.loop(
        'rounds',
        { state: carried, start: { n: 0, last: -1 }, while: (s) => lt(s.n, most.out.n), max: 9 },
        (s, q, { index }) => ({ n: q.job('one', step, { n: s.n }).out.n, last: index }),
      );
      p.output(rounds.out);
    });
    expect(await runPipeline(made, { input: { n: 3, list: [] }, operations })).toMatchObject({
      output: { n: 4, last: 3 },
    });
  });

  it('costs what its rounds cost: predicted is counted', async () => {
    const made = pipeline('counted', { input }, (p) => {
      p.loop('rounds', { ...count, from: 3, to: 6, max: 4 }, (s, q) => ({
        n: q.job('one', number, { value: s.n }).out.double,
      }));
    });
    const row = { name: 'counted', pipeline: made as never, input: { n: 0, list: [] }, expected: {} as never };
    const { artifact, events } = await runRow(row);
    const entered = events.filter(({ type }) => type.endsWith('StateEntered')).length;
    const { transitions, machines } = boundsOf(artifact);
    expect({ transitions, events: machines[0]?.events }).toStrictEqual({
      transitions: { min: entered, max: entered },
      events: { min: events.length, max: events.length },
    });
  });

  it('has as many rounds as its list may have items, and as its max says elsewhere', () => {
    const bounds = (rounds: object) =>
      boundsOf(
        artifactOf(
          pipeline('p', { input }, (p, given) => {
            const over = 'over' in rounds ? { over: given.list } : rounds;
            (p.loop as (id: string, options: object, body: object) => unknown)(
              'l',
              { ...count, max: 9, ...over },
              (s: never, q: Scope) => one(q, s),
            );
          }) as never,
        ),
      ).transitions;
    // Of a round its Map, its job and the Choice after it; the Pass and the first Choice.
    expect(bounds({ over: true })).toStrictEqual({ min: 3, max: 3 + 7 * 3 });
    expect(bounds({ while: (s: { readonly n: never }) => gt(s.n, 0) })).toStrictEqual({ min: 3, max: 3 + 9 * 3 });
    expect(bounds({ until: (s: { readonly n: never }) => gt(s.n, 0) })).toStrictEqual({ min: 6, max: 3 + 9 * 3 });
  });

  it('stands in the record of its session with its rounds, also when it fails', async () => {
    const failing = rows.find(({ name }) => name === 'looped-not-at-all');
    if (failing === undefined) throw new Error('no such row');
    const { artifact, events } = await runRow(failing);
    const { error, jobs } = foldHistory(artifact, events);
    expect(error).toMatchObject({ name: 'Bunsui.LoopBound', job: 'until', source: { line: expect.any(Number) } });
    expect(jobs.find(({ job }) => job === 'until')).toMatchObject({
      kind: 'loop',
      status: 'failed',
      iterations: { total: 20, completed: 20, failed: 0 },
    });
    expect(jobs.filter(({ job }) => job.startsWith('until[')).map(({ job }) => job)).toHaveLength(20);
  });
});

describe('a wait', () => {
  const made = pipeline('waits', { input: z.object({ n: z.int(), at: z.string() }) }, (p, given) => {
    const a = p.wait('a', { for: '90s' });
    const b = p.wait('b', { for: given.n, after: a });
    const c = p.wait('c', { until: given.at, after: b });
    p.job('end', step, { n: 1 }, { after: { job: c, on: 'success' } });
  });

  it('lasts as long as it says, or until a time', async () => {
    const at = '2026-01-01T00:02:00+00:00';
    const run = await runPipeline(made, { input: { n: 10, at }, operations });
    expect(run.attempts.map(({ job, startedAtMs }) => [job, startedAtMs])).toStrictEqual([['end', 120_000]]);
    const past = await runPipeline(made, { input: { n: 10, at: '2020-01-01T00:00:00Z' }, operations });
    expect(past.elapsedMs).toBe(100_000);
  });

  it('is counted in the time that a pipeline takes', () => {
    expect(explainPipeline(artifactOf(made as never)).nodes.map(({ id, seconds }) => [id, seconds])).toStrictEqual([
      ['a', 90],
      ['b', 1],
      ['c', 1],
      ['end', 1],
    ]);
  });
});

describe('loops and waits as pictures', () => {
  const { ir } = pipeline(
    'drawn',
    { input: z.object({ at: z.string(), n: z.int(), list: z.array(z.int()) }) },
    (p, given) => {
      p.wait('pause', { until: given.at });
      p.loop('each', { ...count, over: given.list, max: 5, when: gt(given.n, 0) }, (s, q) => one(q, s as never));
    },
  );

  it('are a box and a group, with what decides', () => {
    expect(toMermaid(graphOf(ir))).toBe(
      [
        'flowchart TB',
        '    pause(["pause#58; until input.at"])',
        '    subgraph each["each#58; for each of input.list #40;runs if input.n #62; 0#41;"]',
        '        one["one"]',
        '    end',
        '',
      ].join('\n'),
    );
  });
});

describe('mistakes', () => {
  it('are told of loops and waits at their places', () => {
    const made = pipeline('p', { input }, (p, given) => {
      let outside = given.n;
      p.loop('endless', { ...count, while: (s) => gt(s.n, 0), max: 0 }, (s) => {
        outside = s.n as never;
        return { n: s.n };
      });
      p.loop('nothing', { ...count, over: [1], max: 1 }, (() => undefined) as never);
      p.loop('wrong', { state, start: { n: 'x' as never }, over: [1], max: 1 }, () => ({ n: true as never, m: 1 }));
      p.loop('no-list', { ...count, over: given.n as never, max: 1 }, (s) => ({ n: add(s.n, 1) }));
      p.wait('negative', { for: -1 });
      p.wait('never', { until: 'tomorrow' });
      p.wait('text', { for: given.list as never });
      p.job('late', step, { n: outside });
    });
    expect(made.diagnostics.map(({ code, path }) => [code, path.slice(1).join('.')])).toStrictEqual([
      ['BS1110', 'negative.for'],
      ['BS1122', 'endless.max'],
      ['BS1122', 'nothing.next'],
      ['BS1123', 'never.until'],
      ['BS1106', 'late.input'],
      ['BS1108', 'wrong.start.n'],
      ['BS1108', 'wrong.next.n'],
      ['BS1108', 'wrong.next.m'],
      ['BS1108', 'no-list.over'],
      ['BS1108', 'text.for'],
    ]);
    expect(made.diagnostics.every(({ source }) => source?.file.endsWith('loops.test.ts'))).toBe(true);
  });
});
