/**
 * Makes a large graph readable: nodes that belong together become one box. First what stands side by side, with the
 * same before it and after it, and what stands in a row; then stages, by how far a node is from the beginning; last the
 * insides of groups, the innermost first. What somebody wants to see stays as it is. Pure; the order of things is kept.
 */
import { transitiveReduction } from '../ir/reduction.ts';
import {
  type GraphBox,
  type GraphEdge,
  type GraphFold,
  type GraphFrame,
  type GraphNode,
  type GraphScope,
  isBox,
  nodesOf,
  type PipelineGraph,
  scopesOf,
} from './graph.ts';
import { reduceEdges } from './reduce.ts';
import { groupTitle } from './titles.ts';

/** A graph of so many nodes is shown as it is, and a larger one with at most so many boxes and frames, where that can be. */
export const readable = 100;
/** So many nodes of one scope are shown beside each other. */
const readableScope = 48;

interface Folding {
  /** Ids of nodes that stay, with the groups around them. */
  readonly shown: ReadonlySet<string>;
  /** Of each fold: what it stands for as one would call it, in order; of a whole group the group alone. */
  readonly names: Map<string, readonly string[]>;
}

/**
 * The graph with nodes folded together, where it has more than are readable.
 *
 * @param shown ids of nodes that are not folded
 */
export function foldGraph(graph: PipelineGraph, shown: Iterable<string> = []): PipelineGraph {
  if (nodesOf(graph).length <= readable) return graph;
  const folding: Folding = { shown: new Set(shown), names: new Map() };
  const folded = foldFrames(foldScope(graph, folding), folding);
  return { id: graph.id, ...folded };
}

function foldScope(scope: GraphScope, folding: Folding): GraphScope {
  const crowded = scope.nodes.length > readableScope;
  const boxes = crowded ? withNodes(scope, (node) => foldedFrame(node, folding)) : scope;
  const few = crowded ? foldStages(foldNeighbours(boxes, folding), folding) : boxes;
  return withNodes(few, (node) => withScopes(node, (inner) => foldScope(inner, folding)));
}

/** Folds whole groups, the innermost and largest first, until what is left is readable. A group that is all there is stays. */
function foldFrames(graph: GraphScope, folding: Folding): GraphScope {
  const found = framesOf(graph, 0).toSorted((a, b) => b.depth - a.depth || b.size - a.size);
  const chosen = new Set<string>();
  const sizeNow = ({ nodes }: GraphScope): number =>
    nodes.reduce(
      (sum, node) =>
        sum + 1 + (chosen.has(node.id) ? 0 : scopesOf(node).reduce((inner, { scope }) => inner + sizeNow(scope), 0)),
      0,
    );
  for (const { frame, lone } of found) {
    if (sizeNow(graph) <= readable) break;
    if (!lone && !isShown(frame, folding)) chosen.add(frame.id);
  }
  const fold = (scope: GraphScope): GraphScope =>
    withNodes(scope, (node) => (chosen.has(node.id) ? foldedFrame(node, folding) : withScopes(node, fold)));
  return chosen.size === 0 ? graph : fold(graph);
}

interface FoundFrame {
  readonly frame: GraphFrame;
  readonly depth: number;
  readonly size: number;
  readonly lone: boolean;
}

function framesOf(scope: GraphScope, depth: number): readonly FoundFrame[] {
  return scope.nodes.flatMap((node) => {
    if (isBox(node)) return [];
    const inside = scopesOf(node).flatMap(({ scope: inner }) => framesOf(inner, depth + 1));
    const size = nodesOf({ nodes: [node], edges: [] }).length;
    return [{ frame: node, depth, size, lone: depth === 0 && scope.nodes.length === 1 }, ...inside];
  });
}

function isShown(node: GraphNode, { shown }: Folding): boolean {
  return nodesOf({ nodes: [node], edges: [] }).some(({ id }) => shown.has(id));
}

function foldedFrame(node: GraphNode, folding: Folding): GraphNode {
  return isBox(node) || isShown(node, folding) ? node : foldOf([node], groupTitle(node), [node.id], folding);
}

function foldOf(nodes: readonly GraphNode[], title: string, names: readonly string[], folding: Folding): GraphFold {
  const inside = nodesOf({ nodes, edges: [] });
  const ids = inside.flatMap((node) => (node.kind === 'fold' ? node.nodes : [node.id]));
  const jobs = inside.reduce((sum, node) => sum + (node.kind === 'fold' ? node.jobs : isBox(node) ? 1 : 0), 0);
  // No node is named so: ids have no colon.
  const id = `bunsui:fold-${folding.names.size + 1}`;
  folding.names.set(id, names);
  return { kind: 'fold', id, title, nodes: ids, jobs };
}

/** Folds what stands side by side or in a row, the most at once first, again and again until few enough are left. */
function foldNeighbours(given: GraphScope, folding: Folding): GraphScope {
  let scope = given;
  while (scope.nodes.length > readableScope) {
    const groups = [...alike(scope, folding), ...rows(scope, folding)].toSorted(
      (a, b) => b.nodes.length - a.nodes.length,
    );
    const taken = new Set<string>();
    const chosen: Together[] = [];
    let left = scope.nodes.length;
    for (const group of groups) {
      if (left <= readableScope) break;
      if (group.nodes.some(({ id }) => taken.has(id))) continue;
      for (const { id } of group.nodes) taken.add(id);
      chosen.push(group);
      left -= group.nodes.length - 1;
    }
    if (chosen.length === 0) return scope;
    scope = merge(scope, chosen, folding);
  }
  return scope;
}

/** Nodes for one box, which is called by what their names have in common, or by the first and the last in their order. */
interface Together {
  readonly nodes: readonly GraphNode[];
  readonly called: 'alike' | 'in order';
}

/** Two boxes side by side say more than a box for both. */
const worthFolding = 3;

function mayFold(node: GraphNode, { shown }: Folding): node is GraphBox {
  return isBox(node) && node.kind !== 'approval' && !shown.has(node.id);
}

/** Boxes that wait for the same, and that the same waits for. */
function alike(scope: GraphScope, folding: Folding): readonly Together[] {
  const { before, after } = neighbours(scope);
  const classes = Map.groupBy(
    scope.nodes.filter((node) => mayFold(node, folding)),
    ({ id }) => JSON.stringify([before.get(id)?.toSorted(), after.get(id)?.toSorted()]),
  );
  return [...classes.values()]
    .filter((nodes) => nodes.length >= worthFolding)
    .map((nodes) => ({ nodes, called: 'alike' }));
}

/** Boxes of which each waits for the one before it alone, and nothing else does, in pieces. */
function rows(scope: GraphScope, folding: Folding): readonly Together[] {
  const { before, after } = neighbours(scope);
  const boxes = new Map(scope.nodes.filter((node) => mayFold(node, folding)).map((node) => [node.id, node]));
  const only = (of: ReadonlyMap<string, readonly string[]>, id: string) => {
    const ids = of.get(id) ?? [];
    return ids.length === 1 ? boxes.get(ids[0] ?? '') : undefined;
  };
  const nextOf = (id: string) => {
    const next = only(after, id);
    return next !== undefined && only(before, next.id)?.id === id ? next : undefined;
  };
  const previous = new Set([...boxes.keys()].flatMap((id) => nextOf(id)?.id ?? []));
  const found: Together[] = [];
  for (const first of boxes.values()) {
    if (previous.has(first.id)) continue;
    const row: GraphNode[] = [];
    for (let at: GraphNode | undefined = first; at !== undefined; at = nextOf(at.id)) row.push(at);
    found.push(...piecesOf(row).map((nodes): Together => ({ nodes, called: 'in order' })));
  }
  return found;
}

/** A long row says more in some pieces than in one. */
const piecesOfRow = 12;

function piecesOf(row: readonly GraphNode[]): readonly (readonly GraphNode[])[] {
  const length = Math.max(worthFolding, Math.ceil(row.length / piecesOfRow));
  const pieces = Array.from({ length: Math.ceil(row.length / length) }, (_, index) =>
    row.slice(index * length, (index + 1) * length),
  );
  return pieces.filter((piece) => piece.length >= worthFolding);
}

/** Ids of what stands right before and after each node, in one order. */
function neighbours({ nodes, edges }: GraphScope) {
  const before = new Map<string, string[]>(nodes.map(({ id }) => [id, []]));
  const after = new Map<string, string[]>(nodes.map(({ id }) => [id, []]));
  for (const { from, to } of edges) {
    before.get(to)?.push(from);
    after.get(from)?.push(to);
  }
  return { before, after };
}

/**
 * Folds by stages: how many nodes stand before a node, on the longest way to it. Edges lead from lower stages to higher
 * ones only, so nothing runs in a circle afterwards. Names that begin alike keep together where that is enough; where
 * there are too many stages, some make one.
 */
function foldStages(scope: GraphScope, folding: Folding): GraphScope {
  if (scope.nodes.length <= readableScope) return scope;
  const stages = stagesOf(scope);
  if (stages === undefined) return scope;
  const { shown } = folding;
  const stageOf = (node: GraphNode) => stages.get(node.id) ?? 0;
  const own = new Set(scope.nodes.filter(({ id }) => shown.has(id)).map(stageOf));
  const count = Math.max(...stages.values()) + 1;
  const width = Math.max(1, Math.ceil(count / readableScope));
  // A stage with something that stays is no part of a wider one: what stays could come before and after that.
  const bandOf = (stage: number) => (width === 1 || own.has(stage) ? `${stage}` : `${bandStart(stage, width, own)}+`);
  const keys = [(node: GraphNode) => `${stageOf(node)} ${stem(node.id)}`, (node: GraphNode) => bandOf(stageOf(node))];
  const free = scope.nodes.filter((node) => !shown.has(node.id) && !isShown(node, folding));
  const groupings = keys.map((key) => [...Map.groupBy(free, key).values()]);
  const chosen = groupings.find((groups) => groups.length <= readableScope) ?? groupings.at(-1) ?? [];
  return merge(
    scope,
    chosen.flatMap((nodes) => (nodes.length > 1 ? [{ nodes, called: 'alike' as const }] : [])),
    folding,
  );
}

/** The first stage of the band that a stage is in: bands end before stages that stand for themselves. */
function bandStart(stage: number, width: number, own: ReadonlySet<number>): number {
  const usual = Math.floor(stage / width) * width;
  for (let at = stage - 1; at >= usual; at -= 1) if (own.has(at)) return at + 1;
  return usual;
}

/** `undefined` where nodes wait for each other in a circle. */
function stagesOf({ nodes, edges }: GraphScope): ReadonlyMap<string, number> | undefined {
  const dependencies = new Map(nodes.map(({ id }) => [id, new Set<string>()]));
  for (const { from, to } of edges) dependencies.get(to)?.add(from);
  const { order, parents } = transitiveReduction(dependencies);
  if (order.length < nodes.length) return undefined;
  const stages = new Map<string, number>();
  for (const id of order) {
    stages.set(
      id,
      (parents.get(id) ?? []).reduce((stage, parent) => Math.max(stage, (stages.get(parent) ?? 0) + 1), 0),
    );
  }
  return stages;
}

/** What a name begins with: `load-orders` and `load-items` with `load`, `part17` with `part`. */
function stem(id: string): string {
  return /^(.+?)[-_.\d]/.exec(id)?.[1] ?? id;
}

function merge(scope: GraphScope, groups: readonly Together[], folding: Folding): GraphScope {
  const foldsByNode = new Map(
    groups.flatMap(({ nodes: together, called }) => {
      const names = together.flatMap(({ id }) => folding.names.get(id) ?? [id]);
      const title = called === 'alike' ? commonTitle(names) : orderTitle(names);
      const fold = foldOf(together, title, names, folding);
      return together.map(({ id }) => [id, fold] as const);
    }),
  );
  const nodes = [...new Set(scope.nodes.map((node) => foldsByNode.get(node.id) ?? node))];
  const edges = new Map<string, GraphEdge>();
  for (const edge of scope.edges) {
    const [from, to] = [edge.from, edge.to].map((id) => foldsByNode.get(id)?.id ?? id);
    if (from === undefined || to === undefined || from === to) continue;
    const key = JSON.stringify([from, to]);
    const kind = edge.kind === 'data' ? 'data' : (edges.get(key)?.kind ?? 'order');
    edges.set(key, { from, to, kind });
  }
  return {
    nodes,
    edges: reduceEdges(
      nodes.map(({ id }) => id),
      [...edges.values()],
    ),
  };
}

/** `load-*` where names begin alike, else the first and the last. */
function commonTitle(names: readonly string[]): string {
  const [first = ''] = names;
  const sameUpTo = names.reduce((length, name) => Math.min(length, commonLength(first, name)), first.length);
  const beginning = first.slice(0, sameUpTo).replace(/\d+$/, '');
  // A beginning ends where a word of the name does.
  const whole = names.every((name) => /^[-_.\d]/.test(name.slice(beginning.length)));
  const words = whole ? beginning : beginning.replace(/[^-_.]*$/, '');
  return words.length >= 3 ? `${words}*` : orderTitle(names);
}

function orderTitle(names: readonly string[]): string {
  return `${names[0] ?? ''} … ${names.at(-1) ?? ''}`;
}

function commonLength(one: string, two: string): number {
  let length = 0;
  while (length < one.length && one[length] === two[length]) length += 1;
  return length;
}

function withNodes(scope: GraphScope, change: (node: GraphNode) => GraphNode): GraphScope {
  const nodes = scope.nodes.map(change);
  const renamed = new Map(scope.nodes.map(({ id }, index) => [id, nodes[index]?.id ?? id]));
  const edges = scope.edges.map((edge) => ({
    ...edge,
    from: renamed.get(edge.from) ?? edge.from,
    to: renamed.get(edge.to) ?? edge.to,
  }));
  return { nodes, edges };
}

function withScopes(node: GraphNode, change: (scope: GraphScope) => GraphScope): GraphNode {
  switch (node.kind) {
    case 'map':
    case 'mapS3':
    case 'loop':
      return { ...node, body: change(node.body) };
    case 'branch':
      return { ...node, yes: change(node.yes), ...(node.no === undefined ? {} : { no: change(node.no) }) };
    case 'switch':
      return { ...node, cases: node.cases.map(({ side, scope }) => ({ side, scope: change(scope) })) };
    case 'guard':
      return { ...node, parts: node.parts.map(({ side, scope }) => ({ side, scope: change(scope) })) };
    default:
      return node;
  }
}
