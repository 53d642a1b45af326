import { lambda, pipeline } from 'bunsui';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { cyclesOf } from '../../lib/ir/cycles.ts';
import { transitiveReduction } from '../../lib/ir/reduction.ts';
import { dependenciesOf } from '../../lib/ir/walk.ts';
import { draws } from '../fuzz.ts';

const graph = (of: { readonly [id: string]: readonly string[] }) =>
  new Map(Object.entries(of).map(([id, parents]) => [id, new Set(parents)]));

describe('cycles of a graph', () => {
  it.each<[string, { readonly [id: string]: readonly string[] }, readonly (readonly string[])[]]>([
    ['none in a chain', { a: [], b: ['a'], c: ['a', 'b'] }, []],
    ['one that waits for itself', { a: ['a'] }, [['a']]],
    ['without what leads to it and what follows it', { a: ['b'], b: ['c'], c: ['b'], d: ['c'] }, [['b', 'c']]],
    [
      'each of several',
      { a: ['b'], b: ['a'], x: ['y'], y: ['z'], z: ['x'] },
      [
        ['a', 'b'],
        ['x', 'y', 'z'],
      ],
    ],
    ['one of those that share a node', { a: ['b', 'c'], b: ['a'], c: ['a'] }, [['a', 'b']]],
    ['not through what is not there', { a: ['gone'], b: ['a'] }, []],
    ['not twice where two ways lead to it', { a: ['b', 'c'], b: ['d'], c: ['d'], d: ['e'], e: ['d'] }, [['d', 'e']]],
  ])('%s', (_, of, cycles) => {
    expect(cyclesOf(graph(of))).toStrictEqual(cycles);
  });

  it('are found in graphs deeper than the call stack', () => {
    const deep = new Map(Array.from({ length: 20_000 }, (_, n) => [`n${n}`, new Set([`n${(n + 1) % 20_000}`])]));
    expect(cyclesOf(deep).map((cycle) => cycle.length)).toStrictEqual([20_000]);
  });
});

/** Any graph without a cycle: each node waits for some before it. Up to 80 nodes, so that sets of bits have several words. */
const graphs = fc
  .array(fc.array(fc.nat(79), { maxLength: 6 }), { minLength: 1, maxLength: 80 })
  .map((rows) => new Map(rows.map((row, n) => [`n${n}`, new Set(row.filter((m) => m < n).map((m) => `n${m}`))])));

describe('the transitive reduction', () => {
  it('says of any two whether one is before the other, and keeps just the edges that no other path implies', () => {
    fc.assert(
      fc.property(graphs, (dependencies) => {
        const reduced = transitiveReduction(dependencies);
        const above = new Map<string, Set<string>>();
        for (const [id, parents] of dependencies)
          above.set(id, new Set([...parents].flatMap((parent) => [parent, ...(above.get(parent) ?? [])])));
        for (const a of dependencies.keys())
          for (const b of dependencies.keys()) expect(reduced.isAncestor(a, b)).toBe(above.get(b)?.has(a));
        for (const [id, parents] of dependencies) {
          const needed = [...parents].filter((one) => ![...parents].some((other) => above.get(other)?.has(one)));
          expect([...(reduced.parents.get(id) ?? [])].sort()).toStrictEqual(needed.sort());
        }
        const place = new Map(reduced.order.map((id, index) => [id, index]));
        for (const [id, parents] of dependencies)
          for (const parent of parents) expect(place.get(parent)).toBeLessThan(place.get(id) ?? Number.NaN);
      }),
      { numRuns: draws(100) },
    );
  });

  it('leaves nodes of cycles out', () => {
    expect(transitiveReduction(graph({ a: [], b: ['a', 'c'], c: ['b'], d: ['a'] })).order).toStrictEqual(['a', 'd']);
  });
});

describe('dependencies in a scope', () => {
  const work = lambda('work', { entry: './w.ts', input: z.object({ n: z.int() }), output: z.object({ n: z.int() }) });

  it('are those of everything inside a node, and none on the node itself or on what is elsewhere', () => {
    const { ir } = pipeline('scopes', { input: z.object({ n: z.int() }) }, (p, input) => {
      const a = p.job('a', work, { n: input.n });
      const each = p.map('each', [1, 2], (n, q) => {
        const one = q.job('one', work, { n });
        return q.job('two', work, { n: one.out.n });
      });
      p.job('b', work, { n: a.out.n }, { after: [each, a] });
    });
    const [, each] = ir.body.nodes;
    const inner = each?.kind === 'map' ? each.body : { nodes: [] };
    expect(dependenciesOf(ir.body)).toStrictEqual(graph({ a: [], each: [], b: ['a', 'each'] }));
    expect(dependenciesOf(inner)).toStrictEqual(graph({ one: [], two: ['one'] }));
    const itself = { nodes: ir.body.nodes.map((node) => ({ ...node, after: [node.id, 'gone'] })) };
    expect(dependenciesOf(itself).get('a')).toStrictEqual(new Set(['a']));
  });
});
