/**
 * The graph of a pipeline, for eyes: IR in, nodes and edges out. Branches, switches, maps and loops are groups that hold scopes of their
 * own. Every edge joins two nodes of the same scope: what the inside of a group reads from outside is an edge to the
 * group. Pure, and total: a pipeline with mistakes (cycles, unknown refs) has a picture too.
 */
import { nodeOf } from '../ir/expressions.ts';
import type { MapS3Ir, NodeIr, PipelineIr, RecordFormat, RoundsIr, ScopeIr, WaitIr } from '../ir/nodes.ts';
import { isLambda } from '../ir/operations.ts';
import { sidesOf } from '../ir/sides.ts';
import { refsWithin } from '../ir/walk.ts';
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
  readonly operation: string;
  readonly icon?: string;
  readonly condition?: string;
}

/** What waits for a person. */
export interface GraphApproval {
  readonly kind: 'approval';
  readonly id: string;
  readonly condition?: string;
}

/** Time that passes. `lasts` as text: `for 600 s`, `until input.at`. */
export interface GraphWait {
  readonly kind: 'wait';
  readonly id: string;
  readonly lasts: string;
  readonly condition?: string;
}

/** Nodes that one box stands for, because the graph is too large to show them all (`fold.ts`). */
export interface GraphFold {
  readonly kind: 'fold';
  /** Of its own: no node's. */
  readonly id: string;
  /** `load-*`, `extract … publish`, `regions: each of list.regions`. */
  readonly title: string;
  /** Ids of the nodes, those within groups included. */
  readonly nodes: readonly string[];
  /** How many of them are jobs, approvals or waits. */
  readonly jobs: number;
}

/** What is drawn as a box: nothing of it is shown inside. */
export type GraphBox = GraphJob | GraphApproval | GraphWait | GraphFold;

/** What holds scopes. `when`: its condition as text, where it may be skipped as a whole. */
export interface GraphGroup {
  readonly id: string;
  readonly when?: string;
}

/** A branch: one of the two sides runs. */
export interface GraphBranch extends GraphGroup {
  readonly kind: 'branch';
  /** As text, for a label: `validate.rejected > 0`. */
  readonly condition: string;
  readonly yes: GraphScope;
  readonly no?: GraphScope;
}

/** A switch: the case of its value runs. */
export interface GraphSwitch extends GraphGroup {
  readonly kind: 'switch';
  /** As text, for a label: `list.kind`. */
  readonly value: string;
  readonly cases: readonly { readonly side: string; readonly scope: GraphScope }[];
}

/** A map: its body runs once per item. `concurrency` 0 is without limit. */
export interface GraphMap extends GraphGroup {
  readonly kind: 'map';
  /** As text, for a label: `split.files`. */
  readonly items: string;
  readonly concurrency: number;
  readonly body: GraphScope;
}

/** A map over S3: its body runs once per record, or batch of them. `records` as text: `rows of input.key`. */
export interface GraphMapS3 extends GraphGroup {
  readonly kind: 'mapS3';
  readonly records: string;
  readonly concurrency: number;
  readonly body: GraphScope;
}

/** A loop: its body runs again and again. */
export interface GraphLoop extends GraphGroup {
  readonly kind: 'loop';
  /** As text: `for each of list.files`, `while state.left > 0`. */
  readonly rounds: string;
  readonly max: number;
  readonly body: GraphScope;
}

/** What is guarded, and what runs when it has failed, or however it has ended. */
export interface GraphGuard extends GraphGroup {
  readonly kind: 'guard';
  readonly parts: readonly { readonly side: string; readonly scope: GraphScope }[];
}

/** What is drawn as a frame around others. */
export type GraphFrame = GraphGuard | GraphBranch | GraphSwitch | GraphMap | GraphMapS3 | GraphLoop;

export type GraphNode = GraphBox | GraphFrame;

/** Whether a node is drawn as a box. */
export function isBox(node: GraphNode): node is GraphBox {
  return node.kind === 'job' || node.kind === 'approval' || node.kind === 'wait' || node.kind === 'fold';
}

/** What it depends on, beside what comes before it, whether a node runs: as text. */
export function conditionOf(node: GraphNode): string | undefined {
  if (!isBox(node)) return node.when;
  return node.kind === 'fold' ? undefined : node.condition;
}

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
export function scopesOf(node: GraphNode): readonly { readonly side?: string; readonly scope: GraphScope }[] {
  switch (node.kind) {
    case 'job':
    case 'approval':
    case 'wait':
    case 'fold':
      return [];
    case 'map':
    case 'mapS3':
    case 'loop':
      return [{ scope: node.body }];
    case 'branch':
      return [{ side: 'yes', scope: node.yes }, ...(node.no === undefined ? [] : [{ side: 'no', scope: node.no }])];
    case 'switch':
      return node.cases;
    case 'guard':
      return node.parts;
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
      return { kind: 'approval', id, ...(when === undefined ? {} : { condition: expressionText(when) }) };
    }
    case 'branch': {
      const { id, no } = node;
      const sides = { yes: scopeOf(pipeline, node.yes), ...(no === undefined ? {} : { no: scopeOf(pipeline, no) }) };
      return { kind: 'branch', id, ...whenOf(node), condition: expressionText(node.condition), ...sides };
    }
    case 'switch': {
      const cases = sidesOf(node).flatMap(({ part, scope }) =>
        scope === undefined ? [] : [{ side: part.replace(/^is /, ''), scope: scopeOf(pipeline, scope) }],
      );
      return { kind: 'switch', id: node.id, ...whenOf(node), value: expressionText(node.value), cases };
    }
    case 'loop': {
      const { id, max } = node;
      return {
        kind: 'loop',
        id,
        ...whenOf(node),
        rounds: roundsText(node.rounds),
        max,
        body: scopeOf(pipeline, node.body),
      };
    }
    case 'guard': {
      const { on, scope } = node.handler;
      const side = on === 'failure' ? 'on failure' : 'finally';
      const parts = [
        { side: 'jobs', scope: scopeOf(pipeline, node.body) },
        { side, scope: scopeOf(pipeline, scope) },
      ];
      return { kind: 'guard', id: node.id, ...whenOf(node), parts };
    }
    case 'wait': {
      const { id, when } = node;
      const condition = when === undefined ? {} : { condition: expressionText(when) };
      return { kind: 'wait', id, lasts: waitText(node.lasts), ...condition };
    }
    case 'mapS3': {
      const { id, concurrency } = node;
      const body = scopeOf(pipeline, node.body);
      return { kind: 'mapS3', id, ...whenOf(node), records: recordsText(node), concurrency, body };
    }
    case 'map': {
      const { id, concurrency } = node;
      return {
        kind: 'map',
        id,
        ...whenOf(node),
        items: expressionText(node.items),
        concurrency,
        body: scopeOf(pipeline, node.body),
      };
    }
  }
}

function iconOf({ operations }: PipelineIr, id: string): { readonly icon?: string } {
  const operation = operations[id];
  return operation === undefined || isLambda(operation) ? {} : { icon: operation.icon };
}

const recordNames: { readonly [format in RecordFormat]: string } = {
  objects: 'object of',
  csv: 'row of',
  json: 'item of',
  jsonl: 'line of',
  manifest: 'entry of',
};

function recordsText({ reader: { format, at, by }, batch }: MapS3Ir): string {
  const size = batch === undefined ? '' : batch.items === undefined ? 'batch of ' : `batch of ${batch.items}, `;
  return `${size}${recordNames[format]} ${expressionText(at)}${by === 'prefix' ? '…' : ''}`;
}

function roundsText(rounds: RoundsIr): string {
  switch (rounds.kind) {
    case 'list':
      return `for each of ${expressionText(rounds.items)}`;
    case 'range':
      return `for ${expressionText(rounds.from)} to ${expressionText(rounds.to)}`;
    case 'while':
    case 'until':
      return `${rounds.kind} ${expressionText(rounds.condition)}`;
  }
}

function waitText(lasts: WaitIr['lasts']): string {
  return lasts.kind === 'for' ? `for ${expressionText(lasts.seconds)} s` : `until ${expressionText(lasts.time)}`;
}

function whenOf({ when }: NodeIr): { readonly when?: string } {
  return when === undefined ? {} : { when: expressionText(when) };
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
  return refsWithin(node).flatMap(({ target }) => nodeOf(target) ?? []);
}
