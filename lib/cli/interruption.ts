/**
 * Ctrl-C and SIGTERM: the first asks the work to stop cleanly, the second ends the process at once.
 */
import { exitCodes } from './exit-codes.ts';

export interface Interruption {
  /** Settles with the exit code when the first signal has come; never otherwise. */
  readonly asked: Promise<130 | 143>;
  /** Gives the signals back to Node. */
  [Symbol.dispose](): void;
}

/**
 * Listens from now on. `onFirst` is called in the signal's own moment, for what must not wait; `onSecond` before the
 * process ends without having stopped cleanly.
 */
export function listenForInterruption(onFirst: () => void, onSecond: () => void): Interruption {
  const { promise, resolve } = Promise.withResolvers<130 | 143>();
  let code: 130 | 143 | undefined;
  const on = (signal: 'SIGINT' | 'SIGTERM') => {
    if (code !== undefined) {
      onSecond();
      process.exit(code);
    }
    code = signal === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated;
    onFirst();
    resolve(code);
  };
  process.on('SIGINT', on);
  process.on('SIGTERM', on);
  return {
    asked: promise,
    [Symbol.dispose]() {
      process.off('SIGINT', on);
      process.off('SIGTERM', on);
    },
  };
}
