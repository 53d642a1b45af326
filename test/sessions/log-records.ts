/** Execution log records as Step Functions writes them, made of history events. */
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { type LiveEvent, readLiveEvent } from '../../lib/sessions/live-events.ts';

/** @param more fields that take the place of the record's own */
export function logRecord(executionArn: string, event: HistoryEvent, more: object = {}): string {
  const details = Object.entries(event).find(([name]) => name.endsWith('EventDetails'))?.[1] as object | undefined;
  return JSON.stringify({
    id: String(event.id),
    type: event.type,
    ...(details === undefined ? {} : { details }),
    redrive_count: '0',
    previous_event_id: String(event.previousEventId),
    event_timestamp: String(event.timestamp),
    execution_arn: executionArn,
    ...more,
  });
}

export function liveEvents(executionArn: string, events: readonly HistoryEvent[], more: object = {}): LiveEvent[] {
  return events.flatMap((event) => readLiveEvent(logRecord(executionArn, event, more)) ?? []);
}
