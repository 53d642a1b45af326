/** The program that installs packages into a project: the one whose lock file is there, else npm. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BunsuiError } from '../errors.ts';
import type { CommandContext } from './context.ts';

const programs = [
  { file: 'pnpm-lock.yaml', program: 'pnpm', install: 'add', remove: 'remove' },
  { file: 'yarn.lock', program: 'yarn', install: 'add', remove: 'remove' },
  { file: 'bun.lock', program: 'bun', install: 'add', remove: 'remove' },
  { file: 'package-lock.json', program: 'npm', install: 'install', remove: 'uninstall' },
] as const;

function programOf(folder: string): (typeof programs)[number] {
  const found = programs.find(({ file }) => existsSync(join(folder, file)));
  if (found !== undefined) return found;
  return dirname(folder) === folder ? programs[3] : programOf(dirname(folder));
}

/**
 * Installs a package into a project, or removes one. What the program prints goes to stderr.
 *
 * @throws {BunsuiError} BS2005 when there is no such program, or it ends with an error.
 */
export async function changePackages(
  { terminal, environment }: CommandContext,
  folder: string,
  what: 'install' | 'remove',
  spec: string,
): Promise<void> {
  const { program, [what]: word } = programOf(folder);
  const line = `${program} ${word} ${spec}`;
  terminal.err.write(`${terminal.err.palette.dim(line)}\n`);
  const status = await new Promise<number | null>((ended, failed) => {
    // `--` is not known to all of them: a name that begins with a dash was refused before.
    const child = spawn(program, [word, spec], {
      cwd: folder,
      env: { ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => terminal.err.write(text));
    }
    child.once('error', failed);
    child.once('close', ended);
  }).catch((cause: unknown) => {
    throw new BunsuiError('ConfigError', 'BS2005', `${program} cannot be run`, { hint: `install ${program}`, cause });
  });
  if (status === 0) return;
  throw new BunsuiError('ConfigError', 'BS2005', `${line} ended with ${status}`, { hint: 'see what it says above' });
}
