/**
 * What is read of each node's output, over the whole pipeline: the fields that its variable must hold. Known at
 * synth, so variables and Parallel outputs carry nothing else.
 */
import type { Kept } from '../gate-layout.ts';
import type { Expression, RefExpression, RefTarget } from '../ir/expressions.ts';
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

/** What a job has failed with is a value of its own beside its output. Ids of nodes have no dot. */
export function failureOf(job: string): string {
  return `${job}.failure`;
}

/** The node that a value is of. */
export function ownerOf(value: string): string {
  const dot = value.indexOf('.');
  return dot < 0 ? value : value.slice(0, dot);
}

/** The values that a node leaves: its output, and of what may fail and go on what it has failed with. */
export function valuesOf(node: NodeIr): readonly string[] {
  const mayFail = node.kind === 'guard' || (node.kind === 'job' && node.tolerate !== undefined);
  return mayFail ? [node.id, failureOf(node.id)] : [node.id];
}

function valueIdOf(target: RefTarget): string | undefined {
  if (target.kind === 'node') return target.id;
  return target.kind === 'failure' ? failureOf(target.id) : undefined;
}

/** Reads of values of nodes inside an expression, and the path. `ok` reads no field, only whether there is a value. */
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
      const asked = expression.name === 'ok' && first?.kind === 'ref' ? valueIdOf(first.target) : undefined;
      if (asked !== undefined) return [{ id: asked, path: undefined }];
      if (expression.name === 'pluck' && first?.kind === 'ref' && second?.kind === 'literal')
        return nodeRead(first, ['*', String(second.value)]);
      return expression.arguments.flatMap(readsIn);
    }
  }
}

function nodeRead(ref: RefExpression, more: Path): readonly { readonly id: string; readonly path: Path }[] {
  const id = valueIdOf(ref.target);
  if (id === undefined) return [];
  return [{ id, path: [...ref.path.map((key) => (typeof key === 'number' ? '*' : key)), ...more] }];
}

/** For each value that is read: what of it. Reads of a branch or map go on to the results inside. */
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
  for (const node of nodes.values()) {
    for (const { expression } of ownExpressions(node)) for (const { id, path } of readsIn(expression)) add(id, path);
    // What a loop carries on is read by its next round, whoever reads the last one; what a map over S3 gives lies there whole.
    if ((node.kind === 'loop' || node.kind === 'mapS3') && node.body.result)
      for (const { id, path } of readsIn(node.body.result)) add(id, path);
  }
  for (const { id, path } of pipeline.output ? readsIn(pipeline.output.value) : []) add(id, path);
  return reads;
}

/** Results of the scopes inside a node, and the path inside them that a read of the node comes to. */
function resultReads(node: NodeIr, path: Path | undefined): readonly (readonly [Expression, Path])[] {
  if (node.kind === 'loop' || node.kind === 'mapS3') return [];
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

/** Values of a scope's nodes that the scope's own result reads. */
export function readByResult(scope: ScopeIr): ReadonlySet<string> {
  return new Set(scope.result ? readsIn(scope.result).map(({ id }) => id) : []);
}

/** The values of nodes that a node (or anything inside it) reads. */
export function readersTargets(node: NodeIr): ReadonlySet<string> {
  return new Set([
    ...ownExpressions(node).flatMap(({ expression }) => readsIn(expression).map(({ id }) => id)),
    ...innerScopes(node).flatMap(({ scope }) => [
      ...scope.nodes.flatMap((inner) => [...readersTargets(inner)]),
      ...readByResult(scope),
    ]),
  ]);
}

/** Values of nodes that the pipeline's output reads. */
export function readByOutput(pipeline: PipelineIr): ReadonlySet<string> {
  return new Set(pipeline.output ? readsIn(pipeline.output.value).map(({ id }) => id) : []);
}
