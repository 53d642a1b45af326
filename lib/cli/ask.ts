/** Questions to the person at the terminal. */
import { createInterface } from 'node:readline/promises';
import { BunsuiError } from '../errors.ts';
import type { CommandContext } from './context.ts';

/** Whether somebody can be asked: stdin and stderr are terminals. */
export function canAsk({ terminal }: CommandContext): boolean {
  return process.stdin.isTTY === true && terminal.err.live;
}

/**
 * Asks, and waits for the answer.
 *
 * @param yes what to give where nobody can be asked: `--yes`.
 * @throws {BunsuiError} BS2001 where nobody can be asked.
 */
export async function ask(context: CommandContext, question: string, yes: string): Promise<string> {
  if (!canAsk(context)) {
    throw new BunsuiError('ConfigError', 'BS2001', 'this has to be confirmed, and there is no terminal to ask on', {
      hint: `give ${yes}`,
    });
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await lines.question(question)).trim();
  } finally {
    lines.close();
  }
}
