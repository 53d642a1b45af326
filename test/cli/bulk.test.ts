/** A session that runs in child machines, as its user sees and steers it: one pipeline, wherever its jobs are. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { main } from '../../lib/cli/main.ts';
import { compilePipeline } from '../../lib/compiler/compile.ts';
import bulk from './bulk/bulk.ts';
import { deployed } from './deployed.ts';
import { recordedTerminal } from './outputs.ts';

const file = fileURLToPath(new URL('./bulk/bulk.ts', import.meta.url));
const lines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly [field: string]: unknown });

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bunsui-bulk-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

it('is cut into machines of which each map has one', () => {
  const compiled = compilePipeline(bulk.ir, { sha256: () => '' });
  expect(compiled.ok && compiled.artifact.shards?.length).toBe(2);
});

it('is cancelled where it is, and a rerun goes on there', async () => {
  const folder = scratch();
  const there = await deployed('bunsui', file);
  onTestFinished(() => there.close());
  const started = await there.bunsui(['session', 'start', 'bulk', '-p', `folder=${folder}`, '--json']);
  const { session } = lines(started.out)[0] ?? {};
  const began = () => (existsSync(join(folder, 'began.txt')) ? readFileSync(join(folder, 'began.txt'), 'utf8') : '');
  await expect.poll(began, { timeout: 20_000 }).toBe(`${session} 1\n`);
  const cancelled = await there.bunsui(['session', 'cancel', String(session)]);
  const watched = await there.bunsui(['session', 'watch', String(session), '--json']);
  writeFileSync(join(folder, 'go'), '');
  const again = await there.bunsui(['session', 'rerun', String(session), '--json']);
  const followed = await there.bunsui(['session', 'watch', String(session), '--json']);
  const { type, ...end } = lines(followed.out).at(-1) ?? {};
  expect([cancelled.out, watched.code, lines(watched.out).at(-1)]).toMatchObject([
    `session ${session} is being stopped\n`,
    1,
    { type: 'session.ended', session, status: 'cancelled' },
  ]);
  expect([lines(again.out)[0], followed.code, type, end]).toMatchObject([
    { type: 'session.resumed', session, road: 'redrive', generation: 1 },
    0,
    'session.ended',
    { session, status: 'completed' },
  ]);
  const listed = await there.bunsui(['session', 'list', '--json']);
  expect(lines(listed.out)).toMatchObject([{ session_id: session, status: 'completed' }]);
});

it('tells what failed in a child machine: while it runs, afterwards, in its logs and its report', async () => {
  const folder = scratch();
  const run = async (...args: readonly string[]) => {
    const terminal = recordedTerminal({ columns: 120 });
    const code = await main(args, terminal, { cwd: folder, environment: {} });
    return { code, out: terminal.out.text(), err: terminal.err.text() };
  };
  const ran = await run('run', file, '-p', 'flaw=broken');
  const shown = await run('session', 'show', 'latest');
  const logs = await run('logs', 'latest', '--job', 'second');
  expect([ran.code, shown.code, logs.code]).toStrictEqual([1, 0, 0]);
  for (const told of [ran.out, shown.out]) {
    expect(told).toContain('reprice');
    expect(told).toMatch(/order [23] has no price/);
    expect(told).not.toContain('part 2');
  }
  expect(logs.out).toMatch(/second\[0\]\/reprice#2 .*no price list/);
  const report = /\S+\.html/.exec(ran.out)?.[0] ?? '';
  expect(readFileSync(join(folder, report), 'utf8')).toMatch(/order [23] has no price/);
});
