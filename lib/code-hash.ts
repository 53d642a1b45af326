/**
 * Code hash: what a handler does, as a hash. It is that of the handler bundled as small as esbuild can make it: what
 * the handler does not use, comments, types, names of files and folders, and formatting are not in it. Neither is
 * bunsui itself, nor the contracts that the handler's file happens to import beside its own, nor its own policy.
 * Packages that are installed count by name and version, with those they depend on.
 *
 * What cannot be recognised stays in: a hash may change without need, never the other way round. Nothing of this runs.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { basename, dirname, join, sep } from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';
import { handlerBundleSettings } from './handler-bundle.ts';

/** Everything the code says and nothing of how; without names from files (`minifyIdentifiers` leaves them out). */
const settings = {
  bundle: true,
  platform: handlerBundleSettings.platform,
  format: handlerBundleSettings.format,
  target: handlerBundleSettings.target,
  mainFields: [...handlerBundleSettings.mainFields],
  outExtension: { ...handlerBundleSettings.outExtension },
  keepNames: handlerBundleSettings.keepNames,
  legalComments: 'none',
  logLevel: 'silent',
  minify: true,
  write: false,
  metafile: true,
} satisfies BuildOptions;

/**
 * The code hashes of handlers, by the absolute path of the file that exports them.
 *
 * @throws {Error} of esbuild, when a file cannot be bundled
 */
export async function codeHashes(entries: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { build, stop, transform } = await import('esbuild');
  const packages = new Map<string, string>();
  try {
    const wanted = [...new Set(entries)];
    const folder = dirname(wanted[0] ?? '.');
    const { outputFiles, metafile } = await build({
      ...settings,
      entryPoints: wanted.map((entry, index) => ({ in: entry, out: String(index) })),
      outdir: folder,
      absWorkingDir: folder,
      plugins: [withoutBunsui((text, file) => printed(transform, text, file), packages)],
    });
    const used = new Map(Object.entries(metafile.outputs).map(([path, { imports }]) => [basename(path), imports]));
    const texts = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
    return new Map(
      wanted.map((entry, index) => {
        const name = `${index}.mjs`;
        const hash = createHash('sha256').update(texts.get(name) ?? '');
        const specifiers = new Set((used.get(name) ?? []).map(({ path }) => path));
        for (const specifier of [...specifiers].sort()) {
          const file = packages.get(specifier);
          if (file !== undefined) hash.update(`\n${packageVersions(file).join('\n')}`);
        }
        return [entry, hash.digest('hex')] as const;
      }),
    );
  } finally {
    void stop();
  }
}

type Transform = typeof import('esbuild')['transform'];

/** A TypeScript or JavaScript file as esbuild prints it: no comments, no types, one statement after another. */
async function printed(transform: Transform, text: string, file: string): Promise<string> {
  const loader = /\.[cm]?ts$/.test(file) ? 'ts' : 'js';
  const { code } = await transform(text, { loader, target: settings.target, format: 'esm' });
  return code;
}

/**
 * Leaves bunsui out and installed packages too, and lets contracts go that are not used.
 *
 * @param packages is told which file each import of a package stands for
 */
function withoutBunsui(print: (text: string, file: string) => Promise<string>, packages: Map<string, string>): Plugin {
  return {
    name: 'bunsui-code-hash',
    setup(setUp) {
      setUp.onResolve({ filter: /^bunsui$/ }, () => ({ path: 'bunsui', external: true, sideEffects: false }));
      setUp.onResolve({ filter: /^[^./]/ }, async ({ path, pluginData, ...rest }) => {
        if (pluginData === asked || isBuiltin(path)) return undefined;
        const { importer, resolveDir, kind, namespace } = rest;
        const found = await setUp.resolve(path, { importer, resolveDir, kind, namespace, pluginData: asked });
        // A package of the author's own workspace is code like any other.
        if (found.errors.length > 0 || !found.path.includes(installed)) return found;
        packages.set(path, found.path);
        return { path, external: true, sideEffects: false };
      });
      setUp.onLoad({ filter: /\.(?:[cm]?[jt]s)$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        if (!/\blambda\b/.test(text) || !/['"]bunsui['"]/.test(text)) return undefined;
        return { contents: withPureContracts(await print(text, path)), loader: 'js' };
      });
    },
  };
}

/** Marks a question of our own, which is answered without us. */
const asked = { asked: true };
const installed = `${sep}node_modules${sep}`;

/** `name@version` of the package that a file belongs to and of all that it depends on, in order. */
function packageVersions(file: string): readonly string[] {
  const end = file.lastIndexOf(installed) + installed.length;
  const [scope = '', name = ''] = file.slice(end).split(sep);
  const found = new Set<string>();
  const folders = [join(file.slice(0, end), scope.startsWith('@') ? join(scope, name) : scope)];
  const seen = new Set(folders);
  // It grows while it is walked through.
  for (const folder of folders) {
    const { name: own = folder, version = '', dependencies = {} } = packageFile(folder);
    found.add(`${own}@${version}`);
    for (const dependency of Object.keys(dependencies)) {
      const place = placeOf(dependency, folder);
      if (place === undefined || seen.has(place)) continue;
      seen.add(place);
      folders.push(place);
    }
  }
  return [...found].sort();
}

interface PackageFile {
  readonly name?: string;
  readonly version?: string;
  readonly dependencies?: { readonly [name: string]: string };
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
    if (existsSync(join(place, 'package.json'))) return place;
    if (folder === dirname(folder)) return undefined;
  }
}

/** A declaration at the top of a file, as esbuild prints it, whose value is made by `lambda` or by zod. */
const declaration =
  /^((?:export )?(?:const|let|var) [\w$]+ = )((?:lambda|z)\b[\s\S]*?);$(?=\n[^\s)\]}]|\n*(?![\s\S]))/gm;

/** Contracts and schemas as calls without effect, so that those that nobody uses fall away. */
function withPureContracts(text: string): string {
  return text.replaceAll(
    declaration,
    (_, before: string, value: string) => `${before}/* @__PURE__ */ (() => ${withoutPolicy(value)})();`,
  );
}

/** Options of an operation that say how it is tried, not what it gives. */
const policy = new Set(['entry', 'description', 'timeout', 'memory', 'retry']);

/** The call of `lambda` without its policy; anything else as it is. */
function withoutPolicy(value: string): string {
  const call = /^(lambda\([\s\S]*?,\s*\{)([\s\S]*)(\}\))$/.exec(value);
  if (call === null) return value;
  const [, before = '', options = '', after = ''] = call;
  const kept = partsOf(options).filter((part) => !policy.has(/^\s*([A-Za-z]+)\s*:/.exec(part)?.[1] ?? ''));
  return `${before}${kept.join(',')}${after}`;
}

/** The parts between the commas that stand in no brackets, strings or templates. */
function partsOf(text: string): readonly string[] {
  const parts: string[] = [];
  let begin = 0;
  let depth = 0;
  // A string, a template, a regular expression or one character.
  const tokens =
    /"(?:\\[\s\S]|[^"\\])*"|'(?:\\[\s\S]|[^'\\])*'|`(?:\\[\s\S]|[^`\\])*`|\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n])+\/|[\s\S]/g;
  for (const { 0: token, index } of text.matchAll(tokens)) {
    if (token === '(' || token === '[' || token === '{') depth += 1;
    else if (token === ')' || token === ']' || token === '}') depth -= 1;
    else if (token === ',' && depth === 0) {
      parts.push(text.slice(begin, index));
      begin = index + 1;
    }
  }
  return [...parts, text.slice(begin)].filter((part) => part.trim() !== '');
}
