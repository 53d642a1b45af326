/**
 * What a project says of itself to the command line: `bunsui.config.ts` (or `.mts`, `.js`, `.mjs`), or as JSON
 * `bunsui.json`, in the folder that commands run in or one above.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { BunsuiError } from '../errors.ts';

/** The names that it may have: one of them in a folder. */
export const projectFileNames = [
  'bunsui.config.ts',
  'bunsui.config.mts',
  'bunsui.config.js',
  'bunsui.config.mjs',
  'bunsui.json',
] as const;

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

const refuse = (path: string, why: string, cause?: unknown) =>
  new BunsuiError('ConfigError', 'BS2002', `${path} ${why}`, { cause });

/**
 * The project's file, its channels of plugins' kinds as what these make of them; `undefined` when there is none.
 *
 * @param folders where to look, each with the folders above it; the first that has one counts
 * @throws {BunsuiError} as `findProjectFile`; BS2004 for channels that their kind does not take, BS2007 for plugins that
 *   are needed for that and cannot be used.
 */
export async function readProjectFile(...folders: readonly string[]): Promise<ProjectFile | undefined> {
  const project = await findProjectFile(...folders);
  if (project === undefined || project.fields['plugins'] === undefined) return project;
  const { withPluginChannels } = await import('./plugin-channels.ts');
  return withPluginChannels(project, sayOnStderr);
}

const sayOnStderr = (text: string) => void process.stderr.write(`${text}\n`);

/**
 * The project's file as it was written.
 *
 * @throws {BunsuiError} BS2002 when it cannot be read, is no object, or stands beside another one; BS1001 when it throws.
 */
export async function findProjectFile(...folders: readonly string[]): Promise<ProjectFile | undefined> {
  for (const folder of folders.flatMap((one) => upwards(resolve(one)))) {
    const [name, other] = projectFileNames.filter((one) => existsSync(join(folder, one)));
    if (name === undefined) continue;
    const path = join(folder, name);
    if (other !== undefined) {
      throw new BunsuiError('ConfigError', 'BS2002', `${path} and ${other} stand in one folder`, {
        hint: `a project has one such file: put what ${other} says into ${name}`,
      });
    }
    const fields = extname(name) === '.json' ? await jsonFields(path) : await exportedFields(path);
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
      throw refuse(path, extname(name) === '.json' ? 'is not a JSON object' : 'exports no object as its default');
    }
    return { path, folder, fields: fields as ProjectFile['fields'] };
  }
  return undefined;
}

async function jsonFields(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw refuse(path, `cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  });
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw refuse(path, `is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

/** Loaded with the first file that is code: most projects have none, or JSON. */
async function exportedFields(path: string): Promise<unknown> {
  const { importNow } = await import('./load-pipeline.ts');
  const { exports } = await importNow({ file: path, fresh: true }, sayOnStderr);
  return exports.default;
}
