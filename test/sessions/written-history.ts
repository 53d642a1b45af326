/** Histories written by hand, event by event. */
import type { HistoryEvent, HistoryEventType } from '../../lib/asl/history.ts';

export interface Written {
  readonly events: readonly HistoryEvent[];
  /** @returns the event's id */
  add(type: HistoryEventType, previousEventId: number, details?: object): number;
}

export function written(): Written {
  const events: HistoryEvent[] = [];
  return {
    events,
    add(type, previousEventId, details = {}) {
      const id = events.length + 1;
      events.push({ type, id, previousEventId, timestamp: 1_000 * id, ...details } as unknown as HistoryEvent);
      return id;
    },
  };
}
