/**
 * Handler bundle: the esbuild settings that make of an author's handler what runs, deployed and on a laptop, and what a
 * bundle must export. What passes here behaves as it does there because both take these.
 */
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
