/** A session's logs: live from CloudWatch Logs, and from the bucket once the session has ended. */
import {
  type CloudWatchLogsClient,
  FilterLogEventsCommand,
  ResourceNotFoundException,
} from '@aws-sdk/client-cloudwatch-logs';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { ExecutionDoesNotExist } from '@aws-sdk/client-sfn';
import { BunsuiError } from '../errors.ts';
import { jobKeyPart, objectKeys } from '../storage-layout.ts';
import type { LogDeps } from './deps.ts';
import type { RanContainer } from './container-view.ts';
import { type Logged, loggedBy } from './history.ts';
import type { SessionItem } from './items.ts';
import { logReader, parseLogLine, type RawLogEvent } from './log-lines.ts';
import type { JobLog, LogLine } from './report-data.ts';
import { isTerminal } from './status.ts';

/** Most bytes of one job's log that are archived; what comes after is counted and left out. */
export const maxJobLogBytes = 8 * 1024 * 1024;
/** Most bytes of one session's logs: they are gathered in the memory of one function. */
export const maxSessionLogBytes = 192 * 1024 * 1024;
/** Most lines, and characters, of one job's log that a report shows. */
const excerptLines = 200;
const excerptCharacters = 64 * 1024;
/** Clocks of functions and bookkeeping differ a little. */
const slackMs = 60_000;

type ArchivedSession = Pick<SessionItem, 'session_id' | 'created_at'>;

/** Calls `visit` with every line of the session that the functions' log groups hold, oldest first in each function. */
async function visitLive(
  logs: Pick<CloudWatchLogsClient, 'send'>,
  { functions, containers }: Logged,
  session: ArchivedSession,
  visit: (line: LogLine) => void,
): Promise<void> {
  const sources = [
    ...functions.map((name) => ({ logGroupName: `/aws/lambda/${name}`, read: logReader(session.session_id) })),
    ...containers.map((one) => ({
      logGroupName: one.logGroup,
      logStreamNames: [one.logStream],
      read: (event: RawLogEvent) => [containerLine(session.session_id, one, event)],
    })),
  ];
  for (const { read, ...group } of sources) {
    let nextToken: string | undefined;
    do {
      const command = new FilterLogEventsCommand({
        ...group,
        startTime: Date.parse(session.created_at) - slackMs,
        ...(nextToken === undefined ? {} : { nextToken }),
      });
      const page = await logs.send(command).catch((thrown: unknown) => {
        // A function that never ran has no log group.
        if (thrown instanceof ResourceNotFoundException) return { events: [], nextToken: undefined };
        throw thrown;
      });
      for (const { logStreamName = '', timestamp = 0, message = '' } of page.events ?? []) {
        for (const line of read({ stream: logStreamName, timestamp, message })) visit(line);
      }
      ({ nextToken } = page);
    } while (nextToken !== undefined);
  }
}

/** What a container has printed, as a line of the session's log: all of a stream belongs to one attempt. */
function containerLine(session: string, { job, operation, attempt }: RanContainer, event: RawLogEvent): LogLine {
  const timestamp = new Date(event.timestamp).toISOString();
  const of = { session_id: session, job_id: job, operation_id: operation, attempt };
  return { timestamp, level: 'INFO', message: event.message.replace(/\n$/, ''), ...of };
}

interface Gathered {
  readonly operation: string;
  readonly text: string[];
  bytes: number;
  readonly excerpt: LogLine[];
  excerptLength: number;
  dropped: number;
  truncated: boolean;
  last: LogLine;
}

function gather(into: Map<string, Gathered>, line: LogLine, budget: { bytes: number }): void {
  const job =
    into.get(line.job_id) ??
    ({
      operation: line.operation_id,
      text: [],
      bytes: 0,
      excerpt: [],
      excerptLength: 0,
      dropped: 0,
      truncated: false,
      last: line,
    } satisfies Gathered);
  into.set(line.job_id, job);
  job.last = line;
  const text = `${JSON.stringify(line)}\n`;
  const bytes = Buffer.byteLength(text);
  if (job.dropped > 0 || job.bytes + bytes > maxJobLogBytes || bytes > budget.bytes) {
    job.dropped += 1;
  } else {
    job.text.push(text);
    job.bytes += bytes;
    budget.bytes -= bytes;
  }
  job.excerpt.push(line);
  job.excerptLength += text.length;
  // The end of a log tells most of what went wrong.
  while (job.excerpt.length > excerptLines || (job.excerptLength > excerptCharacters && job.excerpt.length > 1)) {
    const left = job.excerpt.shift();
    job.excerptLength -= left === undefined ? 0 : JSON.stringify(left).length + 1;
    job.truncated = true;
  }
}

function droppedLine(job: Gathered): LogLine {
  const { timestamp, session_id, job_id, operation_id, attempt } = job.last;
  const limits = `a job's log holds ${maxJobLogBytes / 1024 / 1024} MiB, a session's ${maxSessionLogBytes / 1024 / 1024} MiB`;
  const message = `${job.dropped} more lines are left out: ${limits}`;
  return {
    timestamp,
    level: 'WARNING',
    message,
    session_id,
    job_id,
    operation_id,
    attempt,
    dropped_lines: job.dropped,
  };
}

/**
 * Copies a session's lines from CloudWatch Logs to an object per job, all attempts in one. Doing it again replaces
 * the objects by the same.
 *
 * @param options.maxBytes of all jobs together. @default maxSessionLogBytes
 * @returns the end of each job's log, for the report
 */
export async function archiveLogs(
  deps: LogDeps,
  session: ArchivedSession,
  executionArn: string,
  options: { readonly maxBytes?: number } = {},
): Promise<{ readonly [jobPath: string]: JobLog }> {
  const jobs = new Map<string, Gathered>();
  const budget = { bytes: options.maxBytes ?? maxSessionLogBytes };
  await visitLive(deps.logs, await loggedBy(deps.sfn, executionArn), session, (line) => gather(jobs, line, budget));
  for (const [job, gathered] of jobs) {
    const { operation } = gathered;
    const at = { createdAt: session.created_at, session: session.session_id, job, operation };
    const marked = gathered.dropped === 0 ? [] : [`${JSON.stringify(droppedLine(gathered))}\n`];
    await deps.s3.send(
      new PutObjectCommand({
        Bucket: deps.names.bucket,
        Key: objectKeys.log(at),
        Body: [...gathered.text, ...marked].join(''),
        ContentType: 'application/x-ndjson',
      }),
    );
  }
  return Object.fromEntries([...jobs].map(([job, { excerpt, truncated }]) => [job, { lines: excerpt, truncated }]));
}

/** Oldest first; lines of the same millisecond stay as they came. */
function byTime(lines: LogLine[]): readonly LogLine[] {
  return lines.sort((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0));
}

interface ReadOptions {
  /** Only this job: its path, or the path of a map with all of its iterations. */
  readonly job?: string;
  /** Of what is read at once. @default without limit */
  readonly maxBytes?: number;
}

/** @throws {BunsuiError} BS6004 when that is more than may be read */
function requireBytes(bytes: number, { job, maxBytes = Number.POSITIVE_INFINITY }: ReadOptions): void {
  if (bytes <= maxBytes) return;
  const what = job === undefined ? 'the log of the session' : `the log of job "${job}"`;
  throw new BunsuiError('SessionError', 'BS6004', `${what} has more than ${maxBytes} bytes, which are read at once`, {
    hint: job === undefined ? 'ask for one job' : 'ask for one job of a map, or read the log objects in the bucket',
  });
}

async function readArchived(deps: LogDeps, session: ArchivedSession, options: ReadOptions): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  const prefix = objectKeys.logPrefix({ createdAt: session.created_at, session: session.session_id });
  const own = options.job === undefined ? '' : jobKeyPart(options.job);
  let bytes = 0;
  let from: string | undefined;
  do {
    const page = await deps.s3.send(
      new ListObjectsV2Command({
        Bucket: deps.names.bucket,
        Prefix: `${prefix}${own}`,
        ...(from === undefined ? {} : { ContinuationToken: from }),
      }),
    );
    for (const { Key: key = '', Size: size = 0 } of page.Contents ?? []) {
      // Other jobs can begin with the same letters.
      if (own !== '' && !/^[./]/.test(key.slice(prefix.length + own.length))) continue;
      bytes += size;
      requireBytes(bytes, options);
      const found = await deps.s3.send(new GetObjectCommand({ Bucket: deps.names.bucket, Key: key }));
      for (const text of ((await found.Body?.transformToString()) ?? '').split('\n')) {
        const line = parseLogLine(text);
        if (line !== undefined) lines.push(line);
      }
    }
    from = page.NextContinuationToken;
  } while (from !== undefined);
  return lines;
}

/**
 * A session's log, oldest line first: what was archived when it ended, or what its functions have written until now.
 *
 * @throws {BunsuiError} BS6004 when it is longer than may be read at once
 */
export async function readSessionLogs(
  deps: LogDeps,
  session: Pick<SessionItem, 'session_id' | 'created_at' | 'status' | 'execution_arn'>,
  options: ReadOptions = {},
): Promise<readonly LogLine[]> {
  const { job } = options;
  const wanted = (line: LogLine): boolean =>
    job === undefined || line.job_id === job || line.job_id.startsWith(`${job}[`) || line.job_id.startsWith(`${job}/`);
  const archived = async () => byTime((await readArchived(deps, session, options)).filter(wanted));
  const live = async () => byTime(await readLive(deps, session, wanted, options));
  // One that runs again has an archive too, of the end before.
  const [first, second] = isTerminal(session.status) ? [archived, live] : [live, archived];
  const lines = await first();
  return lines.length > 0 ? lines : second();
}

async function readLive(
  deps: LogDeps,
  session: Pick<SessionItem, 'session_id' | 'created_at' | 'execution_arn'>,
  wanted: (line: LogLine) => boolean,
  options: ReadOptions,
): Promise<LogLine[]> {
  if (session.execution_arn === undefined) return [];
  const lines: LogLine[] = [];
  let bytes = 0;
  const logged = await loggedBy(deps.sfn, session.execution_arn).catch((thrown: unknown): Logged => {
    // The record names the execution before it is there.
    if (thrown instanceof ExecutionDoesNotExist) return { functions: [], containers: [] };
    throw thrown;
  });
  await visitLive(deps.logs, logged, session, (line) => {
    if (!wanted(line)) return;
    bytes += JSON.stringify(line).length;
    requireBytes(bytes, options);
    lines.push(line);
  });
  return lines;
}
