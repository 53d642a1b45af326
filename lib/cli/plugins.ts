/** The plugins that a project lists: loaded, and checked before anything of them is used. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import * as z from 'zod';
import { builtInKinds } from '../dsl/operations/built-in.ts';
import { kindInterface, type OperationKind } from '../dsl/operations/kind.ts';
import type { ChannelKind, Plugin } from '../dsl/plugins.ts';
import { BunsuiError } from '../errors.ts';
import { channelKinds } from '../notify/channels.ts';
import { importNow } from './load-pipeline.ts';
import type { ProjectFile } from './project-file.ts';

/** A plugin as a project lists it. */
export interface LoadedPlugin {
  /** As it is listed: a package, or a file of the project. */
  readonly name: string;
  /** Of its package; absent where it is a file of the project. */
  readonly version?: string;
  readonly kinds: readonly OperationKind[];
  readonly channels: readonly ChannelKind[];
}

const functionOf = z.custom<unknown>((value) => typeof value === 'function', 'is not a function');
const schema = z.custom<unknown>(
  (value) => typeof value === 'object' && value !== null && '~standard' in value,
  'is no schema of zod',
);
const kindName = z
  .string()
  .regex(/^[a-z][A-Za-z0-9-]{0,39}$/, 'is no name: a lower-case letter, then letters, digits and -');
const about = {
  interface: z.number(),
  kind: kindName,
  summary: z.string().min(1, 'says nothing').max(200, 'is longer than 200 characters'),
  docs: z.string().optional(),
  lower: functionOf,
};
const pluginSchema = z.strictObject({
  interface: z.number(),
  kinds: z
    .array(
      z.looseObject({
        ...about,
        icon: z.string().refine((text) => [...new Intl.Segmenter().segment(text)].length === 1, 'is not one character'),
        settings: schema.optional(),
      }),
    )
    .default([]),
  channels: z.array(z.looseObject({ ...about, settings: schema })).default([]),
});

/** The names that a project lists. @throws {BunsuiError} BS2002 for what is no list of names. */
export function pluginNames(project: ProjectFile | undefined): readonly string[] {
  const checked = z
    .array(z.string().min(1).max(214))
    .max(100)
    .safeParse(project?.fields['plugins'] ?? []);
  if (checked.success) return [...new Set(checked.data)];
  throw new BunsuiError('ConfigError', 'BS2002', `"plugins" of ${project?.path} is no list of names`, {
    hint: 'list packages by name, and files of the project by a path: plugins: ["bunsui-plugin-notes", "./plugins/shout.ts"]',
  });
}

/**
 * Loads the plugins of a project, in their order.
 *
 * @param say is given what they write to the console while they are read
 * @throws {BunsuiError} BS2007 for one that is not there, is none, was made for another version of the interface, or
 *   adds a kind that there is already.
 */
export async function loadPlugins(
  project: ProjectFile | undefined,
  say: (text: string) => void,
): Promise<readonly LoadedPlugin[]> {
  const loaded: LoadedPlugin[] = [];
  if (project === undefined) return loaded;
  for (const name of pluginNames(project)) loaded.push(await loadPlugin(name, project.path, say));
  requireUnique(loaded);
  return loaded;
}

/** Whether it is a file of the project, and no package. */
const isPath = (name: string) => /^\.{1,2}\//.test(name);

/** @param beside a file of the project: names are looked up from there */
export async function loadPlugin(name: string, beside: string, say: (text: string) => void): Promise<LoadedPlugin> {
  const what = isPath(name) ? { file: join(dirname(beside), name) } : { name, beside };
  const { exports, file } = await importNow(what, say).catch((cause: unknown) => {
    throw notLoaded(name, beside, cause);
  });
  const { kinds = [], channels = [] } = checkedPlugin(name, exports.default);
  const version = isPath(name) ? undefined : versionOf(file, name);
  return { name, kinds, channels, ...(version === undefined ? {} : { version }) };
}

function refuse(message: string, hint: string, cause?: unknown): BunsuiError {
  return new BunsuiError('ConfigError', 'BS2007', message, { hint, ...(cause === undefined ? {} : { cause }) });
}

function notLoaded(name: string, beside: string, cause: unknown): BunsuiError {
  const folder = dirname(beside);
  const message = cause instanceof Error ? cause.message : String(cause);
  const isThere = isPath(name) ? existsSync(join(folder, name)) : isInstalled(name, folder);
  if (!isThere && isPath(name)) {
    return refuse(
      `there is no file "${name}" for the plugin that ${beside} lists`,
      'correct its path in "plugins"',
      cause,
    );
  }
  if (!isThere) {
    return refuse(`the plugin "${name}" is not installed`, `npm install, or: bunsui plugin add ${name}`, cause);
  }
  return refuse(`the plugin "${name}" could not be loaded: ${message}`, 'see what its package says of its use', cause);
}

/** Whether the folder of a package is there for files of another folder. */
export function isInstalled(name: string, folder: string): boolean {
  const above = dirname(folder);
  return (
    existsSync(join(folder, 'node_modules', name, 'package.json')) || (above !== folder && isInstalled(name, above))
  );
}

function checkedPlugin(name: string, value: unknown): Plugin {
  const said = (value as { readonly interface?: unknown } | undefined)?.interface;
  if (typeof value !== 'object' || value === null || typeof said !== 'number') {
    throw refuse(
      `"${name}" is no plugin: its default export has no version of the interface for plugins`,
      'a plugin exports { interface: 1, kinds, channels } as its default: see docs/plugins.md',
    );
  }
  requireInterface(`the plugin "${name}"`, said);
  const checked = pluginSchema.safeParse(value);
  if (!checked.success) {
    const mistakes = checked.error.issues.map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`);
    throw refuse(`the plugin "${name}" is not as plugins are: ${mistakes.join('; ')}`, 'see docs/plugins.md');
  }
  const plugin = value as Plugin;
  for (const { kind, interface: version } of [...(plugin.kinds ?? []), ...(plugin.channels ?? [])]) {
    requireInterface(`the kind "${kind}" of the plugin "${name}"`, version);
  }
  return plugin;
}

function requireInterface(what: string, version: number): void {
  if (version === kindInterface) return;
  throw refuse(
    `${what} was made for version ${version} of the interface for plugins, and this bunsui has version ${kindInterface}`,
    version > kindInterface
      ? 'install a newer bunsui, or an older version of the plugin'
      : 'install a newer version of the plugin',
  );
}

/** @throws {BunsuiError} BS2007 for a kind that two plugins add, or that bunsui has itself. */
function requireUnique(plugins: readonly LoadedPlugin[]): void {
  const names = [
    ['kind of operations', builtInKinds.map(({ kind }) => kind), (one: LoadedPlugin) => one.kinds],
    ['kind of channels', channelKinds, (one: LoadedPlugin) => one.channels],
  ] as const;
  for (const [what, own, kindsOf] of names) {
    const owners = new Map<string, string>(own.map((kind) => [kind, 'bunsui itself']));
    for (const plugin of plugins) {
      for (const { kind } of kindsOf(plugin)) {
        const owner = owners.get(kind);
        if (owner !== undefined) {
          throw refuse(
            `the plugin "${plugin.name}" adds the ${what} "${kind}", which ${owner} has`,
            'leave one of them out',
          );
        }
        owners.set(kind, `the plugin "${plugin.name}"`);
      }
    }
  }
}

/** The version in the package that a file belongs to. */
function versionOf(file: string, name: string): string | undefined {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (!existsSync(manifest)) continue;
    const { name: own, version } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly [field: string]: unknown };
    if (own === name) return typeof version === 'string' ? version : undefined;
  }
  return undefined;
}

/** A path as a project lists it: relative to the project's file, with `./` before it. */
export function listedPath(file: string, folder: string): string {
  const path = relative(folder, file).replaceAll('\\', '/');
  return path.startsWith('.') ? path : `./${path}`;
}
