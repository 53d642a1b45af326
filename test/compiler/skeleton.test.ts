import { gt, type Job, lambda, orElse, pipeline, type Ref } from 'bunsui';
import { runPipeline } from 'bunsui/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { buildSkeleton, type Skeleton } from '../../lib/compiler/skeleton.ts';
import { transitiveReduction } from '../../lib/ir/reduction.ts';
import { draws } from '../fuzz.ts';

type Graph = ReadonlyMap<string, ReadonlySet<string>>;

const graph = (edges: { readonly [id: string]: readonly string[] }): Graph =>
  new Map(Object.entries(edges).map(([id, parents]) => [id, new Set(parents)]));

/** `a → (b | c) → d` for a sequence of a leaf, a parallel and a leaf. */
function show(skeleton: Skeleton | undefined): string {
  if (!skeleton) return '';
  if (skeleton.kind === 'leaf') return skeleton.id;
  const parts = skeleton.parts.map(show);
  return skeleton.kind === 'sequence' ? parts.join(' → ') : `(${parts.join(' | ')})`;
}

/** Graphs of up to 14 nodes; an edge leads from a lower to a higher number. */
const anyGraph = fc
  .integer({ min: 1, max: 14 })
  .chain((size) =>
    fc
      .array(fc.array(fc.boolean(), { minLength: size, maxLength: size }), { minLength: size, maxLength: size })
      .map((matrix) =>
        graph(
          Object.fromEntries(
            matrix.map((row, node) => [
              `j${node}`,
              row.flatMap((edge, parent) =>
                edge && parent < node && (node + parent * 7) % 3 !== 0 ? [`j${parent}`] : [],
              ),
            ]),
          ),
        ),
      ),
  );

/** Series-parallel graphs, made as such: sources and sinks of the parts joined completely. */
type Made = {
  readonly edges: { [id: string]: string[] };
  readonly sources: readonly string[];
  readonly sinks: readonly string[];
};
const seriesParallel = fc
  .letrec<{ tree: (next: () => string) => Made }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.constant((next: () => string): Made => {
        const id = next();
        return { edges: { [id]: [] }, sources: [id], sinks: [id] };
      }),
      fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => (next: () => string): Made => {
        const [first, second] = [a(next), b(next)];
        const edges = { ...first.edges, ...second.edges };
        for (const source of second.sources) edges[source] = [...(edges[source] ?? []), ...first.sinks];
        return { edges, sources: first.sources, sinks: second.sinks };
      }),
      fc.tuple(tie('tree'), tie('tree')).map(([a, b]) => (next: () => string): Made => {
        const [one, other] = [a(next), b(next)];
        return {
          edges: { ...one.edges, ...other.edges },
          sources: [...one.sources, ...other.sources],
          sinks: [...one.sinks, ...other.sinks],
        };
      }),
    ),
  }))
  .tree.map((build) => {
    let count = 0;
    return graph(build(() => `j${count++}`).edges);
  });

const step = lambda('step', {
  entry: './step.ts',
  input: z.object({ values: z.array(z.int()) }),
  output: z.object({ value: z.int(), unread: z.string() }),
});

/** A pipeline in which each job adds one to the sum of what its parents gave. */
function adding(
  dependencies: Graph,
  conditions: readonly string[] = [],
  options: {
    readonly mode?: 'exact' | 'barrier' | 'auto';
    readonly durations?: { readonly [job: string]: number };
  } = {},
) {
  return pipeline(
    'adding',
    { input: z.object({}), output: z.object({ values: z.array(z.int()) }), ...options },
    (p) => {
      const jobs = new Map<string, Job<{ value: number; unread: string }>>();
      const given = (id: string): Ref<number> => {
        const out = jobs.get(id)?.out as Ref<{ value: number }>;
        return orElse(out.value as Ref<number | undefined>, 0);
      };
      for (const [id, parents] of dependencies) {
        const [first] = parents;
        const when = conditions.includes(id) && first !== undefined ? { when: gt(given(first), 2) } : {};
        jobs.set(id, p.job(id, step, { values: [...parents].map(given) }, when));
      }
      p.output({ values: [...dependencies.keys()].map(given) });
    },
  );
}

function expectedValues(dependencies: Graph, conditions: readonly string[] = []): readonly number[] {
  const values = new Map<string, number>();
  for (const [id, parents] of dependencies) {
    const [first] = parents;
    const skipped = conditions.includes(id) && first !== undefined && !((values.get(first) ?? 0) > 2);
    values.set(id, skipped ? 0 : 1 + [...parents].reduce((sum, parent) => sum + (values.get(parent) ?? 0), 0));
  }
  return [...values.values()];
}

interface RunOptions {
  readonly conditions?: readonly string[];
  readonly mode?: 'exact' | 'barrier' | 'auto';
  readonly budget?: { readonly bytes: number; readonly events: number };
}

async function run(dependencies: Graph, durations: readonly number[], options: RunOptions = {}) {
  const { conditions, mode = 'exact', budget } = options;
  const ids = [...dependencies.keys()];
  const seconds = Object.fromEntries(ids.map((id, index) => [id, (durations[index % durations.length] ?? 1) / 1_000]));
  const recorded = adding(dependencies, conditions, mode === 'exact' ? {} : { mode, durations: seconds });
  expect(recorded.diagnostics).toStrictEqual([]);
  const result = await runPipeline(recorded, {
    input: {},
    ...(budget === undefined ? {} : { budget }),
    operations: {
      step: async ({ values }: { values: number[] }, { job, sleep }) => {
        await sleep(durations[Number(job.slice(1)) % durations.length] ?? 1);
        return { value: 1 + values.reduce((sum, value) => sum + value, 0), unread: 'x' };
      },
    },
  });
  const started = new Map(result.attempts.map(({ job, startedAtMs }) => [job, startedAtMs]));
  const ended = new Map(result.attempts.map(({ job, endedAtMs }) => [job, endedAtMs]));
  return { result, started, ended };
}

/** Jobs that did not start when the last of their parents had ended, but earlier or later. */
function misplaced(
  dependencies: Graph,
  { started, ended }: Pick<Awaited<ReturnType<typeof run>>, 'started' | 'ended'>,
) {
  const earliest = (parents: Iterable<string>) =>
    Math.max(0, ...Array.from(parents, (parent) => ended.get(parent) ?? Number.NaN));
  return [...dependencies].filter(([id, parents]) => started.get(id) !== earliest(parents)).map(([id]) => id);
}

const durations = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 14 });

describe('the skeleton', () => {
  it.each([
    ['one job', { a: [] }, 'a'],
    ['a chain', { a: [], b: ['a'], c: ['b', 'a'] }, 'a → b → c'],
    ['a diamond', { a: [], b: ['a'], c: ['a'], d: ['b', 'c'] }, 'a → (b | c) → d'],
    ['two that share nothing', { a: [], b: [], c: ['a'] }, '(a → c | b)'],
    ['complete layers', { a: [], b: [], c: ['a', 'b'], d: ['a', 'b'] }, '(a | b) → (c | d)'],
    [
      'nested forks',
      { r: [], a: ['r'], b: ['a'], c: ['a'], d: ['b', 'c'], e: ['r'], f: ['d', 'e'] },
      'r → (a → (b | c) → d | e) → f',
    ],
    ['an N, with a barrier', { a: [], b: [], x: ['a'], y: ['a', 'b'] }, '(a | b) → (x | y)'],
  ] as const)('of %s', (_name, edges, expected) => {
    expect(show(buildSkeleton(transitiveReduction(graph(edges)), { mode: 'barrier' }).skeleton)).toBe(expected);
  });

  it('reports what a barrier orders without need, and what that costs', () => {
    const takes: { readonly [id: string]: number } = { a: 1, b: 5, x: 4, y: 1, z: 1 };
    const { barriers, criticalPath, makespan } = buildSkeleton(
      transitiveReduction(graph({ a: [], b: [], x: ['a'], y: ['a', 'b'], z: ['x'] })),
      { mode: 'barrier', estimate: (id) => takes[id] ?? 1 },
    );
    // After the first level: x waits for b, 5 + 4 + 1 instead of 6. After the second one: z waits for y, nothing lost.
    expect(barriers).toStrictEqual([
      { added: [['z', 'y']], addedCount: 1, delay: 1 },
      { added: [['x', 'b']], addedCount: 1, delay: 3 },
    ]);
    expect({ criticalPath, makespan }).toStrictEqual({ criticalPath: 6, makespan: 10 });
  });

  it('counts the orders that a barrier adds, and lists three', () => {
    const wide = Array.from({ length: 40 }, (_, index) => index);
    const edges = Object.fromEntries([
      ...wide.map((index) => [`a${index}`, []]),
      ...wide.map((index) => [`b${index}`, wide.filter((other) => other !== index).map((other) => `a${other}`)]),
    ]);
    const { barriers } = buildSkeleton(transitiveReduction(graph(edges)), { mode: 'barrier' });
    expect(barriers).toStrictEqual([
      {
        added: [
          ['b0', 'a0'],
          ['b1', 'a1'],
          ['b2', 'a2'],
        ],
        addedCount: 40,
        delay: 0,
      },
    ]);
  });

  it('nests Parallels to a bounded depth, however the graph is built', () => {
    // A ladder in a ladder in a ladder: each job goes on in two ways, one of which ends at once, and all meet at last.
    const deep = new Map<string, ReadonlySet<string>>([['s0', new Set()]]);
    for (let step = 1; step < 2_000; step += 1) {
      deep.set(`s${step}`, new Set([`s${step - 1}`]));
      deep.set(`e${step}`, new Set([`s${step - 1}`, ...(step > 1 ? [`e${step - 1}`] : [])]));
    }
    for (const mode of ['exact', 'barrier'] as const) {
      const { skeleton } = buildSkeleton(transitiveReduction(deep), { mode });
      expect(nestingOf(skeleton)).toBeLessThanOrEqual(40);
      expect([...leavesIn(skeleton)].sort()).toStrictEqual([...deep.keys()].sort());
    }
  });

  it('orders everything the graph orders, and a series-parallel graph not more', () => {
    fc.assert(
      fc.property(fc.oneof(anyGraph, seriesParallel), (dependencies) => {
        const reduced = transitiveReduction(dependencies);
        const { skeleton, barriers } = buildSkeleton(reduced, { mode: 'barrier' });
        const before = ordersOf(skeleton);
        const asked = reduced.order.flatMap((a) =>
          reduced.order.filter((b) => reduced.isAncestor(a, b)).map((b) => `${a} ${b}`),
        );
        expect([...asked].filter((pair) => !before.has(pair))).toStrictEqual([]);
        if (barriers.length === 0) expect([...before].sort()).toStrictEqual(asked.sort());
      }),
      { numRuns: draws(1_000) },
    );
  });

  it('orders nothing that the graph does not, and what it leaves out is gated', () => {
    fc.assert(
      fc.property(fc.oneof(anyGraph, seriesParallel), (dependencies) => {
        const reduced = transitiveReduction(dependencies);
        const { skeleton, gates, barriers } = buildSkeleton(reduced, { mode: 'exact' });
        const before = ordersOf(skeleton);
        expect(barriers).toStrictEqual([]);
        expect(
          [...before].filter((pair) => !reduced.isAncestor(...(pair.split(' ') as [string, string]))),
        ).toStrictEqual([]);
        const edges = reduced.order.flatMap((id) => (reduced.parents.get(id) ?? []).map((parent) => `${parent} ${id}`));
        expect(gates.map(({ from, to }) => `${from} ${to}`).sort()).toStrictEqual(
          edges.filter((edge) => !before.has(edge)).sort(),
        );
      }),
      { numRuns: draws(1_000) },
    );
  });

  it('cuts by a schedule in the mode auto, and never later than its slack allows', () => {
    let cut = 0;
    const costs = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 14, maxLength: 14 });
    fc.assert(
      fc.property(anyGraph, costs, fc.constantFrom(0, 0.05, 0.3), (dependencies, takes, slack) => {
        const reduced = transitiveReduction(dependencies);
        const estimate = (id: string) => takes[Number(id.slice(1))] ?? 1;
        const { skeleton, gates, barriers, criticalPath, makespan } = buildSkeleton(reduced, {
          mode: 'auto',
          estimate,
          slack,
        });
        cut += barriers.length;
        expect(makespan).toBeLessThanOrEqual(criticalPath * (1 + slack) + 1e-9);
        // Everything that a node waits for: by the skeleton, and at gates. A circle would have no longest path.
        const before = [...ordersOf(skeleton)].map((pair) => pair.split(' ') as [string, string]);
        const waits = [...before, ...gates.map(({ from, to }) => [from, to] as const)];
        const ends = new Map<string, number>();
        const endOf = (id: string, on: readonly string[] = []): number => {
          expect(on).not.toContain(id);
          const known = ends.get(id);
          if (known !== undefined) return known;
          const above = waits.filter(([, to]) => to === id).map(([from]) => endOf(from, [...on, id]));
          ends.set(id, Math.max(0, ...above) + estimate(id));
          return ends.get(id) ?? 0;
        };
        expect(Math.max(...reduced.order.map((id) => endOf(id)))).toBeLessThanOrEqual(makespan + 1e-9);
        for (const id of reduced.order)
          for (const parent of reduced.parents.get(id) ?? [])
            expect(waits.some(([from, to]) => from === parent && to === id)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
    expect(cut).toBeGreaterThan(100);
  });

  it('needs neither barrier nor gate for any series-parallel graph, and is the same in every mode', () => {
    fc.assert(
      fc.property(seriesParallel, (dependencies) => {
        const reduced = transitiveReduction(dependencies);
        const { skeleton, barriers, gates } = buildSkeleton(reduced, { mode: 'exact' });
        expect([...barriers, ...gates]).toStrictEqual([]);
        for (const mode of ['barrier', 'auto'] as const)
          expect(buildSkeleton(reduced, { mode })).toMatchObject({ skeleton, barriers: [], gates: [] });
      }),
      { numRuns: draws(500) },
    );
  });
});

function nestingOf(skeleton: Skeleton | undefined): number {
  if (!skeleton || skeleton.kind === 'leaf') return 0;
  return Math.max(...skeleton.parts.map(nestingOf)) + (skeleton.kind === 'parallel' ? 1 : 0);
}

function leavesIn(skeleton: Skeleton | undefined): readonly string[] {
  if (!skeleton) return [];
  return skeleton.kind === 'leaf' ? [skeleton.id] : skeleton.parts.flatMap(leavesIn);
}

/** Every ordered pair of leaves. */
function ordersOf(skeleton: Skeleton | undefined): Set<string> {
  const pairs = new Set<string>();
  const leaves = (part: Skeleton): readonly string[] => {
    if (part.kind === 'leaf') return [part.id];
    const groups = part.parts.map(leaves);
    if (part.kind === 'sequence') {
      for (const [index, group] of groups.entries())
        for (const later of groups.slice(index + 1))
          for (const a of group) for (const b of later) pairs.add(`${a} ${b}`);
    }
    return groups.flat();
  };
  if (skeleton) leaves(skeleton);
  return pairs;
}

describe('a compiled graph', () => {
  it('gives the values that its jobs compute, and starts no job before its parents have ended', async () => {
    await fc.assert(
      fc.asyncProperty(anyGraph, durations, async (dependencies, times) => {
        const { result, started, ended } = await run(dependencies, times);
        expect(result.output).toStrictEqual({ values: expectedValues(dependencies) });
        for (const [id, parents] of dependencies)
          for (const parent of parents) expect(started.get(id)).toBeGreaterThanOrEqual(ended.get(parent) ?? Number.NaN);
      }),
      { numRuns: draws(150) },
    );
  });

  it('starts every job of any graph at its earliest moment', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(anyGraph, seriesParallel), durations, async (dependencies, times) => {
        const ran = await run(dependencies, times);
        expect(ran.result.output).toStrictEqual({ values: expectedValues(dependencies) });
        expect(misplaced(dependencies, ran)).toStrictEqual([]);
      }),
      { numRuns: draws(1_000) },
    );
  });

  it('that has lost an order, or has one too many, is found by when its jobs start', async () => {
    const ids = (graph: Graph) => [...graph.keys()];
    const changed = (graph: Graph, id: string, parents: readonly string[]): Graph =>
      new Map([...graph].map(([other, before]) => [other, other === id ? new Set(parents) : before]));
    /** One job that takes longer than all others together. */
    const slow = (id: string) => Array.from({ length: 14 }, (_, index) => (`j${index}` === id ? 1_000 : 1));
    let [lost, added] = [0, 0];
    await fc.assert(
      fc.asyncProperty(anyGraph, fc.nat(), async (dependencies, any) => {
        const reduced = transitiveReduction(dependencies);
        const edges = ids(dependencies).flatMap((to) =>
          (reduced.parents.get(to) ?? []).map((from) => [from, to] as const),
        );
        const strangers = ids(dependencies).flatMap((to, place) =>
          ids(dependencies)
            .slice(0, place)
            .filter((from) => !reduced.isAncestor(from, to))
            .map((from) => [from, to] as const),
        );
        const [edge, stranger] = [edges[any % edges.length], strangers[any % strangers.length]];
        if (edge !== undefined) {
          const [from, to] = edge;
          const without = changed(
            dependencies,
            to,
            [...(dependencies.get(to) ?? [])].filter((id) => id !== from),
          );
          expect(misplaced(dependencies, await run(without, slow(from)))).toContain(to);
          lost += 1;
        }
        if (stranger !== undefined) {
          const [from, to] = stranger;
          const more = changed(dependencies, to, [...(dependencies.get(to) ?? []), from]);
          expect(misplaced(dependencies, await run(more, slow(from)))).toContain(to);
          added += 1;
        }
      }),
      { numRuns: 50 },
    );
    expect(Math.min(lost, added)).toBeGreaterThan(10);
  });

  it('starts every job at its earliest moment when it is cut into several machines', async () => {
    let cut = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(anyGraph, seriesParallel),
        durations,
        fc.subarray(Array.from({ length: 14 }, (_, index) => `j${index}`)),
        fc.constantFrom(2_500, 4_000, 8_000),
        async (dependencies, times, conditions, bytes) => {
          const budget = { bytes, events: 20_000 };
          const compiled = compilePipeline(adding(dependencies, conditions).ir, { sha256: () => '', budget });
          cut += compiled.ok ? (compiled.artifact.shards?.length ?? 0) : 0;
          const { result, started, ended } = await run(dependencies, times, { conditions, budget });
          expect(result.output).toStrictEqual({ values: expectedValues(dependencies, conditions) });
          if (conditions.length > 0) return;
          for (const [id, parents] of dependencies)
            expect(started.get(id)).toBe(Math.max(0, ...[...parents].map((parent) => ended.get(parent) ?? Number.NaN)));
        },
      ),
      { numRuns: 300 },
    );
    expect(cut).toBeGreaterThan(100);
  });

  it.each(['barrier', 'auto'] as const)(
    'in the mode %s gives the same, in any order that the graph allows',
    async (mode) => {
      await fc.assert(
        fc.asyncProperty(anyGraph, durations, async (dependencies, times) => {
          const { result, started, ended } = await run(dependencies, times, { mode });
          expect(result.output).toStrictEqual({ values: expectedValues(dependencies) });
          for (const [id, parents] of dependencies)
            for (const parent of parents)
              expect(started.get(id)).toBeGreaterThanOrEqual(ended.get(parent) ?? Number.NaN);
        }),
        { numRuns: 150 },
      );
    },
  );

  it('goes on past skipped jobs, wherever they stand', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(anyGraph, seriesParallel),
        fc.subarray(Array.from({ length: 14 }, (_, index) => `j${index}`)),
        async (dependencies, conditions) => {
          const { result } = await run(dependencies, [1], { conditions });
          expect(result.output).toStrictEqual({ values: expectedValues(dependencies, conditions) });
        },
      ),
      { numRuns: draws(150) },
    );
  });
});
