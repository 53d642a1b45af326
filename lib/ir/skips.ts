/**
 * What is skipped with what: a node whose needed value another node did not give, because that was skipped or has
 * failed, is skipped too. In: a pipeline as it was written. Out: the same with that said in the `when` of each node, so
 * that nobody further on has to know the rule.
 *
 * Needed is what a node cannot do without: not what stands in `orElse`, `ok`, `eq` or `ne`, nor what is given as it is to
 * a field that is optional.
 */
import type { Expression, RefExpression } from './expressions.ts';
import type { JsonSchema, NodeIr, PipelineIr, ScopeIr } from './nodes.ts';
import { alternatives, conjuncts, gaveSomething, hasFailed, type ShapeContext, shapeOf } from './shapes.ts';
import { isSided, sidesOf } from './sides.ts';
import {
  innerScopes,
  inOrder,
  nodeIndex,
  ownExpressions,
  type PlacedNode,
  placedNodes,
  type ScopeStep,
} from './walk.ts';

type Known = readonly Expression[];

/** The pipeline with every condition under which a node is skipped in its `when`. Without cycles and dangling names. */
export function withSkips(pipeline: PipelineIr): PipelineIr {
  if (!placedNodes(pipeline.body).some(({ node }) => mayGiveNothing(node))) return pipeline;
  const nodes = new Map(nodeIndex(pipeline));
  const inScope = (scope: ScopeIr, at: readonly ScopeStep[]): ScopeIr => {
    const done = new Map<string, NodeIr>();
    for (const node of inOrder(scope)) {
      const outside = withWhen({ pipeline, nodes, known: factsAround(nodes, at) }, node);
      nodes.set(node.id, { node: outside, scope: at });
      const made = withInner(outside, (part, inner) => inScope(inner, [...at, { node: node.id, part }]));
      nodes.set(node.id, { node: made, scope: at });
      done.set(node.id, made);
    }
    return { ...scope, nodes: scope.nodes.map((node) => done.get(node.id) ?? node) };
  };
  return { ...pipeline, body: inScope(pipeline.body, []) };
}

function mayGiveNothing(node: NodeIr): boolean {
  if (node.when !== undefined || node.requires !== undefined) return true;
  if (node.kind === 'job') return node.tolerate !== undefined;
  if (node.kind === 'guard') return true;
  return isSided(node) && sidesOf(node).some(({ scope }) => scope?.result === undefined);
}

/** Conditions known to be true inside a scope: those of the sides around, and of whether what is around runs. */
export function factsAround(nodes: ReadonlyMap<string, PlacedNode>, scope: readonly ScopeStep[]): Known {
  return scope.flatMap((step): Known => {
    const node = nodes.get(step.node)?.node;
    const side = node && isSided(node) ? sidesOf(node).find(({ part }) => part === step.part) : undefined;
    const failed = node?.kind === 'guard' && step.part === 'failure' ? [hasFailed(node.id)] : [];
    return [...(node?.when ? [node.when] : []), ...(side ? [side.fact] : []), ...failed];
  });
}

/** The node with other scopes inside of it. */
function withInner(node: NodeIr, made: (part: string, scope: ScopeIr) => ScopeIr): NodeIr {
  const scopes = new Map(innerScopes(node).map(({ part, scope }) => [part, made(part, scope)]));
  const inside = <S extends ScopeIr | undefined>(part: string, scope: S): S => (scopes.get(part) as S) ?? scope;
  switch (node.kind) {
    case 'job':
    case 'wait':
    case 'approval':
      return node;
    case 'guard': {
      const { on, scope } = node.handler;
      return { ...node, body: inside('guarded', node.body), handler: { on, scope: inside(on, scope) } };
    }
    case 'map':
    case 'mapS3':
    case 'loop':
      return { ...node, body: inside('body', node.body) };
    case 'branch':
      return { ...node, yes: inside('yes', node.yes), ...(node.no && { no: inside('no', node.no) }) };
    case 'switch': {
      const cases = node.cases.map(({ is, scope }) => ({ is, scope: inside(`is ${is}`, scope) }));
      return { ...node, cases, ...(node.otherwise && { otherwise: inside('otherwise', node.otherwise) }) };
    }
  }
}

function withWhen(context: ShapeContext, node: NodeIr): NodeIr {
  const conditions: Expression[] = Object.entries(node.requires ?? {}).flatMap(([id, end]) =>
    end === 'failure' ? [hasFailed(id)] : successOf(context, id),
  );
  const here = (): ShapeContext => ({ ...context, known: [...context.known, ...conditions] });
  if (node.when) {
    conditions.push(...needsOf(here(), node.when));
    conditions.push(...conjuncts(node.when));
  }
  for (const { place, expression } of ownExpressions(node)) {
    if (place === 'when') continue;
    const wanted = schemaAt(context.pipeline, node, place);
    // One after the other: what the first needs is known to the second.
    for (const need of needsOf(here(), expression, wanted)) conditions.push(need);
  }
  const all = [...new Map(conditions.map((one) => [JSON.stringify(one), one])).values()];
  const [only] = all;
  if (only === undefined) return node;
  return { ...node, when: all.length === 1 ? only : { kind: 'call', name: 'and', arguments: all } };
}

/** The schema of what is given to a node whose fields may be optional. */
function schemaAt({ operations }: PipelineIr, node: NodeIr, place: string): JsonSchema | undefined {
  if (node.kind === 'job') return place === 'input' ? operations[node.operation]?.input : undefined;
  return node.kind === 'loop' && place === 'start' ? node.state : undefined;
}

/** Conditions of which all hold when a node has run and not failed; none where it cannot be otherwise. */
function successOf(context: ShapeContext, id: string): Known {
  const node = context.nodes.get(id)?.node;
  if (node === undefined) return [];
  // A side may give nothing and have run.
  if (isSided(node)) return node.when ? conjuncts(node.when) : [];
  return nodeNeeds(context, { kind: 'ref', target: { kind: 'node', id }, path: [] });
}

/** The conditions under which what an expression cannot do without is there, as far as nodes decide it. */
function needsOf(context: ShapeContext, expression: Expression, wanted?: JsonSchema): Known {
  switch (expression.kind) {
    case 'literal':
      return [];
    case 'ref':
      return nodeNeeds(context, expression);
    case 'array': {
      const items = onlyForm(wanted)['items'] as JsonSchema | undefined;
      return expression.items.flatMap((item) => needsOf(context, item, items));
    }
    case 'object': {
      const { properties, required } = onlyForm(wanted);
      const schemas = (properties ?? {}) as { readonly [key: string]: JsonSchema };
      const isRequired = (key: string) => Array.isArray(required) && required.includes(key);
      return Object.entries(expression.fields).flatMap(([key, field]) =>
        !isRequired(key) && isAsItIs(field) ? [] : needsOf(context, field, schemas[key]),
      );
    }
    case 'call':
      return callNeeds(context, expression, wanted);
  }
}

function callNeeds(
  context: ShapeContext,
  { name, arguments: given }: Expression & { kind: 'call' },
  wanted?: JsonSchema,
): Known {
  const [first, second] = given;
  switch (name) {
    case 'ok':
      return [];
    case 'eq':
    case 'ne':
      return given.filter((value) => !isAsItIs(value)).flatMap((value) => needsOf(context, value));
    case 'orElse':
      return first && second ? eitherNeeds(context, first, second, wanted) : [];
    case 'and':
      return given.flatMap((value, index) =>
        needsOf({ ...context, known: [...context.known, ...given.slice(0, index)] }, value),
      );
    default:
      return given.flatMap((value) => needsOf(context, value));
  }
}

/** Of `orElse`: nothing, what the second value needs, or one of both. Where the first is sure to be there nobody asks for the second. */
function eitherNeeds(context: ShapeContext, first: Expression, second: Expression, wanted?: JsonSchema): Known {
  const needs = needsOf(context, second, wanted);
  if (needs.length === 0 || !isDirect(first)) return needs;
  const others = needsOf(context, first);
  if (shapeOf({ ...context, known: [...context.known, ...others] }, first).absent) return needs;
  return others.length === 0 ? [] : [{ kind: 'call', name: 'or', arguments: [allOf(others), allOf(needs)] }];
}

function allOf(conditions: Known): Expression {
  const [only] = conditions;
  return only !== undefined && conditions.length === 1 ? only : { kind: 'call', name: 'and', arguments: conditions };
}

/** A value as it is, or an item or field of one: where it is absent nothing has been made of it. */
function isDirect(expression: Expression): boolean {
  if (expression.kind === 'ref') return true;
  if (expression.kind !== 'call') return false;
  const [from] = expression.arguments;
  return (expression.name === 'get' || expression.name === 'orElse') && from !== undefined && isDirect(from);
}

/** Nothing is made of what is absent, in what stands in for it neither. */
function isAsItIs(expression: Expression): boolean {
  if (expression.kind !== 'call') return expression.kind === 'ref' || expression.kind === 'literal';
  const [from, otherwise] = expression.arguments;
  if (from === undefined || !isAsItIs(from)) return false;
  return expression.name === 'get' || (expression.name === 'orElse' && otherwise !== undefined && isAsItIs(otherwise));
}

function nodeNeeds(context: ShapeContext, { target }: RefExpression): Known {
  if (target.kind !== 'node' && target.kind !== 'failure') return [];
  const node = context.nodes.get(target.id)?.node;
  if (node === undefined || neverGives(node)) return [];
  if (!shapeOf(context, { kind: 'ref', target, path: [] }).absent) return [];
  return [target.kind === 'node' ? gaveSomething(target.id) : hasFailed(target.id)];
}

/** Whoever reads it is mistaken, and is told so. */
function neverGives(node: NodeIr): boolean {
  return isSided(node) && sidesOf(node).every(({ scope }) => scope?.result === undefined);
}

/** The schema, where it has no alternatives. */
function onlyForm(schema: JsonSchema | undefined): JsonSchema {
  const forms = schema === undefined ? [] : alternatives(schema);
  return forms.length === 1 ? (forms[0] ?? {}) : {};
}
