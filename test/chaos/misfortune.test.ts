import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { bunsui } from './bunsui.ts';

const pipeline = fileURLToPath(new URL('./misfortune.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'bunsui-misfortune-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const run = (kind: string) => bunsui(['run', pipeline, '-p', `kind=${kind}`, '--state-dir', join(folder, 'state')]);

describe('a handler', () => {
  it.each([
    ['throws', 'OrderRefused', /the shop is closed/],
    ['throws-text', 'Error', /just text/],
    ['undefined', 'Bunsui.OutputInvalid', /./],
    ['unserialisable', 'Bunsui.OutputInvalid', /./],
    ['bigint', 'Bunsui.OutputInvalid', /./],
    ['schema', 'Bunsui.OutputInvalid', /fine/],
    ['too-large', 'Bunsui.OutputTooLarge', /expressions of the pipeline read said \(300002 bytes\)/],
    ['hangs', 'Sandbox.Timedout', /timed out after 3\.00 seconds/],
    ['spins', 'Sandbox.Timedout', /timed out after 3\.00 seconds/],
    ['exits', 'Runtime.ExitError', /./],
    ['memory', 'Runtime.OutOfMemory', /./],
  ])(
    'that has a misfortune (%s) fails its job as %s and its session, and nothing else',
    async (kind, error, message) => {
      const failed = await run(kind);
      expect(failed.code, failed.errors).toBe(1);
      const end = failed.lines.at(-1);
      expect(end).toMatchObject({ type: 'session.ended', status: 'failed' });
      const job = failed.lines.find(({ type }) => type === 'job.failed');
      expect(job).toMatchObject({ job: 'one', attempt: 1, error: { name: error } });
      expect(JSON.stringify(job)).toMatch(message);

      const next = await run('nothing');
      expect(next.lines.at(-1)).toMatchObject({ type: 'session.ended', status: 'completed', output: { fine: true } });
    },
  );

  it('that prints ten megabytes completes, and its log says what was left out', async () => {
    const printed = await run('prints');
    expect(printed.lines.at(-1), printed.errors).toMatchObject({ type: 'session.ended', status: 'completed' });
    const log = await bunsui(['logs', printed.lines.at(-1)?.session ?? '', '--state-dir', join(folder, 'state')]);
    expect(log.code).toBe(0);
    expect(log.lines.length).toBeGreaterThan(10);
  });
});
