/** Where a session's report and logs lie, and the commands that look further. */
import { existsSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { objectPath } from '../local/object-paths.ts';
import { objectKeys, type PlatformNames } from '../storage-layout.ts';
import type { CommandContext } from './context.ts';
import { type PlatformTarget, targetOptions } from './platform-target.ts';
import type { Output } from './terminal.ts';
import { textWidth } from './text-width.ts';

export interface SessionPlaces {
  /** The HTML report. */
  readonly report: string;
  /** The folder with one folder for each job. */
  readonly logs: string;
  /** Whether there is something at one of these. */
  exist(place: string): boolean;
}

/** On this machine: absolute paths. Something is there once the session has ended. */
export function placesOf(
  stateDir: string,
  names: PlatformNames,
  at: { readonly session: string; readonly createdAt: string },
): SessionPlaces {
  const anyLog = objectKeys.log({ ...at, job: 'x', operation: 'x' });
  return {
    report: objectPath(stateDir, names.bucket, objectKeys.report(at)),
    logs: dirname(dirname(objectPath(stateDir, names.bucket, anyLog))),
    exist: existsSync,
  };
}

/** A path as a person types it: relative to the working folder when it lies in it. */
export function shortPath(path: string, cwd: string): string {
  if (path.startsWith('s3://')) return path;
  const near = relative(cwd, path);
  return near === '' || near.startsWith('..') ? path : near;
}

/** A word of a command line, quoted where a shell would read something into it. */
export function shellWord(word: string): string {
  return /^[\w./@:+-][\w./@:=+-]*$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A hint that ends in a command: on a terminal where both do not fit on one line, the command stands on its own. */
export function hintWith(output: Output, text: string, command: string): string {
  const fits = !output.live || textWidth(text) + 1 + textWidth(command) < output.size().columns;
  return `${text}${fits ? ' ' : '\n  '}${command}`;
}

/** A command line to copy: with the options that lead to the same platform, where that is not the usual one. */
export function commandLine(context: CommandContext, words: string, target: PlatformTarget): string {
  return [context.commandName, words, ...targetOptions(target).map(shellWord)].join(' ');
}
