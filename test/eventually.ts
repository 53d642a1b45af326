/** How tests wait for what nobody tells them. */
import { setTimeout as pause } from 'node:timers/promises';

/** Long enough for a machine that is busy with other work; a run that is good does not wait for it. */
const limitMs = 180_000;
const longestPauseMs = 250;

/**
 * Looks until what is seen is as it should be, less and less often. Unlike `expect.poll` it serves tests that run side
 * by side, and hooks.
 *
 * @param what is waited for, in words
 * @returns what was seen last
 * @throws {Error} after three minutes, with what was waited for and what was seen last
 */
export async function eventually<T>(what: string, look: () => T | Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  const untilMs = Date.now() + limitMs;
  for (let pauseMs = 25; ; pauseMs = Math.min(longestPauseMs, pauseMs * 1.5)) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (Date.now() > untilMs) {
      throw new Error(`waited ${limitMs / 1000} s for ${what}; seen last: ${JSON.stringify(seen)}`);
    }
    await pause(pauseMs);
  }
}
