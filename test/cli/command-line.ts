/** Runs the real command line as a child process, from source. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const program = fileURLToPath(new URL('../../bin/bunsui.ts', import.meta.url));

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Only what a command line needs; colours and npm are as on a plain machine. */
export function plainEnvironment(more: { readonly [name: string]: string } = {}): { readonly [name: string]: string } {
  return { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', LANG: 'C.UTF-8', ...more };
}

/** Runs `bunsui …args` to its end. */
export function bunsui(
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly environment?: { readonly [name: string]: string };
    readonly stdin?: string;
  } = {},
): Promise<Ran> {
  return new Promise((ended, failed) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: options.cwd ?? process.cwd(),
      env: plainEnvironment(options.environment),
    });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
    });
    child.once('error', failed);
    child.once('close', (code) => ended({ code, out, err }));
    child.stdin.end(options.stdin ?? '');
  });
}
