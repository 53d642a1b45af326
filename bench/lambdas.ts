/**
 * What bunsui's own functions weigh: minified size, and the time that a fresh process takes to import one. Exit code 1
 * when a size is over its bar; times are only printed, for they are the machine's too.
 *
 *     node bench/lambdas.ts
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildLambdas } from '../build.ts';
import { environment } from '../lib/storage-layout.ts';

const folder = mkdtempSync(join(tmpdir(), 'bunsui-bench-'));
const imports = 15;
const importBar = 90;
const plainBar = 420;
const s3Bar = 600;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

const env = {
  PATH: process.env['PATH'] ?? '',
  AWS_REGION: 'us-east-1',
  ...Object.fromEntries(Object.values(environment).map((name) => [name, 'bench'])),
  [environment.channels]: '{}',
  [environment.logLevel]: 'ERROR',
};

/** Wall and processor time of importing a module in a fresh process, milliseconds. */
function importTimes(file: string): readonly [wall: number, processor: number] {
  const script = `const used = process.cpuUsage(); const from = performance.now();
await import(${JSON.stringify(pathToFileURL(file).href)});
const wall = performance.now() - from; const { user, system } = process.cpuUsage(used);
process.stdout.write(\`\${wall} \${(user + system) / 1000}\`, () => process.exit());`;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', env });
  const [wall = 0, processor = 0] = printed.split(' ').map(Number);
  return [wall, processor];
}

let over = 0;
const lines: string[] = [];
for (const file of (await buildLambdas(folder)).toSorted()) {
  const text = readFileSync(file, 'utf8');
  const kib = Buffer.byteLength(text) / 1024;
  const bar = text.includes('AmazonS3') ? s3Bar : plainBar;
  if (kib > bar) over += 1;
  const times = Array.from({ length: imports }, () => importTimes(file));
  const wall = median(times.map(([one]) => one)).toFixed(0);
  const processor = median(times.map(([, one]) => one)).toFixed(0);
  const name = basename(dirname(file)).padEnd(14);
  const size = `${kib.toFixed(0)} KiB (at most ${bar}${bar === s3Bar ? ', with S3' : ''})`;
  lines.push(`${name} ${size.padEnd(34)} import ${wall} ms, processor ${processor} ms (aim: at most ${importBar})`);
}
rmSync(folder, { recursive: true });
writeFileSync(1, `${lines.join('\n')}\nmedians of ${imports} processes\n`);
process.exitCode = over === 0 ? 0 : 1;
