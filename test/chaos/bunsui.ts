/** The real command, as a child process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../dist/bin/bunsui.js', import.meta.url));

/** A line of `--json`. */
export interface Line {
  readonly type: string;
  readonly session?: string;
  readonly job?: string;
  readonly status?: string;
  readonly output?: unknown;
  readonly [field: string]: unknown;
}

export interface Ended {
  /** `null` when a signal ended it. */
  readonly code: number | null;
  readonly lines: readonly Line[];
  readonly errors: string;
}

/** Runs `bunsui … --json` and hears every line as it comes. */
export function bunsui(
  args: readonly string[],
  heard: (line: Line, child: ChildProcess) => void = () => {},
): Promise<Ended> {
  const child = spawn(process.execPath, [cli, ...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: Line[] = [];
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Line;
    lines.push(line);
    heard(line, child);
  });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => done({ code, lines, errors }));
  });
}
