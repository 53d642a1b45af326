/**
 * A session's log as its end has left it in the bucket: for each job and operation one object, or several that follow
 * each other. They are read in pieces, however large they are and however many.
 */
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { objectKeys, readLogKey } from '../storage-layout.ts';
import type { LogDeps } from './deps.ts';
import type { SessionItem } from './items.ts';
import { parseLogLine } from './log-lines.ts';
import type { Batches, TimedSource } from './log-merge.ts';
import { isFolderOfJob } from './log-query.ts';
import type { LogLine } from './report-data.ts';

type ArchiveDeps = Pick<LogDeps, 's3' | 'names'>;
type ArchivedSession = Pick<SessionItem, 'session_id' | 'created_at'>;

export interface LogObject {
  readonly key: string;
  readonly bytes: number;
  /** From 1. */
  readonly part: number;
}

/** The objects of a job's operation, in their order. */
export interface LogSeries {
  /** Of the job, as it stands in keys. */
  readonly folder: string;
  readonly operation: string;
  readonly objects: readonly LogObject[];
}

/** The objects of a session's log. */
export async function listLogObjects(deps: ArchiveDeps, session: ArchivedSession): Promise<readonly LogSeries[]> {
  const prefix = objectKeys.logPrefix({ createdAt: session.created_at, session: session.session_id });
  const found = new Map<string, LogSeries & { readonly objects: LogObject[] }>();
  let from: string | undefined;
  do {
    const page = await deps.s3.send(
      new ListObjectsV2Command({
        Bucket: deps.names.bucket,
        Prefix: prefix,
        ...(from === undefined ? {} : { ContinuationToken: from }),
      }),
    );
    for (const { Key: key = '', Size: bytes = 0 } of page.Contents ?? []) {
      const at = readLogKey(key.slice(prefix.length));
      if (at === undefined) continue;
      const { folder, operation, part } = at;
      const series = found.get(`${folder}/${operation}`) ?? { folder, operation, objects: [] };
      found.set(`${folder}/${operation}`, series);
      series.objects.push({ key, bytes, part });
    }
    from = page.NextContinuationToken;
  } while (from !== undefined);
  for (const { objects } of found.values()) objects.sort((a, b) => a.part - b.part);
  return [...found.values()];
}

/** Bytes of all logs that are open, together; of each at least the second number, and at most the third. */
const openBytes = 32 * 1024 * 1024;
const leastPiece = 32 * 1024;
const mostPiece = 1024 * 1024;
/** First pieces that are kept, together: of small logs all is known with them. */
const keptBytes = 8 * 1024 * 1024;
const firstPiece = 64 * 1024;
const askedAtOnce = 8;

async function piece(deps: ArchiveDeps, { key, bytes }: LogObject, from: number, length: number): Promise<Uint8Array> {
  const last = Math.min(bytes, from + length) - 1;
  const found = await deps.s3.send(
    new GetObjectCommand({ Bucket: deps.names.bucket, Key: key, Range: `bytes=${from}-${last}` }),
  );
  return (await found.Body?.transformToByteArray()) ?? new Uint8Array();
}

/** Lines of objects that follow each other. A line that is cut off by an object's end is none. */
async function* linesOf(
  deps: ArchiveDeps,
  { objects }: LogSeries,
  first: Uint8Array | undefined,
  pieceBytes: () => number,
): Batches<LogLine> {
  const decoder = new TextDecoder();
  let known = first;
  for (const object of objects) {
    let rest: Uint8Array = new Uint8Array();
    for (let at = 0; at < object.bytes; ) {
      const bytes = known ?? (await piece(deps, object, at, pieceBytes()));
      known = undefined;
      // It has become shorter, or is gone, since it was listed.
      if (bytes.length === 0) break;
      at += bytes.length;
      const end = bytes.lastIndexOf(10) + 1;
      const isLast = at >= object.bytes;
      const whole = isLast ? bytes : bytes.subarray(0, end);
      const text = rest.length === 0 && whole.length > 0 ? decoder.decode(whole) : decoder.decode(joined(rest, whole));
      if (isLast || end > 0) {
        rest = isLast ? new Uint8Array() : bytes.slice(end);
        yield text.split('\n').flatMap((line) => parseLogLine(line) ?? []);
      } else rest = joined(rest, bytes);
    }
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** The time of the first line; empty when it does not begin as ours do. */
function timeIn(bytes: Uint8Array): string {
  const head = new TextDecoder().decode(bytes.subarray(0, 120));
  return /^\{"timestamp":"(\d{4}-\d\d-\d\dT[\d:.]{5,18}Z)"/.exec(head)?.[1] ?? '';
}

/**
 * The logs of a session's jobs, each to be read when its time has come.
 *
 * @param jobs only these, by paths or ids of nodes
 */
export async function archivedLogs(
  deps: ArchiveDeps,
  session: ArchivedSession,
  jobs?: readonly string[],
): Promise<readonly TimedSource<LogLine>[]> {
  const all = await listLogObjects(deps, session);
  const series = all
    .filter(({ folder }) => jobs?.some((name) => isFolderOfJob(folder, name)) ?? true)
    .map((one): LogSeries => ({ ...one, objects: one.objects.filter(({ bytes }) => bytes > 0) }));
  let kept = 0;
  let open = 0;
  const pieceBytes = () => Math.min(mostPiece, Math.max(leastPiece, Math.floor(openBytes / Math.max(1, open))));
  const sources: TimedSource<LogLine>[] = [];
  const left = series.entries();
  const work = async () => {
    for (const [index, one] of left) {
      const [object] = one.objects;
      if (object === undefined) continue;
      const bytes = await piece(deps, object, 0, firstPiece);
      const isKept = kept + bytes.length <= keptBytes;
      if (isKept) kept += bytes.length;
      sources[index] = {
        from: timeIn(bytes),
        async *open() {
          open += 1;
          try {
            yield* linesOf(deps, one, isKept ? bytes : undefined, pieceBytes);
          } finally {
            open -= 1;
          }
        },
      };
    }
  };
  await Promise.all(Array.from({ length: askedAtOnce }, work));
  return sources.filter((source) => source !== undefined);
}
