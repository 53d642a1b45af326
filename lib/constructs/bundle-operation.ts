/** An operation's handler as the code of a function: ES modules, made by esbuild on this machine while CDK synthesises. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { BuildFailure } from 'esbuild';
import { buildSync } from 'esbuild';
import { BunsuiError } from '../errors.ts';
import { handlerBundleSettings, missingHandler } from '../handler-bundle.ts';
import type { LambdaOperationIr } from '../ir/nodes.ts';

/** The wrapper that goes into a bundle is the one that belongs to this compiler, whatever copies an author has installed. */
const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const fileOf = (name: string): string => fileURLToPath(new URL(`../${name}.${ending}`, import.meta.url));

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}

/**
 * Bundles a handler with everything it imports; texts of the files by path. `index.mjs` exports the handler.
 *
 * @throws {BunsuiError} BS4004 with file, line and reason of every error, or when nothing is exported that can be called.
 */
export function bundleOperation(operation: LambdaOperationIr): { readonly [fileName: string]: string } {
  const folder = dirname(operation.entry);
  try {
    const { outputFiles, metafile } = buildSync({
      ...handlerBundleSettings,
      mainFields: [...handlerBundleSettings.mainFields],
      entryPoints: [{ in: operation.entry, out: 'index' }],
      // Nothing is written here: source maps name files relative to it, and so the same on every machine.
      outdir: folder,
      absWorkingDir: folder,
      write: false,
      metafile: true,
      alias: { bunsui: fileOf('index'), 'bunsui/storage': fileOf('storage') },
    });
    const missing = missingHandler(operation.entry, metafile.outputs['index.mjs']?.exports ?? [], [operation.id]);
    if (missing !== undefined) throw refusal(operation, missing);
    return Object.fromEntries(outputFiles.map(({ path, text }) => [relative(folder, path), text]));
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    const places = error.errors.map(({ text, location }) =>
      location === null ? text : `${join(folder, location.file)}:${location.line}:${location.column + 1}: ${text}`,
    );
    throw refusal(operation, places.join('; '), error);
  }
}

function refusal({ id, entry }: LambdaOperationIr, why: string, cause?: unknown): BunsuiError {
  return new BunsuiError('PipelineError', 'BS4004', `the handler of operation ${id} cannot be bundled: ${why}`, {
    context: { operation: id, entry },
    cause,
  });
}

/**
 * The code of an operation's function. The asset's hash is that of the bundle: a comment or a moved file changes
 * nothing. No container is ever started; commands that need no code (`cdk ls`) bundle none.
 */
export function operationCode(operation: LambdaOperationIr): Code {
  return Code.fromAsset(dirname(operation.entry), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // CDK wants an image even where it is never used.
      image: DockerImage.fromRegistry('none'),
      // CDK takes equal bundling options in one folder for the same asset: the entry tells operations apart.
      environment: { entry: operation.entry },
      local: {
        tryBundle(outputFolder) {
          for (const [name, text] of Object.entries(bundleOperation(operation))) {
            const file = join(outputFolder, name);
            mkdirSync(dirname(file), { recursive: true });
            writeFileSync(file, text);
          }
          return true;
        },
      },
    },
  });
}
