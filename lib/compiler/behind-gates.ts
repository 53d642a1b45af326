/**
 * What a scope's gates mean for its nodes: who waits where, who opens what, and how a node comes by values of nodes
 * that the skeleton does not put before it. No variable reaches across a gate. Where a job's input takes a value as it
 * is, the job's function reads it from the producer's checkpoint; where an expression needs it, a state fetches it.
 */
import type { Expression } from '../ir/expressions.ts';
import type { NodeIr, PipelineIr, ScopeIr } from '../ir/nodes.ts';
import { hasFunction } from '../ir/operations.ts';
import { type ShapeContext, shapeOf } from '../ir/shapes.ts';
import { innerScopes, ownExpressions } from '../ir/walk.ts';
import { type GatePlan, planGates } from './gates.ts';
import { ownerOf, readersTargets, readsIn } from './reads.ts';
import type { GatedEdge, Skeleton } from './skeleton.ts';

export interface ScopeGates extends GatePlan {
  /** Whether the skeleton puts a node before another one. */
  isBefore(a: string, b: string): boolean;
  /** Values of nodes that a state fetches before the node, by node. */
  readonly fetched: ReadonlyMap<string, readonly string[]>;
  /** Nodes whose output the functions within the node read for themselves, by node. */
  readonly pointed: ReadonlyMap<string, readonly string[]>;
  /** Values that are fetched by somebody. */
  readonly kept: ReadonlySet<string>;
}

export function gatesOf(of: {
  readonly pipeline: PipelineIr;
  readonly nodes: ShapeContext['nodes'];
  readonly scope: ScopeIr;
  readonly skeleton: Skeleton;
  readonly edges: readonly GatedEdge[];
  readonly known: readonly Expression[];
}): ScopeGates {
  const { scope, skeleton, edges } = of;
  const plan = planGates(edges);
  const fetched = new Map<string, readonly string[]>();
  const pointed = new Map<string, readonly string[]>();
  const isBefore = edges.length === 0 ? () => true : orderOf(skeleton);
  if (edges.length === 0) return { ...plan, isBefore, fetched, pointed, kept: new Set() };
  const own = new Map(scope.nodes.map((node) => [node.id, node]));
  const shapes: ShapeContext = { pipeline: of.pipeline, nodes: of.nodes, known: of.known };
  for (const node of scope.nodes) {
    const behind = [...readersTargets(node)].filter((value) => {
      const id = ownerOf(value);
      return id !== node.id && own.has(id) && !isBefore(id, node.id);
    });
    if (behind.length === 0) continue;
    const inExpressions = new Set(expressionReads(node, shapes));
    const isFetched = (id: string) => {
      const producer = own.get(id);
      return producer?.kind !== 'job' || !hasFunction(of.pipeline, producer) || inExpressions.has(id);
    };
    fetched.set(node.id, behind.filter(isFetched));
    pointed.set(
      node.id,
      behind.filter((id) => !isFetched(id)),
    );
  }
  return { ...plan, isBefore, fetched, pointed, kept: new Set([...fetched.values()].flat()) };
}

/** The order of a series-parallel tree: a is before b when it is so with the branches of Parallels read forwards and backwards. */
function orderOf(skeleton: Skeleton): (a: string, b: string) => boolean {
  const forwards = placesIn(skeleton, false);
  const backwards = placesIn(skeleton, true);
  const less = (places: ReadonlyMap<string, number>, a: string, b: string) =>
    (places.get(a) ?? 0) < (places.get(b) ?? 0);
  return (a, b) => less(forwards, a, b) && less(backwards, a, b);
}

function placesIn(skeleton: Skeleton, backwards: boolean): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  const open = [skeleton];
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    if (part.kind === 'leaf') places.set(part.id, places.size);
    // A stack gives back the last one first.
    else open.push(...(part.kind === 'parallel' && backwards ? part.parts : part.parts.toReversed()));
  }
  return places;
}

/** Nodes that a node reads in an expression that a state evaluates; others it only hands to functions. */
function expressionReads(node: NodeIr, shapes: ShapeContext): readonly string[] {
  const all = (expression: Expression | undefined): readonly string[] =>
    expression === undefined ? [] : readsIn(expression).map(({ id }) => id);
  const inside = innerScopes(node).flatMap(({ scope }) => [
    ...scope.nodes.flatMap((inner) => expressionReads(inner, shapes)),
    ...all(scope.result),
  ]);
  if (node.kind === 'job')
    return [
      ...all(node.when),
      ...(hasFunction(shapes.pipeline, node) ? evaluatedIn(node.input, shapes) : all(node.input)),
    ];
  return [...ownExpressions(node).flatMap(({ expression }) => all(expression)), ...inside];
}

/** As `template` prints an expression: what of it becomes JSONata over values, and not a value as it is. */
function evaluatedIn(expression: Expression, shapes: ShapeContext): readonly string[] {
  switch (expression.kind) {
    case 'literal':
      return [];
    case 'ref':
      return shapeOf(shapes, expression).absent ? readsIn(expression).map(({ id }) => id) : [];
    case 'array':
      return expression.items.flatMap((item) => evaluatedIn(item, shapes));
    case 'object': {
      const fields = Object.values(expression.fields);
      return fields.some((field) => shapeOf(shapes, field).absent)
        ? readsIn(expression).map(({ id }) => id)
        : fields.flatMap((field) => evaluatedIn(field, shapes));
    }
    case 'call':
      return readsIn(expression).map(({ id }) => id);
  }
}
