/** Who runs this, for the record. */
import { userInfo } from 'node:os';

/** The machine's name for the user; containers may have none. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}
