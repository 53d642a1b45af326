/**
 * What the wrapper adds to an author's function: size of the bundle, time to load, time per call, calls to DynamoDB.
 *
 *     node bench/wrapper.ts
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const wrapper = fileURLToPath(new URL('../lib/wrapper/wrap-handler.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'bunsui-bench-'));
const loads = 31;
const calls = 300;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
const ms = (value: number): string => `${value.toFixed(2)} ms`;

async function bundle(name: string, source: string): Promise<{ readonly file: string; readonly bytes: number }> {
  const outfile = join(folder, `${name}.mjs`);
  const { metafile } = await build({
    stdin: { contents: source, resolveDir: fileURLToPath(new URL('..', import.meta.url)), loader: 'ts' },
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node22',
    format: 'esm',
    mainFields: ['module', 'main'],
    metafile: true,
    outfile,
  });
  return { file: outfile, bytes: Object.values(metafile.outputs)[0]?.bytes ?? 0 };
}

/** Median time of importing a module in a fresh process. */
function importMs(file: string): number {
  const script = `const t = performance.now(); await import(${JSON.stringify(pathToFileURL(file).href)}); console.log(performance.now() - t);`;
  const args = ['--input-type=module', '-e', script];
  return median(
    Array.from({ length: loads }, () => Number(execFileSync(process.execPath, args, { encoding: 'utf8' }))),
  );
}

// Schemas are the author's in both: what is compared is the wrapper.
const head = `const schema = { '~standard': { validate: (value) => ({ value }) } };
const run = async (input) => ({ rows: input.n });`;
const without = await bundle('without', `${head}\nexport const handler = async (event) => run(event.input);`);
const withIt = await bundle(
  'with',
  `import { wrapHandler } from ${JSON.stringify(wrapper)};\n${head}
export const handler = wrapHandler({ id: 'load', input: schema, output: schema }, run);`,
);

let requests = 0;
const table = createServer((request, response) => {
  requests += 1;
  request.resume();
  request.on('end', () => response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).end('{}'));
});
await new Promise<void>((resolve) => {
  table.listen(0, '127.0.0.1', resolve);
});

Object.assign(process.env, {
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'bench',
  AWS_SECRET_ACCESS_KEY: 'bench',
  AWS_ENDPOINT_URL: `http://127.0.0.1:${(table.address() as AddressInfo).port}`,
  BUNSUI_JOB_HISTORY_TABLE: 'bench',
  BUNSUI_LOG_LEVEL: 'ERROR',
});

/** Median time of a call, once it is warm. */
async function callMs(file: string): Promise<number> {
  const { handler } = (await import(pathToFileURL(file).href)) as { handler(event: unknown): Promise<unknown> };
  const times: number[] = [];
  for (let call = 0; call < calls; call += 1) {
    const event = {
      bunsui: {
        job: 'load',
        operation: 'load',
        attempt: 0,
        execution: 'arn:aws:states:us-east-1:000000000000:execution:bench:e',
        startedAt: '2026-01-01T00:00:00.000Z',
        block: { session: `s${call}`, createdAt: '2026-01-01T00:00:00.000Z', generation: 1 },
      },
      input: { n: call },
    };
    const from = performance.now();
    await handler(event);
    times.push(performance.now() - from);
  }
  return median(times.slice(calls / 3));
}

const plainLoad = importMs(without.file);
const wrappedLoad = importMs(withIt.file);
const plainCall = await callMs(without.file);
const wrappedCall = await callMs(withIt.file);
table.close();
table.closeAllConnections();
rmSync(folder, { recursive: true });
writeFileSync(
  1,
  `bundle: ${((withIt.bytes - without.bytes) / 1024).toFixed(1)} KiB added, minified (aim: at most 60)
import: ${ms(wrappedLoad - plainLoad)} added, median of ${loads} processes (aim: at most 15)
call: ${ms(wrappedCall - plainCall)} added, median of ${calls - calls / 3}, against a table on this machine
calls of DynamoDB per completed job: ${requests / calls}
`,
);
