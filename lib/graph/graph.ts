/**
 * The graph of a pipeline, for eyes: IR in, nodes and edges out. Branches and maps are groups that hold scopes of their
 * own. Every edge joins two nodes of the same scope: what the inside of a group reads from outside is an edge to the
 * group. Pure, and total: a pipeline with mistakes (cycles, unknown refs) has a picture too.
 */
import type { Expression } from '../ir/expressions.ts';
import { refsOf } from '../ir/expressions.ts';
import type { NodeIr, PipelineIr, ScopeIr } from '../ir/nodes.ts';
import { isLambda } from '../ir/operations.ts';
import { ownExpressions } from '../ir/walk.ts';
import { expressionText } from './expression-text.ts';
import { reduceEdges } from './reduce.ts';

/** One node waits for another: because it reads its output (`data`), or only because of `after` (`order`). */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly kind: 'data' | 'order';
}

/** Nodes that share a scope, in the order they were written, and the edges between them, transitively reduced. */
export interface GraphScope {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

/** A job. `condition` is its `when` as text; such a job may be skipped. `icon` tells the kind of its operation, where that is a service. */
export interface GraphJob {
  readonly kind: 'job';
  readonly id: string;
  /** Absent where the job is an approval: it waits for a person. */
  readonly operation?: string;
  readonly icon?: string;
  readonly condition?: string;
}

/** A branch: one of the two sides runs. */
export interface GraphBranch {
  readonly kind: 'branch';
  readonly id: string;
  /** As text, for a label: `validate.rejected > 0`. */
  readonly condition: string;
  readonly yes: GraphScope;
  readonly no?: GraphScope;
}

/** A map: its body runs once per item. `concurrency` 0 is without limit. */
export interface GraphMap {
  readonly kind: 'map';
  readonly id: string;
  /** As text, for a label: `split.files`. */
  readonly items: string;
  readonly concurrency: number;
  readonly body: GraphScope;
}

export type GraphNode = GraphJob | GraphBranch | GraphMap;

/** A whole pipeline as a graph. Ids are unique over all scopes. */
export interface PipelineGraph extends GraphScope {
  readonly id: string;
}

/** The graph of a pipeline. */
export function graphOf(pipeline: PipelineIr): PipelineGraph {
  return { id: pipeline.id, ...scopeOf(pipeline, pipeline.body) };
}

/** Every node of a scope and of the groups in it, outside before inside, in the order they were written. */
export function nodesOf(scope: GraphScope): readonly GraphNode[] {
  return scope.nodes.flatMap((node) => [node, ...scopesOf(node).flatMap(({ scope: inner }) => nodesOf(inner))]);
}

/** The scopes of a group with the side's name where it is one of several; none for a job. */
export function scopesOf(node: GraphNode): readonly { readonly side?: 'yes' | 'no'; readonly scope: GraphScope }[] {
  switch (node.kind) {
    case 'job':
      return [];
    case 'map':
      return [{ scope: node.body }];
    case 'branch':
      return [
        { side: 'yes', scope: node.yes },
        ...(node.no === undefined ? [] : [{ side: 'no' as const, scope: node.no }]),
      ];
  }
}

function drawNode(pipeline: PipelineIr, node: NodeIr): GraphNode {
  switch (node.kind) {
    case 'job': {
      const { id, operation, when } = node;
      const condition = when === undefined ? {} : { condition: expressionText(when) };
      return { kind: 'job', id, operation, ...iconOf(pipeline, operation), ...condition };
    }
    case 'approval': {
      const { id, when } = node;
      return { kind: 'job', id, ...(when === undefined ? {} : { condition: expressionText(when) }) };
    }
    case 'branch': {
      const { id, no } = node;
      const sides = { yes: scopeOf(pipeline, node.yes), ...(no === undefined ? {} : { no: scopeOf(pipeline, no) }) };
      return { kind: 'branch', id, condition: expressionText(node.condition), ...sides };
    }
    case 'map': {
      const { id, concurrency } = node;
      return { kind: 'map', id, items: expressionText(node.items), concurrency, body: scopeOf(pipeline, node.body) };
    }
  }
}

function iconOf({ operations }: PipelineIr, id: string): { readonly icon?: string } {
  const operation = operations[id];
  return operation === undefined || isLambda(operation) ? {} : { icon: operation.icon };
}

function scopeOf(pipeline: PipelineIr, scope: ScopeIr): GraphScope {
  const siblings = new Set(scope.nodes.map(({ id }) => id));
  const edges = scope.nodes.flatMap((node): readonly GraphEdge[] => {
    const data = new Set(readBy(node).filter((id) => siblings.has(id) && id !== node.id));
    const order = new Set(node.after.filter((id) => siblings.has(id) && id !== node.id && !data.has(id)));
    return [
      ...[...data].map((from) => ({ from, to: node.id, kind: 'data' as const })),
      ...[...order].map((from) => ({ from, to: node.id, kind: 'order' as const })),
    ];
  });
  return { nodes: scope.nodes.map((node) => drawNode(pipeline, node)), edges: reduceEdges([...siblings], edges) };
}

/** Ids of all nodes that a node reads, by itself or anywhere inside it. */
function readBy(node: NodeIr): readonly string[] {
  switch (node.kind) {
    case 'job':
      return [...namesIn(node.input), ...namesIn(node.when)];
    case 'branch':
      return [...namesIn(node.condition), ...readInside(node.yes), ...readInside(node.no)];
    case 'map':
      return [...namesIn(node.items), ...readInside(node.body)];
    case 'approval':
      return ownExpressions(node).flatMap(({ expression }) => namesIn(expression));
  }
}

function readInside(scope: ScopeIr | undefined): readonly string[] {
  return scope === undefined ? [] : [...scope.nodes.flatMap(readBy), ...namesIn(scope.result)];
}

function namesIn(expression: Expression | undefined): readonly string[] {
  if (expression === undefined) return [];
  return refsOf(expression).flatMap(({ target }) => (target.kind === 'node' ? [target.id] : []));
}
