/** Who runs this, for the record. */
import { userInfo } from 'node:os';
import type { Asker } from '../sessions/items.ts';

/** The machine's name for the user; containers may have none. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}

/** Who asks, for what is done with a session. */
export function askerHere(): Asker {
  return { kind: 'manual', user: userName() };
}
