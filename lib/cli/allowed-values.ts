/**
 * What a field of an input may be, in few words with an example: read from the JSON Schema that zod prints.
 */
import type { JsonSchema } from '../ir/nodes.ts';
import { shellWord } from './places.ts';

type Schema = Readonly<Record<string, unknown>>;

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isNumber = (value: unknown): value is number => typeof value === 'number';

/** Formats by their name in JSON Schema: what they are called, and one that is right. */
const formats: { readonly [format: string]: readonly [name: string, example: string] } = {
  date: ['a date', '2026-11-20'],
  'date-time': ['a date with time and zone', '2026-11-20T09:30:00Z'],
  time: ['a time of day', '09:30:00'],
  duration: ['a duration', 'PT15M'],
  email: ['an e-mail address', 'ann@example.com'],
  uuid: ['a UUID', '3f2b8c1e-5d4a-4c6b-9e7f-0a1b2c3d4e5f'],
  uri: ['a URL', 'https://example.com/data'],
  ipv4: ['an IPv4 address', '192.0.2.10'],
  ipv6: ['an IPv6 address', '2001:db8::10'],
  cidrv4: ['an IPv4 range', '192.0.2.0/24'],
  cidrv6: ['an IPv6 range', '2001:db8::/32'],
};
/** The bounds that zod writes for any whole number say nothing. */
const isBound = (value: unknown): value is number => isNumber(value) && Math.abs(value) < Number.MAX_SAFE_INTEGER;

/** The schema itself where it stands for another one by `$ref`. */
function resolved(schema: unknown, root: JsonSchema): Schema | undefined {
  let at = schema;
  for (let steps = 0; steps < 16 && isSchema(at) && typeof at['$ref'] === 'string'; steps += 1) {
    const name = /^#\/\$defs\/(.+)$/.exec(at['$ref'])?.[1] ?? '';
    const definitions = root['$defs'];
    at = isSchema(definitions) && Object.hasOwn(definitions, name) ? definitions[name] : undefined;
  }
  return isSchema(at) ? at : undefined;
}

/** `1 to 40`, `at least 1`; `characters` or `items` behind it. */
function rangeText(least: unknown, most: unknown, what = ''): string {
  const unit = what === '' ? '' : ` ${what}`;
  if (isNumber(least) && isNumber(most)) return least === most ? `${least}${unit}` : `${least} to ${most}${unit}`;
  if (isNumber(least)) return `at least ${least}${least === 1 ? unit.replace(/s$/, '') : unit}`;
  return isNumber(most) ? `at most ${most}${unit}` : '';
}

function numberText(schema: Schema): string {
  const { type, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  return [
    type === 'integer' ? 'a whole number' : 'a number',
    rangeText(isBound(minimum) ? minimum : undefined, isBound(maximum) ? maximum : undefined),
    isBound(exclusiveMinimum) ? `more than ${exclusiveMinimum}` : '',
    isBound(exclusiveMaximum) ? `less than ${exclusiveMaximum}` : '',
    isNumber(multipleOf) ? `a multiple of ${multipleOf}` : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function textText({ format, pattern, minLength, maxLength }: Schema): string {
  const known = typeof format === 'string' && Object.hasOwn(formats, format) ? formats[format] : undefined;
  if (known !== undefined) return `${known[0]}, as in ${known[1]}`;
  return [
    typeof format === 'string' ? `text of the format ${format}` : 'text',
    rangeText(minLength, maxLength, 'characters'),
    typeof format !== 'string' && typeof pattern === 'string' ? `matching ${pattern}` : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
}

/** A value that the schema takes, as far as its types tell. */
function exampleOf(schema: Schema | undefined, root: JsonSchema, depth = 0): unknown {
  if (schema === undefined || depth > 6) return 'a';
  const { type, enum: values, const: constant, default: otherwise, format, minimum, anyOf } = schema;
  if (otherwise !== undefined) return otherwise;
  if (constant !== undefined) return constant;
  if (Array.isArray(values)) return values[0];
  if (Array.isArray(anyOf)) return exampleOf(resolved(anyOf[0], root), root, depth + 1);
  if (type === 'array') return [exampleOf(resolved(schema['items'], root), root, depth + 1)];
  if (type === 'object') {
    const { properties, required } = schema;
    const names = Array.isArray(required) ? required.map(String) : [];
    return Object.fromEntries(
      names.map((name) => [
        name,
        exampleOf(resolved(isSchema(properties) ? properties[name] : undefined, root), root, depth + 1),
      ]),
    );
  }
  if (type === 'integer' || type === 'number') return isBound(minimum) ? minimum : 1;
  if (type === 'boolean') return true;
  if (type === 'null') return null;
  return typeof format === 'string' ? (formats[format]?.[1] ?? 'a') : 'a';
}

/** How a field is written on the command line when it is no plain text. */
function asParameter(key: string, schema: Schema, root: JsonSchema, given: unknown): string {
  const { items } = schema;
  const type = resolved(items, root)?.['type'];
  // What was meant is likely the parts of the text that was given.
  const parts =
    typeof given === 'string' && schema['type'] === 'array' && (type === 'string' || type === undefined)
      ? given.split(',').map((part) => part.trim())
      : undefined;
  const isShort = parts?.every((part) => /^[\w.:@/ -]{1,40}$/.test(part)) && parts.length <= 8;
  return `-p ${shellWord(`${key}=${JSON.stringify(isShort ? parts : exampleOf(schema, root))}`)}`;
}

/**
 * What a field takes: `a whole number, 1 to 40`, `a date, as in 2026-11-20`, `a list, as in -p 'regions=["eu","us"]'`;
 * behind it the schema's description. `undefined` when the schema says nothing.
 *
 * @param path of the field within the input; what stands deeper than the first name has no parameter of its own.
 * @param given what was given for it, if anything.
 */
export function allowedText(path: readonly (string | number)[], root: JsonSchema, given?: unknown): string | undefined {
  const schema = schemaAt(path, root);
  if (schema === undefined) return undefined;
  const said = valueText(schema, root);
  if (said === undefined) return undefined;
  const { description, type } = schema;
  const [key] = path;
  const isStructure = type === 'array' || type === 'object';
  const example =
    isStructure && path.length === 1 && typeof given !== 'object'
      ? `, as in ${asParameter(String(key), schema, root, given)}`
      : '';
  return `${said}${example}${typeof description === 'string' ? `: ${description}` : ''}`;
}

function valueText(schema: Schema, root: JsonSchema): string | undefined {
  const { type, enum: values, const: constant, anyOf } = schema;
  if (Array.isArray(values)) return `one of ${values.map((value) => JSON.stringify(value)).join(', ')}`;
  if (constant !== undefined) return JSON.stringify(constant);
  if (Array.isArray(anyOf)) {
    const choices = anyOf.map((choice) => {
      const one = resolved(choice, root);
      return one === undefined ? undefined : valueText(one, root);
    });
    return choices.includes(undefined) ? undefined : choices.join('; or ');
  }
  if (type === 'string') return textText(schema);
  if (type === 'integer' || type === 'number') return numberText(schema);
  if (type === 'boolean') return 'true or false';
  if (type === 'null') return 'null';
  if (type === 'object') return 'an object';
  if (type !== 'array') return undefined;
  const range = rangeText(schema['minItems'], schema['maxItems'], 'items');
  return range === '' ? 'a list' : `a list of ${range}`;
}

/** The schema of the field at a path. */
function schemaAt(path: readonly (string | number)[], root: JsonSchema): Schema | undefined {
  let at = resolved(root, root);
  for (const step of path) {
    const { properties, items, prefixItems, additionalProperties } = at ?? {};
    const inside =
      typeof step === 'number'
        ? ((Array.isArray(prefixItems) ? prefixItems[step] : undefined) ?? items)
        : isSchema(properties) && Object.hasOwn(properties, step)
          ? properties[step]
          : additionalProperties;
    at = resolved(inside, root);
  }
  return at;
}
