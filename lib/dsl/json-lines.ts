/**
 * Records that one job writes and others read, too many for a value: JSON Lines in S3. What goes through the pipeline is
 * where they lie; a handler yields them, or goes over them.
 */
import * as z from 'zod';
import { readJsonLines, type RecordsObject, writeJsonLines } from '../wrapper/json-lines.ts';
import { type RecordsWriter, writesRecords } from '../wrapper/values.ts';
import type { JsonOnly, Schema } from './schemas.ts';

/**
 * Records in S3: where they lie and how many they are, as values of the pipeline. A handler that is given them goes over
 * them with `for await`; each is checked as it comes.
 */
export interface JsonLines<T> extends RecordsObject, AsyncIterable<T> {}

/** The schema of an output whose records a handler yields, or of a field of an input that is given them. */
export interface JsonLinesSchema<S extends Schema> extends z.ZodType<JsonLines<z.output<S>>, JsonLines<z.output<S>>> {
  /** The schema of a record. */
  readonly item: S;
  readonly [writesRecords]: RecordsWriter;
}

/**
 * Records of this schema, as JSON Lines in S3. As the whole output of a `lambda`, its handler is a generator, or returns a
 * list: what it yields is checked and written as it comes, and the output says where it lies. As a field of an input, it
 * takes the output of such a job.
 *
 * @example
 * export const extract = lambda('extract', { entry: './extract.ts', input: z.object({ day: z.iso.date() }), output: jsonLines(order) });
 * export const load = lambda('load', { entry: './load.ts', input: z.object({ orders: jsonLines(order) }), output: z.object({ loaded: z.int() }) });
 *
 * export const handler = extract.handler(async function* ({ day }) { for (const id of ids) yield { id, day }; });
 * export const handler = load.handler(async ({ orders }) => { for await (const order of orders) … });
 */
export function jsonLines<S extends Schema>(item: S & JsonOnly<z.output<S>>): JsonLinesSchema<S> {
  const place = z
    .strictObject({ bucket: z.string(), key: z.string(), count: z.int().min(0), bytes: z.int().min(0) })
    .overwrite((at) =>
      Object.defineProperty({ ...at }, Symbol.asyncIterator, { value: () => readJsonLines(item, at) }),
    );
  const write: RecordsWriter = (returned, of) => writeJsonLines(item, returned, of);
  return Object.assign(place, { item, [writesRecords]: write }) as unknown as JsonLinesSchema<S>;
}
