/** `bunsui.json`: what a project says of itself to the command line, in the folder that commands run in or one above. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { BunsuiError } from '../errors.ts';

const fileName = 'bunsui.json';

/** A project's file as it was read; each field is checked by who reads it. */
export interface ProjectFile {
  /** Absolute. */
  readonly path: string;
  readonly folder: string;
  readonly fields: { readonly [name: string]: unknown };
}

/** The folder and those above it, up to the root of its repository. */
function upwards(folder: string): readonly string[] {
  const above = dirname(folder);
  return above === folder || existsSync(join(folder, '.git')) ? [folder] : [folder, ...upwards(above)];
}

/**
 * The project's file; `undefined` when there is none.
 *
 * @param folders where to look, each with the folders above it; the first that has one counts
 * @throws {BunsuiError} BS2002 when it cannot be read or is not a JSON object.
 */
export async function readProjectFile(...folders: readonly string[]): Promise<ProjectFile | undefined> {
  const folder = folders.flatMap((one) => upwards(resolve(one))).find((one) => existsSync(join(one, fileName)));
  if (folder === undefined) return undefined;
  const path = join(folder, fileName);
  const refuse = (why: string, cause?: unknown) =>
    new BunsuiError('ConfigError', 'BS2002', `${path} ${why}`, { cause });
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw refuse(`cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  });
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch (cause) {
    throw refuse(`is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) throw refuse('is not a JSON object');
  return { path, folder, fields: fields as ProjectFile['fields'] };
}
