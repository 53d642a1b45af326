/**
 * The lines of one invocation on their way to the log: gathered for few writes, and capped, so that a function that
 * prints without end fills neither memory nor disk. The end of what was printed is kept, with a mark before it.
 */
import type { LogEvent } from './log-store.ts';

/** Bytes that an invocation may print before the middle of it is dropped. */
export interface CapLimits {
  /** In all: a log fills no disk. */
  readonly head: number;
  /** Of what the disk has not taken yet: a log fills no memory. */
  readonly waiting: number;
  /** Kept of the end. */
  readonly tail: number;
}
const usualLimits: CapLimits = { head: 1024 * 1024 * 1024, waiting: 32 * 1024 * 1024, tail: 64 * 1024 };
const batchBytes = 64 * 1024;

export interface CappedLines {
  /** A line that the function printed. */
  line(message: string): void;
  /** A line of ours, which is never dropped. */
  always(message: string): void;
  /** The function prints no more: what was kept of the end follows, after a mark. */
  finish(): void;
  flush(): void;
}

/**
 * Gives lines to `write` in batches: when there is enough for one, and at the latest after 100 ms.
 *
 * @param write resolves when the disk has taken them; never rejects
 */
export function cappedLines(
  write: (events: readonly LogEvent[]) => Promise<void>,
  limits: CapLimits = usualLimits,
): CappedLines {
  let batch: LogEvent[] = [];
  let batched = 0;
  let headBytes = 0;
  let waiting = 0;
  let droppedLines = 0;
  let tail: LogEvent[] = [];
  let tailBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  let lastMs = 0;

  const event = (message: string): LogEvent => {
    // A clock that is set back must not put lines before earlier ones.
    lastMs = Math.max(lastMs, Date.now());
    return { timestampMs: lastMs, message };
  };
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (batch.length === 0) return;
    const bytes = batched;
    waiting += bytes;
    void write(batch).then(() => {
      waiting -= bytes;
    });
    batch = [];
    batched = 0;
  };
  const put = (one: LogEvent) => {
    batch.push(one);
    batched += one.message.length;
    if (batched >= batchBytes) flush();
    else timer ??= setTimeout(flush, 100);
  };
  return {
    flush,
    always: (message) => put(event(message)),
    line(message) {
      const one = event(message);
      const bytes = message.length + 1;
      if (headBytes + bytes <= limits.head && waiting <= limits.waiting && tail.length === 0) {
        headBytes += bytes;
        put(one);
        return;
      }
      tail.push(one);
      tailBytes += bytes;
      while (tailBytes > limits.tail && tail.length > 1) {
        tailBytes -= (tail.shift()?.message.length ?? 0) + 1;
        droppedLines += 1;
      }
    },
    finish() {
      if (droppedLines > 0) put(event(`[output truncated: ${droppedLines} lines were dropped here]`));
      const last = tail;
      tail = [];
      // With the time at which they are written: the mark stands before them.
      for (const { message } of last) put(event(message));
    },
  };
}
