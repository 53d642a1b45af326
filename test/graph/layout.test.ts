import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { graphOf, nodesOf } from '../../lib/graph/graph.ts';
import type { Box, GraphLayout } from '../../lib/graph/layout.ts';
import { layoutGraph } from '../../lib/graph/layout.ts';
import { anyPipeline, branch, job, literal, map, pipeline } from './sample.ts';

const overlaps = (a: Box, b: Box) =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
const holds = (outer: Box, inner: Box) =>
  inner.x >= outer.x - 0.2 &&
  inner.y >= outer.y - 0.2 &&
  inner.x + inner.width <= outer.x + outer.width + 0.2 &&
  inner.y + inner.height <= outer.y + outer.height + 0.2;

function numbersOf(plane: GraphLayout): readonly number[] {
  const boxes = [...plane.jobs, ...plane.groups].flatMap(({ x, y, width, height }) => [x, y, width, height]);
  return [
    plane.width,
    plane.height,
    ...boxes,
    ...plane.edges.flatMap(({ points }) => points.flatMap(({ x, y }) => [x, y])),
  ];
}

describe('layoutGraph', () => {
  test('stacks a chain from top to bottom', () => {
    const plane = layoutGraph(graphOf(pipeline([job('a'), job('b', ['a'])])));
    const node = (id: string) => ({ kind: 'job', id, operation: `${id}-operation` });
    expect(plane).toStrictEqual({
      width: 112,
      height: 128,
      jobs: [
        { x: 0, y: 0, width: 112, height: 44, node: node('a') },
        { x: 0, y: 84, width: 112, height: 44, node: node('b') },
      ],
      groups: [],
      edges: [
        {
          from: 'a',
          to: 'b',
          kind: 'data',
          points: [
            { x: 56, y: 44 },
            { x: 56, y: 64 },
            { x: 56, y: 84 },
          ],
        },
      ],
    });
  });

  test('an empty graph takes no room', () => {
    expect(layoutGraph({ nodes: [], edges: [] })).toStrictEqual({
      width: 0,
      height: 0,
      jobs: [],
      groups: [],
      edges: [],
    });
  });

  test('frames a branch, its sides and a map, marks what is empty, and joins edges to the frames', () => {
    const plane = layoutGraph(
      graphOf(
        pipeline([
          job('a'),
          { ...branch('check', literal(true), [job('fix')], []), after: ['a'] },
          { ...map('each', literal([]), [job('one')]), after: ['check'] },
        ]),
      ),
      { direction: 'LR' },
    );
    expect(plane.groups.map(({ node, side, empty, depth }) => [node.id, side, empty, depth])).toStrictEqual([
      ['check', undefined, false, 0],
      ['check', 'yes', false, 1],
      ['check', 'no', true, 1],
      ['each', undefined, false, 0],
    ]);
    const [check, yes, no, each] = plane.groups;
    const [a, fix, one] = plane.jobs;
    const pairs = [
      [check, yes],
      [check, no],
      [yes, fix],
      [each, one],
    ] as const;
    expect(pairs.map(([outer, inner]) => outer && inner && holds(outer, inner))).toStrictEqual([
      true,
      true,
      true,
      true,
    ]);
    expect(yes && no && overlaps(yes, no)).toBe(false);
    const ends = plane.edges.map(({ points }) => [points.at(0)?.x, points.at(-1)?.x]);
    expect(ends).toStrictEqual([
      [(a?.x ?? 0) + (a?.width ?? 0), check?.x],
      [(check?.x ?? 0) + (check?.width ?? 0), each?.x],
    ]);
  });

  test('in any pipeline boxes are on the plane, numbers are finite, siblings do not overlap, and it comes out the same twice', () => {
    fc.assert(
      fc.property(anyPipeline, fc.constantFrom('TB' as const, 'LR' as const), (ir, direction) => {
        const graph = graphOf(ir);
        const plane = layoutGraph(graph, { direction });
        expect(numbersOf(plane).filter((value) => !Number.isFinite(value) || value < -0.2)).toStrictEqual([]);
        const page = { x: 0, y: 0, width: plane.width, height: plane.height };
        expect([...plane.jobs, ...plane.groups].filter((box) => !holds(page, box))).toStrictEqual([]);
        const clashes = plane.jobs.flatMap((one, index) =>
          plane.jobs.slice(index + 1).filter((two) => overlaps(one, two)),
        );
        expect(clashes).toStrictEqual([]);
        expect(plane.jobs.map(({ node }) => node.id).sort()).toStrictEqual(
          nodesOf(graph)
            .flatMap(({ id, kind }) => (kind === 'job' ? [id] : []))
            .sort(),
        );
        expect(layoutGraph(graph, { direction })).toStrictEqual(plane);
      }),
      { numRuns: 60 },
    );
  });

  test('lays out cycles', () => {
    const plane = layoutGraph(graphOf(pipeline([job('a', ['b']), job('b', ['a'])])));
    expect(plane.edges.map(({ from, to }) => [from, to])).toStrictEqual([
      ['b', 'a'],
      ['a', 'b'],
    ]);
    expect(numbersOf(plane).every(Number.isFinite)).toBe(true);
  });
});
