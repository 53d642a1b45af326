/**
 * Handler bundle: the esbuild settings that make of an author's handler what runs, deployed and on a laptop. What passes
 * here behaves as it does there because both take these.
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
