/**
 * What is read of each node's output, over the whole pipeline: the fields that its variable must hold. Known at
 * synth, so variables and Parallel outputs carry nothing else.
 */
import type { Kept } from '../gate-layout.ts';
import type { Expression, RefExpression } from '../ir/expressions.ts';
import type { NodeIr, PipelineIr, ScopeIr } from '../ir/nodes.ts';
import { innerScopes, ownExpressions, placedNodes } from '../ir/walk.ts';
import { access, text } from './jsonata.ts';

/**
 * A tree of fields. `whole`: everything below is read. The key `*` stands for every item of a list.
 */
export interface Reads {
  readonly whole: boolean;
  readonly fields: ReadonlyMap<string, Reads>;
}

type Path = readonly string[];

const nothing: Reads = { whole: false, fields: new Map() };

function addPath(reads: Reads, path: Path): Reads {
  const [key, ...rest] = path;
  if (reads.whole) return reads;
  if (key === undefined) return { whole: true, fields: new Map() };
  return { whole: false, fields: new Map(reads.fields).set(key, addPath(reads.fields.get(key) ?? nothing, rest)) };
}

/** Reads of nodes inside an expression: node id and path. `ok` reads no field, only whether there is a value. */
export function readsIn(expression: Expression): readonly { readonly id: string; readonly path: Path | undefined }[] {
  switch (expression.kind) {
    case 'literal':
      return [];
    case 'ref':
      return nodeRead(expression, []);
    case 'object':
      return Object.values(expression.fields).flatMap(readsIn);
    case 'array':
      return expression.items.flatMap(readsIn);
    case 'call': {
      const [first, second] = expression.arguments;
      if (expression.name === 'ok' && first?.kind === 'ref' && first.target.kind === 'node')
        return [{ id: first.target.id, path: undefined }];
      if (expression.name === 'pluck' && first?.kind === 'ref' && second?.kind === 'literal')
        return nodeRead(first, ['*', String(second.value)]);
      return expression.arguments.flatMap(readsIn);
    }
  }
}

function nodeRead(ref: RefExpression, more: Path): readonly { readonly id: string; readonly path: Path }[] {
  if (ref.target.kind !== 'node') return [];
  return [{ id: ref.target.id, path: [...ref.path.map((key) => (typeof key === 'number' ? '*' : key)), ...more] }];
}

/** For each node whose output is read: what of it. Reads of a branch or map go on to the results inside. */
export function readsOf(pipeline: PipelineIr): ReadonlyMap<string, Reads> {
  const nodes = new Map(placedNodes(pipeline.body).map(({ node }) => [node.id, node]));
  const reads = new Map<string, Reads>();
  const add = (id: string, path: Path | undefined): void => {
    const before = reads.get(id) ?? nothing;
    const after = path === undefined ? before : addPath(before, path);
    if (after === before && reads.has(id)) return;
    reads.set(id, after);
    const node = nodes.get(id);
    if (node)
      for (const [result, inner] of resultReads(node, path))
        for (const read of readsIn(result))
          add(read.id, read.path === undefined ? undefined : [...read.path, ...inner]);
  };
  for (const node of nodes.values())
    for (const { expression } of ownExpressions(node)) for (const { id, path } of readsIn(expression)) add(id, path);
  for (const { id, path } of pipeline.output ? readsIn(pipeline.output.value) : []) add(id, path);
  return reads;
}

/** Results of the scopes inside a node, and the path inside them that a read of the node comes to. */
function resultReads(node: NodeIr, path: Path | undefined): readonly (readonly [Expression, Path])[] {
  const inner = node.kind === 'map' ? (path?.[0] === '*' ? path.slice(1) : []) : (path ?? []);
  return innerScopes(node).flatMap(({ scope }) => (scope.result ? [[scope.result, inner] as const] : []));
}

/** The part of a value that is read, as JSONata over the value. Items of lists are kept whole. */
export function projection(base: string, reads: Reads): string {
  if (reads.whole || reads.fields.has('*')) return base;
  const fields = [...reads.fields].sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, inner]) => `${text(key)}: ${inner.fields.size === 0 ? access(base, [key]) : projection(access(base, [key]), inner)}`).join(', ')}}`;
}

/** The part of a value that is read, as a tree of fields. Lists are kept whole. */
export function keptOf(reads: Reads): Kept {
  if (reads.whole || reads.fields.has('*')) return true;
  return Object.fromEntries([...reads.fields].map(([key, inner]) => [key, keptOf(inner)]));
}

/** The reads of a map's items: what of each item's result. */
export function itemReads(reads: Reads): Reads {
  return reads.whole ? reads : (reads.fields.get('*') ?? { whole: true, fields: new Map() });
}

/** Nodes of a scope whose value is read by the scope's own result. */
export function readByResult(scope: ScopeIr): ReadonlySet<string> {
  return new Set(scope.result ? readsIn(scope.result).map(({ id }) => id) : []);
}

/** Ids of the nodes whose value a node (or anything inside it) reads. */
export function readersTargets(node: NodeIr): ReadonlySet<string> {
  return new Set([
    ...ownExpressions(node).flatMap(({ expression }) => readsIn(expression).map(({ id }) => id)),
    ...innerScopes(node).flatMap(({ scope }) => [
      ...scope.nodes.flatMap((inner) => [...readersTargets(inner)]),
      ...readByResult(scope),
    ]),
  ]);
}

/** Ids of the nodes that the pipeline's output reads. */
export function readByOutput(pipeline: PipelineIr): ReadonlySet<string> {
  return new Set(pipeline.output ? readsIn(pipeline.output.value).map(({ id }) => id) : []);
}
