/** Sessions started, followed and run again on this machine: beside a process that owns the runtime, and without one. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { main } from '../../lib/cli/main.ts';
import { type Deployed, deployed } from './deployed.ts';
import { recordedTerminal } from './outputs.ts';

const shop = fileURLToPath(new URL('./shop/shop.ts', import.meta.url));
const lines = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly [field: string]: unknown });

describe('with the runtime in another process', () => {
  let there: Deployed;
  beforeAll(async () => {
    there = await deployed('bunsui', shop);
  });
  afterAll(() => there.close());

  it('a session is started without being followed, cancelled, and run again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bunsui-held-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const started = await there.bunsui([
      'session',
      'start',
      'shop',
      '-p',
      'orders=1',
      '-p',
      `folder=${folder}`,
      '--json',
    ]);
    const { session, type } = lines(started.out)[0] ?? {};
    await expect.poll(() => existsSync(join(folder, 'began.txt')), { timeout: 20_000 }).toBe(true);
    const cancelled = await there.bunsui(['session', 'cancel', String(session)]);
    const watched = await there.bunsui(['session', 'watch', String(session), '--json']);
    writeFileSync(join(folder, 'go'), '');
    const again = await there.bunsui(['session', 'rerun', String(session), '--json']);
    const followed = await there.bunsui(['session', 'watch', 'latest', '--json']);
    expect([type, cancelled.out, watched.code, lines(watched.out).at(-1)]).toMatchObject([
      'session.started',
      `session ${session} is being stopped\n`,
      1,
      { type: 'session.ended', session, status: 'cancelled' },
    ]);
    expect([lines(again.out)[0], followed.code, lines(followed.out).at(-1)]).toMatchObject([
      { type: 'session.resumed', session, road: 'redrive', generation: 1 },
      0,
      { type: 'session.ended', session, status: 'completed' },
    ]);
  });

  it('a session is paused while a job of it finishes, and goes on without running that again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bunsui-paused-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const held = ['-p', 'orders=1', '-p', `folder=${folder}`];
    const started = await there.bunsui(['session', 'start', 'shop', ...held, '--json']);
    const session = String(lines(started.out)[0]?.['session']);
    await expect.poll(() => existsSync(join(folder, 'began.txt')), { timeout: 20_000 }).toBe(true);
    const pausing = there.bunsui(['session', 'pause', session, '--reason', 'lunch', '--json']);
    const list = async () => (await there.bunsui(['session', 'list', '--limit', '1'])).out;
    await expect.poll(list, { timeout: 20_000 }).toMatch(/pausing/);
    rmSync(join(folder, 'began.txt'));
    writeFileSync(join(folder, 'go'), '');
    const paused = await pausing;
    const again = await there.bunsui(['session', 'pause', session]);
    const cut = await there.bunsui(['session', 'rerun', session]);
    expect([lines(paused.out)[0], again.out.split('\n')[0], cut.code, await list()]).toMatchObject([
      { type: 'session.paused', session, status: 'paused', outcome: 'paused' },
      `session ${session} was paused before`,
      6,
      expect.stringMatching(/paused/),
    ]);
    const resumed = await there.bunsui(['session', 'resume', session, '--json']);
    const followed = await there.bunsui(['session', 'watch', session, '--json']);
    expect([lines(resumed.out).at(-1), followed.code, lines(followed.out).at(-1)]).toMatchObject([
      { type: 'session.resumed', session, road: 'redrive' },
      0,
      { type: 'session.ended', session, status: 'completed' },
    ]);
    // The job that ran when the session was paused has its result from then.
    expect(existsSync(join(folder, 'began.txt'))).toBe(false);
  });
});

describe('without one', () => {
  let folder = '';
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'bunsui-here-'));
    const ran = await run('run', shop, '-p', 'orders=1', '-p', 'flaw=broken');
    if (ran.code !== 1) throw new Error(ran.err);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function run(...args: readonly string[]) {
    const terminal = recordedTerminal({ columns: 120 });
    const code = await main(args, terminal, { cwd: folder, environment: {} });
    return { code, out: terminal.out.text(), err: terminal.err.text() };
  }

  it('a session is followed where it runs: in this process', async () => {
    const again = await run('session', 'rerun', 'latest', '--json');
    expect([again.code, lines(again.out).at(-1)]).toMatchObject([1, { type: 'session.ended', status: 'failed' }]);
    const started = await run('session', 'start', 'shop', '-p', 'orders=1', '--json', '--key', 'k');
    const { session } = lines(started.out).at(-1) ?? {};
    const repeated = await run('session', 'start', 'shop', '-p', 'orders=1', '--json', '--key', 'k');
    const watched = await run('session', 'watch', String(session));
    expect([started.code, lines(repeated.out).at(-1)?.['session'], watched.code]).toStrictEqual([0, session, 0]);
    expect(watched.out).toMatch(/✓ completed {2}shop/);
  });

  it('sessions are tagged, found by what is known of them, waited for and deleted', async () => {
    const started = await run('session', 'start', 'shop', '-p', 'orders=1', '--tag', 'team=data', '--json');
    const session = String(lines(started.out).at(-1)?.['session']);
    const tagged = await run('session', 'tag', session, 'day=mon', '--remove', 'nobody');
    const waited = await run('session', 'wait', session, '--timeout', '1m', '--json');
    expect([tagged.out, waited.code, lines(waited.out)[0]]).toMatchObject([
      'day=mon\nteam=data\n',
      0,
      { type: 'session.ended', session, status: 'completed' },
    ]);
    const ids = async (...args: readonly string[]) =>
      lines((await run('session', 'list', '--format', 'json', ...args)).out).map((line) => line['session_id']);
    expect(await ids('--tag', 'team=data', '--since', '1h')).toStrictEqual([session]);
    expect(await ids('--error', 'no such words')).toStrictEqual([]);
    const yaml = await run('session', 'list', '--format', 'yaml', '--limit', '1');
    const cursor = /^cursor: (.+)$/m.exec(yaml.out)?.[1] ?? '';
    expect(yaml.out).toMatch(/^sessions:\n {2}- session_id: /);
    expect((await ids('--cursor', JSON.parse(cursor.startsWith('"') ? cursor : `"${cursor}"`))).length).toBeGreaterThan(
      0,
    );
    const refused = await run('session', 'delete', session);
    expect([refused.code, refused.err.split('\n')[0]]).toStrictEqual([
      2,
      'error[BS2001]: this has to be confirmed, and there is no terminal to ask on',
    ]);
    const purged = await run('session', 'purge', '--older-than', '1d', '--plan');
    const deleted = await run('session', 'delete', session, '--yes');
    expect([purged.err, deleted.out, (await run('session', 'show', session)).code]).toStrictEqual([
      '0 would be deleted\n',
      `deleted ${session}\n`,
      5,
    ]);
  });

  it('a value is kept for a job by hand, and listed with what jobs have left', async () => {
    const kept = await run('session', 'checkpoints', 'latest', '--job', 'prices[0]/price', '--set', '{"page":18}');
    const named = await run(
      ...['session', 'checkpoints', 'latest', '--job', 'hold', '--set', '1', '--milestone', 'seen', '--json'],
    );
    const listed = lines((await run('session', 'checkpoints', 'latest', '--json')).out);
    expect(kept.code).toBe(0);
    expect(kept.out).toMatch(/^prices\[0\]\/price: kept for its next try in generation \d of session \w{26}\n$/);
    expect(lines(named.out)[0]).toMatchObject({
      type: 'checkpoint',
      job: 'hold',
      kind: 'manual',
      milestone: 'seen',
      value: 1,
    });
    expect(listed.filter(({ kind }) => kind === 'manual').map(({ job, value }) => [job, value])).toStrictEqual([
      ['hold', 1],
      ['prices[0]/price', { page: 18 }],
    ]);
    const wrong = [
      await run('session', 'checkpoints', 'latest', '--set', '1'),
      await run('session', 'checkpoints', 'latest', '--milestone', 'seen'),
      await run('session', 'checkpoints', 'latest', '--job', 'hold', '--set', '{'),
    ];
    expect(wrong.map(({ code, err }) => [code, err.slice(0, 34)])).toStrictEqual([
      [2, 'error[BS2001]: --set keeps a value'],
      [2, 'error[BS2001]: --milestone names w'],
      [2, 'error[BS2001]: the value is no JSO'],
    ]);
  });

  it('a start that cannot be is refused before anything is made', async () => {
    const tries = [
      await run('session', 'start', 'shop', '-p', 'orders=1000'),
      await run('session', 'start', 'shp'),
      await run('session', 'start', 'shop', '--state-dir', 'never-used'),
      await run('session', 'start', 'shop', '--state-dir', '.bunsui', '--region', 'eu-west-1'),
    ];
    expect(tries.map(({ code, err }) => [code, err.split('\n')[0]])).toStrictEqual([
      [3, 'error[BS3001]: input "orders" is 1000, not at most 50'],
      [5, 'error[BS3003]: pipeline "shp" is not deployed on this machine'],
      [5, 'error[BS3003]: pipeline "shop" is not deployed on this machine'],
      [2, 'error[BS2001]: --state-dir is for this machine, --region for AWS'],
    ]);
    const absent = tries.slice(1, 3).map(({ err }) => err.split('\n')[1]);
    const hint = '  = help: run its file: bunsui run FILE. For one that is on AWS, say where: --platform NAME';
    expect(absent).toStrictEqual([hint, hint]);
    expect(existsSync(join(folder, 'never-used'))).toBe(false);
  });
});
