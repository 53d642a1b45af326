/**
 * The input of a session, from a file or stdin and from `-p key=value`. Only reads and types it: whether it fits the
 * pipeline is checked where sessions start.
 */
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BunsuiError } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';
import type { JsonSchema } from '../ir/nodes.ts';
import { maxRequestBytes } from './start-request.ts';

export interface InputSources {
  /** `key=value`, in the order given; the last one of a key counts. */
  readonly params: readonly string[];
  /** A file, or `-` for stdin. */
  readonly file?: string;
}

type InputObject = { readonly [key: string]: Json };

function invalid(message: string, hint: string): BunsuiError {
  return new BunsuiError('ValidationError', 'BS3001', message, { hint });
}

async function readAll(stream: AsyncIterable<Buffer | string>, what: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    // It is not even read to its end.
    if (size > maxRequestBytes) {
      throw invalid(`${what} is larger than ${maxRequestBytes} bytes`, 'write the data to S3 and give its key');
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function readInputFile(file: string, cwd: string): Promise<string> {
  try {
    await using handle = await open(resolve(cwd, file), 'r');
    return await readAll(handle.createReadStream({ autoClose: false }), `the input file "${file}"`);
  } catch (thrown) {
    if (thrown instanceof BunsuiError) throw thrown;
    const code = (thrown as NodeJS.ErrnoException).code ?? 'unknown error';
    const message =
      code === 'ENOENT' ? `there is no input file "${file}"` : `the input file "${file}" cannot be read (${code})`;
    throw new BunsuiError('ConfigError', 'BS2002', message, {
      hint: 'give a JSON file, or - for stdin',
      cause: thrown,
    });
  }
}

function parseObject(text: string, what: string): InputObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw invalid(
      `${what} is not JSON: ${(thrown as Error).message}`,
      'an input is one JSON object: {"date": "2026-11-20"}',
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const found = value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`;
    throw invalid(`${what} is ${found}, not an object`, 'an input is one JSON object: {"date": "2026-11-20"}');
  }
  return value as InputObject;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** JSON types that a schema allows; every type when it says nothing about it. */
function typesOf(schema: unknown, root: JsonSchema, depth = 0): ReadonlySet<string> {
  if (!isRecord(schema) || depth > 16) return new Set(['any']);
  const { $ref, type, const: constant, enum: values, anyOf, oneOf } = schema;
  if (typeof $ref === 'string') {
    const name = /^#\/\$defs\/(.+)$/.exec($ref)?.[1];
    const definitions = root['$defs'];
    return typesOf(name !== undefined && isRecord(definitions) ? definitions[name] : undefined, root, depth + 1);
  }
  const choices = Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : undefined;
  if (choices !== undefined) return new Set(choices.flatMap((choice) => [...typesOf(choice, root, depth + 1)]));
  if (typeof type === 'string') return new Set([type]);
  if (Array.isArray(type)) return new Set(type.map(String));
  const allowed = Array.isArray(values) ? values : constant === undefined ? [] : [constant];
  return new Set(allowed.length === 0 ? ['any'] : allowed.map(typeName));
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** Text as the value that the schema wants: JSON where it allows what the JSON is, else the text itself. */
function typed(text: string, schema: unknown, root: JsonSchema): Json {
  const types = typesOf(schema, root);
  if (types.has('any') || (types.size === 1 && types.has('string'))) return text;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return text;
  }
  const found = typeName(value);
  const fits = types.has(found) || (found === 'number' && types.has('integer'));
  // What fits no type at all is shown as what it is by the check that follows.
  return fits || !types.has('string') ? (value as Json) : text;
}

/** What `-p key=text` gives: text as the value that the schema of the input wants for this field. */
export function typedParameter(key: string, text: string, schema: JsonSchema): Json {
  const properties = isRecord(schema['properties']) ? schema['properties'] : {};
  return typed(text, Object.hasOwn(properties, key) ? properties[key] : undefined, schema);
}

function parameter(given: string): readonly [key: string, value: string] {
  const at = given.indexOf('=');
  if (at > 0) return [given.slice(0, at), given.slice(at + 1)];
  throw new BunsuiError('ConfigError', 'BS2001', `"${given}" is no parameter: it has no key and "="`, {
    hint: 'write -p key=value, as in -p date=2026-11-20',
  });
}

/**
 * Puts the input together: the file's fields, over them the parameters, each typed by the schema's property.
 *
 * @throws {BunsuiError} BS2001 for a parameter without `=`, BS2002 for a file that cannot be read, BS3001 for text that
 * is no JSON object.
 */
export async function readInput(sources: InputSources, schema: JsonSchema, cwd: string): Promise<InputObject> {
  const params = sources.params.map(parameter);
  const { file } = sources;
  let base: InputObject = {};
  if (file === '-') base = parseObject(await readAll(process.stdin, 'stdin'), 'stdin');
  else if (file !== undefined) base = parseObject(await readInputFile(file, cwd), `the input file "${file}"`);
  const typedParams = params.map(([key, text]): [string, Json] => [key, typedParameter(key, text, schema)]);
  return Object.fromEntries([...Object.entries(base), ...typedParams]);
}
