/** The log of a session, a page at a time, oldest line first. */
import * as z from 'zod/mini';
import type { LogDeps } from '../sessions/deps.ts';
import type { SessionItem } from '../sessions/items.ts';
import { readSessionLogs } from '../sessions/logs.ts';
import type { LogLevel, LogLine } from '../sessions/report-data.ts';
import { isTerminal } from '../sessions/status.ts';
import { maxPageBytes, readCursor, writeCursor } from './cursors.ts';
import { logLevels } from './schemas.ts';

/** Most bytes of log that are gathered in memory, to be put in the order of time. */
const maxReadBytes = 24 * 1024 * 1024;

export interface LogQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly job?: string | undefined;
  readonly level?: LogLevel | undefined;
}

/** The time of the last line of a page, and how many lines of that time have been given. */
const mark = z.tuple([z.string().check(z.maxLength(64)), z.int().check(z.minimum(0))]);

export interface LogPage {
  readonly lines: readonly LogLine[];
  /** Where to go on; absent at the end of a session that has ended. */
  readonly cursor?: string;
  readonly ended: boolean;
}

/** @throws {BunsuiError} BS6004 when there is more log than is read at once */
export async function logPage(
  deps: LogDeps & { readonly now: () => number },
  session: SessionItem,
  query: LogQuery,
): Promise<LogPage> {
  const { job, level = 'DEBUG', limit } = query;
  const [at, given] = query.cursor === undefined ? ['', 0] : readCursor(mark, query.cursor);
  const options = { maxBytes: maxReadBytes, nowMs: deps.now(), ...(job === undefined ? {} : { job }) };
  const all = await readSessionLogs(deps, session, options);
  const least = logLevels.indexOf(level);
  const wanted = all.filter((line) => logLevels.indexOf(line.level) >= least && line.timestamp >= at);
  // In front are those of the last time, of which some have been given.
  const left = wanted.slice(Math.min(given, wanted.filter(({ timestamp }) => timestamp === at).length));
  const lines: LogLine[] = [];
  let bytes = 0;
  for (const line of left) {
    bytes += JSON.stringify(line).length;
    if (lines.length === limit || (lines.length > 0 && bytes > maxPageBytes)) break;
    lines.push(line);
  }
  const ended = isTerminal(session.status);
  if (ended && lines.length === left.length) return { lines, ended };
  const time = lines.at(-1)?.timestamp ?? at;
  if (time === '') return { lines, ended };
  const before = time === at ? given : 0;
  const cursor = writeCursor([time, before + lines.filter(({ timestamp }) => timestamp === time).length]);
  return { lines, cursor, ended };
}
