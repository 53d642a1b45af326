/**
 * From what a function printed to lines of a session's log. Records of the wrapper say themselves where they belong;
 * any other line (output of a native library, a timeout, an exit) belongs to the request between whose START and END
 * it stands in its log stream, and through that to the job whose wrapper wrote in the same request.
 */
import type { Json } from '../ir/expressions.ts';
import type { LogLevel, LogLine } from './report-data.ts';

/** A log event as CloudWatch Logs keeps it. */
export interface RawLogEvent {
  readonly stream: string;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly message: string;
}

/** Where a line belongs. */
interface Owner {
  readonly session_id: string;
  readonly job_id: string;
  readonly operation_id: string;
  readonly attempt: number;
}

/** A request that is under way in a stream. */
interface OpenRequest {
  owner?: Owner;
  /** Lines that came before the wrapper's first. */
  readonly early: RawLogEvent[];
}

/** Fields of a line that the wrapper writes; the others are the author's own. */
export const wrapperFields: ReadonlySet<string> = new Set([
  'timestamp',
  'level',
  'message',
  'session_id',
  'job_id',
  'operation_id',
  'attempt',
  'request_id',
]);

const levels: readonly LogLevel[] = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'];

function isRecord(value: unknown): value is { readonly [field: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A line as the wrapper (or bunsui's archive) wrote it; undefined for any other text. */
export function parseLogLine(text: string): LogLine | undefined {
  if (!text.startsWith('{')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  return isLogLine(value) ? value : undefined;
}

/** Whether a record has the fields that the wrapper writes, and with them says where it belongs. */
function isLogLine(value: { readonly [field: string]: Json }): value is LogLine {
  const { timestamp, level, message, session_id, job_id, operation_id, attempt } = value;
  return (
    typeof timestamp === 'string' &&
    !Number.isNaN(Date.parse(timestamp)) &&
    levels.some((one) => one === level) &&
    typeof message === 'string' &&
    typeof session_id === 'string' &&
    typeof job_id === 'string' &&
    typeof operation_id === 'string' &&
    typeof attempt === 'number'
  );
}

/** What Lambda itself says when a request ends badly. */
const bad = /Task timed out|Runtime\.\w+|Status: (error|timeout)|\bError\b|\bFATAL\b/;

function rawLine(owner: Owner, event: RawLogEvent): LogLine {
  const message = event.message.replace(/[\r\n]+$/, '');
  const level: LogLevel =
    message.startsWith('REPORT ') && !bad.test(message) ? 'DEBUG' : bad.test(message) ? 'ERROR' : 'INFO';
  return { timestamp: new Date(event.timestamp).toISOString(), level, message, ...owner };
}

const maxEarlyLines = 1_000;

/**
 * Takes the events of all streams in order of time and gives the lines of one session. Keeps a request's unplaced
 * lines only until its wrapper speaks.
 */
export function logReader(sessionId: string): (event: RawLogEvent) => readonly LogLine[] {
  const open = new Map<string, OpenRequest>();
  return (event) => {
    const { message } = event;
    if (message.startsWith('START RequestId: ')) {
      open.set(event.stream, { early: [] });
      return [];
    }
    if (message.startsWith('END RequestId: ')) return [];
    const request = open.get(event.stream) ?? { early: [] };
    open.set(event.stream, request);
    const record = parseLogLine(message.trimEnd());
    if (record !== undefined && (request.owner === undefined || sameOwner(request.owner, record))) {
      const { session_id, job_id, operation_id, attempt } = record;
      request.owner ??= { session_id, job_id, operation_id, attempt };
      if (session_id !== sessionId) {
        request.early.length = 0;
        return [];
      }
      const { owner } = request;
      return [...request.early.splice(0).map((early) => rawLine(owner, early)), record];
    }
    if (request.owner === undefined) {
      if (request.early.length < maxEarlyLines) request.early.push(event);
      return [];
    }
    return request.owner.session_id === sessionId ? [rawLine(request.owner, event)] : [];
  };
}

/** A handler can print what looks like another job's record; it stays its own output. */
function sameOwner(owner: Owner, record: LogLine): boolean {
  return owner.session_id === record.session_id && owner.job_id === record.job_id && owner.attempt === record.attempt;
}
