import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GraphEdge, GraphScope } from '../../lib/graph/graph.ts';
import { graphOf, nodesOf, scopesOf } from '../../lib/graph/graph.ts';
import { reduceEdges } from '../../lib/graph/reduce.ts';
import { anyPipeline, branch, job, literal, map, pipeline, ref } from './sample.ts';

const call = (name: 'gt' | 'ok', ...given: Parameters<typeof literal>[0][]) =>
  ({ kind: 'call', name, arguments: given.map(literal) }) as const;

describe('graphOf', () => {
  test('draws jobs, conditions, branches and maps, and lifts what an inside reads to the group', () => {
    const drawn = graphOf(
      pipeline([
        job('extract'),
        job('clean', ['extract'], { when: call('gt', 2, 1) }),
        branch(
          'check',
          call('gt', 2, 1),
          [job('quarantine', ['clean']), job('tell', ['quarantine', 'extract'])],
          [job('praise')],
        ),
        map('convert', ref('clean', 'files'), [job('one', ['extract'])], 4),
        job('publish', ['convert'], { after: ['check', 'extract'] }),
      ]),
    );
    expect(drawn).toStrictEqual({
      id: 'daily-etl',
      nodes: [
        { kind: 'job', id: 'extract', operation: 'extract-operation' },
        { kind: 'job', id: 'clean', operation: 'clean-operation', condition: '2 > 1' },
        {
          kind: 'branch',
          id: 'check',
          condition: '2 > 1',
          yes: {
            nodes: [
              { kind: 'job', id: 'quarantine', operation: 'quarantine-operation' },
              { kind: 'job', id: 'tell', operation: 'tell-operation' },
            ],
            edges: [{ from: 'quarantine', to: 'tell', kind: 'data' }],
          },
          no: { nodes: [{ kind: 'job', id: 'praise', operation: 'praise-operation' }], edges: [] },
        },
        {
          kind: 'map',
          id: 'convert',
          items: 'clean.files',
          concurrency: 4,
          body: { nodes: [{ kind: 'job', id: 'one', operation: 'one-operation' }], edges: [] },
        },
        { kind: 'job', id: 'publish', operation: 'publish-operation' },
      ],
      edges: [
        { from: 'extract', to: 'clean', kind: 'data' },
        { from: 'clean', to: 'check', kind: 'data' },
        { from: 'clean', to: 'convert', kind: 'data' },
        { from: 'convert', to: 'publish', kind: 'data' },
        { from: 'check', to: 'publish', kind: 'order' },
      ],
    });
  });

  test('reads a branch result, a map list and a condition as edges too', () => {
    const drawn = graphOf(
      pipeline([
        job('a'),
        job('b'),
        job('c'),
        job('d', [], { when: ref('a', 'go') }),
        { ...branch('e', ref('b', 'go'), []), yes: { nodes: [], result: ref('c') } },
      ]),
    );
    expect(drawn.edges).toStrictEqual([
      { from: 'a', to: 'd', kind: 'data' },
      { from: 'b', to: 'e', kind: 'data' },
      { from: 'c', to: 'e', kind: 'data' },
    ]);
  });

  test('keeps data where a node is both read and named in after', () => {
    expect(graphOf(pipeline([job('a'), job('b', ['a'], { after: ['a'] })])).edges).toStrictEqual([
      { from: 'a', to: 'b', kind: 'data' },
    ]);
  });

  test('draws a pipeline with a cycle, a self reference and an unknown reference', () => {
    const drawn = graphOf(pipeline([job('a', ['b', 'a', 'ghost']), job('b', ['a'], { after: ['nobody'] })]));
    expect(drawn.edges).toStrictEqual([
      { from: 'b', to: 'a', kind: 'data' },
      { from: 'a', to: 'b', kind: 'data' },
    ]);
  });

  test('an item or index reference makes no edge', () => {
    const item = { kind: 'ref', target: { kind: 'item', map: 'm' }, path: [] } as const;
    const drawn = graphOf(pipeline([map('m', literal([1]), [{ ...job('one'), input: item }])]));
    expect(drawn.edges).toStrictEqual([]);
  });
});

describe('nodesOf', () => {
  test('gives outside before inside in the order of the text', () => {
    const drawn = graphOf(
      pipeline([map('m', literal([]), [branch('b', literal(true), [job('x')], [job('y')]), job('z')]), job('last')]),
    );
    expect(nodesOf(drawn).map(({ id }) => id)).toStrictEqual(['m', 'b', 'x', 'y', 'z', 'last']);
  });
});

describe('reduceEdges', () => {
  const pair = fc.tuple(fc.nat(11), fc.nat(11)).filter(([a, b]) => a < b);
  const ids = Array.from({ length: 12 }, (_, index) => `n${index}`);

  /** Every (from, to) that a way leads along, found by repeated joining. */
  function closure(edges: readonly { readonly from: string; readonly to: string }[]): ReadonlySet<string> {
    const found = new Set(edges.map(({ from, to }) => `${from} ${to}`));
    for (let before = -1; before !== found.size; ) {
      before = found.size;
      for (const one of [...found]) {
        for (const two of [...found]) {
          const [a, b] = one.split(' ');
          const [c, d] = two.split(' ');
          if (b === c) found.add(`${a} ${d}`);
        }
      }
    }
    return found;
  }

  test('keeps every order and nothing that is implied', () => {
    fc.assert(
      fc.property(fc.uniqueArray(pair, { maxLength: 20, selector: String }), (pairs) => {
        const edges = pairs.map(([a, b]) => ({ from: `n${a}`, to: `n${b}` }));
        const reduced = reduceEdges(ids, edges);
        expect(closure(reduced)).toStrictEqual(closure(edges));
        for (const edge of reduced) {
          expect(closure(reduced.filter((other) => other !== edge))).not.toContain(`${edge.from} ${edge.to}`);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('leaves a graph with a cycle as it is', () => {
    const edges = [
      { from: 'a', to: 'b' },
      { from: 'b', to: 'a' },
    ];
    expect(reduceEdges(['a', 'b'], edges)).toBe(edges);
  });

  test('every edge of a random pipeline joins two nodes of one scope', () => {
    const check = (scope: GraphScope): void => {
      const here = new Set(scope.nodes.map(({ id }) => id));
      const strays = scope.edges.filter(({ from, to }: GraphEdge) => !here.has(from) || !here.has(to));
      expect(strays).toStrictEqual([]);
      for (const node of scope.nodes) for (const inner of scopesOf(node)) check(inner.scope);
    };
    fc.assert(fc.property(anyPipeline, (ir) => check(graphOf(ir))));
  });
});
