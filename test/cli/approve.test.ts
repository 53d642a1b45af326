/** A run that asks, in one process, and its answer from another: what users type and see. */
import { mkdtempSync, rmSync } from 'node:fs';
import { userInfo, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { main } from '../../lib/cli/main.ts';
import { bunsui } from './command-line.ts';
import { recordedTerminal } from './outputs.ts';

const ship = fileURLToPath(new URL('./ship/ship.ts', import.meta.url));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bunsui-approve-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function type(...args: readonly string[]) {
  const terminal = recordedTerminal({ columns: 160 });
  const code = await main(args, terminal, { cwd: folder, environment: {} });
  return { code, out: terminal.out.text(), err: terminal.err.text() };
}

async function untilListed(): Promise<{ readonly session_id: string }> {
  for (;;) {
    const { out } = await type('approvals', 'list', '--json');
    if (out !== '') return JSON.parse(out);
    await wait(100);
  }
}

it('a run waits until somebody answers, once, and says who', async () => {
  expect(await type('approvals', 'list')).toMatchObject({ code: 0, out: 'nothing waits for a person\n' });
  const run = bunsui(['run', ship], { cwd: folder });
  const { session_id: session } = await untilListed();
  const listed = await type('approvals', 'list');
  expect(listed.out).toMatch(new RegExp(`${session} +signoff +ship +ml-leads .* Ship 3\\?`));
  expect(listed.out).toContain(`bunsui approve ${session} signoff --answer stage=…`);
  const page = await type('session', 'show', 'latest');
  expect(page.out).toMatch(/waiting +signoff .* for approval by ml-leads: Ship 3\?/);

  const refused = await type('approve', 'latest', 'signoff', '--answer', 'stage=moon');
  expect([refused.code, refused.err.includes('BS3015')]).toStrictEqual([3, true]);
  const both = await type('approve', 'latest', 'signoff', '--reject', '--answer', 'stage=prod');
  expect([both.code, both.err.includes('a rejection takes no --answer')]).toStrictEqual([2, true]);
  const nobody = await type('approve', 'latest', 'sign-off');
  expect([nobody.code, nobody.err.includes('its approvals are signoff')]).toStrictEqual([5, true]);
  const taken = await type('approve', 'latest', 'signoff', '-a', 'stage=prod', '-a', 'percent=50', '--reason', 'ok');
  expect(taken).toMatchObject({ code: 0, out: `signoff of session ${session} is approved\n` });

  const { code, out } = await run;
  expect([code, out.includes('signoff  waiting for approval  Ship 3?')]).toStrictEqual([0, true]);
  const shown = JSON.parse((await type('session', 'show', session, '--json')).out);
  expect(shown).toMatchObject({
    output: { stage: 'prod', percent: 50 },
    jobs: [
      {
        job_id: 'signoff',
        approval: true,
        output: { approved: true, by: userInfo().username, via: 'cli', reason: 'ok' },
      },
    ],
  });
  const late = await type('approve', 'latest', 'signoff', '-a', 'stage=canary');
  expect([late.code, late.err.includes('BS3005')]).toStrictEqual([6, true]);
});
