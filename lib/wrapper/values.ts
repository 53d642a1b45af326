/** Checks of what goes into a handler and of what comes out of it. */
import { jobErrors } from '../errors.ts';
import type { ExecutionBlock } from '../storage-layout.ts';
import { asError, type JobErrorName, jobError } from './job-error.ts';
import type { WrapperPorts } from './ports.ts';

/** What is found wrong with a value. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}
export type SchemaResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/**
 * A schema, by the one method that is used of it: that of Standard Schema, which those of zod and zod/mini have.
 * @see https://standardschema.dev
 */
export interface Schema {
  readonly '~standard': { validate(value: unknown): SchemaResult | Promise<SchemaResult> };
  readonly [writesRecords]?: RecordsWriter;
}

/** By which a schema says that the output is written while the handler yields it, and is itself where that lies. */
export const writesRecords: unique symbol = Symbol.for('bunsui.records');

/** Writes what a handler has returned, record by record. @returns where it lies */
export type RecordsWriter = (returned: unknown, place: RecordsPlace) => Promise<unknown>;

/** Whose records they are. */
export interface RecordsPlace {
  readonly operation: string;
  /** @default in the memory of this process, as a unit test wants it */
  readonly stored?: {
    readonly ports: WrapperPorts;
    readonly remainingMs: () => number;
    readonly block: ExecutionBlock;
    readonly job: string;
    readonly attempt: number;
    /** Name of a secret of the job whose value is in a text. */
    readonly secretIn: (text: string) => string | undefined;
  };
}

const shownIssues = 20;

function pathText(issue: SchemaIssue): string {
  const parts = (issue.path ?? []).map((part) => (typeof part === 'object' ? part.key : part));
  if (parts.length === 0) return '(whole value)';
  return parts.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

/** @throws an error of the given name that lists path and reason of every issue */
export async function checkValue(schema: Schema, value: unknown, name: JobErrorName, what: string): Promise<unknown> {
  const result = await schema['~standard'].validate(value);
  if (result.issues === undefined) return result.value;
  const { issues } = result;
  const lines = issues.slice(0, shownIssues).map((issue) => `${pathText(issue)}: ${issue.message.slice(0, 300)}`);
  if (issues.length > shownIssues) lines.push(`${issues.length - shownIssues} more`);
  throw jobError(name, `${what} does not fit its schema: ${lines.join('; ')}`);
}

/** Where a value stops being JSON; undefined when it is JSON all the way. */
function notJson(value: unknown, path: string, around: Set<unknown>): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : `${path} is ${value}`;
    case 'object':
      break;
    default:
      return `${path} is ${typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`}`;
  }
  if (value === null) return undefined;
  if (around.has(value)) return `${path} contains itself`;
  around.add(value);
  const wrong = Array.isArray(value) ? itemNotJson(value, path, around) : fieldNotJson(value, path, around);
  around.delete(value);
  return wrong;
}

function itemNotJson(list: readonly unknown[], path: string, around: Set<unknown>): string | undefined {
  for (const [index, item] of list.entries()) {
    const wrong = notJson(item, `${path}[${index}]`, around);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function fieldNotJson(value: object, path: string, around: Set<unknown>): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    return `${path} is a ${value.constructor?.name ?? 'class instance'}`;
  }
  for (const [key, item] of Object.entries(value)) {
    if (item === undefined) continue;
    const wrong = notJson(item, `${path}.${key}`, around);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

/**
 * Checks what a handler returned and writes it as JSON text.
 * @throws an error named `Bunsui.OutputInvalid`
 */
export async function checkOutput(
  schema: Schema,
  returned: unknown,
  operation: string,
): Promise<{ value: unknown; text: string }> {
  const { outputInvalid } = jobErrors;
  if (returned === undefined) {
    throw jobError(
      outputInvalid,
      `the handler of ${operation} returned nothing; return a value that fits its output schema`,
    );
  }
  const value = await checkValue(schema, returned, outputInvalid, `the output of ${operation}`);
  return { value, text: jsonText(value, 'output', `the output of ${operation}`) };
}

/**
 * A value as JSON text.
 * @param root what paths to what is wrong begin with
 * @throws an error named `Bunsui.OutputInvalid` for what JSON has no form for
 */
export function jsonText(value: unknown, root: string, what: string): string {
  try {
    const wrong = notJson(value, root, new Set());
    if (wrong !== undefined) throw new TypeError(wrong);
    return JSON.stringify(value);
  } catch (thrown) {
    const { message } = asError(thrown);
    throw jobError(
      jobErrors.outputInvalid,
      `${what} is not JSON: ${message}; return plain objects, lists, text, numbers and booleans only`,
    );
  }
}
