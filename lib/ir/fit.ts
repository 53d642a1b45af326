/** Does a value of one shape fit a schema? Answers only what is certain: what schemas do not say is let through. */
import type { Expression } from './expressions.ts';
import type { JsonSchema } from './nodes.ts';
import { alternatives, gapsOf, type ShapeContext, shapeOf } from './shapes.ts';

/** A place where a value does not fit. */
export interface Misfit {
  readonly path: readonly string[];
  readonly kind: 'absent' | 'type' | 'unknown' | 'missing';
  readonly message: string;
  readonly hint: string;
}

function typesOf(schema: JsonSchema): readonly string[] | undefined {
  const types = alternatives(schema).map((alternative) => {
    const type = alternative['type'];
    if (Array.isArray(type)) return type.map(String);
    if (typeof type === 'string') return [type];
    if ('const' in alternative) return [jsonType(alternative['const'])];
    if (Array.isArray(alternative['enum'])) return alternative['enum'].map(jsonType);
    return undefined;
  });
  return types.includes(undefined) ? undefined : [...new Set(types.flatMap((list) => list ?? []))];
}

function jsonType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'number' && Number.isInteger(value) ? 'integer' : typeof value;
}

function overlap(given: readonly string[], wanted: readonly string[]): boolean {
  return given.some(
    (type) =>
      wanted.includes(type) ||
      (type === 'integer' && wanted.includes('number')) ||
      (type === 'number' && wanted.includes('integer')),
  );
}

/** Whether a list may hold null, as far as its schema says. */
function takesNullItems(list: JsonSchema): boolean {
  const { items } = list;
  if (!isRecord(items)) return true;
  return typesOf(items)?.includes('null') ?? true;
}

function isRecord(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Every place where an expression cannot fit a schema. */
export function misfits(
  context: ShapeContext,
  expression: Expression,
  wanted: JsonSchema,
  path: readonly string[] = [],
): readonly Misfit[] {
  const shape = shapeOf(context, expression);
  const name = path.join('.') || 'the value';
  // A field that is not there at all is a mistake of its own, reported where it is read.
  if (shape.unknown) return [];
  if (shape.absent) {
    return [
      {
        path,
        kind: 'absent',
        message: `${name} may be absent${shape.because === undefined ? '' : `: ${shape.because}`}`,
        hint: 'give orElse(value, otherwise), or a `when` under which it is there',
      },
    ];
  }
  const options = alternatives(wanted);
  const objects = options.filter((option) => option['type'] === 'object' && isRecord(option['properties']));
  const [only] = objects;
  if (
    only &&
    options.length === 1 &&
    (expression.kind === 'object' || (expression.kind === 'literal' && isRecord(expression.value)))
  ) {
    return objectMisfits(context, expression, only, path);
  }
  const given = typesOf(shape.schema);
  const allowed = typesOf(wanted);
  if (given && allowed && !overlap(given, allowed)) {
    return [
      {
        path,
        kind: 'type',
        message: `${name} is ${given.join(' or ')}, where ${allowed.join(' or ')} is wanted`,
        hint: `give a value of type ${allowed.join(' or ')}`,
      },
    ];
  }
  const gaps = gapsOf(shape.schema);
  if (gaps !== undefined && !options.some(takesNullItems)) {
    return [
      {
        path,
        kind: 'type',
        message: `an item of ${name} may be absent: ${gaps}`,
        hint: 'give the body of the map a result that is always there, or make the items nullable where they go',
      },
    ];
  }
  const choices = options.flatMap((option) =>
    Array.isArray(option['enum']) ? option['enum'] : 'const' in option ? [option['const']] : [undefined],
  );
  if (expression.kind === 'literal' && !choices.includes(undefined) && !choices.includes(expression.value)) {
    const list = choices.map((choice) => JSON.stringify(choice)).join(', ');
    return [
      {
        path,
        kind: 'type',
        message: `${name} is ${JSON.stringify(expression.value)}, which is none of ${list}`,
        hint: `give one of ${list}`,
      },
    ];
  }
  return [];
}

function fieldsOf(expression: Expression): { readonly [name: string]: Expression } {
  if (expression.kind === 'object') return expression.fields;
  if (expression.kind === 'literal' && isRecord(expression.value)) {
    return Object.fromEntries(
      Object.entries(expression.value).map(([key, value]) => [key, { kind: 'literal', value: value as never }]),
    );
  }
  return {};
}

function objectMisfits(
  context: ShapeContext,
  expression: Expression,
  wanted: JsonSchema,
  path: readonly string[],
): readonly Misfit[] {
  const fields = fieldsOf(expression);
  const properties = isRecord(wanted['properties']) ? wanted['properties'] : {};
  const required = Array.isArray(wanted['required']) ? wanted['required'].map(String) : [];
  const names = Object.keys(properties).join(', ');
  const root = wanted['$defs'];
  const missing = required
    .filter((key) => !Object.hasOwn(fields, key))
    .map(
      (key): Misfit => ({
        path: [...path, key],
        kind: 'missing',
        message: `${[...path, key].join('.')} is missing`,
        hint: `the schema requires it`,
      }),
    );
  return [
    ...missing,
    ...Object.entries(fields).flatMap(([key, field]): readonly Misfit[] => {
      const property = properties[key];
      if (!Object.hasOwn(properties, key) || !isRecord(property)) {
        if (wanted['additionalProperties'] !== undefined && wanted['additionalProperties'] !== false) return [];
        return [
          {
            path: [...path, key],
            kind: 'unknown',
            message: `${[...path, key].join('.')} is not in the schema`,
            hint: `the schema has ${names || 'no fields'}`,
          },
        ];
      }
      const schema = root === undefined ? property : { ...property, $defs: root };
      const found = misfits(context, field, schema, [...path, key]);
      // An optional field may be given a value that may be absent: the field is then left out.
      return required.includes(key)
        ? found
        : found.filter((misfit) => misfit.kind !== 'absent' || misfit.path.length > path.length + 1);
    }),
  ];
}
