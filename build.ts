/**
 * The build: `lib/` and `bin/` become `dist/` (JavaScript, source maps, declarations), every `lambdas/<name>/handler.ts`
 * becomes `dist/lambdas/<name>/index.mjs`, one file with everything in it. Runs on each `npm ci`, so it is quick: the
 * native TypeScript compiler emits in a quarter of the time, and both halves run side by side. Built files that have
 * no source any more are removed; nothing else is cleaned, so a running `bunsui` survives a build.
 */
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build as bundle, type Plugin } from 'esbuild';

const root = dirname(fileURLToPath(import.meta.url));
const shebang = '#!/usr/bin/env node\n';

/** A build that cannot go on: `message` is all that a person needs. */
class BuildError extends Error {
  override readonly name = 'BuildError';
}

async function filesUnder(folder: string): Promise<readonly string[]> {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Readers see the old file or the new one, never half of it: two builds may run at once. */
async function writeWhole(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const unfinished = `${file}.${process.pid}.tmp`;
  await writeFile(unfinished, text);
  await rename(unfinished, file);
}

/** Compiles `bin/` and `lib/` into `outDir`. Returns the files written and what the compiler complained of. */
async function compile(outDir: string): Promise<{ readonly written: readonly string[]; readonly complaints: string }> {
  const compiler = join(root, 'node_modules/typescript-7/bin/tsc');
  if (!existsSync(compiler)) {
    throw new BuildError('the TypeScript compiler is not installed; run `npm ci` with development dependencies');
  }
  const args = [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', outDir, '--listEmittedFiles'];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const status = await new Promise<number | null>((done, fail) => child.on('close', done).on('error', fail));
  const lines = output.split('\n');
  const emitted = lines
    .filter((line) => line.startsWith('TSFILE: '))
    .map((line) => resolve(root, line.slice(8).trim()));
  const complaints = lines.filter((line) => line !== '' && !line.startsWith('TSFILE: ')).join('\n');
  if (status !== 0 && complaints === '') throw new BuildError(`the TypeScript compiler ended with status ${status}`);
  return { written: emitted, complaints };
}

/** Copies what stands in `lib/` beside the TypeScript: the compiler leaves such files where they are. */
async function copyOthers(outDir: string): Promise<readonly string[]> {
  const others = (await filesUnder(join(root, 'lib'))).filter((file) => !/\.(ts|tsx|md)$/.test(file));
  return Promise.all(
    others.map(async (file) => {
      const target = join(outDir, relative(root, file));
      await mkdir(dirname(target), { recursive: true });
      await copyFile(file, target);
      return target;
    }),
  );
}

/** A dependency in CommonJS asks for Node's own modules by `require`, which an ES module does not have by itself. */
const requireBanner = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`;

/**
 * Ways to credentials that a function never goes: it has them in its environment. The SDK would load these, and the
 * clients that they need, only when there are none.
 */
const notInFunctions = [
  ...['sso', 'ini', 'process', 'web-identity', 'http'].map((way) => `@aws-sdk/credential-provider-${way}`),
  '@smithy/credential-provider-imds',
  // Names browsers.
  'bowser',
];

/** Clients whose errors functions tell apart by `name`, which the SDK sets without a class for each; all but one. */
const errorsByName = /[/\\]client-(?:sns|s3|cloudwatch-logs|dynamodb)[/\\]/;

/**
 * Lets esbuild leave out the shapes of operations that nobody calls: in S3's client that is most of it. They are plain
 * arrays, but for computed keys, which esbuild has to take for calls that may do something.
 */
const shakeShapes: Plugin = {
  name: 'shake-shapes',
  setup: ({ onLoad }) => {
    onLoad({ filter: /[/\\]dist-es[/\\]schemas[/\\]schemas_0\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const contents = text.replaceAll(
        /^((?:export )?(?:var|const) [\w$]+ = )(\[[\s\S]*?\]);$/gm,
        '$1/* @__PURE__ */ (() => $2)();',
      );
      const classes = /^n0_registry\.registerError\([\w$]+, (?!ConditionalCheckFailedException)\w+\);$/gm;
      return { contents: errorsByName.test(path) ? contents.replaceAll(classes, '') : contents, loader: 'js' };
    });
  },
};

/** Of what a client's package says of itself, its version: that is what the client reads. */
const onlyVersions: Plugin = {
  name: 'only-versions',
  setup: ({ onLoad }) => {
    onLoad({ filter: /[/\\]@aws-sdk[/\\][\w-]+[/\\]package\.json$/ }, async ({ path }) => {
      const { version } = JSON.parse(await readFile(path, 'utf8')) as { readonly version: string };
      return { contents: JSON.stringify({ version }), loader: 'json' };
    });
  },
};

/** Calls that answer in a stream of events: S3's Select and the live tail of logs, which no function makes. */
const noEventStreams: Plugin = {
  name: 'no-event-streams',
  setup: ({ onLoad, onResolve }) => {
    onResolve({ filter: /^@smithy\/core\/event-streams$/ }, ({ path }) => ({ path, namespace: 'no-event-streams' }));
    onLoad({ filter: /.*/, namespace: 'no-event-streams' }, () => ({
      contents: `
        export const eventStreamSerdeProvider = () => undefined;
        export const resolveEventStreamSerdeConfig = (config) => config;
        export class EventStreamSerde {
          constructor() { throw new Error('functions of bunsui are built without event streams'); }
        }`,
      loader: 'js',
    }));
  },
};

async function bundleHandler(entry: string, banner: string | undefined): Promise<string> {
  const result = await bundle({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // `module` first: the SDK's ES modules can be shaken, its CommonJS cannot, and weighs twice as much.
    mainFields: ['module', 'main'],
    external: notInFunctions,
    plugins: [shakeShapes, onlyVersions, noEventStreams],
    minify: true,
    legalComments: 'none',
    logLevel: 'silent',
    ...(banner === undefined ? {} : { banner: { js: banner } }),
  });
  return result.outputFiles.map((file) => file.text).join('');
}

/** Bundles every `lambdas/<name>/handler.ts` to `<outDir>/lambdas/<name>/index.mjs`. Returns the files written. */
export async function buildLambdas(outDir: string): Promise<readonly string[]> {
  const folder = join(root, 'lambdas');
  const names = existsSync(folder) ? await readdir(folder) : [];
  const entries = names.map((name) => ({ name, entry: join(folder, name, 'handler.ts') }));
  return Promise.all(
    entries
      .filter(({ entry }) => existsSync(entry))
      .map(async ({ name, entry }) => {
        const plain = await bundleHandler(entry, undefined);
        const text = plain.includes('Dynamic require of') ? await bundleHandler(entry, requireBanner) : plain;
        const file = join(outDir, 'lambdas', name, 'index.mjs');
        await writeWhole(file, text);
        return file;
      }),
  );
}

/** `npm` makes the executable bit when it installs a package, but nobody does for a clone. */
async function makeExecutable(outDir: string): Promise<void> {
  const file = join(outDir, 'bin/bunsui.js');
  if (!existsSync(file)) return;
  const text = await readFile(file, 'utf8');
  if (!text.startsWith('#!')) await writeWhole(file, shebang + text);
  await chmod(file, 0o755);
}

/**
 * Builds everything into `outDir`. Type errors do not keep the JavaScript from being written; they are given back, and
 * the command fails with them.
 *
 * @throws {BuildError} when there is nothing to build with. Bundling errors are esbuild's, with file and line.
 */
export async function buildAll(outDir: string): Promise<{ readonly complaints: string }> {
  const [compiled, copied, lambdas] = await Promise.all([compile(outDir), copyOthers(outDir), buildLambdas(outDir)]);
  await makeExecutable(outDir);
  const wanted = new Set([...compiled.written, ...copied, ...lambdas]);
  const found = await Promise.all(['bin', 'lib', 'lambdas'].map((folder) => filesUnder(join(outDir, folder))));
  const stale = found.flat().filter((file) => !wanted.has(file) && !file.endsWith('.tmp'));
  await Promise.all(stale.map((file) => rm(file, { force: true })));
  return { complaints: compiled.complaints };
}

function report(message: string): void {
  process.stderr.write(`build: ${message.trimEnd()}\n`);
  process.exitCode = 1;
}

// Not `import.meta.main`: Node 22 does not have it, and the build would do nothing there.
if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const { complaints } = await buildAll(join(root, 'dist'));
    if (complaints !== '') report(`the code has type errors\n${complaints}`);
  } catch (error) {
    report(error instanceof Error ? error.message : String(error));
  }
}
