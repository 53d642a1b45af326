/** `bunsui plugin add` and `remove`: what a project lists, and what is installed for it. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { BunsuiError } from '../../errors.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { harmlessLine } from '../harmless.ts';
import { changePackages } from '../package-manager.ts';
import { shortPath } from '../places.ts';
import { isInstalled, listedPath, type LoadedPlugin, loadPlugin, loadPlugins, pluginNames } from '../plugins.ts';
import { findProjectFile, type ProjectFile } from '../project-file.ts';
import { listPlugins, projectFolder } from '../project-plugins.ts';

interface InstallOptions {
  readonly install: boolean;
}

/** `name`, `@scope/name`, each with a version or without. */
const packageName = /^((?:@[a-z0-9~][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*)(?:@[^@\s]+)?$/i;
const sourceFile = /\.m?[jt]s$/;

export async function addPlugin(context: CommandContext, spec: string, { install }: InstallOptions): Promise<number> {
  if (spec.startsWith('-') || /[\s\0]/.test(spec)) {
    throw new BunsuiError('ConfigError', 'BS2001', `"${spec.slice(0, 100)}" is no name of a package`, {
      hint: 'give it as npm is given it: bunsui-plugin-notes, or a file of the project: ./plugins/shout.ts',
    });
  }
  const { err, out } = context.terminal;
  const project = await findProjectFile(context.cwd);
  const folder = projectFolder(project, context.cwd);
  const beside = project?.path ?? join(folder, 'package.json');
  const name = sourceFile.test(spec)
    ? listedPath(resolve(context.cwd, spec), folder)
    : await installed(context, spec, folder, install);
  const say = (text: string) => void err.write(`${text}\n`);
  const plugin = await loadPlugin(name, beside, say);
  const listed = pluginNames(project);
  const names = listed.includes(name) ? listed : [...listed, name];
  // All of them together: a kind that another plugin has is told now, and not with the next command.
  await loadPlugins({ path: beside, folder, fields: { plugins: names } }, say);
  if (listed.includes(name)) {
    out.write(`${harmlessLine(name)} is listed already, in ${shortPath(beside, context.cwd)}\n`);
    return exitCodes.ok;
  }
  const path = await listPlugins(project, context.cwd, names);
  out.write(`added ${harmlessLine(describe(plugin))}\nlisted in ${shortPath(path, context.cwd)}\n`);
  return exitCodes.ok;
}

function describe({ name, version, kinds, channels }: LoadedPlugin): string {
  const said = (what: string, all: readonly { readonly kind: string }[]) =>
    all.length === 0 ? [] : [`${what} ${all.map(({ kind }) => kind).join(', ')}`];
  const adds = [...said('operations', kinds), ...said('channels', channels)];
  return `${name}${version === undefined ? '' : ` ${version}`}: ${adds.length === 0 ? 'nothing' : adds.join('; ')}`;
}

/** The name of a package that is there afterwards. */
async function installed(context: CommandContext, spec: string, folder: string, install: boolean): Promise<string> {
  const [, name = ''] = packageName.exec(spec) ?? [];
  if (name === spec && isInstalled(name, folder)) return name;
  if (!install) {
    if (name !== '') return name;
    throw new BunsuiError('ConfigError', 'BS2001', `"${spec}" is no name of a package that is installed`, {
      hint: 'leave --no-install out, or give the name alone',
    });
  }
  const before = dependenciesOf(folder);
  // A folder or an archive is found from where the command was typed.
  const isHere = name === '' && existsSync(resolve(context.cwd, spec));
  await changePackages(context, folder, 'install', isHere ? resolve(context.cwd, spec) : spec);
  if (name !== '') return name;
  const after = Object.entries(dependenciesOf(folder));
  const changed = after.find(([one, version]) => before[one] !== version);
  const same = after.find(
    ([, version]) =>
      isHere && version.startsWith('file:') && resolve(folder, version.slice(5)) === resolve(context.cwd, spec),
  );
  const [found] = changed ?? same ?? [];
  if (found !== undefined) return found;
  throw new BunsuiError('ConfigError', 'BS2007', `"${spec}" was installed, and package.json does not say as what`, {
    hint: 'add it by the name of its package',
  });
}

/** @throws {BunsuiError} BS2002 when the project's `package.json` is none */
function dependenciesOf(folder: string): { readonly [name: string]: string } {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return {};
  try {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(file, 'utf8')) as {
      readonly [field: string]: { readonly [name: string]: string };
    };
    return { ...devDependencies, ...dependencies };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BunsuiError('ConfigError', 'BS2002', `${file} cannot be read: ${why}`, { hint: 'mend it first', cause });
  }
}

/** @throws {BunsuiError} BS2007 for a plugin that is not listed. */
export async function removePlugin(
  context: CommandContext,
  name: string,
  { install }: InstallOptions,
): Promise<number> {
  const project = await findProjectFile(context.cwd);
  const listed = pluginNames(project);
  const wanted = listedName(context, project, name, listed);
  // Looked at before anything is changed.
  const isInstalledHere = install && dependenciesOf(projectFolder(project, context.cwd))[wanted] !== undefined;
  const path = await listPlugins(
    project,
    context.cwd,
    listed.filter((one) => one !== wanted),
  );
  context.terminal.out.write(`removed ${harmlessLine(wanted)} from ${shortPath(path, context.cwd)}\n`);
  if (isInstalledHere) await changePackages(context, dirname(path), 'remove', wanted);
  return exitCodes.ok;
}

function listedName(
  { cwd, commandName }: CommandContext,
  project: ProjectFile | undefined,
  name: string,
  listed: readonly string[],
): string {
  const asFile = project === undefined ? name : listedPath(resolve(cwd, name), project.folder);
  const found = listed.find((one) => one === name || one === asFile);
  if (found !== undefined) return found;
  throw new BunsuiError('ConfigError', 'BS2007', `no plugin "${name.slice(0, 100)}" is listed`, {
    hint: listed.length === 0 ? `${commandName} plugin add lists one` : `listed: ${listed.join(', ')}`,
  });
}
