/**
 * Imports an author's file and finds the pipeline in it. Whatever can be wrong with the file becomes an error with a
 * place in it.
 */
import { spawnSync } from 'node:child_process';
import { Console } from 'node:console';
import { existsSync, statSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { dirname, extname, resolve } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { BunsuiError, type Diagnostic, type SourcePosition } from '../errors.ts';
import type { PipelineIr } from '../ir/nodes.ts';
import { sourceReader } from './source-lines.ts';

/** What `pipeline()` makes, as far as the command line reads it. */
export interface LoadedPipeline {
  readonly kind: 'bunsui.pipeline';
  readonly ir: PipelineIr;
  readonly diagnostics: readonly Diagnostic[];
  /** The pipelines that it calls, by their ids. */
  readonly calls: { readonly [pipeline: string]: LoadedPipeline };
}

/** The pipelines that one calls, and those that they call, once each: every one before those that call it. */
export function calledBy({ calls }: Pick<LoadedPipeline, 'calls'>): readonly LoadedPipeline[] {
  return [...new Set(Object.values(calls).flatMap((one) => [...calledBy(one), one]))];
}

/** How files end that a pipeline may stand in. */
export const extensions: readonly string[] = ['.ts', '.mts', '.js', '.mjs'];

function isPipeline(value: unknown): value is LoadedPipeline {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, ir, diagnostics } = value as Partial<Record<keyof LoadedPipeline, unknown>>;
  return kind === 'bunsui.pipeline' && typeof ir === 'object' && ir !== null && Array.isArray(diagnostics);
}

function loadError(
  code: 'BS1001' | 'BS1002',
  message: string,
  source: SourcePosition,
  hint: string | undefined,
  cause?: unknown,
) {
  return new BunsuiError('PipelineError', code, message, {
    context: { source },
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Refuses what is no file, before Node is asked to import it. */
function checkFile(given: string, file: string): void {
  const refuse = (message: string, hint: string) =>
    new BunsuiError('ConfigError', 'BS2002', message, { context: { file }, hint });
  let isFile: boolean;
  try {
    isFile = statSync(file).isFile();
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code ?? '';
    const ending = extensions.find((extension) => existsSync(file + extension));
    const hint = ending === undefined ? 'check the path of the pipeline file' : `did you mean "${given}${ending}"?`;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw refuse(`there is no file "${given}"`, hint);
    throw refuse(`the file "${given}" cannot be read (${code})`, 'check the permissions of the file and its folders');
  }
  if (!isFile) throw refuse(`"${given}" is not a file`, 'name the file whose default export is the pipeline');
  if (!extensions.includes(extname(file))) {
    throw loadError(
      'BS1001',
      `"${given}" is no TypeScript or JavaScript file`,
      { file, line: 1, column: 1 },
      `name a file that ends in ${extensions.join(', ')}`,
    );
  }
}

const typeSyntaxCodes = ['ERR_INVALID_TYPESCRIPT_SYNTAX', 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX'];

/** Node heads a syntax error's stack with `file:line`, some lines of the file, and carets. */
function placeInHeading(text: string): SourcePosition | undefined {
  const match = /^((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/])[^\n]*?):(\d+)\n(?:[^\n]*\n){1,6}?( *)\^/m.exec(text);
  if (match === null) return undefined;
  const [, location = '', line, indent = ''] = match;
  return { file: toPath(location), line: Number(line), column: indent.length + 1 };
}

const toPath = (location: string) => (location.startsWith('file:') ? fileURLToPath(location) : location);

/** The first frame of a stack that lies in the author's own files. */
function placeInStack(stack: string): SourcePosition | undefined {
  const ownFolder = new URL('..', import.meta.url).href;
  for (const line of stack.split('\n')) {
    const match = /(?:\(|at (?:async )?)(file:\/\/[^()]*?|\/[^()]*?):(\d+):(\d+)\)?$/.exec(line.trimEnd());
    const location = match?.[1];
    if (location === undefined || location.startsWith(ownFolder) || location.includes('/node_modules/')) continue;
    return { file: toPath(location).replace(/\?.*$/, ''), line: Number(match?.[2]), column: Number(match?.[3]) };
  }
  return undefined;
}

/** Where a file imports something, as well as text alone can tell. */
function placeOfImport(file: string, missing: string): SourcePosition | undefined {
  const lineOf = sourceReader();
  for (let line = 1; line <= 2000; line += 1) {
    const text = lineOf({ file, line, column: 1 });
    if (text === undefined) return undefined;
    for (const match of text.matchAll(/['"]([^'"]+)['"]/g)) {
      const specifier = match[1] ?? '';
      const isIt = specifier === missing || specifier.startsWith(`${missing}/`);
      if (isIt || (specifier.startsWith('.') && resolve(dirname(file), specifier) === missing)) {
        return { file, line, column: match.index + 1 };
      }
    }
  }
  return undefined;
}

function missingModule(thrown: Error, file: string): BunsuiError {
  const [, what = '', missing = '', from = file] =
    /Cannot find (module|package) '([^']*)'(?: imported from (.*))?/.exec(thrown.message) ?? [];
  const importer = toPath(from.trim());
  const source = placeOfImport(importer, missing) ?? { file: importer, line: 1, column: 1 };
  if (what === 'package') {
    return loadError('BS1001', `the package "${missing}" is not installed`, source, `npm install ${missing}`, thrown);
  }
  const path = toPath(missing);
  const found = ['.ts', '.js', '.mts', '.mjs', '/index.ts'].map((end) => path + end).find((name) => existsSync(name));
  const hint =
    found === undefined
      ? 'check the path of the import'
      : `imports are written with their extension: import '….${found.slice(found.lastIndexOf('.') + 1)}'`;
  return loadError('BS1001', `the file "${path}" that is imported here does not exist`, source, hint, thrown);
}

/** Node keeps the place of a JavaScript syntax error to itself; asked to check the file, it prints it. */
function placeByChecking(files: readonly string[]): SourcePosition | undefined {
  for (const file of files.toReversed()) {
    const { stderr } = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8', timeout: 10_000 });
    const place = placeInHeading(stderr ?? '');
    if (place !== undefined) return place;
  }
  return undefined;
}

/** What was wrong with a file that could not be imported, with its place. */
function importError(thrown: unknown, file: string, imported: readonly string[]): BunsuiError {
  const start: SourcePosition = { file, line: 1, column: 1 };
  if (thrown instanceof BunsuiError) return thrown;
  if (!(thrown instanceof Error)) {
    return loadError('BS1001', `the file threw ${JSON.stringify(thrown)}`, start, 'throw errors only');
  }
  const { code = '' } = thrown as NodeJS.ErrnoException;
  const stack = thrown.stack ?? '';
  if (code === 'ERR_MODULE_NOT_FOUND') return missingModule(thrown, file);
  if (code === 'ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING') {
    const hint = 'Node runs TypeScript files only outside of node_modules: move the file, or name its built .js file';
    return loadError('BS1001', 'a TypeScript file below node_modules cannot be imported', start, hint, thrown);
  }
  if (thrown instanceof SyntaxError) {
    const place = placeInHeading(stack) ?? placeInStack(stack) ?? placeByChecking(imported) ?? start;
    const isTypeSyntax = typeSyntaxCodes.includes(code);
    const hint =
      code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX'
        ? 'Node takes types away but turns none into code: write it without enums, namespaces and parameter properties'
        : 'the file must be correct before its pipeline can be read';
    return loadError('BS1001', `${isTypeSyntax ? 'TypeScript' : 'syntax'}: ${thrown.message}`, place, hint, thrown);
  }
  return loadError(
    'BS1001',
    `the file throws while it is read: ${thrown.name}: ${thrown.message}`,
    placeInStack(stack) ?? start,
    // What failed is the machine or the network. A slip in the code is told by its message and place.
    asksTheSystem(thrown) ? 'a pipeline file only describes: move what can fail into a handler' : undefined,
    thrown,
  );
}

/** True for an error that the operating system or the network gave: a file, a socket, a process. */
function asksTheSystem(thrown: unknown, depth = 0): boolean {
  if (!(thrown instanceof Error) || depth > 8) return false;
  return typeof (thrown as NodeJS.ErrnoException).syscall === 'string' || asksTheSystem(thrown.cause, depth + 1);
}

/**
 * While it is in force, what is written to the console goes to `say`: stdout is for data. Each call gives its text
 * without the line feed at its end.
 */
function divertConsole(say: (text: string) => void): Disposable {
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: unknown, _encoding, done) {
      say(String(chunk).replace(/\n$/, ''));
      done();
    },
  });
  const diverted = new Console(stream);
  const before = { ...console };
  // `console` stays the same object: libraries hold on to it.
  for (const name of Object.keys(before)) {
    const method: unknown = Reflect.get(diverted, name);
    if (typeof method === 'function') Reflect.set(console, name, method);
  }
  return { [Symbol.dispose]: () => void Object.assign(console, before) };
}

/** What is imported: a file (`fresh`: as it is now, whatever was imported of it before), or what a name stands for beside a file of the project. */
export type Importable =
  | { readonly file: string; readonly fresh?: true }
  | { readonly name: string; readonly beside: string };

/** What was imported. */
export interface Imported {
  readonly exports: { readonly default?: unknown; readonly [name: string]: unknown };
  /** Of what was asked for. */
  readonly file: string;
}

/** Where names that were asked for have led: Node does not look a second time. */
const foundAt = new Map<string, string>();

/**
 * Imports with `bunsui` standing for the running one, whatever is installed beside the file, and without
 * Node's remarks on type stripping.
 *
 * @param imported is given the files outside of packages, in order
 */
async function importQuietly(what: Importable, imported: string[], say: (text: string) => void): Promise<Imported> {
  const ownEntry = new URL(import.meta.url.endsWith('.ts') ? '../index.ts' : '../index.js', import.meta.url).href;
  // A name that nothing else has, and that is another one for each project: Node keeps what names stand for.
  const asked =
    'file' in what
      ? `${pathToFileURL(what.file).href}${what.fresh ? `?${statSync(what.file).mtimeMs}` : ''}`
      : `bunsui-asked-for:${what.beside}:${what.name}`;
  const hooks = registerHooks({
    resolve: (specifier, context, nextResolve) => {
      if (specifier === 'bunsui') return { url: ownEntry, shortCircuit: true };
      if (specifier !== asked || !('name' in what)) return nextResolve(specifier, context);
      const found = nextResolve(what.name, { ...context, parentURL: pathToFileURL(what.beside).href });
      foundAt.set(asked, toPath(found.url));
      return found;
    },
    load: (url, context, nextLoad) => {
      if (url.startsWith('file:') && !url.includes('/node_modules/')) imported.push(fileURLToPath(url));
      return nextLoad(url, context);
    },
  });
  const { emitWarning } = process;
  process.emitWarning = () => {};
  using _console = divertConsole(say);
  try {
    const exports = await import(asked);
    return { exports, file: 'file' in what ? what.file : (foundAt.get(asked) ?? '') };
  } finally {
    process.emitWarning = emitWarning;
    hooks.deregister();
  }
}

/** As `importQuietly`. @throws {BunsuiError} BS1001 with a place. */
export async function importNow(what: Importable, say: (text: string) => void): Promise<Imported> {
  const imported: string[] = [];
  try {
    return await importQuietly(what, imported, say);
  } catch (thrown) {
    throw importError(thrown, 'file' in what ? what.file : what.beside, imported);
  }
}

/**
 * The pipeline that a file exports as its default.
 *
 * @param say is given what the file writes to the console while it is read, call by call.
 * @throws {BunsuiError} BS2002 when there is no such file, BS1001 when it cannot be imported, BS1002 when its default
 * export is no pipeline. `context.source` is the place, where there is one.
 */
export async function loadPipeline(given: string, cwd: string, say: (text: string) => void): Promise<LoadedPipeline> {
  const file = resolve(cwd, given);
  checkFile(given, file);
  const { exports: exported } = await importNow({ file }, say);
  if (isPipeline(exported.default)) return exported.default;
  const start: SourcePosition = { file, line: 1, column: 1 };
  const named = Object.entries(exported).find(([name, value]) => name !== 'default' && isPipeline(value))?.[0];
  if (named !== undefined) {
    const hint = `write "export default ${named}"`;
    throw loadError('BS1002', `"${given}" exports the pipeline as "${named}", not as its default`, start, hint);
  }
  const what = 'default' in exported ? 'the default export is no pipeline' : 'there is no default export';
  throw loadError('BS1002', `"${given}" has no pipeline: ${what}`, start, 'write "export default pipeline(…)"');
}
