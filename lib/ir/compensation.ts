/**
 * Compensation: what is undone when a pipeline fails. The jobs that declare an operation for it are mirrored in a scope
 * of its own, which runs when the jobs' scope has failed:
 *
 *     to-undo                     finds out which of them have completed, in which iterations
 *     undo-pay → undo-book        the mirror image: what came later is undone first, what stood side by side is side by side
 *     undo-each[3]/undo-ship      a map for a map or loop, over the iterations that have something to undo
 *
 * The order is that of dependencies and not of clocks: a job that depends on another, through whatever lies between, is
 * undone before it. Rounds of a loop are undone one after the other, the last one first.
 */
import type { SourcePosition } from '../errors.ts';
import type { Expression } from './expressions.ts';
import type { JobIr, MapIr, NodeIr, ScopeIr } from './nodes.ts';
import { dependenciesOf, innerScopes, inOrder, placedNodes } from './walk.ts';

/** Ids of jobs that are to be undone, and of maps and loops with such jobs in them. */
export interface UndoTree {
  readonly [node: string]: 'job' | UndoTree;
}

export interface CompensationOptions {
  /** Id of the operation that finds out what has completed. */
  readonly operation: string;
  /** Whether a node has this id. */
  readonly isTaken: (id: string) => boolean;
}

/** The jobs of a scope that declare a compensation, in the shape in which what has completed of them is told. */
export function undoTree(scope: ScopeIr): UndoTree {
  const entries = scope.nodes.flatMap((node): readonly (readonly [string, 'job' | UndoTree])[] => {
    if (node.kind === 'job') return node.compensate === undefined ? [] : [[node.id, 'job']];
    if (node.kind === 'guard') return [];
    const inside = innerScopes(node).flatMap((inner) => Object.entries(undoTree(inner.scope)));
    if (inside.length === 0) return [];
    return node.kind === 'map' || node.kind === 'loop' ? [[node.id, Object.fromEntries(inside)]] : inside;
  });
  return Object.fromEntries(entries);
}

/** Where the first job of a scope is written that declares a compensation. */
export function firstCompensated(scope: ScopeIr): SourcePosition | undefined {
  return placedNodes(scope).find(({ node }) => node.kind === 'job' && node.compensate !== undefined)?.node.source;
}

/** The scope that undoes what a scope has done; nothing where no job of it declares a compensation. */
export function compensationScope(scope: ScopeIr, options: CompensationOptions): ScopeIr | undefined {
  const tree = undoTree(scope);
  const source = firstCompensated(scope);
  if (source === undefined) return undefined;
  const taken = new Set<string>();
  const free = (wanted: string): string => {
    const fits = (id: string) => !taken.has(id) && !options.isTaken(id);
    let id = wanted.slice(0, longestId);
    for (let number = 2; !fits(id); number += 1) {
      const suffix = `-${number}`;
      id = `${wanted.slice(0, longestId - suffix.length)}${suffix}`;
    }
    taken.add(id);
    return id;
  };
  const finder = free('to-undo');
  const found: Target = { kind: 'node', id: finder };
  const find: JobIr = {
    kind: 'job',
    id: finder,
    source,
    operation: options.operation,
    input: { kind: 'literal', value: { jobs: tree } },
    after: [],
    retry: { max: 5, delaySeconds: 2, backoff: 2, jitter: false, errors: ['States.ALL'] },
  };
  return { nodes: [find, ...mirrored(scope, found, free)] };
}

const longestId = 64;

type Target = { readonly kind: 'node'; readonly id: string } | { readonly kind: 'item'; readonly map: string };

/** The mirror image of a scope. @param from where the paths of what has completed of it stand */
function mirrored(scope: ScopeIr, from: Target, free: (id: string) => string): readonly NodeIr[] {
  const images = new Map(scope.nodes.map((node) => [node.id, imageOf(node, from, free)]));
  const readers = new Map<string, string[]>();
  for (const [id, parents] of dependenciesOf(scope))
    for (const parent of parents) readers.set(parent, [...(readers.get(parent) ?? []), id]);
  // The next ones after each node that have images: nodes without one pass on what comes after them.
  const next = new Map<string, ReadonlySet<string>>();
  for (const { id } of inOrder(scope).toReversed()) {
    const later = new Set<string>();
    for (const reader of readers.get(id) ?? [])
      if ((images.get(reader) ?? []).length > 0) later.add(reader);
      else for (const beyond of next.get(reader) ?? []) later.add(beyond);
    next.set(id, later);
  }
  return [...images].flatMap(([id, own]) => {
    const before = [...(next.get(id) ?? [])].flatMap((later) => (images.get(later) ?? []).map((image) => image.id));
    return own.map((image) => ({ ...image, after: [...new Set([...image.after, ...before])] }));
  });
}

function imageOf(node: NodeIr, from: Target, free: (id: string) => string): readonly NodeIr[] {
  if (node.kind === 'job') return node.compensate === undefined ? [] : [undoOf(node, node.compensate, from, free)];
  if (node.kind === 'guard') return [];
  if (node.kind !== 'map' && node.kind !== 'loop')
    return innerScopes(node).flatMap(({ scope }) => mirrored(scope, from, free));
  if (Object.keys(undoTree(node.body)).length === 0) return [];
  const id = free(`undo-${node.id}`);
  const image: MapIr = {
    kind: 'map',
    id,
    source: node.source,
    after: [],
    items: { kind: 'ref', target: from, path: [node.id] },
    body: { nodes: mirrored(node.body, { kind: 'item', map: id }, free) },
    // Rounds build on each other.
    concurrency: node.kind === 'loop' ? 1 : node.concurrency,
  };
  return [image];
}

function undoOf(node: JobIr, operation: string, from: Target, free: (id: string) => string): JobIr {
  const path: Expression = { kind: 'ref', target: from, path: [node.id] };
  return {
    kind: 'job',
    id: free(`undo-${node.id}`),
    source: node.source,
    operation,
    input: { kind: 'object', fields: { input: secretsAlone(node.input) ?? { kind: 'literal', value: {} } } },
    after: [],
    when: { kind: 'call', name: 'ne', arguments: [path, { kind: 'literal', value: '' }] },
    // One that fails stands in nobody's way.
    tolerate: ['States.ALL'],
    reuse: 'never',
    compensates: { job: node.id, path },
  };
}

/** What of an input are secrets, where they are: records hold only that there is one. */
function secretsAlone(input: Expression): Expression | undefined {
  switch (input.kind) {
    case 'literal':
      return input.secret === undefined ? undefined : input;
    case 'object': {
      const fields = Object.entries(input.fields).flatMap(([name, field]) => {
        const inside = secretsAlone(field);
        return inside === undefined ? [] : [[name, inside] as const];
      });
      return fields.length === 0 ? undefined : { kind: 'object', fields: Object.fromEntries(fields) };
    }
    case 'array': {
      const items = input.items.map((item) => secretsAlone(item));
      if (items.every((item) => item === undefined)) return undefined;
      return { kind: 'array', items: items.map((item) => item ?? { kind: 'literal', value: null }) };
    }
    case 'ref':
    case 'call':
      return undefined;
  }
}
