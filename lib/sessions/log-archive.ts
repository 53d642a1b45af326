/**
 * What a session's functions have printed, kept in the bucket when it ends: an object per job and operation, all
 * attempts in one, and further ones where that has grown large. It only ever grows. When a session ends again, after
 * a rerun say, what it has written since is added; what CloudWatch Logs has forgotten meanwhile stays.
 */
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { jobKeyPart, objectKeys } from '../storage-layout.ts';
import { listLogObjects, type LogSeries } from './archived-logs.ts';
import type { LogDeps } from './deps.ts';
import { loggedBy } from './history.ts';
import type { SessionItem } from './items.ts';
import { liveLines, printedBy, readingFrom, slackMs } from './live-logs.ts';
import { parseLogLine } from './log-lines.ts';
import type { JobLog, LogLine } from './report-data.ts';

/** Sizes, in bytes. */
export interface ArchiveLimits {
  /** Of one object: it is read again when something is added to it. */
  readonly object: number;
  /** Of what waits in memory to be written, of all jobs. */
  readonly gathered: number;
  /** Of what is archived of one session at one end of it; what comes after is counted and left out. */
  readonly session: number;
}
const mebibyte = 1024 * 1024;
export const archiveLimits: ArchiveLimits = {
  object: 8 * mebibyte,
  gathered: 128 * mebibyte,
  session: 1024 * mebibyte,
};
/** Most lines, and characters, of one job's log that a report shows. */
const excerptLines = 200;
const excerptCharacters = 64 * 1024;
const writtenAtOnce = 8;

/** The last object of a job's log. */
interface LastObject {
  readonly part: number;
  readonly bytes: number;
  /** What it holds, until something has been added to it. */
  readonly text?: string;
}

interface Gathered {
  readonly job: string;
  readonly operation: string;
  readonly text: string[];
  bytes: number;
  last: LastObject;
  /** What had been archived before: all lines before a time, and how often each that is not much older than the last. */
  readonly before?: { readonly time: string; readonly lines: Map<string, number> };
  readonly excerpt: LogLine[];
  excerptLength: number;
  truncated: boolean;
  dropped: number;
  newest: LogLine;
}

function intoExcerpt(job: Gathered, line: LogLine, length: number): void {
  job.excerpt.push(line);
  job.excerptLength += length;
  // The end of a log tells most of what went wrong.
  while (job.excerpt.length > excerptLines || (job.excerptLength > excerptCharacters && job.excerpt.length > 1)) {
    const left = job.excerpt.shift();
    job.excerptLength -= left === undefined ? 0 : JSON.stringify(left).length + 1;
    job.truncated = true;
  }
}

/** Whether a line has been archived already. Each of several equal ones counts for itself. */
function isArchived({ before }: Gathered, line: LogLine, text: string): boolean {
  if (before === undefined) return false;
  if (line.timestamp < before.time) return true;
  const left = before.lines.get(text) ?? 0;
  if (left > 0) before.lines.set(text, left - 1);
  return left > 0;
}

function droppedLine({ newest, dropped }: Gathered, limits: ArchiveLimits): LogLine {
  const { timestamp, session_id, job_id, operation_id, attempt } = newest;
  const message = `${dropped} more lines are left out: the log of a session holds ${limits.session / mebibyte} MiB`;
  return { timestamp, level: 'WARNING', message, session_id, job_id, operation_id, attempt, dropped_lines: dropped };
}

/** What an object of earlier holds, as far as new lines have to be told from it. */
function knownOf(text: string): NonNullable<Gathered['before']> {
  const lines = text.split('\n').filter((line) => line !== '');
  const times = lines.map((line) => parseLogLine(line)?.timestamp ?? '');
  const newest = times.reduce((a, b) => (a > b ? a : b), '');
  const time = newest === '' ? '' : new Date(Date.parse(newest) - slackMs).toISOString();
  const counts = new Map<string, number>();
  for (const [index, line] of lines.entries()) {
    if ((times[index] ?? '') >= time) counts.set(`${line}\n`, (counts.get(`${line}\n`) ?? 0) + 1);
  }
  return { time, lines: counts };
}

/** Where the logs of one session are gathered and written. */
function archiveOf(
  deps: Pick<LogDeps, 's3' | 'names'>,
  session: Pick<SessionItem, 'session_id' | 'created_at'>,
  series: ReadonlyMap<string, LogSeries>,
  limits: ArchiveLimits,
) {
  const jobs = new Map<string, Gathered>();
  /** Bytes in memory, and bytes that were taken in. */
  let gathered = 0;
  let taken = 0;
  const keyOf = ({ job, operation }: Gathered, part: number) =>
    objectKeys.log({ createdAt: session.created_at, session: session.session_id, job, operation, part });

  const textOf = async (Key: string): Promise<string> => {
    const found = await deps.s3.send(new GetObjectCommand({ Bucket: deps.names.bucket, Key }));
    return (await found.Body?.transformToString()) ?? '';
  };
  const put = (Key: string, Body: string) =>
    deps.s3.send(new PutObjectCommand({ Bucket: deps.names.bucket, Key, Body, ContentType: 'application/x-ndjson' }));

  async function begin(line: LogLine): Promise<Gathered> {
    const { job_id: job, operation_id: operation } = line;
    const last = series.get(`${jobKeyPart(job)}/${operation}`)?.objects.at(-1);
    const fresh = { job, operation, text: [], bytes: 0, excerpt: [], excerptLength: 0, truncated: false, dropped: 0 };
    if (last === undefined) return { ...fresh, last: { part: 1, bytes: 0 }, newest: line };
    const text = await textOf(last.key);
    gathered += text.length;
    return { ...fresh, last: { part: last.part, bytes: last.bytes, text }, before: knownOf(text), newest: line };
  }

  /** Writes what has been gathered of a job behind what is there. */
  async function write(job: Gathered): Promise<void> {
    const lines = job.text.splice(0);
    gathered -= job.bytes + (job.last.text?.length ?? 0);
    job.bytes = 0;
    let { part, bytes } = job.last;
    let body = job.last.text;
    let isChanged = false;
    for (const line of lines) {
      const length = Buffer.byteLength(line);
      if (bytes > 0 && bytes + length > limits.object) {
        if (isChanged) await put(keyOf(job, part), body ?? '');
        part += 1;
        bytes = 0;
        body = '';
      }
      body ??= bytes === 0 ? '' : await textOf(keyOf(job, part));
      body += line;
      bytes += length;
      isChanged = true;
    }
    if (isChanged) await put(keyOf(job, part), body ?? '');
    job.last = { part, bytes };
  }

  async function writeAll(wanted: Iterable<Gathered>): Promise<void> {
    const left = [...wanted].values();
    const work = async () => {
      for (const job of left) await write(job);
    };
    await Promise.all(Array.from({ length: writtenAtOnce }, work));
  }

  /** Writes the largest until half of the room is free again. */
  async function makeRoom(): Promise<void> {
    const weight = ({ bytes, last }: Gathered) => bytes + (last.text?.length ?? 0);
    const largest = [...jobs.values()].sort((a, b) => weight(b) - weight(a));
    let freed = 0;
    const wanted = largest.filter((job) => {
      const isWanted = freed < limits.gathered / 2 && weight(job) > 0;
      if (isWanted) freed += weight(job);
      return isWanted;
    });
    await writeAll(wanted);
  }

  return {
    async add(line: LogLine): Promise<void> {
      const id = `${line.job_id} ${line.operation_id}`;
      const job = jobs.get(id) ?? (await begin(line));
      jobs.set(id, job);
      job.newest = line;
      const text = `${JSON.stringify(line)}\n`;
      intoExcerpt(job, line, text.length);
      if (isArchived(job, line, text)) return;
      const bytes = Buffer.byteLength(text);
      if (job.dropped > 0 || taken + bytes > limits.session) {
        job.dropped += 1;
        return;
      }
      job.text.push(text);
      job.bytes += bytes;
      gathered += bytes;
      taken += bytes;
      if (job.last.bytes + job.bytes >= limits.object && job.bytes >= limits.object / 2) await write(job);
      else if (gathered > limits.gathered) await makeRoom();
    },
    async end(): Promise<{ readonly [jobPath: string]: JobLog }> {
      for (const job of jobs.values()) {
        if (job.dropped > 0) job.text.push(`${JSON.stringify(droppedLine(job, limits))}\n`);
      }
      await writeAll(jobs.values());
      const logs = [...jobs.values()].map(
        ({ job, excerpt, truncated }) => [job, { lines: excerpt, truncated }] as const,
      );
      return Object.fromEntries(logs);
    },
  };
}

/**
 * Copies a session's lines from CloudWatch Logs to the bucket, but for those that are there. Doing it again changes
 * nothing.
 *
 * @param limits other ones, for tests
 * @returns the end of each job's log, for the report
 */
export async function archiveLogs(
  deps: LogDeps,
  session: Pick<SessionItem, 'session_id' | 'created_at'>,
  executionArn: string,
  limits: ArchiveLimits = archiveLimits,
): Promise<{ readonly [jobPath: string]: JobLog }> {
  const [logged, series] = await Promise.all([loggedBy(deps.sfn, executionArn), listLogObjects(deps, session)]);
  const there = new Map(series.map((one) => [`${one.folder}/${one.operation}`, one]));
  const archive = archiveOf(deps, session, there, limits);
  const printed = printedBy(session.session_id, logged);
  const startMs = readingFrom(session.created_at);
  for await (const lines of liveLines(deps.logs, printed, { startMs })) {
    for (const line of lines) await archive.add(line);
  }
  return archive.end();
}
