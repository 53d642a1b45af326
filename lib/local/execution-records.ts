/** What the journal of an execution says of it as a whole: how it stands, how often it was redriven, whether it can be. */
import type { ExecutionStatus, HistoryEvent } from '../asl/history.ts';
import type { JournalRecord } from '../engine/ports.ts';
import { isFull } from '../engine/turn.ts';
import type { ExecutionOrigin, JournalHeader } from './journal.ts';

/** What is known of an execution. Times in milliseconds since the epoch; input and output are JSON text. */
export interface ExecutionRecord {
  readonly header: JournalHeader;
  readonly status: ExecutionStatus;
  readonly stoppedAtMs?: number;
  readonly output?: string;
  readonly error?: string;
  readonly cause?: string;
  /** How often it was redriven, and when last. */
  readonly redriveCount: number;
  readonly redrivenAtMs?: number;
  /** Why it cannot be redriven; absent when it can. */
  readonly notRedrivable?: string;
}

/** One line of a list of executions. */
export interface ExecutionSummary {
  readonly executionArn: string;
  readonly stateMachineArn: string;
  readonly name: string;
  readonly status: ExecutionStatus;
  readonly startedAtMs: number;
  readonly stoppedAtMs?: number;
  readonly redriveCount?: number;
  readonly redrivenAtMs?: number;
  readonly origin?: ExecutionOrigin;
}

export function eventsIn(records: readonly JournalRecord[]): readonly HistoryEvent[] {
  const events: HistoryEvent[] = [];
  for (const record of records) if (record.kind === 'event') events.push(record.event);
  return events;
}

export function recordOf(header: JournalHeader, events: readonly HistoryEvent[], nowMs: number): ExecutionRecord {
  const refused = notRedrivable(header, events, nowMs);
  return {
    header,
    ...endOf(events),
    ...redrivesIn(events),
    ...(refused !== undefined && { notRedrivable: refused }),
  };
}

/** How often an execution was redriven, and when last. */
export function redrivesIn(events: readonly HistoryEvent[]): Pick<ExecutionRecord, 'redriveCount' | 'redrivenAtMs'> {
  const redrives = events.filter(({ type }) => type === 'ExecutionRedriven');
  const redrivenAtMs = redrives.at(-1)?.timestamp;
  return { redriveCount: redrives.length, ...(redrivenAtMs !== undefined && { redrivenAtMs }) };
}

function endOf(
  events: readonly HistoryEvent[],
): Pick<ExecutionRecord, 'status' | 'stoppedAtMs' | 'output' | 'error' | 'cause'> {
  const last = events.at(-1);
  switch (last?.type) {
    case 'ExecutionSucceeded': {
      const { output } = last.executionSucceededEventDetails;
      return { status: 'SUCCEEDED', stoppedAtMs: last.timestamp, output };
    }
    case 'ExecutionFailed':
      return { status: 'FAILED', stoppedAtMs: last.timestamp, ...last.executionFailedEventDetails };
    case 'ExecutionTimedOut':
      return { status: 'TIMED_OUT', stoppedAtMs: last.timestamp, ...last.executionTimedOutEventDetails };
    case 'ExecutionAborted':
      return { status: 'ABORTED', stoppedAtMs: last.timestamp, ...last.executionAbortedEventDetails };
    default:
      return { status: 'RUNNING' };
  }
}

/** @see https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html (eligibility) */
const redrivableDays = 14;

/** Why an execution cannot be redriven, in AWS's words. */
export function notRedrivable(
  header: JournalHeader,
  events: readonly HistoryEvent[],
  nowMs: number,
): string | undefined {
  const { status, stoppedAtMs = 0 } = endOf(events);
  if (status === 'RUNNING' || status === 'SUCCEEDED') return `Execution is ${status} and cannot be redriven`;
  if (nowMs - stoppedAtMs > redrivableDays * 86_400_000) {
    return `Execution ${header.name} ended more than ${redrivableDays} days ago and cannot be redriven`;
  }
  // The redrive takes an event, and there must be room for another one.
  return isFull(events.length) ? 'Execution history event limit is reached and it cannot be redriven' : undefined;
}

/** When the redrive with that token was made. */
export function redrivenBy(records: readonly JournalRecord[], token: string | undefined): number | undefined {
  let atMs: number | undefined;
  for (const record of records) {
    if (record.kind === 'event') atMs = record.event.type === 'ExecutionRedriven' ? record.event.timestamp : atMs;
    else if (record['type'] === 'redriveToken' && record['token'] === token) return atMs;
  }
  return undefined;
}

export function summaryOf({
  header,
  status,
  stoppedAtMs,
  redriveCount,
  redrivenAtMs,
}: ExecutionRecord): ExecutionSummary {
  const { executionArn, stateMachineArn, name, startedAtMs, origin } = header;
  return {
    ...(origin !== undefined && { origin }),
    executionArn,
    stateMachineArn,
    name,
    status,
    startedAtMs,
    ...(stoppedAtMs !== undefined && { stoppedAtMs }),
    ...(redriveCount > 0 && { redriveCount }),
    ...(redrivenAtMs !== undefined && { redrivenAtMs }),
  };
}

export function parseSummary(line: string): ExecutionSummary | undefined {
  try {
    return line === '' ? undefined : (JSON.parse(line) as ExecutionSummary);
  } catch {
    return undefined;
  }
}
