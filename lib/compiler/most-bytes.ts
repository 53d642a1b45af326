/** How long a value may be as JSON, as far as its schema says. */
import type { JsonSchema } from '../ir/nodes.ts';
import { alternatives } from '../ir/shapes.ts';

/** `-1.2345678901234567e-308` */
const numberBytes = 24;
/** A character of a text as JSON: a pair of surrogates that do not belong together. */
const characterBytes = 12;
/** Schemas may contain themselves. */
const deepest = 6;

/** Bytes of JSON in UTF-8 of the longest value that fits; infinite where nothing bounds it. */
export function mostBytes(schema: JsonSchema, depth = 0): number {
  if (depth > deepest) return Number.POSITIVE_INFINITY;
  return Math.max(...alternatives(schema).map((alternative) => mostOf(alternative, depth)));
}

function mostOf(schema: JsonSchema, depth: number): number {
  const inner = (part: unknown): number =>
    mostBytes(
      { ...(schema['$defs'] === undefined ? {} : { $defs: schema['$defs'] }), ...(part as JsonSchema) },
      depth + 1,
    );
  if ('const' in schema) return jsonBytes(schema['const']);
  if (Array.isArray(schema['enum'])) return Math.max(0, ...schema['enum'].map(jsonBytes));
  switch (schema['type']) {
    case 'null':
      return 4;
    case 'boolean':
      return 5;
    case 'integer':
    case 'number':
      return numberBytes;
    case 'string':
      return typeof schema['maxLength'] === 'number'
        ? 2 + characterBytes * schema['maxLength']
        : Number.POSITIVE_INFINITY;
    case 'object':
      return schema['additionalProperties'] === false
        ? Object.entries((schema['properties'] ?? {}) as { readonly [name: string]: unknown }).reduce(
            (sum, [name, field]) => sum + jsonBytes(name) + 2 + inner(field),
            2,
          )
        : Number.POSITIVE_INFINITY;
    default:
      return Number.POSITIVE_INFINITY;
  }
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
