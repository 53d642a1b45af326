import { expect, test } from 'vitest';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { notRedrivable } from '../../lib/local/execution-records.ts';
import type { JournalHeader } from '../../lib/local/journal.ts';

test.each([
  [24_998, undefined],
  [24_999, 'Execution history event limit is reached and it cannot be redriven'],
  [25_000, 'Execution history event limit is reached and it cannot be redriven'],
])('a history of %i events has room for a redrive and an event after it, or is refused', (length, why) => {
  const events = Array.from({ length }, (_, index) => ({
    id: index + 1,
    previousEventId: index,
    timestamp: 0,
    type: 'ExecutionFailed',
    executionFailedEventDetails: {},
  })) as readonly HistoryEvent[];
  expect(notRedrivable({ name: 'run' } as JournalHeader, events, 0)).toBe(why);
});
