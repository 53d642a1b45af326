/** What a session's log holds, counted: by job and level, and which errors were written how often. */
import type { LogLevel, LogLine } from './report-data.ts';

export interface JobLogSummary {
  readonly job_id: string;
  readonly operation_id: string;
  readonly lines: number;
  readonly levels: { readonly [level in LogLevel]: number };
  /** The greatest that has written. */
  readonly attempts: number;
  /** ISO 8601. */
  readonly first_at: string;
  readonly last_at: string;
}

export interface ErrorSummary {
  readonly level: LogLevel;
  /** The first one of those that differ only in numbers and ids. */
  readonly message: string;
  readonly count: number;
  /** Of at most ten. */
  readonly jobs: readonly string[];
  readonly last_at: string;
}

export interface LogSummary {
  /** By path. */
  readonly jobs: readonly JobLogSummary[];
  /** The most frequent first. */
  readonly errors: readonly ErrorSummary[];
}

type Writable<T> = { -readonly [field in keyof T]: T[field] };
interface Counted extends Writable<Omit<JobLogSummary, 'levels'>> {
  readonly levels: { [level in LogLevel]: number };
}

/** Different errors that are told apart; of others there are too many to say anything. */
const mostErrors = 1_000;
const shownJobs = 10;
const longestMessage = 2_000;

/** Lambda's own words for a call that went wrong: what went wrong stands in a line of the wrapper, or in one beside it. */
const repeated = /^(REPORT RequestId: |ERROR\tInvoke Error\t)/;

/** The message without what is different each time. */
const kindOf = (message: string) =>
  message.slice(0, 300).replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|0x[0-9a-f]+|\d+/gi, '#');

/** Text of the error that a record has in a field: the wrapper writes `job failed` for all of them. */
function messageOf(line: LogLine): string {
  const { error, message } = line;
  if (typeof error !== 'object' || error === null || Array.isArray(error)) return message;
  const { name, message: text } = error as { readonly [field: string]: unknown };
  return typeof name === 'string' && typeof text === 'string' ? `${name}: ${text}` : message;
}

/** Counts lines as they come. */
export function logSummary(): { add(line: LogLine): void; result(): LogSummary } {
  const jobs = new Map<string, Counted>();
  const errors = new Map<string, Writable<ErrorSummary> & { readonly jobs: string[] }>();

  function addError(line: LogLine): void {
    const message = messageOf(line);
    const kind = `${line.level} ${kindOf(message)}`;
    const known = errors.get(kind);
    if (known === undefined && errors.size >= mostErrors) return;
    const { level, timestamp } = line;
    const text = message.length > longestMessage ? `${message.slice(0, longestMessage)}…` : message;
    const counted = known ?? { level, message: text, count: 0, jobs: [], last_at: timestamp };
    errors.set(kind, counted);
    counted.count += 1;
    counted.last_at = timestamp > counted.last_at ? timestamp : counted.last_at;
    if (counted.jobs.length < shownJobs && !counted.jobs.includes(line.job_id)) counted.jobs.push(line.job_id);
  }

  return {
    add(line) {
      const { job_id, operation_id, timestamp, attempt, level } = line;
      const counted = jobs.get(job_id) ?? {
        job_id,
        operation_id,
        lines: 0,
        levels: { DEBUG: 0, INFO: 0, WARNING: 0, ERROR: 0, CRITICAL: 0 },
        attempts: 0,
        first_at: timestamp,
        last_at: timestamp,
      };
      jobs.set(job_id, counted);
      counted.lines += 1;
      counted.levels[level] += 1;
      counted.attempts = Math.max(counted.attempts, attempt);
      if (timestamp < counted.first_at) counted.first_at = timestamp;
      if (timestamp > counted.last_at) counted.last_at = timestamp;
      if ((level === 'ERROR' || level === 'CRITICAL') && !repeated.test(line.message)) addError(line);
    },
    result: () => ({
      jobs: [...jobs.values()].sort((a, b) => (a.job_id < b.job_id ? -1 : 1)),
      errors: [...errors.values()].sort((a, b) => b.count - a.count),
    }),
  };
}
