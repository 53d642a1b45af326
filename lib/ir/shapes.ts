/**
 * Shapes: what is known at synth of a value that exists at run time, from the schemas of operations and of the
 * input. Used to find values that may be absent, and constants and refs that do not fit where they are put.
 */
import type { Expression, Json, RefExpression } from './expressions.ts';
import { approvalWays } from '../approval-layout.ts';
import { givenSchema, totalsSchema } from './map-s3.ts';
import type { ApprovalIr, BranchIr, JsonSchema, NodeIr, PipelineIr, SwitchIr } from './nodes.ts';
import { sidesOf } from './sides.ts';
import type { PlacedNode } from './walk.ts';

/** A schema, and whether the value may be missing altogether. The empty schema says nothing. */
export interface Shape {
  readonly schema: JsonSchema;
  readonly absent: boolean;
  /** Why it may be absent, for messages. */
  readonly because?: string;
  /** A field that was asked for and that no form of the value can have, and the fields there are. */
  readonly unknown?: { readonly field: string; readonly known: readonly string[] };
  /** When absent it stands there as null: the output of a skipped node, an item of a list with gaps. */
  readonly asNull?: true;
}

/**
 * On the schema of a list: why an item may be null because an iteration of a map gave nothing. Not a word of JSON
 * Schema: an author's `nullable` items are values, these are absent ones.
 */
const gapsKeyword = 'x-gaps';

/** Why items of a list may be absent, if they may. */
export function gapsOf(list: JsonSchema): string | undefined {
  const reasons = alternatives(list).map((schema) => schema[gapsKeyword]);
  return reasons.find((reason) => typeof reason === 'string');
}

/** What a shape is read against: the pipeline, and the conditions known to be true at the place of reading. */
export interface ShapeContext {
  readonly pipeline: PipelineIr;
  readonly nodes: ReadonlyMap<string, PlacedNode>;
  readonly known: readonly Expression[];
}

const anything: Shape = { schema: {}, absent: false };

function asSchema(value: unknown): JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonSchema) : {};
}

/** Alternatives of a schema: the members of anyOf/oneOf, else itself; `$ref` to `$defs` of the root resolved. */
export function alternatives(schema: JsonSchema, root: JsonSchema = schema): readonly JsonSchema[] {
  const ref = schema['$ref'];
  if (typeof ref === 'string') {
    const name = /^#\/\$defs\/(.+)$/.exec(ref)?.[1];
    const target = ref === '#' ? root : name === undefined ? {} : asSchema(asSchema(root['$defs'])[name]);
    return target === schema ? [{}] : alternatives(withDefinitions(target, root), root);
  }
  const members = schema['anyOf'] ?? schema['oneOf'];
  if (!Array.isArray(members)) return [schema];
  return members.flatMap((member) => alternatives(withDefinitions(asSchema(member), root), root));
}

/** Inner schemas may point at definitions of the outermost one: carry them along. */
function withDefinitions(schema: JsonSchema, root: JsonSchema): JsonSchema {
  return root['$defs'] === undefined || schema['$defs'] !== undefined ? schema : { ...schema, $defs: root['$defs'] };
}

/** The shape of a field or list item of a value. */
export function fieldShape(shape: Shape, key: string | number): Shape {
  if (shape.unknown) return shape;
  const shapes = alternatives(shape.schema).map((schema): Shape | undefined => {
    if (schema['type'] === 'null') return { schema: {}, absent: true, because: 'the value around it may be null' };
    if (typeof key === 'number') {
      if (schema['type'] !== 'array') return schema['type'] === undefined ? anything : undefined;
      return {
        schema: withDefinitions(asSchema(schema['items']), schema),
        absent: true,
        because: 'the list may be shorter',
        ...(gapsOf(schema) === undefined ? {} : { asNull: true }),
      };
    }
    const properties = asSchema(schema['properties']);
    if (Object.hasOwn(properties, key)) {
      const property = withDefinitions(asSchema(properties[key]), schema);
      const required = Array.isArray(schema['required']) && schema['required'].includes(key);
      const filledIn = 'default' in property;
      return required || filledIn
        ? { schema: property, absent: false }
        : { schema: property, absent: true, because: `"${key}" is optional` };
    }
    const additional = schema['additionalProperties'];
    if (additional !== undefined && additional !== false) {
      return {
        schema: withDefinitions(asSchema(additional), schema),
        absent: true,
        because: `"${key}" need not be there`,
      };
    }
    return schema['type'] === undefined && schema['properties'] === undefined ? anything : undefined;
  });
  const found = shapes.filter((candidate) => candidate !== undefined);
  if (found.length === 0) {
    const known = alternatives(shape.schema).flatMap((schema) => Object.keys(asSchema(schema['properties'])));
    return { schema: {}, absent: true, unknown: { field: String(key), known: [...new Set(known)] } };
  }
  const absent =
    found.find((candidate) => candidate.absent) ??
    (found.length < shapes.length ? { because: `only some forms of the value have "${key}"` } : undefined);
  const because = shape.absent ? shape.because : absent?.because;
  return {
    schema: unite(found.map((candidate) => candidate.schema)),
    absent: shape.absent || absent !== undefined,
    ...(because === undefined ? {} : { because }),
    ...(found.some(({ asNull }) => asNull) ? { asNull: true } : {}),
  };
}

function unite(schemas: readonly JsonSchema[]): JsonSchema {
  const [first] = schemas;
  if (schemas.length <= 1) return first ?? {};
  return { anyOf: schemas };
}

/** A condition as those that must all hold. */
export function conjuncts(condition: Expression): readonly Expression[] {
  return condition.kind === 'call' && condition.name === 'and' ? condition.arguments.flatMap(conjuncts) : [condition];
}

/** Whether a condition is known to be true. */
function holds({ known }: ShapeContext, condition: Expression): boolean {
  const facts = known.flatMap(conjuncts);
  if (facts.length === 0) return false;
  return conjuncts(condition).every((one) => {
    const text = JSON.stringify(one);
    return facts.some((fact) => JSON.stringify(fact) === text);
  });
}

/** The condition that a node has run and given something. */
export function gaveSomething(id: string): Expression {
  return { kind: 'call', name: 'ok', arguments: [{ kind: 'ref', target: { kind: 'node', id }, path: [] }] };
}

/** The condition that a node has failed, and the pipeline has gone on. */
export function hasFailed(id: string): Expression {
  return { kind: 'call', name: 'ok', arguments: [{ kind: 'ref', target: { kind: 'failure', id }, path: [] }] };
}

/** Why a node's output may be absent though something inside would give it: it may be skipped, or fail. */
function whyWithout(context: ShapeContext, node: NodeIr): string | undefined {
  if (node.when !== undefined && !holds(context, node.when)) return skippedBecause(node.id, node.when);
  if (node.kind === 'job' && node.tolerate !== undefined) return `"${node.id}" may fail, and the pipeline goes on`;
  return undefined;
}

function skippedBecause(id: string, when: Expression): string {
  const needed = conjuncts(when).map((one) => {
    const [ref] = one.kind === 'call' && one.name === 'ok' ? one.arguments : [];
    return ref?.kind === 'ref' && ref.target.kind === 'node' ? ref.target.id : undefined;
  });
  const [first] = needed;
  return first === undefined || needed.includes(undefined)
    ? `"${id}" is skipped when its condition is false`
    : `"${id}" is skipped when "${first}" gives nothing`;
}

/** The shape of a node's whole output. */
function nodeShape(context: ShapeContext, node: NodeIr): Shape {
  const shape = givenShape(context, node);
  const because = whyWithout(context, node);
  if (because === undefined && !shape.absent) return shape;
  if (holds(context, gaveSomething(node.id))) return { schema: shape.schema, absent: false };
  return because === undefined ? shape : { schema: shape.schema, absent: true, because, asNull: true };
}

/** The shape of what a node gives when it runs. */
function givenShape(context: ShapeContext, node: NodeIr): Shape {
  switch (node.kind) {
    case 'job':
      return { schema: context.pipeline.operations[node.operation]?.output ?? {}, absent: false };
    case 'approval':
      return { schema: answerSchema(context, node), absent: false };
    case 'branch':
    case 'switch':
      return sidesShape(context, node);
    case 'map': {
      const item: Shape = node.body.result
        ? shapeOf(context, node.body.result)
        : { schema: { type: 'null' }, absent: true, because: `the body of "${node.id}" gives nothing` };
      const gaps = item.absent ? { [gapsKeyword]: item.because ?? `the body of "${node.id}" may give nothing` } : {};
      return { schema: { type: 'array', items: item.schema, ...gaps }, absent: false };
    }
    case 'loop':
      return { schema: node.state, absent: false };
    case 'mapS3':
      return { schema: totalsSchema, absent: false };
    case 'guard':
      return node.body.result ? shapeOf(context, node.body.result) : { schema: {}, absent: false };
    case 'wait':
      return { schema: { type: 'object', properties: {}, additionalProperties: false }, absent: false };
  }
}

/** The schema of an approval's output. What the person has filled in is there when it was approved. */
function answerSchema(context: ShapeContext, { id, form, onReject }: ApprovalIr): JsonSchema {
  const approved: Expression = { kind: 'ref', target: { kind: 'node', id }, path: ['approved'] };
  const isTrue: Expression = { kind: 'call', name: 'eq', arguments: [approved, { kind: 'literal', value: true }] };
  const isApproved = onReject === 'fail' || holds(context, approved) || holds(context, isTrue);
  const text = { type: 'string' };
  return {
    type: 'object',
    properties: {
      approved: { type: 'boolean' },
      answer: form,
      reason: text,
      by: text,
      at: text,
      via: { type: 'string', enum: [...approvalWays] },
    },
    required: ['approved', ...(isApproved ? ['answer'] : []), 'by', 'at', 'via'],
    additionalProperties: false,
  };
}

/** What the sides of a branch or switch give; of one that is known to be taken, what that gives. */
function sidesShape(context: ShapeContext, node: BranchIr | SwitchIr): Shape {
  const sides = sidesOf(node).map(({ scope, fact, told }) => ({
    fact,
    gives: scope?.result !== undefined,
    shape: scope?.result
      ? shapeOf({ ...context, known: [...context.known, fact] }, scope.result)
      : ({
          schema: {},
          absent: true,
          because: `"${node.id}" gives nothing on ${told}`,
          asNull: true,
        } satisfies Shape as Shape),
  }));
  const taken = sides.find(({ fact }) => holds(context, fact));
  if (taken) return taken.shape;
  const schema = unite(sides.filter(({ gives }) => gives).map(({ shape }) => shape.schema));
  const absent = sides.find(({ shape }) => shape.absent)?.shape;
  return absent === undefined ? { schema, absent: false } : { ...absent, schema, asNull: true };
}

const failureSchema: JsonSchema = {
  type: 'object',
  properties: { name: { type: 'string' }, cause: { type: 'string' } },
  required: ['name', 'cause'],
  additionalProperties: false,
};

function failureShape(context: ShapeContext, id: string): Shape {
  if (holds(context, hasFailed(id))) return { schema: failureSchema, absent: false };
  return { schema: failureSchema, absent: true, because: `"${id}" need not fail`, asNull: true };
}

function refShape(context: ShapeContext, { target, path }: RefExpression): Shape {
  return path.reduce<Shape>((shape, key) => fieldShape(shape, key), targetShape(context, target));
}

function targetShape(context: ShapeContext, target: RefExpression['target']): Shape {
  switch (target.kind) {
    case 'input':
      return { schema: context.pipeline.input, absent: false };
    case 'index':
      return { schema: { type: 'integer' }, absent: false };
    case 'item': {
      const around = context.nodes.get(target.map)?.node;
      if (around?.kind === 'map') return itemShape(shapeOf(context, around.items));
      if (around?.kind === 'mapS3') return { schema: givenSchema(around), absent: false };
      if (around?.kind !== 'loop') return anything;
      const { rounds } = around;
      return rounds.kind === 'list'
        ? itemShape(shapeOf(context, rounds.items))
        : { schema: { type: 'integer' }, absent: false };
    }
    case 'state': {
      const loop = context.nodes.get(target.map)?.node;
      return loop?.kind === 'loop' ? { schema: loop.state, absent: false } : anything;
    }
    case 'node': {
      const placed = context.nodes.get(target.id);
      return placed ? nodeShape(context, placed.node) : anything;
    }
    case 'failure':
      return failureShape(context, target.id);
  }
}

/** Whether a value may stand there as null: absent, or null by its schema. */
export function mayBeNull(shape: Shape): boolean {
  return (shape.absent && shape.asNull === true) || alternatives(shape.schema).some(({ type }) => type === 'null');
}

/** The shape of a list's items. */
export function itemShape(list: Shape): Shape {
  const schemas = alternatives(list.schema).flatMap((schema) =>
    schema['items'] === undefined ? [] : [withDefinitions(asSchema(schema['items']), schema)],
  );
  const because = gapsOf(list.schema);
  return {
    schema: unite(schemas),
    absent: because !== undefined,
    ...(because === undefined ? {} : { because, asNull: true }),
  };
}

function literalSchema(value: Json): JsonSchema {
  if (value === null) return { type: 'null' };
  if (Array.isArray(value)) return { type: 'array', items: unite(value.map(literalSchema)) };
  if (typeof value === 'object') {
    const properties = Object.fromEntries(Object.entries(value).map(([key, field]) => [key, literalSchema(field)]));
    return { type: 'object', properties, required: Object.keys(properties), additionalProperties: {} };
  }
  return { type: typeof value === 'number' && Number.isInteger(value) ? 'integer' : typeof value, const: value };
}

/** The shape of any expression. */
export function shapeOf(context: ShapeContext, expression: Expression): Shape {
  switch (expression.kind) {
    case 'literal':
      return { schema: literalSchema(expression.value), absent: false };
    case 'ref':
      return refShape(context, expression);
    case 'array':
      return {
        schema: { type: 'array', items: unite(expression.items.map((item) => shapeOf(context, item).schema)) },
        absent: false,
      };
    case 'object': {
      const fields = Object.entries(expression.fields).map(([key, field]) => [key, shapeOf(context, field)] as const);
      return {
        schema: {
          type: 'object',
          properties: Object.fromEntries(fields.map(([key, shape]) => [key, shape.schema])),
          required: fields.filter(([, shape]) => !shape.absent).map(([key]) => key),
          additionalProperties: {},
        },
        absent: false,
      };
    }
    case 'call':
      return callShape(context, expression.name, expression.arguments);
  }
}

function callShape(
  context: ShapeContext,
  name: Extract<Expression, { kind: 'call' }>['name'],
  given: readonly Expression[],
): Shape {
  const [first, second] = given;
  switch (name) {
    case 'text':
      return { schema: { type: 'string' }, absent: false };
    case 'sum':
    case 'add':
    case 'subtract':
    case 'multiply': {
      const whole = given.every((value) =>
        alternatives(shapeOf(context, value).schema).every((schema) =>
          isWhole(name === 'sum' ? asSchema(schema['items']) : schema),
        ),
      );
      return { schema: { type: whole ? 'integer' : 'number' }, absent: false };
    }
    case 'count':
      return { schema: { type: 'integer' }, absent: false };
    case 'orElse': {
      if (!first || !second) return anything;
      const taken = shapeOf(context, first);
      if (!taken.absent && !taken.unknown) return taken;
      const fallback = shapeOf(context, second);
      const schema = unite([taken.schema, fallback.schema]);
      return eitherIsThere(context, first, second, fallback) ? { schema, absent: false } : { ...fallback, schema };
    }
    case 'get':
      return first && second?.kind === 'literal'
        ? fieldShape(shapeOf(context, first), second.value as string | number)
        : anything;
    case 'pluck': {
      if (!first || second?.kind !== 'literal') return anything;
      return {
        schema: { type: 'array', items: fieldShape(itemShape(shapeOf(context, first)), String(second.value)).schema },
        absent: false,
      };
    }
    case 'eq':
    case 'ne':
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
    case 'and':
    case 'or':
    case 'not':
    case 'ok':
      return { schema: { type: 'boolean' }, absent: false };
  }
}

/** Whether one of two values is known to be there: the other one always, or each under a condition of which one holds. */
function eitherIsThere(context: ShapeContext, first: Expression, second: Expression, fallback: Shape): boolean {
  if (!fallback.absent) return true;
  const isThere = (one: Expression, known: readonly Expression[]) => !shapeOf({ ...context, known }, one).absent;
  return context.known.flatMap(conjuncts).some((fact) => {
    if (fact.kind !== 'call' || fact.name !== 'or') return false;
    const others = context.known.flatMap(conjuncts).filter((other) => other !== fact);
    return fact.arguments.every((one) => [first, second].some((value) => isThere(value, [...others, one])));
  });
}

/** What more is known where a value is not there: of conditions of which one holds, none under which it would be there. */
export function knownWithout(context: ShapeContext, value: Expression): readonly Expression[] {
  if (!shapeOf(context, value).absent) return [];
  const facts = context.known.flatMap(conjuncts);
  return facts.flatMap((fact) => {
    if (fact.kind !== 'call' || fact.name !== 'or') return [];
    const others = facts.filter((other) => other !== fact);
    const left = fact.arguments.filter((one) => shapeOf({ ...context, known: [...others, one] }, value).absent);
    // Where none is left nobody comes by, and whatever is said there is true.
    if (left.length === 0) return fact.arguments;
    return left.length === 1 ? left : [];
  });
}

function isWhole(schema: JsonSchema): boolean {
  return alternatives(schema).every((alternative) => alternative['type'] === 'integer');
}
