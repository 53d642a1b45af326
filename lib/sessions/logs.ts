/**
 * Reading a session's log, oldest line first: what its functions have printed until now, and what was archived when it
 * ended. However long it is, a bounded part of it is in memory.
 */
import { BunsuiError } from '../errors.ts';
import { archivedLogs } from './archived-logs.ts';
import type { LogDeps } from './deps.ts';
import type { SessionItem } from './items.ts';
import { liveLines, loggedNow, printedBy, readingFrom, slackMs } from './live-logs.ts';
import { type Batches, mergedByTime, type TimedSource } from './log-merge.ts';
import { logFilter, type LogQuery } from './log-query.ts';
import type { LogLine } from './report-data.ts';
import { isTerminal } from './status.ts';

/** What has to be known of a session to read its log. */
export type LoggedSession = Pick<
  SessionItem,
  'session_id' | 'created_at' | 'status' | 'execution_arn' | 'completed_at'
>;

/**
 * So long after its end a session's log is read where it was printed, too: the last lines show there some seconds after
 * they were printed, and a function that nobody waits for any more, of a session that was cancelled, runs on.
 */
const settlingMs = 16 * 60_000;

const timeOf = ({ timestamp }: LogLine) => timestamp;

function liveOf(deps: LogDeps, session: LoggedSession, { sinceMs, untilMs }: LogQuery): Batches<LogLine> {
  const startMs = readingFrom(session.created_at, sinceMs);
  const until = untilMs === undefined ? {} : { endMs: untilMs + slackMs };
  return (async function* () {
    const printed = printedBy(session.session_id, await loggedNow(deps, session));
    yield* liveLines(deps.logs, printed, { startMs, ...until });
  })();
}

/** Lines of an archive that are remembered, to be told of once. */
const rememberedLines = 10_000;

/**
 * Lines of an archive before those that are printed still: what CloudWatch Logs has of a job it has from some moment
 * on, so nothing of the archive is wanted behind that. Clocks differ, and what was printed may show a little after the
 * same line of the archive: that is not told twice.
 */
export async function* afterArchive(
  archived: readonly TimedSource<LogLine>[],
  live: Batches<LogLine>,
): Batches<LogLine> {
  const printed = new Set<string>();
  const told = new Set<string>();
  const isWanted = ({ line, isLive }: Found) => {
    if (!isLive && printed.has(line.job_id)) return false;
    const text = JSON.stringify(line);
    if (isLive) {
      printed.add(line.job_id);
      return !told.delete(text);
    }
    told.add(text);
    if (told.size > rememberedLines) for (const oldest of told) if (told.delete(oldest)) break;
    return true;
  };
  interface Found {
    readonly line: LogLine;
    readonly isLive: boolean;
  }
  const marked = (isLive: boolean, lines: () => Batches<LogLine>): TimedSource<Found> => ({
    from: '',
    async *open() {
      for await (const batch of lines()) yield batch.map((line) => ({ line, isLive }));
    },
  });
  const both = [marked(true, () => live), marked(false, () => mergedByTime(archived, timeOf))];
  for await (const batch of mergedByTime(both, ({ line }) => line.timestamp)) {
    yield batch.filter(isWanted).map(({ line }) => line);
  }
}

async function* wantedOf(lines: Batches<LogLine>, query: LogQuery): Batches<LogLine> {
  const isWanted = logFilter(query);
  for await (const batch of lines) {
    const wanted = batch.filter(isWanted);
    if (wanted.length > 0) yield wanted;
  }
}

/**
 * The lines of a session that are asked for, oldest first: of one that has ended those that were archived.
 *
 * @param nowMs milliseconds since the epoch. @default long after its end
 */
export async function* sessionLines(
  deps: LogDeps,
  session: LoggedSession,
  query: LogQuery = {},
  nowMs = Number.POSITIVE_INFINITY,
): Batches<LogLine> {
  const archived = await archivedLogs(deps, session, query.jobs);
  const hasSettled = nowMs - Date.parse(session.completed_at ?? session.created_at) > settlingMs;
  if (isTerminal(session.status) && archived.length > 0 && hasSettled) {
    yield* wantedOf(mergedByTime(archived, timeOf), query);
  } else yield* wantedOf(afterArchive(archived, liveOf(deps, session, query)), query);
}

interface ReadOptions {
  /** Only this job: its path, or the path of a map with all of its iterations. */
  readonly job?: string;
  /** Of what is read at once. @default without limit */
  readonly maxBytes?: number;
  /** @see sessionLines */
  readonly nowMs?: number;
}

/**
 * A session's log, or one job's, as a whole.
 *
 * @throws {BunsuiError} BS6004 when it is longer than may be read at once
 */
export async function readSessionLogs(
  deps: LogDeps,
  session: LoggedSession,
  options: ReadOptions = {},
): Promise<readonly LogLine[]> {
  const { job, maxBytes = Number.POSITIVE_INFINITY, nowMs } = options;
  const all: LogLine[] = [];
  let bytes = 0;
  for await (const lines of sessionLines(deps, session, job === undefined ? {} : { jobs: [job] }, nowMs)) {
    for (const line of lines) {
      bytes += JSON.stringify(line).length;
      if (bytes <= maxBytes) all.push(line);
    }
    if (bytes > maxBytes) throw tooLong(maxBytes, job);
  }
  // Clocks of functions differ a little; lines of the same millisecond stay as they came.
  return all.sort((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0));
}

function tooLong(maxBytes: number, job: string | undefined): BunsuiError {
  const what = job === undefined ? 'the log of the session' : `the log of job "${job}"`;
  return new BunsuiError('SessionError', 'BS6004', `${what} has more than ${maxBytes} bytes, which are read at once`, {
    hint: job === undefined ? 'ask for one job' : 'ask for one job of a map, or read the log objects in the bucket',
  });
}
