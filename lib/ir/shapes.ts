/**
 * Shapes: what is known at synth of a value that exists at run time, from the schemas of operations and of the
 * input. Used to find values that may be absent, and constants and refs that do not fit where they are put.
 */
import type { Expression, Json, RefExpression } from './expressions.ts';
import { approvalWays } from '../approval-layout.ts';
import type { ApprovalIr, BranchIr, JsonSchema, NodeIr, PipelineIr } from './nodes.ts';
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

/** The facts, and those inside an `and`. */
function factsIn(context: ShapeContext): readonly Expression[] {
  return context.known.flatMap((fact) =>
    fact.kind === 'call' && fact.name === 'and' ? factsIn({ ...context, known: fact.arguments }) : [fact],
  );
}

/** Whether a condition is known to be true. */
function holds(context: ShapeContext, condition: Expression): boolean {
  const text = JSON.stringify(condition);
  return factsIn(context).some((fact) => JSON.stringify(fact) === text);
}

/** Whether it is known that a node has run and given something. */
function hasRun(context: ShapeContext, id: string): boolean {
  return factsIn(context).some((fact) => {
    if (fact.kind !== 'call' || fact.name !== 'ok') return false;
    const [ref] = fact.arguments;
    return ref?.kind === 'ref' && ref.target.kind === 'node' && ref.target.id === id;
  });
}

/** The shape of a node's whole output. */
function nodeShape(context: ShapeContext, node: NodeIr): Shape {
  switch (node.kind) {
    case 'job':
      return unlessSkipped(context, node, context.pipeline.operations[node.operation]?.output ?? {});
    case 'approval':
      return unlessSkipped(context, node, answerSchema(context, node));
    case 'branch':
      return branchShape(context, node);
    case 'map': {
      const item: Shape = node.body.result
        ? shapeOf(context, node.body.result)
        : { schema: { type: 'null' }, absent: true, because: `the body of "${node.id}" gives nothing` };
      const gaps = item.absent ? { [gapsKeyword]: item.because ?? `the body of "${node.id}" may give nothing` } : {};
      return { schema: { type: 'array', items: item.schema, ...gaps }, absent: false };
    }
  }
}

function unlessSkipped(
  context: ShapeContext,
  { id, when }: { readonly id: string; readonly when?: Expression },
  schema: JsonSchema,
): Shape {
  if (!when || hasRun(context, id) || holds(context, when)) return { schema, absent: false };
  return { schema, absent: true, because: `"${id}" is skipped when its condition is false`, asNull: true };
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

function branchShape(context: ShapeContext, node: BranchIr): Shape {
  const denied: Expression = { kind: 'call', name: 'not', arguments: [node.condition] };
  const shapeOfSide = (result: Expression | undefined, condition: Expression, side: string): Shape =>
    result
      ? shapeOf({ ...context, known: [...context.known, condition] }, result)
      : { schema: {}, absent: true, because: `"${node.id}" gives nothing on its ${side} side`, asNull: true };
  const yes = shapeOfSide(node.yes.result, node.condition, 'first');
  const no = shapeOfSide(node.no?.result, denied, 'other');
  const ran = hasRun(context, node.id);
  const taken = holds(context, node.condition) ? yes : holds(context, denied) ? no : undefined;
  if (taken) return ran ? { schema: taken.schema, absent: false } : taken;
  const giving = [...(node.yes.result ? [yes] : []), ...(node.no?.result ? [no] : [])];
  const schema = unite(giving.map((shape) => shape.schema));
  const absent = [yes, no].find((shape) => shape.absent);
  if (!absent || ran) return { schema, absent: false };
  return { ...absent, schema, asNull: true };
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
      const map = context.nodes.get(target.map)?.node;
      return map?.kind === 'map' ? itemShape(shapeOf(context, map.items)) : anything;
    }
    case 'node': {
      const placed = context.nodes.get(target.id);
      return placed ? nodeShape(context, placed.node) : anything;
    }
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
      const fallback = shapeOf(context, second);
      return { ...fallback, schema: unite([shapeOf(context, first).schema, fallback.schema]) };
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

function isWhole(schema: JsonSchema): boolean {
  return alternatives(schema).every((alternative) => alternative['type'] === 'integer');
}
