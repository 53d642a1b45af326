/**
 * What the runtime itself has to say: refused calls, failed deliveries, damaged files. JSON Lines in
 * `.bunsui/runtime.log`.
 */
import { createWriteStream, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';

export type RuntimeLogLevel = 'info' | 'warn' | 'error';

/** Says something. Never throws and never waits. */
export type RuntimeLog = (level: RuntimeLogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;

/** The log starts anew when it has grown beyond this; one old file is kept. */
const maxBytes = 4 * 1024 * 1024;

/** Opens the log of a state folder. `also` hears every entry too. */
export function openRuntimeLog(
  stateDir: string,
  also?: RuntimeLog,
): { readonly log: RuntimeLog; close(): Promise<void> } {
  const path = join(stateDir, 'runtime.log');
  try {
    if (statSync(path).size > maxBytes) renameSync(path, `${path}.1`);
  } catch {
    // None yet.
  }
  const stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
  // A full disk must not end the runtime for the sake of its log; `also` has heard it.
  stream.on('error', () => {});
  const log: RuntimeLog = (level, message, fields = {}) => {
    stream.write(`${JSON.stringify({ at: new Date().toISOString(), level, message, ...fields })}\n`);
    also?.(level, message, fields);
  };
  return {
    log,
    close: () => (stream.destroyed ? Promise.resolve() : new Promise((resolve) => stream.end(() => resolve()))),
  };
}
