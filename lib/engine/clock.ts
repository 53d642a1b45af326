/** The two clocks: real time, and virtual time that jumps from one wake-up to the next. */
import type { Clock } from './ports.ts';

/** Timers overflow beyond this many milliseconds and would fire at once. */
const longestTimerMs = 2_147_483_647;

/** Real time. Long waits are split, because one timer reaches less than 25 days. */
export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    wakeAt: (atMs, wake) => {
      let timer: ReturnType<typeof setTimeout>;
      const arm = (): void => {
        const restMs = Math.max(0, Math.ceil(atMs - Date.now()));
        timer = restMs > longestTimerMs ? setTimeout(arm, longestTimerMs) : setTimeout(wake, restMs);
      };
      arm();
      return () => clearTimeout(timer);
    },
  };
}

/** A clock of its own time. It stands still while it is held and while promises settle, then jumps to the next wake-up. */
export interface VirtualClock extends Clock {
  hold(): () => void;
  /** Resolves when nobody holds the clock and no wake-up is left. */
  idle(): Promise<void>;
}

/**
 * Virtual time from `startMs`. Wake-ups run in order of time, those of one moment in the order they were asked for.
 * Work that takes real time (a real handler, a file) must `hold()` the clock, or time passes it by.
 */
export function virtualClock(startMs: number): VirtualClock {
  let nowMs = startMs;
  let sequence = 0;
  let holds = 0;
  let checking = false;
  const wakeUps = new Map<number, { readonly atMs: number; readonly wake: () => void }>();
  const idlers: (() => void)[] = [];

  // A macrotask comes after every promise that can settle without the outside world has settled.
  const check = (): void => {
    if (checking || holds > 0) return;
    checking = true;
    setImmediate(() => {
      checking = false;
      if (holds === 0) jump();
    });
  };

  const jump = (): void => {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { atMs } of wakeUps.values()) nextMs = Math.min(nextMs, atMs);
    if (nextMs === Number.POSITIVE_INFINITY) {
      for (const idler of idlers.splice(0)) idler();
      return;
    }
    nowMs = Math.max(nowMs, nextMs);
    // Map keeps the order of asking; a wake-up that is cancelled by an earlier one is not called.
    for (const [key, wakeUp] of [...wakeUps]) {
      if (wakeUp.atMs <= nowMs && wakeUps.delete(key)) wakeUp.wake();
    }
    check();
  };

  return {
    now: () => nowMs,
    wakeAt: (atMs, wake) => {
      const key = sequence++;
      wakeUps.set(key, { atMs, wake });
      check();
      return () => {
        wakeUps.delete(key);
      };
    },
    hold: () => {
      holds += 1;
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        holds -= 1;
        check();
      };
    },
    idle: () =>
      new Promise((resolve) => {
        idlers.push(resolve);
        check();
      }),
  };
}
