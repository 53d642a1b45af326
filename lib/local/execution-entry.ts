/** An execution that is unfinished or not yet put away: what drives it, what waits for its news, how it stands on the disk. */
import type { ExecutionHandle } from '../engine/run.ts';
import type { BunsuiError } from '../errors.ts';
import type { ExecutionRecord } from './execution-records.ts';
import type { JournalHeader } from './journal.ts';

/** An execution whose journal is in `open/`. */
export interface Entry {
  readonly header: JournalHeader;
  readonly path: string;
  handle?: ExecutionHandle | undefined;
  /** Resolves when the journal exists, or that has failed. */
  starting?: Promise<void> | undefined;
  resuming?: Promise<void> | undefined;
  /** What is waiting for news. */
  readonly listeners: Set<() => void>;
  ended?: ExecutionRecord;
  /** It is stopped for a pause: functions that it has called run on, as on AWS, and leave their checkpoints. */
  letsFinish?: boolean;
  announced?: true;
  /** It is being announced and put among what has ended; resolves when that is done, or cannot be now. */
  settling?: Promise<void> | undefined;
  /** Why that could not be done. */
  unsettled?: unknown;
  /** The length of its journal before a redrive that failed: what that may have written goes before it is put away. */
  cutTo?: number;
  /** Of one that runs: how often it was redriven, and when last. */
  redriven?: Pick<ExecutionRecord, 'redriveCount' | 'redrivenAtMs'>;
  /** Its journal cannot be read whole: whoever asks is told why, and who resumes it by its name takes what is left. */
  damage?: BunsuiError | undefined;
}

/** Resolves when the first events are durable, rejects when that fails. */
export function firstEvents(handle: ExecutionHandle): Promise<void> {
  return new Promise((resolve, reject) => {
    const forget = handle.onEvents(() => {
      forget();
      resolve();
    });
    handle.done.then(() => resolve(), reject);
  });
}

export function wake(entry: Entry): void {
  const waiting = [...entry.listeners];
  entry.listeners.clear();
  for (const listener of waiting) listener();
}

export function nextNews(entry: Entry, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const heard = () => {
      signal.removeEventListener('abort', heard);
      entry.listeners.delete(heard);
      resolve();
    };
    entry.listeners.add(heard);
    signal.addEventListener('abort', heard, { once: true });
  });
}
