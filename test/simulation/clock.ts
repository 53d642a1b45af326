/**
 * Time that a seed decides: nothing happens but by a wake-up, one at a time, and chance decides between those of one
 * moment. Everything that one sets off has settled before the next.
 */
import type { Random } from './random.ts';

export interface SimulatedClock {
  now(): number;
  wakeAt(atMs: number, wake: () => void): () => void;
  sleep(ms: number): Promise<void>;
  /** Runs until `isOver`, or nothing is left to happen. @returns whether it is over */
  run(isOver: () => boolean, most: number): Promise<boolean>;
}

export function simulatedClock(startMs: number, random: Random): SimulatedClock {
  let nowMs = startMs;
  let wakeUps: { readonly atMs: number; readonly wake: () => void }[] = [];
  const wakeAt = (atMs: number, wake: () => void) => {
    const entry = { atMs: Math.max(atMs, nowMs), wake };
    wakeUps.push(entry);
    return () => {
      wakeUps = wakeUps.filter((one) => one !== entry);
    };
  };
  return {
    now: () => nowMs,
    wakeAt,
    sleep: (ms) => new Promise((resolve) => void wakeAt(nowMs + ms, resolve)),
    async run(isOver, most) {
      for (let steps = 0; steps < most; steps += 1) {
        // Comes after all promises that can settle by themselves.
        await new Promise((resolve) => setImmediate(resolve));
        if (isOver()) return true;
        const nextMs = wakeUps.reduce((least, { atMs }) => Math.min(least, atMs), Number.POSITIVE_INFINITY);
        const due = wakeUps.filter(({ atMs }) => atMs === nextMs);
        const chosen = due[random.below(due.length)];
        if (chosen === undefined) return isOver();
        wakeUps = wakeUps.filter((one) => one !== chosen);
        nowMs = nextMs;
        chosen.wake();
      }
      return isOver();
    },
  };
}
