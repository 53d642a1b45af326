/**
 * Execution log records as history events. Step Functions writes each event of an execution to CloudWatch Logs, with
 * numbers as text and the details under one name. Delivery is best effort, and what is long is cut off or left out.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
 */
import type { HistoryEvent } from '../asl/history.ts';

export interface LiveEvent {
  readonly executionArn: string;
  /** How often the execution had been redriven when it happened. */
  readonly redriveCount: number;
  readonly id: number;
  /** Absent when something that a session needs of it is cut off or left out: the history has it. */
  readonly event?: HistoryEvent;
}

type Details = { readonly [field: string]: unknown };

const executionArn = /^arn:[a-z-]+:states:[a-z0-9-]+:\d{12}:execution:[^:/\s]{1,80}:[^:\s]{1,80}$/;

/** What must be there of an event: names, numbers, and texts that are JSON. Others are taken as they are. */
const needed: { readonly [type: string]: { readonly [field: string]: 'name' | 'number' | 'json' } } = {
  ExecutionStarted: { input: 'json' },
  ExecutionSucceeded: { output: 'json' },
  ExecutionRedriven: { redriveCount: 'number' },
  MapStateStarted: { length: 'number' },
  MapIterationStarted: { name: 'name', index: 'number' },
  MapIterationSucceeded: { name: 'name', index: 'number' },
  MapIterationFailed: { name: 'name', index: 'number' },
  MapIterationAborted: { name: 'name', index: 'number' },
  TaskScheduled: { resourceType: 'name', resource: 'name', parameters: 'json' },
  TaskSucceeded: { resourceType: 'name', resource: 'name', output: 'json' },
  LambdaFunctionScheduled: { input: 'json' },
  LambdaFunctionSucceeded: { output: 'json' },
  EvaluationFailed: { state: 'name' },
};

function isRecord(value: unknown): value is Details {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A whole number, which the records write as text. */
function whole(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return Number.isSafeInteger(number) && Number(number) >= 0 ? Number(number) : undefined;
}

/** Milliseconds since the epoch; from a text of digits, or of ISO 8601 as some emulators write it. */
function moment(value: unknown): number | undefined {
  const given = whole(value) ?? (typeof value === 'string' ? Date.parse(value) : undefined);
  if (given === undefined || Number.isNaN(given)) return undefined;
  // The SDK rounds the times of a history, and dates leave off what is less than a millisecond: the two must be one time.
  const [, fourthDigit = '0'] = /\.\d{3}(\d)/.exec(String(value)) ?? [];
  return fourthDigit >= '5' ? given + 1 : given;
}

function isCut(about: unknown): boolean {
  return isRecord(about) && about['truncated'] === true;
}

/** The details as the history names them, or `undefined` when something that is needed is not there. */
function detailsOf(type: string, details: Details): Details | undefined {
  const ofState = /State(Entered|Exited)$/.test(type);
  const fields = ofState ? { name: 'name' as const } : (needed[type] ?? {});
  // What goes into and out of states is much, and nobody looks at it.
  const read: Record<string, unknown> = ofState ? {} : { ...details };
  for (const [field, kind] of Object.entries(fields)) {
    const value = kind === 'number' ? whole(details[field]) : details[field];
    if (kind === 'number' ? value === undefined : typeof value !== 'string') return undefined;
    if (kind === 'json' && (isCut(details[`${field}Details`]) || parse(String(value)) === undefined)) return undefined;
    read[field] = value;
  }
  return read;
}

function detailsName(type: string): string {
  if (type.endsWith('StateEntered')) return 'stateEnteredEventDetails';
  if (type.endsWith('StateExited')) return 'stateExitedEventDetails';
  return `${type.slice(0, 1).toLowerCase()}${type.slice(1)}EventDetails`;
}

/** One record of an execution log; `undefined` when the text is none, or is cut off itself. */
export function readLiveEvent(message: string): LiveEvent | undefined {
  const record = parse(message);
  if (!isRecord(record)) return undefined;
  const { execution_arn: arn, type } = record;
  const id = whole(record['id']);
  const previousEventId = whole(record['previous_event_id']) ?? 0;
  const timestamp = moment(record['event_timestamp']);
  if (typeof arn !== 'string' || !executionArn.test(arn) || typeof type !== 'string') return undefined;
  if (id === undefined || id < 1 || previousEventId >= id || timestamp === undefined) return undefined;
  const details = detailsOf(type, isRecord(record['details']) ? record['details'] : {});
  const redriveCount = Math.max(
    whole(record['redrive_count']) ?? 0,
    type === 'ExecutionRedriven' ? (whole(details?.['redriveCount']) ?? 0) : 0,
  );
  const base = { executionArn: arn, redriveCount, id };
  if (details === undefined) return base;
  // Read above as far as the fold looks into it; what it does not know it ignores.
  const event = { id, previousEventId, timestamp, type, [detailsName(type)]: details } as unknown as HistoryEvent;
  return { ...base, event };
}
