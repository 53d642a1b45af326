/**
 * What of each job's output, and of the pipeline's input, must go through the state machine as it is, because an
 * expression computes with it or a path leads through it. All the rest is only handed on, and may be a pointer to S3
 * (lib/payload-layout.ts) without anybody noticing but the function that gets it in the end.
 */
import type { Expression, RefTarget } from '../ir/expressions.ts';
import type { LoopIr, PipelineIr } from '../ir/nodes.ts';
import { hasFunction } from '../ir/operations.ts';
import { type ShapeContext, shapeOf } from '../ir/shapes.ts';
import type { Keep } from '../payload-layout.ts';
import { innerScopes, ownExpressions } from '../ir/walk.ts';

/** `*` stands for an item of a list. */
type Path = readonly string[];

/** A value that an expression reads, and whether it computes with it or only hands it on. */
interface Use {
  readonly target: RefTarget;
  readonly path: Path;
  readonly computed: boolean;
}

interface Tree {
  computed: boolean;
  readonly fields: Map<string, Tree>;
}

export interface Keeps {
  readonly input: Keep;
  /** By job; a job of whose output nothing has to stay is not in it. */
  readonly jobs: ReadonlyMap<string, Keep>;
}

export function keepsOf(pipeline: PipelineIr, nodes: ShapeContext['nodes']): Keeps {
  const shapes: ShapeContext = { pipeline, nodes, known: [] };
  const trees = new Map<string, Tree>();
  const input: Tree = newTree();
  const seen = new Set<string>();
  const open: Use[] = [];
  for (const { node } of nodes.values())
    for (const { place, expression } of ownExpressions(node)) {
      // What a service is called with it takes as it is: nobody there would follow a pointer.
      const isHanded = place === 'input' && node.kind === 'job' && hasFunction(pipeline, node);
      if (isHanded) open.push(...handedUses(expression, shapes));
      else if (place === 'start') open.push(...uses(expression, [], false));
      else if (place === 'items' || place === 'over') open.push(...uses(expression, ['*'], false));
      else open.push(...uses(expression, [], true));
    }
  // What a loop carries on is made in each round, whoever reads it; what a map over S3 gives is written as it is.
  for (const { node } of nodes.values())
    if ((node.kind === 'loop' || node.kind === 'mapS3') && node.body.result)
      open.push(...uses(node.body.result, [], false));
  if (pipeline.output) open.push(...handedUses(pipeline.output.value, shapes));
  for (let use = open.pop(); use !== undefined; use = open.pop()) {
    const { target, path, computed } = use;
    const key = JSON.stringify([target, path, computed]);
    if (seen.has(key)) continue;
    seen.add(key);
    if (target.kind === 'input') note(input, path, computed);
    if (target.kind === 'item') {
      const map = nodes.get(target.map)?.node;
      const list = map?.kind === 'map' ? map.items : map?.kind === 'loop' ? listOf(map) : undefined;
      if (list !== undefined) open.push(...uses(list, ['*', ...path], computed));
    }
    const carries = nodes.get(target.kind === 'state' ? target.map : target.kind === 'node' ? target.id : '')?.node;
    if (carries?.kind === 'loop')
      for (const state of [carries.start, carries.body.result]) if (state) open.push(...uses(state, path, computed));
    const node = target.kind === 'node' ? nodes.get(target.id)?.node : undefined;
    if (node?.kind === 'job') {
      const tree = trees.get(node.id) ?? newTree();
      trees.set(node.id, tree);
      note(tree, path, computed);
    } else if (node !== undefined && node.kind !== 'loop' && node.kind !== 'mapS3') {
      const inner = node.kind === 'map' && path[0] === '*' ? path.slice(1) : node.kind === 'map' ? [] : path;
      for (const { scope } of innerScopes(node)) if (scope.result) open.push(...uses(scope.result, inner, computed));
    }
  }
  const jobs = [...trees].filter(([, tree]) => tree.computed || tree.fields.size > 0);
  return { input: keepOf(input), jobs: new Map(jobs.map(([id, tree]) => [id, keepOf(tree)])) };
}

/** The list that a loop goes over, if it does. */
function listOf({ rounds }: LoopIr): Expression | undefined {
  return rounds.kind === 'list' ? rounds.items : undefined;
}

const newTree = (): Tree => ({ computed: false, fields: new Map() });

function note(tree: Tree, path: Path, computed: boolean): void {
  let at = tree;
  for (const key of path) {
    const inner = at.fields.get(key) ?? newTree();
    at.fields.set(key, inner);
    at = inner;
  }
  at.computed ||= computed;
}

function keepOf({ computed, fields }: Tree): Keep {
  if (computed) return true;
  const sorted = [...fields].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([key, inner]) => [key, keepOf(inner)]));
}

const steps = (path: readonly (string | number)[]): Path => path.map((key) => (typeof key === 'number' ? '*' : key));

/** Uses of an expression that a state has as a template: see `template` in jsonata.ts, which this follows. */
function handedUses(expression: Expression, shapes: ShapeContext): readonly Use[] {
  if (expression.kind === 'array') return expression.items.flatMap((item) => handedUses(item, shapes));
  if (expression.kind !== 'object') return uses(expression, [], false);
  const fields = Object.values(expression.fields);
  return fields.some((field) => shapeOf(shapes, field).absent)
    ? uses(expression, [], false)
    : fields.flatMap((field) => handedUses(field, shapes));
}

/**
 * Uses of an expression that is printed as JSONata, of whose value the part at `path` is read.
 *
 * Brackets take the list inside them apart, so a list in them must be one: its items may be pointers, it may not.
 */
function uses(expression: Expression, path: Path, computed: boolean): readonly Use[] {
  const [first, ...rest] = path;
  switch (expression.kind) {
    case 'literal':
      return [];
    case 'ref':
      return [{ target: expression.target, path: [...steps(expression.path), ...path], computed }];
    case 'object':
      return Object.entries(expression.fields).flatMap(([name, field]) =>
        // An object among the items of a list is one item: all of its fields are in it.
        first === undefined || first === '*'
          ? uses(field, [], computed)
          : name === first
            ? uses(field, rest, computed)
            : [],
      );
    case 'array':
      return expression.items.flatMap((item) => uses(item, rest.length === 0 && !computed ? ['*'] : rest, computed));
    case 'call':
      break;
  }
  const { name, arguments: given } = expression;
  const [a, b] = given;
  switch (name) {
    case 'ok':
      return [];
    case 'orElse':
      return given.flatMap((argument) => uses(argument, path, computed));
    case 'get':
      return a && b?.kind === 'literal' ? uses(a, [...steps([b.value as string | number]), ...path], computed) : [];
    case 'pluck': {
      const inner = first === '*' ? rest : path;
      const key = b?.kind === 'literal' ? [String(b.value)] : [];
      return a ? uses(a, ['*', ...key, ...(inner.length === 0 && !computed ? ['*'] : inner)], computed) : [];
    }
    case 'count':
      return a ? uses(a, ['*'], false) : [];
    case 'sum':
      return a ? uses(a, ['*'], true) : [];
    default:
      return given.flatMap((argument) => uses(argument, [], true));
  }
}
