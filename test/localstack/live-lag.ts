/** How long it takes from an event of an execution to the record of it. */
import { setTimeout as pause } from 'node:timers/promises';
import type { StoreDeps } from '../../lib/sessions/deps.ts';
import { isTerminal } from '../../lib/sessions/status.ts';
import { getSession, listJobRecords } from '../../lib/sessions/store.ts';

export interface Lag {
  /** `job attempt status`. */
  readonly what: string;
  readonly ms: number;
}

const pollMs = 50;

/**
 * Watches sessions until all have ended, and tells for each attempt that began or ended how much later it was seen in
 * the table, poll included. What only the session's end has recorded is not among them.
 */
export async function watchLag(deps: StoreDeps, sessions: readonly string[]): Promise<readonly Lag[]> {
  const lags = new Map<string, Lag>();
  const open = new Set(sessions);
  while (open.size > 0) {
    for (const session of open) {
      const item = await getSession(deps, session);
      const { attempts } = await listJobRecords(deps, session);
      const seenMs = Date.now();
      if (item !== undefined && isTerminal(item.status)) {
        open.delete(session);
        continue;
      }
      for (const { job_id, attempt, job_status, started_at, completed_at } of attempts) {
        const what = `${job_id} ${attempt} ${job_status}`;
        const key = `${session} ${what}`;
        const at = Date.parse(completed_at ?? started_at);
        if (!lags.has(key)) lags.set(key, { what, ms: seenMs - at });
      }
    }
    await pause(pollMs);
  }
  return [...lags.values()];
}

/** The value that so much of all stays under, 0 to 1. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
