/** Walking the pipeline: every node with the scopes around it, and who depends on whom. */
import { type Expression, nodeOf, type RefExpression, refsOf } from './expressions.ts';
import type { MapS3Ir, NodeIr, PipelineIr, RoundsIr, ScopeIr, WaitIr } from './nodes.ts';
import { sidesOf } from './sides.ts';

/** A side of a branch or switch, or the body of a map or loop, as a step from the outside in. */
export interface ScopeStep {
  readonly node: string;
  /** `body` of a map or loop, else the side's (`sides.ts`). */
  readonly part: string;
}

/** A node where it stands. */
export interface PlacedNode {
  readonly node: NodeIr;
  /** From the pipeline's body inwards; empty for nodes of the body itself. */
  readonly scope: readonly ScopeStep[];
}

/** The scopes inside a node. */
export function innerScopes(node: NodeIr): readonly { readonly part: string; readonly scope: ScopeIr }[] {
  switch (node.kind) {
    case 'job':
    case 'approval':
    case 'wait':
      return [];
    case 'branch':
    case 'switch':
      return sidesOf(node).flatMap(({ part, scope }) => (scope === undefined ? [] : [{ part, scope }]));
    case 'map':
    case 'mapS3':
    case 'loop':
      return [{ part: 'body', scope: node.body }];
    case 'guard':
      return [
        { part: 'guarded', scope: node.body },
        { part: node.handler.on, scope: node.handler.scope },
      ];
  }
}

/** Every node of a scope and of the scopes inside it, outside first, in the order they were written. */
export function placedNodes(scope: ScopeIr, at: readonly ScopeStep[] = []): readonly PlacedNode[] {
  return scope.nodes.flatMap((node) => [
    { node, scope: at },
    ...innerScopes(node).flatMap(({ part, scope: inner }) => placedNodes(inner, [...at, { node: node.id, part }])),
  ]);
}

/** The expressions that a node itself evaluates, by the name of their place. */
export function ownExpressions(node: NodeIr): readonly { readonly place: string; readonly expression: Expression }[] {
  const when = node.when === undefined ? [] : [{ place: 'when', expression: node.when }];
  switch (node.kind) {
    case 'job':
      return [
        ...when,
        { place: 'input', expression: node.input },
        ...(node.compensates ? [{ place: 'compensates', expression: node.compensates.path }] : []),
      ];
    case 'branch':
      return [...when, { place: 'condition', expression: node.condition }];
    case 'switch':
      return [...when, { place: 'value', expression: node.value }];
    case 'map':
      return [...when, { place: 'items', expression: node.items }];
    case 'mapS3':
      return [...when, ...placeExpressions(node)];
    case 'loop':
      return [...when, { place: 'start', expression: node.start }, ...roundsExpressions(node.rounds)];
    case 'wait':
      return [...when, waitExpression(node.lasts)];
    case 'guard':
      return when;
    case 'approval':
      return [
        ...when,
        { place: 'message', expression: node.message },
        ...(node.who ? [{ place: 'who', expression: node.who }] : []),
      ];
  }
}

function placeExpressions({
  reader,
  results,
}: MapS3Ir): readonly { readonly place: string; readonly expression: Expression }[] {
  return [
    ...(reader.bucket ? [{ place: 'bucket', expression: reader.bucket }] : []),
    { place: reader.by, expression: reader.at },
    ...(results
      ? [
          { place: 'results.bucket', expression: results.bucket },
          { place: 'results.prefix', expression: results.prefix },
        ]
      : []),
  ];
}

function roundsExpressions(rounds: RoundsIr): readonly { readonly place: string; readonly expression: Expression }[] {
  switch (rounds.kind) {
    case 'list':
      return [{ place: 'over', expression: rounds.items }];
    case 'range':
      return [
        { place: 'from', expression: rounds.from },
        { place: 'to', expression: rounds.to },
      ];
    case 'while':
    case 'until':
      return [{ place: rounds.kind, expression: rounds.condition }];
  }
}

function waitExpression(lasts: WaitIr['lasts']): { readonly place: string; readonly expression: Expression } {
  return lasts.kind === 'for'
    ? { place: 'for', expression: lasts.seconds }
    : { place: 'until', expression: lasts.time };
}

/** Every ref of a node, of the nodes inside it, and of its scopes' results. */
export function refsWithin(node: NodeIr): readonly RefExpression[] {
  return [
    ...ownExpressions(node).flatMap(({ expression }) => refsOf(expression)),
    ...innerScopes(node).flatMap(({ scope }) => [
      ...scope.nodes.flatMap(refsWithin),
      ...(scope.result ? refsOf(scope.result) : []),
    ]),
  ];
}

/**
 * For each node of a scope, the nodes of the same scope that must have ended before it: those it (or anything inside
 * it) refers to, and those named by `after`. Names that the scope does not have are left out.
 */
export function dependenciesOf(scope: ScopeIr): ReadonlyMap<string, ReadonlySet<string>> {
  const ids = new Set(scope.nodes.map((node) => node.id));
  return new Map(
    scope.nodes.map((node) => {
      const before = new Set<string>();
      for (const { target } of refsWithin(node)) {
        const id = nodeOf(target);
        if (id !== undefined && id !== node.id && ids.has(id)) before.add(id);
      }
      for (const id of node.after) if (ids.has(id)) before.add(id);
      return [node.id, before];
    }),
  );
}

/** The nodes of a scope, each behind those it depends on. Graphs are deep: no recursion. */
export function inOrder(scope: ScopeIr): readonly NodeIr[] {
  const dependencies = dependenciesOf(scope);
  const waiting = new Map([...dependencies].map(([id, parents]) => [id, parents.size]));
  const readers = new Map<string, string[]>();
  for (const [id, parents] of dependencies)
    for (const parent of parents) {
      const list = readers.get(parent);
      if (list === undefined) readers.set(parent, [id]);
      else list.push(id);
    }
  const nodes = new Map(scope.nodes.map((node) => [node.id, node]));
  const ordered: NodeIr[] = scope.nodes.filter(({ id }) => waiting.get(id) === 0);
  // It grows while it is walked through.
  for (const { id } of ordered)
    for (const reader of readers.get(id) ?? []) {
      const left = (waiting.get(reader) ?? 0) - 1;
      waiting.set(reader, left);
      const node = nodes.get(reader);
      if (left === 0 && node !== undefined) ordered.push(node);
    }
  return ordered;
}

/** Nodes by id. Of two nodes with one id the first counts; the check reports the second. */
export function nodeIndex(pipeline: PipelineIr): ReadonlyMap<string, PlacedNode> {
  const index = new Map<string, PlacedNode>();
  for (const placed of placedNodes(pipeline.body)) {
    if (!index.has(placed.node.id)) index.set(placed.node.id, placed);
  }
  return index;
}
