import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const run = promisify(execFile);
const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const recorded = at('../shared/conformance');

describe('answers recorded from AWS', () => {
  it.skipIf(!existsSync(recorded))(
    'are replayed, and the score is printed (skipped where ../shared/conformance is absent)',
    async () => {
      const { stdout } = await run(process.execPath, [at('bench/conformance.ts'), recorded], {
        maxBuffer: 64 * 1024 * 1024,
      });
      const last = stdout.trimEnd().split('\n').at(-1) ?? '';
      console.log(last);
      const [, right, all] = /^conformance: result (\d+)\/(\d+), history \d+\/\d+$/.exec(last) ?? [];
      expect(Number(all)).toBeGreaterThan(0);
      expect(Number(right)).toBeGreaterThan(0);
    },
  );

  it('must be there when they are asked for', async () => {
    await expect(run(process.execPath, [at('bench/conformance.ts'), at('no-such-folder')])).rejects.toMatchObject({
      code: 2,
    });
  });
});
