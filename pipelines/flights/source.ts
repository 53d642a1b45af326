/**
 * Source: where the data comes from.
 *
 * `vega-datasets` is the npm package. Where it is installed, as on a laptop, its files are read from disk. A deployed
 * function has no packages beside it, so there they are fetched from where the package itself fetches them, in the
 * version that the function was built with. `s3://bucket/prefix` holds files of the same names.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import datasets from 'vega-datasets';
import { readText } from './store.ts';

export interface SourceFile {
  readonly text: string;
  /** Where the text was found. */
  readonly from: string;
}

/**
 * Reads one file of the data set.
 * @param source `vega-datasets` or `s3://bucket/prefix`
 */
export async function readSource(source: string, file: string, signal?: AbortSignal): Promise<SourceFile> {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(source) ?? [];
  if (bucket) {
    const key = prefix === '' || prefix.endsWith('/') ? `${prefix}${file}` : `${prefix}/${file}`;
    return { text: await readText(key, bucket), from: `s3://${bucket}/${key}` };
  }
  const installed = installedFile(file);
  if (installed) return { text: await readFile(installed, 'utf8'), from: `vega-datasets@${datasets.version}` };
  return fetchFile(`https://cdn.jsdelivr.net/npm/vega-datasets@${datasets.version}/data/${file}`, signal);
}

/** Fetches a text. Exported for its test. */
export async function fetchFile(url: string, signal?: AbortSignal): Promise<SourceFile> {
  const remedy = 'install vega-datasets, or put its files into a bucket and run with source=s3://bucket/prefix';
  const response = await fetch(url, { signal: signal ?? null }).catch((cause: unknown) => {
    throw new Error(`${url} could not be reached: ${remedy}`, { cause });
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${remedy}`);
  return { text: await response.text(), from: url };
}

/** The file inside the installed package, looked for from this code and from the working directory. */
function installedFile(file: string): URL | undefined {
  for (const start of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return new URL(`../data/${file}`, pathToFileURL(createRequire(start).resolve('vega-datasets')));
    } catch {
      // Not installed there: the next place, or the network.
    }
  }
  return undefined;
}
