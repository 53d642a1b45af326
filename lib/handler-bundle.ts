/**
 * Handler bundle: the esbuild settings that make of an author's handler what runs, deployed and on a laptop, and what a
 * bundle must export. What passes here behaves as it does there because both take these.
 */
import { resolve } from 'node:path';
import { BunsuiError } from './errors.ts';

export const handlerBundleSettings = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  // What is loaded lazily stays in files of its own: a cold start reads what it needs. Handlers bundled together share
  // the rest, so that twelve of them cost little more than one.
  splitting: true,
  chunkNames: 'chunks/[hash]',
  outExtension: { '.js': '.mjs' },
  // The oldest Node that a laptop may have; Lambda's is newer.
  target: 'node22',
  // `module` first: the SDK's ES modules can be shaken, its CommonJS cannot, and weighs twice as much.
  mainFields: ['module', 'main'],
  minifySyntax: true,
  minifyWhitespace: true,
  // Retry and Catch match an error's name, and authors may take it from the class: names stay what they were.
  keepNames: true,
  legalComments: 'none',
  sourcemap: 'linked',
  sourcesContent: false,
  // Packages in CommonJS ask for Node's own modules by `require`, which ES modules lack.
  banner: {
    js: `import{createRequire as bunsuiRequire}from'node:module';const require=bunsuiRequire(import.meta.url);`,
  },
  logLevel: 'silent',
} as const;

/** What is called in every bundle. */
export const handlerExport = 'handler';

/**
 * Why nothing could call a bundle, in words for its author; `undefined` when it can be called.
 *
 * @param entry the author's file
 * @param exported what the bundle exports, as esbuild's metafile lists it
 * @param operations ids of the operations that name the file, as far as they are known
 */
export function missingHandler(
  entry: string,
  exported: readonly string[],
  operations: readonly string[],
): string | undefined {
  if (exported.includes(handlerExport)) return undefined;
  const found = exported.length === 0 ? 'nothing' : [...exported].sort().join(', ');
  // An id that is no name in TypeScript stands for some variable of the author's.
  const operation = operations.find((id) => /^[A-Za-z_$][\w$]*$/.test(id)) ?? 'operation';
  return `${entry} exports ${found}, and bunsui calls ${handlerExport}: export const ${handlerExport} = ${operation}.handler(…)`;
}

/** Entry → ids of the operations that use it. */
type OperationsOf = ReadonlyMap<string, readonly string[]>;

/** What esbuild says of a mistake. */
interface Message {
  readonly text: string;
  readonly location: { readonly file: string; readonly line: number; readonly column: number } | null;
}

/**
 * What was thrown while handlers were bundled: of esbuild's failure BS4004 with every mistake as
 * `file:line:column: text`, anything else as it is.
 */
export function bundlingError(workingDir: string, operations: OperationsOf, thrown: unknown): unknown {
  if (!(thrown instanceof Error) || !('errors' in thrown)) return thrown;
  const errors = thrown.errors as readonly Message[];
  const lines = errors.map((message) => messageLine(workingDir, operations, message));
  return refusal(lines, {
    context: { errors: errors.map(({ text, location }) => ({ text, location })) },
    hint: 'correct the file, or install the package that is missing',
    cause: thrown,
  });
}

/** BS4004: what stands in the way of a handler, one line each. */
export function refusal(lines: readonly string[], more: ConstructorParameters<typeof BunsuiError>[3]): BunsuiError {
  return new BunsuiError('PipelineError', 'BS4004', `a handler could not be bundled\n${lines.join('\n')}`, more);
}

function messageLine(workingDir: string, operations: OperationsOf, { text, location }: Message): string {
  if (location === null) {
    // An entry that is not there has no place but its name, in quotes.
    const entry = [...operations.keys()].find((file) => text.includes(JSON.stringify(file)));
    return `${text}${usedBy(operations, entry)}`;
  }
  const file = resolve(workingDir, location.file);
  return `${file}:${location.line}:${location.column + 1}: ${text}${usedBy(operations, file)}`;
}

function usedBy(operations: OperationsOf, entry = ''): string {
  const ids = operations.get(entry) ?? [];
  return ids.length === 0 ? '' : ` (handler of ${ids.length === 1 ? 'operation' : 'operations'} ${ids.join(', ')})`;
}
