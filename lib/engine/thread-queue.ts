/** The threads that are to be stepped. */
import type { Thread } from './execution.ts';

/** Threads in the order in which they were first added; each at most once at a time. */
export function threadQueue(): { add(thread: Thread): void; take(): Thread | undefined } {
  // A Set does the same, and showed in the profile, because a thread moves to its end with every step.
  let threads: Thread[] = [];
  let taken = 0;
  return {
    add: (thread) => {
      if (thread.queued) return;
      thread.queued = true;
      threads.push(thread);
    },
    take: () => {
      const thread = threads[taken];
      if (thread === undefined) return undefined;
      thread.queued = false;
      taken += 1;
      if (taken === 256) {
        threads = threads.slice(taken);
        taken = 0;
      }
      return thread;
    },
  };
}
