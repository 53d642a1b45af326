/**
 * Handlers as one module each and chunks that they share, made by esbuild with the settings of a deployment. What was
 * made from the same files is used again: `.bunsui/functions/bundles/<key>.json` lists them with size and times.
 */
import { stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BuildOptions, Metafile, Plugin } from 'esbuild';
import { codeHashes, withEsbuild } from '../code-hash.ts';
import { bundlingError, handlerBundleSettings, missingHandler, refusal } from '../handler-bundle.ts';
import { makeFolder, readIfThere, writeFileAtomic } from './durable-files.ts';
import { sha256 } from '../request-signature.ts';

/** Raising it makes all bundles anew. */
const bundleVersion = 6;
/** Times of files lag behind the clock by less than this. */
const clockGrainMs = 20;
const settings = {
  ...handlerBundleSettings,
  mainFields: [...handlerBundleSettings.mainFields],
  write: false,
  metafile: true,
} satisfies BuildOptions;

type OperationsOf = ReadonlyMap<string, readonly string[]>;

/** What was made of an entry. */
export interface HandlerBundle {
  /** The module to load. Its path changes when and only when its content does. */
  readonly file: string;
  /** Hash of what the handler does (`code-hash.ts`). */
  readonly codeHash: string;
}

interface Manifest {
  /** Absolute path → what its state was. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, HandlerBundle>>;
  /** Absolute path of a file that was written → its size in bytes. */
  readonly sizes: Readonly<Record<string, number>>;
}

/**
 * Bundles entry files, all in one go.
 *
 * @param entries Absolute paths.
 * @param operations Entry → ids of the operations that use it, for what is said of mistakes.
 * @returns the bundle of each entry.
 * @throws {BunsuiError} BS4004 with every mistake as `file:line:column: text`, and every entry that exports no handler.
 */
export async function bundleHandlers(
  stateDir: string,
  entries: readonly string[],
  operations: OperationsOf = new Map(),
): Promise<ReadonlyMap<string, HandlerBundle>> {
  const wanted = [...new Set(entries)].sort();
  const folder = join(stateDir, 'functions', 'bundles');
  const manifestFile = join(
    folder,
    `${sha256(JSON.stringify([bundleVersion, process.version, wanted])).slice(0, 24)}.json`,
  );
  const known = parseManifest(await readIfThere(manifestFile));
  if (known !== undefined && (await isCurrent(known))) return new Map(Object.entries(known.outputs));
  const made = await build(folder, wanted, operations);
  await writeFileAtomic(manifestFile, JSON.stringify(made), 'remade');
  return new Map(Object.entries(made.outputs));
}

async function build(folder: string, entries: readonly string[], operations: OperationsOf): Promise<Manifest> {
  const workingDir = dirname(entries[0] ?? folder);
  const startedAtMs = Date.now();
  // One process of esbuild for both.
  const { result, hashes } = await withEsbuild(async (esbuild) => {
    const options = {
      ...settings,
      absWorkingDir: workingDir,
      entryPoints: entries.map((entry, index) => ({ in: entry, out: `${index}/index` })),
      outdir: folder,
      plugins: [ownPackage],
    };
    const built = await esbuild.build(options).catch((error: unknown) => {
      throw bundlingError(workingDir, operations, error);
    });
    requireHandlers(built.metafile, entries, operations);
    return { result: built, hashes: await codeHashes(entries, operations) };
  });
  const texts = new Map(result.outputFiles.map(({ path, text }) => [relative(folder, path), text]));
  const sizes: Record<string, number> = {};
  // Nothing here waits for the disk: what a power failure takes has another size than was noted, and is made again.
  const write = async (path: string, text: string) => {
    await writeFileAtomic(path, text, 'remade');
    sizes[path] = Buffer.byteLength(text);
  };
  // What handlers share is named by its content: it is written once and never changes.
  await makeFolder(join(folder, 'chunks'));
  const shared = [...texts].filter(([path]) => path.startsWith('chunks'));
  await Promise.all(shared.map(([path, text]) => write(join(folder, path), text)));
  const outputs = await Promise.all(
    entries.map(async (entry, index) => {
      const code = texts.get(join(String(index), 'index.mjs'));
      if (code === undefined) throw new Error(`esbuild gave nothing for ${entry}`);
      // Beside the folder esbuild had in mind, so that chunks and sources are found at the same relative paths.
      const home = join(folder, sha256(code).slice(0, 24));
      await makeFolder(home);
      // The map first: a module without its map would show other lines than the author's.
      await write(join(home, 'index.mjs.map'), texts.get(join(String(index), 'index.mjs.map')) ?? '{}');
      await write(join(home, 'index.mjs'), code);
      return [entry, { file: join(home, 'index.mjs'), codeHash: hashes.get(entry) ?? '' }] as const;
    }),
  );
  const names = Object.keys(result.metafile.inputs).map((name) => resolve(workingDir, name));
  // A file that was saved while esbuild read it may be in the bundle as it was before: that bundle is not used again.
  const inputs = names.map(async (name) => [name, await stateOf(name, startedAtMs - clockGrainMs)] as const);
  return {
    inputs: Object.fromEntries(await Promise.all(inputs)),
    outputs: Object.fromEntries(outputs),
    sizes,
  };
}

// `bunsui` in an author's file is the bunsui that runs, also where that is not installed as a package.
const ownPackage: Plugin = {
  name: 'bunsui',
  setup(setUp) {
    const source = import.meta.url.endsWith('.ts');
    const ending = source ? 'ts' : 'js';
    const fileOf = (name: string) => fileURLToPath(new URL(`../${name}.${ending}`, import.meta.url));
    const entries = { bunsui: fileOf('index'), 'bunsui/storage': fileOf('storage') };
    for (const [name, path] of Object.entries(entries))
      setUp.onResolve({ filter: new RegExp(`^${name}$`) }, () => ({ path, sideEffects: false }));
  },
};

async function isCurrent({ inputs, sizes }: Manifest): Promise<boolean> {
  const checks = [
    ...Object.entries(inputs).map(async ([name, state]) => (await stateOf(name)) === state),
    ...Object.entries(sizes).map(async ([name, bytes]) => (await stateOf(name)).startsWith(`${bytes}/`)),
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

function requireHandlers({ outputs }: Metafile, entries: readonly string[], operations: OperationsOf): void {
  const missing = entries.flatMap((entry, index) => {
    const [, made] = Object.entries(outputs).find(([path]) => `/${path}`.endsWith(`/${index}/index.mjs`)) ?? [];
    return missingHandler(entry, made?.exports ?? [], operations.get(entry) ?? []) ?? [];
  });
  if (missing.length > 0) throw refusal(missing, { context: { missing } });
}
