/** A pause outlives the process that ran the session, and a deployment. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { main } from '../../lib/cli/main.ts';
import { eventually } from '../eventually.ts';
import { projectFolder } from '../fixtures/plugin-project.ts';
import { recordedTerminal } from './outputs.ts';

const shop = fileURLToPath(new URL('./shop/', import.meta.url));
type Line = { readonly [field: string]: unknown };

it('a paused session goes on in another process, with results from before, on what is deployed since', async () => {
  const files = Object.fromEntries(readdirSync(shop).map((name) => [name, readFileSync(join(shop, name), 'utf8')]));
  const cwd = projectFolder(files);
  const bunsui = async (...args: readonly string[]) => {
    const terminal = recordedTerminal({ columns: 120 });
    const code = await main([...args, '--json'], terminal, { cwd, environment: {} });
    const lines = terminal.out
      .text()
      .split('\n')
      .filter((line) => line !== '');
    return { code, lines: lines.map((line) => JSON.parse(line) as Line), err: terminal.err.text() };
  };
  // The state folder has an owner from the first command on until its session is paused; then none.
  const running = bunsui('run', 'shop.ts', '-p', 'orders=1', '-p', `folder=${cwd}`);
  await eventually(
    'a job that is held',
    () => existsSync(join(cwd, 'began.txt')),
    (is) => is,
  );
  const pausing = bunsui('session', 'pause', 'latest');
  await eventually(
    'a session that is pausing',
    async () => (await bunsui('session', 'list')).lines[0]?.['pausing'],
    (seen) => seen !== undefined,
  );
  writeFileSync(join(cwd, 'go'), '');
  const [ran, paused] = await Promise.all([running, pausing]);
  const session = String(paused.lines[0]?.['session']);
  expect([paused.lines[0], ran.lines.at(-1)]).toMatchObject([
    { type: 'session.paused', status: 'paused', outcome: 'paused' },
    { type: 'session.ended', session, status: 'paused' },
  ]);

  writeFileSync(join(cwd, 'price.ts'), files['price.ts']?.replace('order * 10', 'order * 20') ?? '');
  const other = await bunsui('run', 'shop.ts', '-p', 'orders=2');
  expect(other.lines.at(-1)).toMatchObject({ status: 'completed', output: { total: 60 } });
  const [still] = (await bunsui('session', 'show', session)).lines;
  expect(still).toMatchObject({ session_id: session, status: 'paused' });

  const resumed = await bunsui('session', 'resume', session);
  expect(resumed.lines.find(({ type }) => type === 'session.resumed')).toMatchObject({
    road: 'new-execution',
    generation: 2,
    reason: expect.stringMatching(/deployed/) as string,
  });
  expect(resumed.lines.at(-1)).toMatchObject({
    type: 'session.ended',
    status: 'completed',
    output: { total: 20, held: true },
  });
  expect((await bunsui('session', 'show', session)).lines[0]).toMatchObject({ generation: 2, status: 'completed' });
  // Both had completed when it was paused: one before, one meanwhile.
  const runs = readFileSync(join(cwd, 'began.txt'), 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  expect(runs).toStrictEqual([`${session} 1`]);
});
