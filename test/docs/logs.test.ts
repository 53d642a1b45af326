/** The page about logs: its commands run as they stand there, and its record is one; a session is followed while it runs. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../lib/cli/main.ts';
import { parseLogLine } from '../../lib/sessions/log-lines.ts';
import { bunsui } from '../cli/command-line.ts';
import { recordedTerminal } from '../cli/outputs.ts';
import { eventually } from '../eventually.ts';

const page = readFileSync(new URL('../../docs/logs.md', import.meta.url), 'utf8');
const shop = fileURLToPath(new URL('../cli/shop/shop.ts', import.meta.url));

let folder = '';
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bunsui-logs-'));
  expect((await run(['run', shop, '-p', 'flaw=flaky'])).code).toBe(0);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(args: readonly string[]) {
  const terminal = recordedTerminal({ columns: 100 });
  const code = await main(args, terminal, { cwd: folder, environment: {} });
  return { code, out: terminal.out.text(), err: terminal.err.text() };
}

/** Words of a line of a shell, without what comes after a redirection or a comment. The page's jobs are those of the shop. */
function wordsOf(line: string): readonly string[] {
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
  const end = words.findIndex((word) => word === '>' || word === '#');
  const jobs: { readonly [job: string]: string } = { load: 'count', convert: 'price' };
  return words.slice(1, end < 0 ? undefined : end).map((word) => jobs[word] ?? word);
}

const commands = [...page.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block = '']) => block.trimEnd().split('\n'));

describe('the page about logs', () => {
  it.each(commands)('%s', async (command) => {
    const args = wordsOf(command);
    expect(args[0]).toBe('logs');
    const { code, out, err } = await run(args);
    // Errors of a job that went well in the end are warnings and errors all the same.
    expect([code, err.replace(/^session \w+ is completed\n$/, '')]).toStrictEqual([0, '']);
    expect(out.length).toBeGreaterThan(20);
    // Run in the order of the page: nothing is written over.
    if (args[1] === 'download') {
      expect(await run(args)).toMatchObject({ code: 6, err: expect.stringContaining('error[BS2006]') });
    }
  });

  it('tells of files that have the form of their endings', () => {
    const files = readdirSync(folder).filter((name) => /\.(jsonl|csv)$/.test(name));
    expect(files.map((name) => name.replace(/^\w{26}/, 'SESSION')).sort()).toStrictEqual([
      'SESSION.jsonl',
      'errors.csv',
    ]);
    expect(readFileSync(join(folder, 'errors.csv'), 'utf8')).toMatch(/^timestamp,level,job_id,.*\r\n"20.*"ERROR"/);
  });

  it('shows a record as it is', () => {
    const record = /```json\n(.*?)\n```/s.exec(page)?.[1] ?? '';
    expect(parseLogLine(record)).toMatchObject({ job_id: 'each[3]/convert', file: 'a.csv' });
  });

  it('gives the lines that fit, and no others', async () => {
    const lines = async (...args: readonly string[]) =>
      (await run(['logs', ...args, '--json'])).out
        .split('\n')
        .flatMap((text) => parseLogLine(text) ?? [])
        .map(({ job_id, attempt, message }) => `${job_id}#${attempt} ${message}`);
    expect(
      await lines('filter', 'latest', '--level', 'WARNING', '--grep', 'NO PRICE', '--job', 'prices[1]'),
    ).toStrictEqual([
      'prices[1]/price#1 no price list',
      'prices[1]/price#1 job failed',
      expect.stringMatching(/^prices\[1\]\/price#1 ERROR\tInvoke Error/),
    ]);
    expect(await lines('filter', 'latest', '--grep', 'NO PRICE', '--case-sensitive')).toStrictEqual([]);
    const all = await lines('latest');
    expect(all.length).toBeGreaterThan(12);
    expect(await lines('tail', 'latest', '-n', '3')).toStrictEqual(all.slice(-3));
    expect(await lines('latest', '--since', '1h')).toStrictEqual(all);
    expect(await lines('latest', '--until', '1h')).toStrictEqual([]);
  });

  it.each([
    [['latest', '--job', 'prcie'], 5, 'did you mean "price"?'],
    [['latest', '--job', 'prices[9]/price'], 5, 'BS3006'],
    [['latest', '--grep', '('], 2, '--grep is no regular expression'],
    [['latest', '--since', '1h', '--until', '2h'], 2, '--until 2h is before --since 1h'],
    [['latest', '--follow', '--until', '2h'], 2, '--follow and --until do not go together'],
    [['latest', '-n', '0'], 2, 'a number from 1 to 100000 is allowed'],
    [['download', 'latest', '-o', 'none/x.csv'], 5, 'its folder is not there'],
  ])('%j is refused with what to do', async (args, code, text) => {
    const ran = await run(['logs', ...args]);
    expect([ran.out, ran.code === code || ran.code, ran.err.includes(text) || ran.err]).toStrictEqual(['', true, true]);
    expect(ran.err).toMatch(/\n {2}= help: |\n {2}= did/);
  });

  it('is true of a session that runs: what is followed is what is kept', async () => {
    const running = bunsui(['run', shop, '-p', `folder=${folder}`], { cwd: folder });
    const state = ['--state-dir', '.bunsui'];
    await eventually(
      'the job that waits',
      () => readdirSync(folder),
      (names) => names.includes('began.txt'),
    );
    const following = bunsui(['logs', 'latest', '-f', '--json', ...state], { cwd: folder });
    const live = await bunsui(['logs', 'latest', '--job', 'hold', '--json', ...state], { cwd: folder });
    expect(live.out.split('\n').flatMap((text) => parseLogLine(text)?.message ?? [])).toStrictEqual(['job started']);
    writeFileSync(join(folder, 'go'), '');
    const [ran, followed] = await Promise.all([running, following]);
    expect([ran.code, followed.code, followed.err]).toStrictEqual([
      0,
      0,
      expect.stringMatching(/^session \w+ is completed\n$/),
    ]);
    const kept = await bunsui(['logs', 'latest', '--json', ...state], { cwd: folder });
    const sorted = (text: string) => text.trimEnd().split('\n').toSorted();
    expect(sorted(followed.out)).toStrictEqual(sorted(kept.out));
  }, 240_000);
});
