/** Schemas as authors write them (zod) and as the pipeline records them (JSON Schema). */
import * as z from 'zod';
import type { JsonSchema } from '../ir/nodes.ts';
import { recordsKeyword } from '../ir/operations.ts';
import { writesRecords } from '../wrapper/values.ts';

export type Schema = z.core.$ZodType;

/** What JSON has no form for. */
type Foreign =
  | Date
  | bigint
  | symbol
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | Uint8Array
  | ((...args: never[]) => unknown);

/** How deep a schema is looked into; recursive ones have no end. What lies deeper is checked at synth. */
interface Deeper {
  readonly 0: 1;
  readonly 1: 2;
  readonly 2: 3;
  readonly 3: 4;
  readonly 4: never;
}

/** The values inside a type that JSON would lose. */
type NonJson<T, Depth extends keyof Deeper | never = 0> = [Depth] extends [never]
  ? never
  : unknown extends T
    ? never
    : T extends string | number | boolean | null | undefined | AsyncIterable<unknown>
      ? never
      : T extends Foreign
        ? T
        : T extends readonly (infer E)[]
          ? NonJson<E, Deeper[Depth]>
          : { [K in keyof T]-?: NonJson<T[K], Deeper[Depth]> }[keyof T];

/** Adds nothing to a schema whose output is JSON; an impossible demand, named for what is wrong, to any other. */
export type JsonOnly<T> = [NonJson<T>] extends [never]
  ? unknown
  : { readonly 'this schema holds a value that JSON cannot carry': NonJson<T> };

/** A schema as JSON Schema, or why it has none. `input` is what is accepted, `output` what comes out of parsing. */
export function jsonSchema(
  schema: Schema,
  io: 'input' | 'output',
): { readonly schema: JsonSchema } | { readonly reason: string } {
  try {
    const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
      io,
      unrepresentable: 'throw',
      override: withRecords,
    });
    return { schema: JSON.parse(JSON.stringify(rest)) as JsonSchema };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

/** The schema of records belongs to that of the object which holds them. */
function withRecords({ zodSchema, jsonSchema: made }: { zodSchema: object; jsonSchema: object }): void {
  const { item } = zodSchema as { readonly item?: Schema };
  if (item === undefined || !(writesRecords in zodSchema)) return;
  const { $schema: _dialect, ...records } = z.toJSONSchema(item, { unrepresentable: 'throw', override: withRecords });
  Object.assign(made, { [recordsKeyword]: records });
}
