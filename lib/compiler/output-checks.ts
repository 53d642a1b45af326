/**
 * Checks of what a service answers, as JSONata, for operations without a function of ours: types, required fields,
 * constants, bounds and lengths of the operation's output schema. Patterns and what refers to itself are left to the
 * author. They are evaluated in the state that has called the service, and cost no transition.
 */
import { jobErrors } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';
import type { JsonSchema } from '../ir/nodes.ts';
import { access, literal, text } from './jsonata.ts';

/** How deep a schema is looked into. */
const maxDepth = 6;

/** The checks of a value: expressions that fail with the place of what is wrong. None where anything fits. */
export function outputChecks(value: string, schema: JsonSchema, operation: string): readonly string[] {
  const checks = assertions(checked, schema, `the output of ${operation}`, 0);
  return checks.length === 0 ? [] : [`${checked} := ${value}`, ...checks];
}

/** Holds the value in the checks. */
const checked = '$answer';

function assertions(value: string, schema: JsonSchema, place: string, depth: number): readonly string[] {
  const own = shallow(value, schema, depth);
  const told =
    own === undefined ? [] : [`$assert(${own}, ${text(`${jobErrors.outputInvalid}: ${place} ${wanted(schema)}`)})`];
  const isPlainObject = schema['type'] === 'object' && depth < maxDepth;
  if (!isPlainObject) return told;
  const required = listOf(schema['required']);
  const fields = Object.entries(objectOf(schema['properties'])).flatMap(([name, field]) => {
    const inner = access(value, [name]);
    const inside = assertions(inner, objectOf(field), `${place}: ${name}`, depth + 1);
    if (inside.length === 0) return [];
    return required.includes(name) ? inside : [`($exists(${inner}) ? (${inside.join('; ')}))`];
  });
  return [...told, ...fields];
}

/** What a value has to be as a whole: for a plain object its type and its required fields. */
function shallow(value: string, schema: JsonSchema, depth: number): string | undefined {
  if (schema['type'] !== 'object') return fits(value, schema, depth);
  const required = listOf(schema['required']).map((name) => `$exists(${access(value, [name as string])})`);
  return allOf([`$type(${value}) = "object"`, ...required]);
}

/** A condition that is true of values that the schema takes. */
function fits(value: string, schema: JsonSchema, depth: number): string | undefined {
  if (depth > maxDepth || '$ref' in schema || 'not' in schema) return undefined;
  const alternatives = [...listOf(schema['anyOf']), ...listOf(schema['oneOf'])];
  if (alternatives.length > 0) {
    const each = alternatives.map((one) => fits(value, objectOf(one), depth + 1));
    return each.includes(undefined) ? undefined : `(${each.join(' or ')})`;
  }
  if ('const' in schema) return isOne(value, [schema['const'] as Json]);
  if (Array.isArray(schema['enum'])) return isOne(value, schema['enum'] as readonly Json[]);
  const { type } = schema;
  if (Array.isArray(type))
    return `(${type.map((one) => fits(value, { ...schema, type: one }, depth) ?? 'true').join(' or ')})`;
  switch (type) {
    case 'null':
    case 'boolean':
      return `$type(${value}) = "${type}"`;
    case 'string':
      return allOf([`$type(${value}) = "string"`, ...bounds(schema, `$length(${value})`, 'minLength', 'maxLength')]);
    case 'number':
    case 'integer':
      return allOf([
        `$type(${value}) = "number"`,
        ...(type === 'integer' ? [`$floor(${value}) = ${value}`] : []),
        ...bounds(withoutSafety(schema), value, 'minimum', 'maximum'),
        ...(typeof schema['exclusiveMinimum'] === 'number' ? [`${value} > ${schema['exclusiveMinimum']}`] : []),
        ...(typeof schema['exclusiveMaximum'] === 'number' ? [`${value} < ${schema['exclusiveMaximum']}`] : []),
      ]);
    case 'array': {
      const variable = `$i${depth}`;
      const item = fits(variable, objectOf(schema['items']), depth + 1);
      return allOf([
        `$type(${value}) = "array"`,
        ...bounds(schema, `$count(${value})`, 'minItems', 'maxItems'),
        ...(item === undefined ? [] : [`$count($filter(${value}, function(${variable}){ $not(${item}) })) = 0`]),
      ]);
    }
    case 'object': {
      const required = listOf(schema['required']) as readonly string[];
      const fields = Object.entries(objectOf(schema['properties'])).flatMap(([name, field]) => {
        const inner = access(value, [name]);
        const inside = fits(inner, objectOf(field), depth + 1);
        if (required.includes(name)) return [inside ?? `$exists(${inner})`];
        return inside === undefined ? [] : [`($not($exists(${inner})) or ${inside})`];
      });
      return allOf([`$type(${value}) = "object"`, ...fields]);
    }
    default:
      return undefined;
  }
}

/** Equality of scalars; of others nothing is said. */
function isOne(value: string, allowed: readonly Json[]): string | undefined {
  if (allowed.some((one) => typeof one === 'object' && one !== null)) return undefined;
  return `(${allowed.map((one) => `${value} = ${literal(one)}`).join(' or ')})`;
}

/** Without the bounds of the numbers that JavaScript counts with, which zod writes into every integer. */
function withoutSafety({ minimum, maximum, ...rest }: JsonSchema): JsonSchema {
  return {
    ...rest,
    ...(minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? {} : { minimum }),
    ...(maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? {} : { maximum }),
  };
}

function bounds(schema: JsonSchema, measured: string, low: string, high: string): readonly string[] {
  return [
    ...(typeof schema[low] === 'number' ? [`${measured} >= ${schema[low]}`] : []),
    ...(typeof schema[high] === 'number' ? [`${measured} <= ${schema[high]}`] : []),
  ];
}

function allOf(conditions: readonly string[]): string {
  return conditions.length === 1 ? (conditions[0] ?? 'true') : `(${conditions.join(' and ')})`;
}

/** In words, for whoever reads the failure. */
function wanted(schema: JsonSchema): string {
  const { type, required } = schema;
  if (type === 'object') {
    const fields = listOf(required).join(', ');
    return `is not an object${fields === '' ? '' : ` with ${fields}`}`;
  }
  const { $schema: _, description: __, title: ___, ...rest } = withoutSafety(schema);
  const said = JSON.stringify(rest);
  return `is not ${typeof type === 'string' && Object.keys(rest).length === 1 ? `of type ${type}` : said.length > 200 ? `what its schema says` : said}`;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function objectOf(value: unknown): JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonSchema) : {};
}
