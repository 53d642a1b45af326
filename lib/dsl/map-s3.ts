/** Maps over S3: what their records are read from, what becomes of them, and how it is recorded. */
import * as z from 'zod';
import type { SourcePosition } from '../errors.ts';
import type { CsvDelimiter, JsonSchema, MapS3Ir, ReaderIr } from '../ir/nodes.ts';
import { type Recording, read, schemaOf } from './recording.ts';
import type { In } from './refs.ts';
import type { JsonOnly, Schema } from './schemas.ts';

/** An object as a listing has it. `LastModified` in seconds since the epoch. */
export interface S3Object {
  readonly Etag: string;
  readonly Key: string;
  readonly LastModified: number;
  readonly Size: number;
  readonly StorageClass?: string;
}

const s3Object = z.object({
  Etag: z.string(),
  Key: z.string(),
  LastModified: z.number(),
  Size: z.int(),
  StorageClass: z.string().optional(),
});

/** A bucket. One whose name is known only when the pipeline runs must be one of `buckets`. */
interface InBucket {
  /** @default the platform's */
  readonly bucket?: In<string>;
  /** The buckets that it may be: the state machine is allowed these. */
  readonly buckets?: readonly string[];
}

interface Records {
  /** No more records than that are read. @default all */
  readonly limit?: number;
}

/** One object, or all whose keys begin so. */
type OneOrMany =
  | { readonly key: In<string>; readonly prefix?: never }
  | { readonly prefix: In<string>; readonly key?: never };

/** What a record looks like as it is read. Nothing checks it by itself: the operations check what they are given. */
interface OfItems<S extends Schema> {
  readonly item: S & JsonOnly<z.output<S>>;
}

/** The objects of a bucket: what is known of each is a record. */
export interface ObjectsSource extends InBucket, Records {
  readonly format: 'objects';
  readonly prefix: In<string>;
}

/** What is in objects of a bucket. */
export type RecordsSource<S extends Schema> = InBucket &
  Records &
  OfItems<S> &
  (
    | ({
        readonly format: 'csv';
        /** Names of the columns. @default the first row has them */
        readonly columns?: readonly string[];
        /** @default "COMMA" */
        readonly delimiter?: CsvDelimiter;
      } & OneOrMany)
    /** `pointer`: where in the file the list is, such as `/data/rows`. @default the file is the list */
    | ({ readonly format: 'json'; readonly pointer?: string } & OneOrMany)
    | ({ readonly format: 'jsonl' } & OneOrMany)
    /** The manifest.json of an S3 inventory. */
    | { readonly format: 'manifest'; readonly key: In<string> }
  );

/** Records that a body is given together: at most so many, at most so many bytes of JSON. */
export type Batch =
  | { readonly items: number; readonly bytes?: number }
  | { readonly bytes: number; readonly items?: number };

/** What becomes of the records. */
export interface MapS3Policy {
  /** Executions at once. @default as many as Step Functions runs */
  readonly concurrency?: number;
  /** Records that may fail: so many, or such a share of all (0 to 1). @default the first failure fails the map */
  readonly tolerate?:
    | { readonly count: number; readonly share?: number }
    | { readonly share: number; readonly count?: number };
  /** Where the results of the body go. @default the platform's bucket, under `maps/` */
  readonly results?: { readonly bucket: In<string>; readonly prefix: In<string>; readonly buckets?: readonly string[] };
}

/** What a map over S3 gives. */
export interface Totals {
  readonly total: number;
  readonly succeeded: number;
  readonly failed: number;
  /** The manifest, which names the files with what succeeded and what failed. */
  readonly results: { readonly bucket: string; readonly key: string };
}

type AnySource = InBucket &
  Records & {
    readonly format: MapS3Ir['reader']['format'];
    readonly item?: Schema;
    readonly key?: In<string>;
    readonly prefix?: In<string>;
    readonly columns?: readonly string[];
    readonly delimiter?: CsvDelimiter;
    readonly pointer?: string;
  };

/** The part of the node that source and options say. Mistakes are reported, and it goes on. */
export function mapS3Fields(
  recording: Recording,
  given: ObjectsSource | RecordsSource<Schema>,
  { concurrency = 0, tolerate, results, batch }: MapS3Policy & { readonly batch?: Batch | undefined },
  path: readonly (string | number)[],
  at: SourcePosition,
): Pick<MapS3Ir, 'reader' | 'item' | 'batch' | 'concurrency' | 'tolerate' | 'results'> {
  const source: AnySource = given;
  const value = (one: unknown, ...place: readonly string[]) => read(recording, one, [...path, ...place], at);
  const { format, bucket, buckets, limit, columns, delimiter, pointer, key, prefix } = source;
  const reader: ReaderIr = {
    format,
    ...(bucket === undefined ? {} : { bucket: value(bucket, 'bucket') }),
    ...(key === undefined ? { by: 'prefix', at: value(prefix ?? '', 'prefix') } : { by: 'key', at: value(key, 'key') }),
    ...defined({ buckets, limit, columns, delimiter, pointer }),
  };
  const item: JsonSchema = schemaOf(recording, source.item ?? s3Object, 'output', [...path, 'item'], at);
  return {
    reader,
    item,
    ...(batch === undefined ? {} : { batch: defined({ items: batch.items, bytes: batch.bytes }) }),
    concurrency,
    ...(tolerate === undefined ? {} : { tolerate: defined({ count: tolerate.count, share: tolerate.share }) }),
    ...(results === undefined
      ? {}
      : {
          results: {
            bucket: value(results.bucket, 'results', 'bucket'),
            prefix: value(results.prefix, 'results', 'prefix'),
            ...defined({ buckets: results.buckets }),
          },
        }),
  };
}

/** Without the fields that say nothing. */
function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never;
}
