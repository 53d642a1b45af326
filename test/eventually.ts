/** How tests wait for what nobody tells them. */
import { setTimeout as pause } from 'node:timers/promises';

/** Long enough for a machine that is busy with other work; a run that is good does not wait for it. */
const longMs = 180_000;
const longestPauseMs = 1_000;

/**
 * Looks until what is seen is as it should be, less and less often. As with `expect.poll`, a look that fails is one
 * that has not seen it yet; unlike that it serves tests that run side by side, and hooks.
 *
 * @param what is waited for, in words
 * @param limitMs @default three minutes
 * @returns what was seen last
 * @throws {Error} after that time, with what was waited for and what was seen last, be it an error
 */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  holds: (seen: T) => boolean,
  limitMs = longMs,
): Promise<T> {
  const untilMs = Date.now() + limitMs;
  for (let pauseMs = 25; ; pauseMs = Math.min(longestPauseMs, pauseMs * 1.3)) {
    let last: string;
    try {
      const seen = await look();
      if (holds(seen)) return seen;
      last = JSON.stringify(seen);
    } catch (error) {
      last = String(error);
    }
    if (Date.now() > untilMs) throw new Error(`waited ${limitMs / 1000} s for ${what}; seen last: ${last}`);
    await pause(pauseMs);
  }
}
