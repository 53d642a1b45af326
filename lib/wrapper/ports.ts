/** What the wrapper is handed: the outside world of a function, so that tests can give another. */
import { httpFetch } from './http-fetch.ts';

/** Answers as `fetch` does; the little of it that the wrapper uses. */
export type Fetch = (
  url: URL,
  init: {
    readonly method: string;
    /** Names in lower case. */
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string | Uint8Array<ArrayBuffer> | undefined;
    readonly signal: AbortSignal;
  },
) => Promise<{
  readonly status: number;
  readonly headers?: { get(name: string): string | null };
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
}>;

export interface WrapperPorts {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly fetch: Fetch;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Writes one line, without its end, to where the platform collects logs. */
  readonly writeLine: (line: string) => void;
}

/** The world of a Lambda function. */
export function functionPorts(): WrapperPorts {
  return {
    environment: process.env,
    fetch: httpFetch,
    now: Date.now,
    random: Math.random,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    writeLine: (line) => {
      // Not console.log: Lambda's runtime puts a prefix before that, and a handler's console is turned into records.
      process.stdout.write(`${line}\n`);
    },
  };
}
