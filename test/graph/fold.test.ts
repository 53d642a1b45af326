import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { foldGraph, readable } from '../../lib/graph/fold.ts';
import type { GraphNode, GraphScope, PipelineGraph } from '../../lib/graph/graph.ts';
import { graphOf, nodesOf, scopesOf } from '../../lib/graph/graph.ts';
import { large, lanes, row, tangle } from './large.ts';
import { anyPipeline, branch, job, literal, map, pipeline } from './sample.ts';

const titles = (graph: GraphScope) => graph.nodes.map((node) => (node.kind === 'fold' ? node.title : node.id));

/** Ids of every node that a graph has or a fold of it stands for. */
const heldBy = (graph: GraphScope) => nodesOf(graph).flatMap((node) => (node.kind === 'fold' ? node.nodes : [node.id]));

/** Which of a scope's nodes can be reached from which, by the ids of all that they hold. */
function reachable(scope: GraphScope): ReadonlyMap<string, ReadonlySet<string>> {
  const after = Map.groupBy(scope.edges, ({ from }) => from);
  const found = new Map<string, Set<string>>();
  const visit = (id: string): Set<string> => {
    const known = found.get(id);
    if (known !== undefined) return known;
    const set = new Set<string>();
    found.set(id, set);
    for (const { to } of after.get(id) ?? []) for (const each of [to, ...visit(to)]) set.add(each);
    return set;
  };
  for (const { id } of scope.nodes) visit(id);
  return found;
}

function hasCycle(scope: GraphScope): boolean {
  const inside = scope.nodes.flatMap((node: GraphNode) => scopesOf(node).map((one) => one.scope));
  return [...reachable(scope)].some(([id, after]) => after.has(id)) || inside.some(hasCycle);
}

describe('foldGraph', () => {
  test('leaves a graph that can be read as it is', () => {
    const graph = graphOf(row(readable));
    expect(foldGraph(graph)).toBe(graph);
  });

  test('folds what stands side by side, and says how its names begin', () => {
    const graph = foldGraph(graphOf(large['fan']?.(500) ?? pipeline([])));
    expect(graph).toStrictEqual({
      id: 'daily-etl',
      nodes: [
        { kind: 'job', id: 'list', operation: 'list-operation' },
        {
          kind: 'fold',
          id: 'bunsui:fold-1',
          title: 'load-*',
          nodes: Array.from({ length: 498 }, (_, index) => `load-${index}`),
          jobs: 498,
        },
        { kind: 'job', id: 'publish', operation: 'publish-operation' },
      ],
      edges: [
        { from: 'list', to: 'bunsui:fold-1', kind: 'data' },
        { from: 'bunsui:fold-1', to: 'publish', kind: 'order' },
      ],
    });
  });

  test('folds rows, then rows that stand side by side', () => {
    expect(titles(foldGraph(graphOf(lanes(202))))).toContain('extract-0 … load-0');
    expect(titles(foldGraph(graphOf(lanes(502))))).toStrictEqual(['list', 'extract-0 … load-99', 'publish']);
  });

  test('folds a long row, and a long row of groups, in pieces', () => {
    const pieces = foldGraph(graphOf(row(500)));
    expect([titles(pieces)[1], titles(pieces).length, pieces.edges.length]).toStrictEqual([
      'step-42 … step-83',
      12,
      11,
    ]);
    expect(titles(foldGraph(graphOf(large['groups']?.(500) ?? pipeline([]))))[0]).toBe('group-0 … group-4');
  });

  test('folds whole groups where there are too many of them, and names what they do', () => {
    const nodes = Array.from({ length: 30 }, (_, index) =>
      map(`region-${index}`, literal([]), [job(`a${index}`), job(`b${index}`), job(`c${index}`)]),
    );
    const graph = foldGraph(graphOf(pipeline([job('list'), ...nodes])), ['b7']);
    const shown = graph.nodes.map(({ kind }) => kind);
    expect(shown).toContain('map');
    expect(titles(graph)).toContain('region-0: each of []');
    expect(nodesOf(graph).map(({ id }) => id)).toContain('b7');
    expect(nodesOf(graph).length).toBeLessThanOrEqual(readable);
  });

  test('a group that is all there is stays, and its inside is folded', () => {
    const inside = graphOf(lanes(502));
    const guarded: PipelineGraph = {
      id: 'p',
      nodes: [{ kind: 'guard', id: 'run', parts: [{ side: 'jobs', scope: inside }] }],
      edges: [],
    };
    expect(nodesOf(foldGraph(guarded)).map(({ kind }) => kind)).toStrictEqual(['guard', 'job', 'fold', 'job']);
  });

  test.each(Object.keys(large))(
    'of 500 jobs in a %s little enough is left to read, nothing is lost, nothing runs in a circle',
    (name) => {
      const graph = graphOf(large[name]?.(500) ?? pipeline([]));
      const folded = foldGraph(graph);
      expect(nodesOf(folded).length).toBeLessThanOrEqual(readable);
      expect(heldBy(folded).toSorted()).toStrictEqual(heldBy(graph).toSorted());
      expect(hasCycle(folded)).toBe(false);
    },
  );

  test('what one wants to see stays by itself, with the groups around it', () => {
    for (const [pipelineIr, wanted] of [
      [tangle(500), ['s3-t4', 's20-t19']],
      [row(500), ['step-0', 'step-77', 'step-78', 'step-300']],
      [large['groups']?.(500) ?? pipeline([]), ['g7-j3']],
    ] as const) {
      const folded = foldGraph(graphOf(pipelineIr), wanted);
      expect(nodesOf(folded).map(({ id }) => id)).toStrictEqual(expect.arrayContaining([...wanted]));
      expect(hasCycle(folded)).toBe(false);
      expect(nodesOf(folded).length).toBeLessThanOrEqual(readable);
    }
  });

  test('approvals stand by themselves as long as anything does', () => {
    const graph = graphOf(large['fan']?.(200) ?? pipeline([]));
    const nodes: readonly GraphNode[] = [...graph.nodes, { kind: 'approval', id: 'ask' }];
    const folded = foldGraph({
      id: 'p',
      nodes,
      edges: [...graph.edges, { from: 'list', to: 'ask', kind: 'data' }, { from: 'ask', to: 'publish', kind: 'data' }],
    });
    expect(titles(folded)).toStrictEqual(['list', 'load-*', 'publish', 'ask']);
  });

  test('of any pipeline, however its nodes hang together, it loses none and makes no circle', () => {
    fc.assert(
      fc.property(
        fc.array(anyPipeline, { minLength: 3, maxLength: 6 }),
        fc.array(fc.nat(), { maxLength: 4 }),
        (parts, picks) => {
          const nodes = parts.flatMap((part, index) => {
            const graph = graphOf(part);
            return [{ kind: 'map', id: `part-${index}`, items: '[]', concurrency: 0, body: graph } as const];
          });
          const whole: PipelineGraph = { id: 'p', nodes, edges: [] };
          const ids = [...new Set(heldBy(whole))];
          const shown = picks.flatMap((pick) => ids[pick % Math.max(1, ids.length)] ?? []);
          const folded = foldGraph(whole, shown);
          expect(heldBy(folded).toSorted()).toStrictEqual(heldBy(whole).toSorted());
          expect(hasCycle(folded)).toBe(hasCycle(whole));
          for (const id of shown) expect(nodesOf(folded).map((node) => node.id)).toContain(id);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('nodes that wait for each other in a circle are shown as they are', () => {
    const ring = pipeline(
      Array.from({ length: 120 }, (_, index) => job(`n${index}`, [`n${(index + 1) % 120}`, `n${(index + 7) % 120}`])),
    );
    expect(nodesOf(foldGraph(graphOf(ring))).length).toBe(120);
  });

  test('a branch of many jobs beside one of few', () => {
    const many = Array.from({ length: 150 }, (_, index) => job(`load-${index}`));
    const graph = foldGraph(graphOf(pipeline([job('a'), branch('b', literal(true), many, [job('c')])])));
    const [, b] = graph.nodes;
    expect(b && scopesOf(b).map(({ scope }) => titles(scope))).toStrictEqual([['load-*'], ['c']]);
  });
});
