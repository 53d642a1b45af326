/**
 * Deadlines on this machine: has a function tell of sessions that have missed theirs, when executions begin or go on, and
 * again exactly when the function says that the next one is due. On AWS the reconciler looks every minute.
 */
import type { FunctionPool } from './function-pool.ts';
import type { RuntimeLog } from './runtime-log.ts';

export interface DeadlineWatch {
  /** Something runs that may have a deadline. */
  look(): void;
  close(): Promise<void>;
}

/** After a failure, as the reconciler's next run. */
const retryMs = 60_000;
/** Timers take no more; whoever wakes too early looks again. */
const longestWaitMs = 24 * 3_600_000;
const payload = JSON.stringify({ only: 'deadlines' });

/** @param functionName of the function that tells; nobody while it is `undefined` */
export function openDeadlineWatch(
  functionName: () => string | undefined,
  pool: Pick<FunctionPool, 'find' | 'invoke'>,
  log: RuntimeLog,
): DeadlineWatch {
  const closed = new AbortController();
  let working: Promise<void> | undefined;
  let isAsked = false;
  let timer: NodeJS.Timeout | undefined;

  /** @returns milliseconds until it is to be called again */
  const tell = async (): Promise<number | undefined> => {
    const config = pool.find(functionName() ?? '');
    if (config === undefined) return undefined;
    const result = await pool.invoke(config, payload, closed.signal);
    if (!result.ok) {
      if (!closed.signal.aborted) log('warn', `deadlines were not looked at: ${result.error.errorMessage}`);
      return retryMs;
    }
    const { next_due: due } = JSON.parse(result.payload) as { readonly next_due?: string };
    // One millisecond later it is missed.
    return due === undefined ? undefined : Math.max(Date.parse(due) - Date.now(), 0) + 1;
  };
  const work = async () => {
    while (isAsked && !closed.signal.aborted) {
      isAsked = false;
      const waitMs = await tell().catch((error: unknown) => {
        if (!closed.signal.aborted) log('warn', `deadlines were not looked at: ${String(error)}`);
        return retryMs;
      });
      clearTimeout(timer);
      if (waitMs !== undefined && !closed.signal.aborted)
        timer = setTimeout(look, Math.min(waitMs, longestWaitMs)).unref();
    }
    working = undefined;
  };
  const look = () => {
    if (closed.signal.aborted || functionName() === undefined) return;
    isAsked = true;
    working ??= work();
  };
  return {
    look,
    async close() {
      closed.abort();
      clearTimeout(timer);
      await working;
    },
  };
}
