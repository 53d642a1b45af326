import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as z from 'zod';
import { main } from '../../lib/cli/main.ts';
import { recordedTerminal } from './outputs.ts';

const shop = fileURLToPath(new URL('./shop/shop.ts', import.meta.url));
const cwd = fileURLToPath(new URL('../..', import.meta.url));

async function run(...args: readonly string[]) {
  const recorded = recordedTerminal({ columns: 110 });
  const code = await main(['explain', ...args], recorded, { cwd, environment: {} });
  return { code, out: recorded.out.text(), err: recorded.err.text() };
}

const recordSchema = z.object({
  transitions: z.object({ min: z.number(), max: z.number().nullable() }),
  nodes: z.array(
    z.object({
      id: z.string(),
      line: z.int(),
      fingerprint: z.optional(z.string()),
      own_fingerprint: z.optional(z.string()),
    }),
  ),
});

describe('bunsui explain', () => {
  it('says when each job starts, why, and what a run comes to', async () => {
    const { code, out, err } = await run(shop);
    expect([code, err]).toStrictEqual([0, '']);
    const lines = out.split('\n');
    expect(lines[0]).toMatch(/^shop {2}version [0-9a-f]{12}, \d+ jobs, mode exact, test\/cli\/shop\/shop\.ts:\d+:\d+$/);
    expect(lines[2]).toMatch(/^ {2}JOB +AT +STATES {2}STARTS +WHY$/);
    expect(lines.find((line) => /^\*? +prices /.test(line))).toMatch(/shop\.ts:\d+ .*after hold/);
    expect(lines.find((line) => /^ +\*? ?price /.test(line))).toMatch(/with prices/);
    for (const name of ['Longest path', 'Gates', 'Transitions', 'History', 'Definition'])
      expect(lines.filter((line) => line.startsWith(name))).toHaveLength(1);
  });

  it('gives a program all of it, with a fingerprint for each job', async () => {
    const { code, out } = await run(shop, '--json');
    expect(code).toBe(0);
    const record = recordSchema.parse(JSON.parse(out));
    // Its map has a list without bound.
    expect(record.transitions.max).toBeNull();
    expect(record.nodes.find(({ id }) => id === 'price')?.fingerprint).toMatch(/^[0-9a-f]{32}$/);
    expect(record.nodes.find(({ id }) => id === 'prices')?.fingerprint).toBeUndefined();
  });

  it('refuses a file with mistakes as all commands do', async () => {
    const { code, out } = await run('no-such-file.ts');
    expect(code).toBe(5);
    expect(out).toBe('');
  });

  it('names the place of a handler that cannot be bundled', async () => {
    const folder = mkdtempSync(join(cwd, 'test', 'cli', 'explained-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'broken.ts'), 'export const handler = (;');
    writeFileSync(
      join(folder, 'own.mjs'),
      [
        `import { lambda, pipeline } from 'bunsui';`,
        `import * as z from '${import.meta.resolve('zod')}';`,
        `const op = lambda('op', { entry: './broken.ts', input: z.object({}), output: z.object({}) });`,
        `export default pipeline('own', { input: z.object({}) }, (p) => { p.job('op', op, {}); });`,
      ].join('\n'),
    );
    const { code, out, err } = await run(join(folder, 'own.mjs'));
    expect([code, out, err]).toStrictEqual([3, '', expect.stringContaining('BS4004')]);
    expect(err).toMatch(/broken\.ts:1:25: .* \(handler of operation op\)/);
  });
});
