/** What the API is handed: what sessions take, and a way to let somebody read an object. */
import type { EndDeps } from '../sessions/deps.ts';

export interface ApiDeps extends EndDeps {
  /** An address under which an object of the bucket can be read for some minutes, without credentials. */
  readonly objectUrl: (key: string) => Promise<{ readonly url: string; readonly expiresAt: string }>;
  /** Hears of every request that ended with a status from 500 on: the answer says nothing about it. */
  readonly onFailure: (requestId: string, thrown: unknown) => void;
}
