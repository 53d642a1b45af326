/**
 * Where everything of a graph stands on paper: boxes and lines in one plane, from the top left corner, in CSS pixels.
 *
 * Each scope is laid out by itself, inside first; a group then is one box of its parent's scope. (Dagre's own compound
 * graphs cannot hold an edge that ends at a group, which is what ours do.) Pure and deterministic.
 */
import { Graph, layout } from '@dagrejs/dagre';
import { type GraphBox, type GraphEdge, type GraphFrame, type GraphNode, type GraphScope, scopesOf } from './graph.ts';

/** Where it goes: from top to bottom, from left to right, or the other way round. */
export type Direction = 'TB' | 'LR' | 'BT' | 'RL';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** `x` and `y` are the top left corner. */
export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

/** A box that stands somewhere. */
export interface PlacedJob extends Box {
  readonly node: GraphBox;
}

/** The frame around a branch or switch, a side of one, or a map's body; outer frames come before inner ones. */
export interface PlacedGroup extends Box {
  readonly node: GraphFrame;
  /** Set on the frame of one side of a branch or switch. */
  readonly side?: string;
  /** True for a frame that has nothing in it. */
  readonly empty: boolean;
  /** How many frames are around it. */
  readonly depth: number;
}

/** A line from one box or frame to another, through at least two points. */
export interface PlacedEdge extends GraphEdge {
  readonly points: readonly Point[];
}

export interface GraphLayout {
  readonly width: number;
  readonly height: number;
  readonly jobs: readonly PlacedJob[];
  readonly groups: readonly PlacedGroup[];
  readonly edges: readonly PlacedEdge[];
}

export interface LayoutOptions {
  /** @default 'TB' */
  readonly direction?: Direction;
  /** The size of a job's box. @default by the length of its id, 112 to 232 wide, 44 high */
  readonly jobSize?: (job: GraphBox) => { readonly width: number; readonly height: number };
  /** The text on a frame; frames are wide enough for about 44 letters of it. @default the group's id, or the side */
  readonly frameTitle?: (node: GraphFrame, side?: string) => string;
}

/** Beyond so many nodes dagre's best ranks (network simplex) cost more time than they save room. */
const carefulUpTo = 150;
const frame = { padding: 14, title: 26, gap: 14, minWidth: 120, emptyHeight: 34 };
const nothing: Omit<GraphLayout, 'width' | 'height'> = { jobs: [], groups: [], edges: [] };

/** Lays a graph out. The graph may be empty or have cycles. */
export function layoutGraph(graph: GraphScope, options: LayoutOptions = {}): GraphLayout {
  const { direction = 'TB', jobSize = defaultJobSize, frameTitle = (node, side) => side ?? node.id } = options;
  return layoutScope(graph, { direction, jobSize, frameTitle }, 0);
}

function defaultJobSize(job: { readonly id: string }): { readonly width: number; readonly height: number } {
  return { width: Math.round(Math.min(232, Math.max(112, 46 + job.id.length * 8))), height: 44 };
}

function layoutScope(scope: GraphScope, options: Required<LayoutOptions>, depth: number): GraphLayout {
  const parts = scope.nodes.map((node) => layoutNode(node, options, depth));
  // Dagre keeps nodes in plain objects: names of our own, because an id may be `__proto__`.
  const names = new Map(scope.nodes.map((node, index) => [node.id, `n${index}`]));
  const nameOf = (id: string) => names.get(id) ?? '';
  const plane = new Graph();
  plane.setGraph({
    rankdir: options.direction,
    ranker: parts.length > carefulUpTo ? 'tight-tree' : 'network-simplex',
    nodesep: 26,
    ranksep: options.direction === 'TB' || options.direction === 'BT' ? 40 : 52,
    edgesep: 12,
  });
  for (const [index, part] of parts.entries()) plane.setNode(`n${index}`, { width: part.width, height: part.height });
  const edges = scope.edges.filter(({ from, to }) => names.has(from) && names.has(to));
  for (const { from, to } of edges) plane.setEdge(nameOf(from), nameOf(to), {});
  layout(plane);
  const placed = parts.map((part, index) => {
    const { x, y } = plane.node(`n${index}`) as Point;
    return shift(part, x - part.width / 2, y - part.height / 2);
  });
  const lines = edges.map((edge): PlacedEdge => {
    const { points } = plane.edge(nameOf(edge.from), nameOf(edge.to)) as { readonly points: readonly Point[] };
    return { ...edge, points: points.map(({ x, y }) => ({ x: round(x), y: round(y) })) };
  });
  return onOnePlane({
    jobs: placed.flatMap(({ jobs }) => jobs),
    groups: placed.flatMap(({ groups }) => groups),
    edges: [...lines, ...placed.flatMap(({ edges: inner }) => inner)],
  });
}

/** Moves everything to the top left corner, and measures it: dagre leaves a box of a wide rank beyond its own edge. */
function onOnePlane(parts: Omit<GraphLayout, 'width' | 'height'>): GraphLayout {
  const boxes = [...parts.jobs, ...parts.groups];
  const points = parts.edges.flatMap((edge) => edge.points);
  if (boxes.length === 0) return { ...parts, width: 0, height: 0 };
  const least = (of: 'x' | 'y') => [...boxes, ...points].reduce((lowest, at) => Math.min(lowest, at[of]), Infinity);
  const [left, top] = [least('x'), least('y')];
  const right = boxes.reduce((most, { x, width }) => Math.max(most, x + width), 0);
  const bottom = boxes.reduce((most, { y, height }) => Math.max(most, y + height), 0);
  const width = points.reduce((most, { x }) => Math.max(most, x), right) - left;
  const height = points.reduce((most, { y }) => Math.max(most, y), bottom) - top;
  return { ...shift({ ...parts, width, height }, -left, -top), width: round(width), height: round(height) };
}

function layoutNode(node: GraphNode, options: Required<LayoutOptions>, depth: number): GraphLayout {
  switch (node.kind) {
    case 'job':
    case 'approval':
    case 'wait':
    case 'fold': {
      const { width, height } = options.jobSize(node);
      return { ...nothing, width, height, jobs: [{ x: 0, y: 0, width, height, node }] };
    }
    case 'map':
    case 'mapS3':
    case 'loop':
      return framed(node, [layoutScope(node.body, options, depth + 1)], depth, options.frameTitle);
    case 'branch':
    case 'switch':
    case 'guard': {
      const title = options.frameTitle;
      const sides = scopesOf(node).map(({ side, scope }) =>
        framed(node, [layoutScope(scope, options, depth + 2)], depth + 1, title, side),
      );
      return framed(node, sides, depth, title);
    }
  }
}

/** Puts a frame with a title around parts that stand side by side. */
function framed(
  node: GraphFrame,
  parts: readonly GraphLayout[],
  depth: number,
  titleOf: Required<LayoutOptions>['frameTitle'],
  side?: string,
): GraphLayout {
  const filled = parts.filter(({ width, height }) => width > 0 && height > 0);
  const empty = filled.length === 0;
  const inner = filled.reduce((sum, { width }) => sum + width, 0) + frame.gap * Math.max(0, filled.length - 1);
  const tallest = Math.max(empty ? frame.emptyHeight - frame.padding : 0, ...filled.map(({ height }) => height));
  const title = titleOf(node, side);
  const width = round(Math.max(frame.minWidth, inner + 2 * frame.padding, Math.min(340, 28 + title.length * 7.2)));
  const height = round(tallest + frame.title + frame.padding);
  let left = (width - inner) / 2;
  const shifted = filled.map((part) => {
    const moved = shift(part, left, frame.title);
    left += part.width + frame.gap;
    return moved;
  });
  const group = { x: 0, y: 0, width, height, node, empty, depth, ...(side === undefined ? {} : { side }) };
  return {
    width,
    height,
    jobs: shifted.flatMap(({ jobs }) => jobs),
    groups: [group, ...shifted.flatMap(({ groups }) => groups)],
    edges: shifted.flatMap(({ edges }) => edges),
  };
}

function shift(part: GraphLayout, dx: number, dy: number): GraphLayout {
  const move = <P extends Point>(point: P): P => ({ ...point, x: round(point.x + dx), y: round(point.y + dy) });
  return {
    ...part,
    jobs: part.jobs.map(move),
    groups: part.groups.map(move),
    edges: part.edges.map((edge) => ({ ...edge, points: edge.points.map(move) })),
  };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
