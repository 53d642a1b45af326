/**
 * Handlers as one file each, made by esbuild with the settings of a deployment. A bundle that was made from the same
 * files is used again: `.bunsui/functions/bundles/<key>.json` lists them with size and times.
 */
import { stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildFailure, BuildOptions, Message, Plugin } from 'esbuild';
import { BunsuiError } from '../errors.ts';
import { makeFolder, readIfThere, writeFileAtomic } from './durable-files.ts';
import { sha256 } from './signature.ts';

/** Settings that decide what a bundle holds. Raising `bundleVersion` makes all bundles anew. */
const bundleVersion = 1;
/** Times of files lag behind the clock by less than this. */
const clockGrainMs = 20;
const settings = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  mainFields: ['module', 'main'],
  sourcemap: 'linked',
  sourcesContent: false,
  // Packages in CommonJS call `require` for Node's own modules, which ES modules do not have.
  banner: {
    js: "import { createRequire as bunsuiRequire } from 'node:module'; const require = bunsuiRequire(import.meta.url);",
  },
  outExtension: { '.js': '.mjs' },
  logLevel: 'silent',
  write: false,
  metafile: true,
} as const satisfies BuildOptions;

interface Manifest {
  /** Absolute path → what its state was. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Entry → the file made of it. */
  readonly outputs: Readonly<Record<string, string>>;
}

/**
 * Bundles entry files, all in one go.
 *
 * @param entries Absolute paths.
 * @returns the bundled module of each entry; its path changes when and only when its content does.
 * @throws {BunsuiError} BS4004 with every mistake as `file:line:column: text`.
 */
export async function bundleHandlers(
  stateDir: string,
  entries: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const wanted = [...new Set(entries)].sort();
  const folder = join(stateDir, 'functions', 'bundles');
  const manifestFile = join(
    folder,
    `${sha256(JSON.stringify([bundleVersion, process.version, wanted])).slice(0, 24)}.json`,
  );
  const known = parseManifest(await readIfThere(manifestFile));
  if (known !== undefined && (await isCurrent(known))) return new Map(Object.entries(known.outputs));
  const made = await build(folder, wanted);
  await writeFileAtomic(manifestFile, JSON.stringify(made));
  return new Map(Object.entries(made.outputs));
}

async function build(folder: string, entries: readonly string[]): Promise<Manifest> {
  const { build: runBuild, stop } = await import('esbuild');
  const workingDir = dirname(entries[0] ?? folder);
  const startedAtMs = Date.now();
  let result: Awaited<ReturnType<typeof runBuild<typeof settings>>>;
  try {
    result = await runBuild({
      ...settings,
      absWorkingDir: workingDir,
      entryPoints: entries.map((entry, index) => ({ in: entry, out: String(index) })),
      outdir: folder,
      plugins: [ownPackage],
    });
  } catch (error) {
    throw bundlingError(workingDir, error);
  } finally {
    // Its process would outlive the first build; the next one is far away.
    void stop();
  }
  const outputs = entries.map(async (entry, index) => {
    const file = (suffix: string) => result.outputFiles.find(({ path }) => path === join(folder, `${index}${suffix}`));
    const [code, map] = [file('.mjs'), file('.mjs.map')];
    if (code === undefined) throw new Error(`esbuild gave nothing for ${entry}`);
    const text = code.text.replace(/\/\/# sourceMappingURL=.*\s*$/, '//# sourceMappingURL=index.mjs.map\n');
    const home = join(folder, sha256(text).slice(0, 24));
    await makeFolder(home);
    // The map first: a module without its map would show other lines than the author's.
    if (map !== undefined) await writeFileAtomic(join(home, 'index.mjs.map'), rebased(map.text, folder, home));
    await writeFileAtomic(join(home, 'index.mjs'), text);
    return [entry, join(home, 'index.mjs')] as const;
  });
  const names = Object.keys(result.metafile.inputs).map((name) => resolve(workingDir, name));
  // A file that was saved while esbuild read it may be in the bundle as it was before: that bundle is not used again.
  const inputs = names.map(async (name) => [name, await stateOf(name, startedAtMs - clockGrainMs)] as const);
  return {
    inputs: Object.fromEntries(await Promise.all(inputs)),
    outputs: Object.fromEntries(await Promise.all(outputs)),
  };
}

// `bunsui` in an author's file is the bunsui that runs, also where that is not installed as a package.
const ownPackage: Plugin = {
  name: 'bunsui',
  setup(setUp) {
    const source = import.meta.url.endsWith('.ts');
    const index = fileURLToPath(new URL(source ? '../index.ts' : '../index.js', import.meta.url));
    setUp.onResolve({ filter: /^bunsui$/ }, () => ({ path: index, sideEffects: false }));
  },
};

// esbuild wrote the paths of the sources for the folder above.
function rebased(map: string, from: string, to: string): string {
  const value = JSON.parse(map) as { readonly sources: readonly string[] };
  return JSON.stringify({ ...value, sources: value.sources.map((source) => relative(to, resolve(from, source))) });
}

async function isCurrent({ inputs, outputs }: Manifest): Promise<boolean> {
  const checks = [
    ...Object.entries(inputs).map(async ([name, state]) => (await stateOf(name)) === state),
    ...Object.values(outputs).map(async (name) => (await stateOf(name)) !== 'missing'),
  ];
  return (await Promise.all(checks)).every((current) => current);
}

// The change time too: package managers give all files of all versions the same modification time.
async function stateOf(path: string, changingSinceMs = Number.POSITIVE_INFINITY): Promise<string> {
  const facts = await stat(path, { bigint: true }).catch(() => undefined);
  if (facts !== undefined && Number(facts.mtimeMs) >= changingSinceMs) return 'changing';
  return facts === undefined ? 'missing' : `${facts.size}/${facts.mtimeNs}/${facts.ctimeNs}/${facts.ino}`;
}

function parseManifest(text: string | undefined): Manifest | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as Manifest);
  } catch {
    return undefined;
  }
}

function bundlingError(workingDir: string, thrown: unknown): unknown {
  if (!(thrown instanceof Error) || !('errors' in thrown)) return thrown;
  const { errors } = thrown as BuildFailure;
  const lines = errors.map((message) => messageLine(workingDir, message));
  return new BunsuiError('PipelineError', 'BS4004', `a handler could not be bundled\n${lines.join('\n')}`, {
    context: { errors: errors.map(({ text, location }) => ({ text, location })) },
    hint: 'correct the file, or install the package that is missing',
    cause: thrown,
  });
}

function messageLine(workingDir: string, { text, location }: Message): string {
  if (location === null) return text;
  return `${resolve(workingDir, location.file)}:${location.line}:${location.column + 1}: ${text}`;
}
