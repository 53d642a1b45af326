/** Durations as they go round: from a run on this machine into a pipeline that is compiled by them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import { bunsui } from './command-line.ts';
import shop from './shop/shop.ts';

const file = fileURLToPath(new URL('./shop/shop.ts', import.meta.url));

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bunsui-durations-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

it('prints how long jobs took, as a pipeline takes it', async () => {
  const ran = await bunsui(['run', file, '-p', 'orders=3', '-p', 'flaw=flaky'], { cwd: folder });
  expect(ran.code).toBe(0);
  const printed = await bunsui(['durations', 'shop'], { cwd: folder });
  expect([printed.code, printed.err]).toStrictEqual([0, '']);
  const durations = JSON.parse(printed.out) as { readonly [job: string]: number };
  // What was skipped took no time; jobs of a map are one.
  expect(Object.keys(durations)).toStrictEqual(['count', 'hold', 'price']);
  expect(Object.values(durations).every((seconds) => seconds > 0 && seconds < 60)).toBe(true);
  const compiled = compilePipeline({ ...shop.ir, mode: 'auto', durations }, { sha256: () => 'v' });
  expect(compiled.ok).toBe(true);
  const none = await bunsui(['durations', 'nobody'], { cwd: folder });
  expect([none.code, none.out]).toStrictEqual([5, '']);
  expect(none.err).toContain('no session of pipeline "nobody" has completed');
});
