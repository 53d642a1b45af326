/** The command line against the real runtime: a small pipeline, run as a user runs it. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bunsui, plainEnvironment, program, type Ran } from './command-line.ts';

const shop = fileURLToPath(new URL('./shop/shop.ts', import.meta.url));

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bunsui-cli-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

type Line = { readonly [field: string]: unknown };

/** Every line of stdout as JSON: fails when one is not. */
function jsonLines({ out }: Ran): readonly Line[] {
  return out
    .trimEnd()
    .split('\n')
    .map((line): Line => JSON.parse(line));
}

const typesOf = (lines: readonly Line[]) => lines.map(({ type }) => type);
const endOf = (ran: Ran) => jsonLines(ran).at(-1) ?? {};

describe('a run that ends well', () => {
  let ran: Ran = { code: null, out: '', err: '' };
  let session = '';
  beforeAll(async () => {
    ran = await bunsui(['run', shop, '-p', 'orders=3', '-p', 'flaw=flaky'], { cwd: folder });
    session = /session (\w+) started: shop/.exec(ran.out)?.[1] ?? '';
  });

  it('prints a plain line per change, then result, places and commands', () => {
    expect([ran.code, ran.err]).toStrictEqual([0, '']);
    const [progress = '', outcome = '', ...rest] = ran.out.split('\n\n');
    const changes = progress.split('\n').map((line) => line.trim().replaceAll(/\d+\.\ds/g, 'T'));
    expect(changes.filter((line) => line.includes('count'))).toStrictEqual([
      'T  count  started',
      'T  count  completed  T',
      'T  recount  skipped',
    ]);
    expect(changes.filter((line) => line.includes('prices[1]'))).toStrictEqual([
      'T  prices[1]/price  started',
      'T  prices[1]/price  retrying  T  attempt 1 failed: RangeError: order 2 has no price',
      'T  prices[1]/price  started  attempt 2',
      'T  prices[1]/price  completed  T',
    ]);
    const words = [outcome, ...rest]
      .join('\n\n')
      .replaceAll(session, 'ID')
      .replaceAll(/\d+\.\ds/g, 'T');
    const day = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
    expect(words.split('\n')).toStrictEqual([
      '✓ completed  shop  ID  in T',
      '6 jobs: 5 completed, 1 skipped',
      '',
      'Result',
      '  total   60',
      '  prices',
      '    order  total',
      '        1     10',
      '        2     20',
      '        3     30',
      '  held    false',
      '',
      `Report  .bunsui/s3/bunsui-000000000000-us-east-1/reports/${day}/ID.html`,
      `Logs    .bunsui/s3/bunsui-000000000000-us-east-1/logs/${day}/ID/`,
      '',
      '  bunsui session show ID  jobs, attempts, errors',
      '  bunsui logs ID          what its handlers wrote',
      '',
    ]);
  });

  it('leaves a report where it says', () => {
    const report = /Report {2}(\S+)/.exec(ran.out)?.[1] ?? '';
    expect(readFileSync(join(folder, report), 'utf8')).toContain(session);
  });

  it('is listed, also by what it is asked for', async () => {
    const [table, failed, json] = await Promise.all([
      bunsui(['session', 'list'], { cwd: folder }),
      bunsui(['session', 'list', '--status', 'failed'], { cwd: folder }),
      bunsui(['session', 'list', '--json', '--pipeline', 'shop', '--limit', '1'], { cwd: folder }),
    ]);
    expect(table.out.split('\n')[1]).toMatch(
      new RegExp(
        `^✓ completed  ${session}  shop      .* ago +\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d +\\d+\\.\\ds$|just now`,
      ),
    );
    expect(failed).toStrictEqual({ code: 0, out: '', err: 'no session fits\n' });
    const [record = {}, ...others] = jsonLines(json);
    expect([record['session_id'], record['status'], record['pipeline_id'], others]).toStrictEqual([
      session,
      'completed',
      'shop',
      [],
    ]);
  });

  it.each(['latest', 'beginning', 'end'])('is shown by %s', async (way) => {
    const name = { latest: 'latest', beginning: session.slice(0, -2), end: session.slice(-8) }[way] ?? '';
    const [page, json] = await Promise.all([
      bunsui(['session', 'show', name], { cwd: folder }),
      bunsui(['session', 'show', name, '--json'], { cwd: folder }),
    ]);
    const lines = page.out.replaceAll(/\d+\.\ds/g, 'T').split('\n');
    expect(lines.slice(0, 2)).toStrictEqual([`✓ completed  shop  ${session}  in T`, '6 jobs: 5 completed, 1 skipped']);
    expect(lines.slice(4, 9)).toStrictEqual([
      'STATUS       JOB       ATTEMPTS  TIME  ERROR',
      '✓ completed  count            1  T',
      '✓ completed  hold             1  T',
      '✓ completed  prices   3/3 items  T',
      '– skipped    recount',
    ]);
    const [record = {}] = jsonLines(json);
    const jobs = record['jobs'];
    expect([record['session_id'], record['output'], Array.isArray(jobs) ? jobs[2] : jobs]).toMatchObject([
      session,
      { total: 60, held: false },
      { job_id: 'prices', job_status: 'completed', iterations: { total: 3, completed: 3, failed: 0 } },
    ]);
  });

  it('has its logs: all, of a job, of a map, as records', async () => {
    const ask = (...args: string[]) => bunsui(['logs', session, ...args], { cwd: folder });
    const [all, count, prices, json, wrong] = await Promise.all([
      ask(),
      ask('--job', 'count'),
      ask('--job', 'prices'),
      ask('--json', '--job', 'prices[0]/price'),
      ask('--job', 'cuont'),
    ]);
    expect(all.out).not.toMatch(/[^\n\x20-\x7e]/);
    expect(count.out).toMatch(/^\d\d:\d\d:\d\d\.\d{3} {2}count {2}INFO {6}counting to 3 {2}hostile=\\r$/m);
    expect(
      new Set([...prices.out.matchAll(/ {2}(prices\[\d\]\/price(?:#2)?) {2}/g)].map((match) => match[1])).size,
    ).toBe(6);
    expect(new Set(jsonLines(json).map((line) => line['job_id']))).toStrictEqual(new Set(['prices[0]/price']));
    expect([wrong.code, wrong.out, wrong.err]).toStrictEqual([
      5,
      '',
      'error[BS3006]: this session has no job "cuont"\n  = help: did you mean "count"?\n',
    ]);
  });

  it('can be piped into something that stops reading', async () => {
    const line = `'${process.execPath}' '${program}' logs latest | head -1; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', line], {
      cwd: folder,
      env: plainEnvironment(),
    });
    expect([stdout.trimEnd().split('\n').length, stdout.trimEnd().endsWith('\n0'), stderr]).toStrictEqual([
      2,
      true,
      '',
    ]);
  });

  it('does not begin anew when it is resumed', async () => {
    const again = await bunsui(['session', 'resume', session, '--json'], { cwd: folder });
    const [, refusal = {}] = jsonLines(again);
    expect([again.code, typesOf(jsonLines(again)), refusal['message'], refusal['hint']]).toStrictEqual([
      6,
      ['preparing', 'diagnostic'],
      `session ${session} has ended as completed; only an interrupted session can be resumed`,
      `run the pipeline again: bunsui run ${shop} -p orders=3 -p flaw=flaky`,
    ]);
  });

  it('is not found by what fits no session', async () => {
    const missing = await bunsui(['session', 'show', 'zzz', '--json'], { cwd: folder });
    expect([missing.code, jsonLines(missing)[0]?.['code']]).toStrictEqual([5, 'BS3002']);
  });
});

describe('--json', () => {
  it('is JSON Lines only when the pipeline fails, and ends with 1', async () => {
    const ran = await bunsui(['run', shop, '--json', '-p', 'flaw=broken', '-p', 'orders=1'], { cwd: folder });
    const lines = jsonLines(ran);
    expect([ran.code, ran.err, new Set(lines.map(({ v }) => v))]).toStrictEqual([1, '', new Set([1])]);
    expect(
      lines.filter(({ type }) => type !== 'preparing').map(({ type, job, attempt }) => [type, job, attempt]),
    ).toStrictEqual([
      ['session.started', undefined, undefined],
      ['job.started', 'count', 1],
      ['job.completed', 'count', 1],
      ['job.started', 'hold', 1],
      ['job.completed', 'hold', 1],
      ['map.started', 'prices', undefined],
      ['job.started', 'prices[0]/price', 1],
      ['job.retrying', 'prices[0]/price', 1],
      ['job.started', 'prices[0]/price', 2],
      ['job.failed', 'prices[0]/price', 2],
      ['map.failed', 'prices', undefined],
      ['session.ended', undefined, undefined],
    ]);
    const times = lines.map(({ at }) => String(at));
    expect(times.slice(3)).toStrictEqual(times.slice(3).toSorted());
    expect(lines.at(-1)).toMatchObject({
      status: 'failed',
      jobs: { completed: 2, failed: 1, cancelled: 1 },
      error: { name: 'RangeError', message: 'order 1 has no price', job: 'prices[0]/price', file: shop },
    });
  });
});

describe('an idempotency key', () => {
  it('starts one session for the same input, and refuses another', async () => {
    const run = (...more: string[]) => bunsui(['run', shop, '--json', '--key', 'monday', ...more], { cwd: folder });
    const first = await run();
    const second = await run();
    const third = await run('-p', 'orders=1');
    expect([first.code, second.code, third.code]).toStrictEqual([0, 0, 6]);
    expect(endOf(second)['session']).toBe(endOf(first)['session']);
    expect(typesOf(jsonLines(second)).slice(-2)).toStrictEqual(['session.existing', 'session.ended']);
    expect(endOf(third)['code']).toBe('BS3004');
  });
});

describe('before anything is started', () => {
  const refused: readonly (readonly [string, readonly string[], number, string])[] = [
    ['a field that does not fit', ['-p', 'orders=many'], 3, 'input "orders" is "many", not integer'],
    ['a field that is none', ['-p', 'order=1'], 3, 'did you mean "orders"?'],
    ['a parameter without a value', ['-p', 'orders'], 2, 'write -p key=value'],
    ['an input file that is not there', ['--input', 'gone.json'], 5, 'there is no input file "gone.json"'],
  ];
  it.each(refused)('%s is refused, and nothing is written', async (_, args, code, text) => {
    const clean = mkdtempSync(join(folder, 'clean-'));
    const ran = await bunsui(['run', shop, ...args], { cwd: clean });
    expect([ran.code, ran.err.includes(text), readdirSync(clean)]).toStrictEqual([code, true, []]);
  });

  it('all mistakes of an input are told, as JSON too', async () => {
    const clean = mkdtempSync(join(folder, 'clean-'));
    const input = JSON.stringify({ orders: 99, flaw: 'bad', folder: 1 });
    const ran = await bunsui(['run', shop, '--json', '--input', '-'], { cwd: clean, stdin: input });
    const found = jsonLines(ran).filter(({ type }) => type === 'diagnostic');
    expect([ran.code, found.map(({ code, path }) => [code, path])]).toStrictEqual([
      3,
      [
        ['BS3001', ['shop', 'input', 'orders']],
        ['BS3001', ['shop', 'input', 'flaw']],
        ['BS3001', ['shop', 'input', 'folder']],
      ],
    ]);
  });

  it('a state folder that cannot be one ends with 7', async () => {
    const clean = mkdtempSync(join(folder, 'clean-'));
    writeFileSync(join(clean, 'file'), 'not a folder');
    const ran = await bunsui(['run', shop, '--state-dir', 'file'], { cwd: clean });
    expect([ran.code, ran.err.includes('BS4001'), readdirSync(clean)]).toStrictEqual([7, true, ['file']]);
  });

  it('a handler that cannot be bundled ends with 3 and its place', async () => {
    const own = mkdtempSync(join(folder, 'own-'));
    writeFileSync(join(own, 'broken.ts'), 'export const handler = (;');
    writeFileSync(
      join(own, 'own.mjs'),
      [
        `import { lambda, pipeline } from 'bunsui';`,
        `import * as z from '${import.meta.resolve('zod')}';`,
        `const op = lambda('op', { entry: './broken.ts', input: z.object({}), output: z.object({}) });`,
        `export default pipeline('own', { input: z.object({}) }, (p) => { p.job('op', op, {}); });`,
      ].join('\n'),
    );
    const ran = await bunsui(['run', 'own.mjs'], { cwd: own });
    expect([ran.code, ran.err.includes('BS4004'), /broken\.ts:1:25/.test(ran.err)]).toStrictEqual([3, true, true]);
  });
});

describe('where nothing has run', () => {
  it('the lists are empty, say how to fill them, and make no folder', async () => {
    const clean = mkdtempSync(join(folder, 'clean-'));
    const [list, json, show, logs, resume] = await Promise.all(
      [
        ['session', 'list'],
        ['session', 'list', '--json'],
        ['session', 'show', 'latest'],
        ['logs', 'latest'],
        ['session', 'resume'],
      ].map((args) => bunsui(args, { cwd: clean })),
    );
    expect(list).toStrictEqual({
      code: 0,
      out: '',
      err: 'no sessions yet. Start one: bunsui run FILE\n',
    });
    expect(json).toStrictEqual({ code: 0, out: '', err: '' });
    expect([show?.code, logs?.code, resume?.code, existsSync(join(clean, '.bunsui'))]).toStrictEqual([5, 5, 5, false]);
    expect(show?.err).toBe('error[BS3002]: there is no session in ".bunsui"\n  = help: start one: bunsui run FILE\n');
  });
});

it('hints name the way bunsui was called, and the state folder', async () => {
  const clean = mkdtempSync(join(folder, 'clean-'));
  mkdirSync(join(clean, 'state folder'));
  const ran = await bunsui(['run', shop, '-p', 'orders=0', '--state-dir', 'state folder'], {
    cwd: clean,
    environment: { npm_command: 'run-script' },
  });
  expect([ran.code, /^ {2}npx bunsui logs \w+ --state-dir 'state folder'$/m.test(ran.out)]).toStrictEqual([0, true]);
});
