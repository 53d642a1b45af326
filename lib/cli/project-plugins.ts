/** Changes which plugins a project's file lists. A file that is code is changed only where that can be seen to be right. */
import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { BunsuiError } from '../errors.ts';
import { importNow } from './load-pipeline.ts';
import type { ProjectFile } from './project-file.ts';

/** Where a project's file is, or would be: in the folder, or one above it, that has a `package.json`. */
export function projectFolder(project: ProjectFile | undefined, cwd: string): string {
  if (project !== undefined) return project.folder;
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) return resolve(cwd);
  }
}

const quoted = (name: string) => `'${name.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
const listOf = (names: readonly string[]) => `[${names.map(quoted).join(', ')}]`;

const newFile = (names: readonly string[]) => `import { defineConfig } from 'bunsui';

export default defineConfig({
  plugins: ${listOf(names)},
});
`;

/**
 * Makes a project list these plugins. Where it has no file yet, it gets a `bunsui.config.ts`.
 *
 * @returns the file
 * @throws {BunsuiError} BS2007 for a file of code whose list is no plain list of texts; nothing is changed then.
 */
export async function listPlugins(
  project: ProjectFile | undefined,
  cwd: string,
  names: readonly string[],
): Promise<string> {
  const path = project?.path ?? join(projectFolder(project, cwd), 'bunsui.config.ts');
  if (project === undefined) await writeFile(path, newFile(names));
  else if (extname(path) === '.json') await replace(path, jsonWith(await readFile(path, 'utf8'), names));
  else await changeCode(path, names);
  return path;
}

function jsonWith(text: string, names: readonly string[]): string {
  const { plugins: _, ...rest } = JSON.parse(text) as { readonly [name: string]: unknown };
  const indent = /\n([ \t]+)\S/.exec(text)?.[1] ?? '  ';
  const fields = names.length === 0 ? rest : { plugins: names, ...rest };
  return `${JSON.stringify(fields, null, indent)}\n`;
}

const texts = String.raw`(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")`;
const plainList = new RegExp(String.raw`(\bplugins\s*:\s*)\[\s*(?:${texts}\s*,?\s*)*\]`, 'g');
const beginning = /\b(?:defineConfig\(\s*|export\s+default\s+)\{/g;

/** The text of a file with another list; nothing where it cannot be told where that stands. */
function codeWith(text: string, names: readonly string[]): string | undefined {
  const lists = [...text.matchAll(plainList)];
  if (lists.length === 1) return text.replace(plainList, (_, before: string) => `${before}${listOf(names)}`);
  if (lists.length > 1 || /\bplugins\b/.test(text)) return undefined;
  const begins = [...text.matchAll(beginning)];
  return begins.length === 1 ? text.replace(beginning, (begin) => `${begin}\n  plugins: ${listOf(names)},`) : undefined;
}

/**
 * Puts a text in the place of a file's, whole or not at all.
 *
 * @param requireGood looks at the new file, beside the old one, before it takes its place
 */
async function replace(path: string, text: string, requireGood?: (file: string) => Promise<void>): Promise<void> {
  const tried = join(dirname(path), `.${process.pid}-${basename(path)}`);
  try {
    await writeFile(tried, text);
    await requireGood?.(tried);
    await rename(tried, path);
  } finally {
    await rm(tried, { force: true });
  }
}

/** What is to stand there is run before it takes its place. */
async function changeCode(path: string, names: readonly string[]): Promise<void> {
  const changed = codeWith(await readFile(path, 'utf8'), names);
  if (changed === undefined) throw cannotChange(path, names);
  await replace(path, changed, async (file) => {
    const { exports } = await importNow({ file, fresh: true }, () => {});
    const { plugins } = (exports.default ?? {}) as { readonly plugins?: unknown };
    if (JSON.stringify(plugins) !== JSON.stringify(names)) throw cannotChange(path, names);
  });
}

function cannotChange(path: string, names: readonly string[]): BunsuiError {
  return new BunsuiError(
    'ConfigError',
    'BS2007',
    `"plugins" of ${path} is no plain list of texts, and was not changed`,
    {
      hint: `write into it: plugins: ${listOf(names)}`,
    },
  );
}
