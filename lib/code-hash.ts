/**
 * Code hash: what a handler does, as a hash. It is that of the handler bundled as small as esbuild can make it: what
 * the handler does not use, comments, types, names of files and folders, and formatting are not in it. Neither is
 * bunsui itself, nor the contracts that the handler's file happens to import beside its own, nor its own policy.
 * Packages that are installed count by name and version, with those they depend on, as the file that imports them finds
 * them.
 *
 * What cannot be recognised stays in: a hash may change without need, never the other way round. Nothing of this runs.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { basename, dirname, join, relative, sep } from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';
import { bundlingError, handlerBundleSettings } from './handler-bundle.ts';

/** Everything the code says and nothing of how; without names from files (new ones are chosen afterwards). */
const settings = {
  bundle: true,
  platform: handlerBundleSettings.platform,
  format: handlerBundleSettings.format,
  target: handlerBundleSettings.target,
  mainFields: [...handlerBundleSettings.mainFields],
  keepNames: handlerBundleSettings.keepNames,
  legalComments: 'none',
  logLevel: 'silent',
  minifySyntax: true,
  minifyWhitespace: true,
  write: false,
} satisfies BuildOptions;

/** Builds that run. They share one process, which would outlive them. */
let running = 0;

/** Lets something be built by esbuild, whose process ends with the last of what is built at the same time. */
export async function withEsbuild<Made>(work: (esbuild: Esbuild) => Promise<Made>): Promise<Made> {
  const esbuild = await import('esbuild');
  running += 1;
  try {
    return await work(esbuild);
  } finally {
    running -= 1;
    if (running === 0) void esbuild.stop();
  }
}

type Esbuild = typeof import('esbuild');

/**
 * The code hashes of handlers, by the absolute path of the file that exports them.
 *
 * @param operations Entry → ids of the operations that use it, for what is said of mistakes.
 * @throws {BunsuiError} BS4004 with every mistake, when a file cannot be bundled
 */
export function codeHashes(
  entries: readonly string[],
  operations: ReadonlyMap<string, readonly string[]> = new Map(),
): Promise<ReadonlyMap<string, string>> {
  return withEsbuild(async ({ build, transform }) => {
    const prints = new Map<string, Promise<string>>();
    const print = (text: string, file: string): Promise<string> => {
      const found = prints.get(file) ?? printed(transform, text, file);
      prints.set(file, found);
      return found;
    };
    // Each by itself: what handlers share would hold what any of them uses. The first mistake waits for the others.
    const built = await Promise.allSettled(
      [...new Set(entries)].map(async (entry) => {
        const absWorkingDir = dirname(entry);
        try {
          const { outputFiles } = await build({
            ...settings,
            ...{ entryPoints: [entry], absWorkingDir, plugins: [withoutBunsui(print)] },
          });
          // The shortest names are those for the letters of all that was read: of what is left they are chosen anew.
          const { code } = await transform(outputFiles[0]?.text ?? '', {
            ...{ loader: 'js', target: settings.target, format: settings.format, minify: true },
          });
          const hash = createHash('sha256').update(code);
          return [entry, hash.digest('hex')] as const;
        } catch (error) {
          throw bundlingError(absWorkingDir, operations, error);
        }
      }),
    );
    return new Map(
      built.map((one) => {
        if (one.status === 'rejected') throw one.reason;
        return one.value;
      }),
    );
  });
}

/** A TypeScript or JavaScript file as esbuild prints it: no comments, no types, one statement after another. */
async function printed(transform: Esbuild['transform'], text: string, file: string): Promise<string> {
  const loader = /\.[cm]?ts$/.test(file) ? 'ts' : 'js';
  const { code } = await transform(text, { loader, target: settings.target, format: 'esm' });
  return code;
}

/**
 * Leaves bunsui out, has versions stand for installed packages, and lets contracts go that are not used. What esbuild
 * does not find is left to it: an optional `require` may miss.
 */
function withoutBunsui(print: (text: string, file: string) => Promise<string>): Plugin {
  return {
    name: 'bunsui-code-hash',
    setup(setUp) {
      setUp.onResolve({ filter: /^bunsui(\/storage)?$/ }, ({ path }) => ({ path, external: true, sideEffects: false }));
      setUp.onResolve({ filter: /^[^./]/ }, async ({ path, pluginData, ...rest }) => {
        if (pluginData === asked || isBuiltin(path)) return undefined;
        const { importer, resolveDir, kind, namespace } = rest;
        const found = await setUp.resolve(path, { importer, resolveDir, kind, namespace, pluginData: asked });
        // A package of the author's own workspace is code like any other, and so is one that has no version.
        const standsFor = found.errors.length > 0 ? undefined : installedAs(found.path);
        if (standsFor === undefined) return undefined;
        // What is imported for its effect alone stays, unless the package says that it has none, or is for schemas alone.
        const sideEffects = found.sideEffects && !/^zod(?:$|\/)/.test(path);
        return { path: `${path}#${standsFor}`, external: true, sideEffects };
      });
      setUp.onLoad({ filter: /\.(?:[cm]?[jt]s)$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        if (!makesContracts.test(text) || !/['"]bunsui['"]/.test(text)) return undefined;
        return { contents: withPureContracts(await print(text, path)), loader: 'js' };
      });
    },
  };
}

/** Marks a question of our own, which is answered without us. */
const asked = { asked: true };
const installed = `${sep}node_modules${sep}`;

/**
 * What an installed file stands for, wherever it is installed: its place in its package, with `name@version` of that
 * and of all that it depends on.
 */
function installedAs(file: string): string | undefined {
  const end = file.lastIndexOf(installed) + installed.length;
  if (end < installed.length) return undefined;
  const [scope = '', name = ''] = file.slice(end).split(sep);
  const home = join(file.slice(0, end), scope.startsWith('@') ? join(scope, name) : scope);
  if (packageFile(home).version === undefined) return undefined;
  const found = new Set<string>();
  const folders = [home];
  const seen = new Set(folders);
  // It grows while it is walked through.
  for (const folder of folders) {
    const { name: own = basename(folder), version = '', ...needed } = packageFile(folder);
    found.add(`${own}@${version}`);
    const { dependencies, peerDependencies, optionalDependencies } = needed;
    for (const dependency of Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies })) {
      const place = placeOf(dependency, folder);
      if (place === undefined || seen.has(place)) continue;
      seen.add(place);
      folders.push(place);
    }
  }
  const place = relative(home, file).split(sep).join('/');
  return createHash('sha256')
    .update([place, ...[...found].sort()].join('\n'))
    .digest('hex');
}

type Dependencies = { readonly [name: string]: string };

interface PackageFile {
  readonly name?: string;
  readonly version?: string;
  readonly dependencies?: Dependencies;
  readonly peerDependencies?: Dependencies;
  readonly optionalDependencies?: Dependencies;
}

function packageFile(folder: string): PackageFile {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as PackageFile;
  } catch {
    return {};
  }
}

/** The folder of a package as Node finds it from another one's. */
function placeOf(dependency: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const place = join(folder, 'node_modules', dependency);
    if (existsSync(join(place, 'package.json'))) return realpathSync(place);
    if (folder === dirname(folder)) return undefined;
  }
}

/** What of bunsui makes contracts, and does nothing beside that. */
const contractMakers = [
  'aws',
  'batch',
  'ecs',
  'eks',
  'emr',
  'glue',
  'http',
  'jsonLines',
  'lambda',
  'lambdaArn',
  'sagemaker',
  'storageCopy',
];
const makesContracts = new RegExp(`\\b(?:${contractMakers.join('|')})\\b`);

/** A declaration at the top of a file, as esbuild prints it, whose value is made by one of them or by zod. */
const declaration = new RegExp(
  `^((?:export )?(?:const|let|var) [\\w$]+ = )((?:${contractMakers.join('|')}|z)\\b[\\s\\S]*?);$(?=\\n[^\\s)\\]}]|\\n*(?![\\s\\S]))`,
  'gm',
);

/** Contracts and schemas as calls without effect, so that those that nobody uses fall away. */
function withPureContracts(text: string): string {
  const makers = makersIn(text);
  return text.replaceAll(declaration, (whole, before: string, value: string) => {
    const maker = /^\w+/.exec(value)?.[0] ?? '';
    if (!makers.has(maker) || !isOneValue(value)) return whole;
    return `${before}/* @__PURE__ */ (() => ${withoutPolicy(value)})();`;
  });
}

/** Those of the names that are bunsui's and zod's. */
function makersIn(text: string): ReadonlySet<string> {
  const found = new Set<string>();
  if (/^import \* as z from "zod\b|^import z from "zod\b/m.test(text)) found.add('z');
  for (const [, names = '', from = ''] of text.matchAll(/^import (?:\w+, )?\{([^}]*)\} from "(bunsui|zod\b[^"]*)";$/gm))
    for (const name of names.split(',').map((one) => one.trim()))
      if (from === 'bunsui' ? contractMakers.includes(name) : name === 'z') found.add(name);
  return found;
}

/** Whether it is one value as a whole: no second declaration behind a comma, no piece of a longer text. */
function isOneValue(text: string): boolean {
  // A division may look like a regular expression, and hide a comma.
  return partsOf(text)?.length === 1 && (partsOf(text.replaceAll('/', ' '))?.length ?? 1) === 1;
}

/** Options of an operation that say how it is tried, not what it gives. */
const policy = new Set(['entry', 'description', 'timeout', 'memory', 'retry']);

/** The call of `lambda` without its policy; anything else as it is: nothing of it is used where a handler runs. */
function withoutPolicy(value: string): string {
  const call = /^(lambda\([\s\S]*?,\s*\{)([\s\S]*)(\}\))$/.exec(value);
  if (call === null) return value;
  const [, before = '', options = '', after = ''] = call;
  const parts = partsOf(options);
  if (parts === undefined) return value;
  const kept = parts.filter((part) => !policy.has(/^\s*([A-Za-z]+)\s*:/.exec(part)?.[1] ?? ''));
  return `${before}${kept.join(',')}${after}`;
}

/** The parts between the commas that stand in no brackets, strings or templates; nothing for a text that ends inside of one. */
function partsOf(text: string): readonly string[] | undefined {
  const parts: string[] = [];
  let begin = 0;
  let depth = 0;
  // A string, a template, a regular expression or one character.
  const tokens =
    /"(?:\\[\s\S]|[^"\\])*"|'(?:\\[\s\S]|[^'\\])*'|`(?:\\[\s\S]|[^`\\])*`|\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\/|[\s\S]/g;
  for (const { 0: token, index } of text.matchAll(tokens)) {
    if (token === '(' || token === '[' || token === '{') depth += 1;
    else if (token === ')' || token === ']' || token === '}') depth -= 1;
    else if (token === '"' || token === "'" || token === '`') return undefined;
    else if (token === ',' && depth === 0) {
      parts.push(text.slice(begin, index));
      begin = index + 1;
    }
  }
  if (depth !== 0) return undefined;
  return [...parts, text.slice(begin)].filter((part) => part.trim() !== '');
}
