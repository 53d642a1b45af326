/** Records that a handler yields, on the command line: in functions' own processes, with a try that breaks off. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bunsui } from './command-line.ts';

const lines = fileURLToPath(new URL('./lines/lines.ts', import.meta.url));

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bunsui-lines-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('leaves the records of the try that came to its end, and no other', { timeout: 240_000 }, async () => {
  // 13 MB: two parts, of which the first try has sent one when it breaks off at nine tenths.
  const orders = 500_000;
  const ran = await bunsui(['run', lines, '-p', `orders=${orders}`, '-p', 'fail=true', '--json'], { cwd: folder });
  const amount = Array.from({ length: orders }, (_, id) => id % 7).reduce((sum, one) => sum + one, 0);
  expect([ran.code, ran.err]).toStrictEqual([0, expect.any(String)]);

  const shown = await bunsui(['session', 'show', 'latest', '--json'], { cwd: folder });
  const session = JSON.parse(shown.out) as {
    readonly output: unknown;
    readonly jobs: readonly { readonly job_id: string; readonly output: Record<string, unknown> }[];
  };
  expect(session.output).toStrictEqual({ orders, amount });
  const out = session.jobs.find(({ job_id }) => job_id === 'extract')?.output ?? {};
  const { bucket, key, bytes } = out;
  const bucketFolder = join(folder, '.bunsui', 's3', String(bucket));
  const all = readdirSync(bucketFolder, { recursive: true, encoding: 'utf8' });
  expect(all.filter((name) => name.endsWith('.jsonl') && name.includes('records'))).toStrictEqual([key]);
  expect(all.filter((name) => name.startsWith('.u-'))).toStrictEqual([]);
  const text = readFileSync(join(bucketFolder, String(key)), 'utf8');
  expect([text.length, text.slice(0, 23), text.endsWith('}\n')]).toStrictEqual([
    bytes,
    '{"id":0,"amount":0}\n{"i',
    true,
  ]);
  expect(String(key)).toMatch(/\/records\/extract\/1-2-/);
});
