/** The same commands within this process: whole pages and records of one session, with colours and without. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { showError } from '../../lib/cli/errors-shown.ts';
import { main } from '../../lib/cli/main.ts';
import { recordedTerminal } from './outputs.ts';

const shop = fileURLToPath(new URL('./shop/shop.ts', import.meta.url));

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bunsui-cli-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function run(args: readonly string[], live = false) {
  const recorded = recordedTerminal({ columns: 100 });
  const out = { ...recorded.out, live };
  const code = await main(args, { ...recorded, out }, { cwd: folder, environment: {} });
  return { code, out: recorded.out.text(), err: recorded.err.text() };
}

const fixed = (text: string, session: string) =>
  text
    .replaceAll(session, 'ID')
    .replaceAll(/\d{4}[-/]\d\d[-/]\d\d/g, 'DAY')
    .replaceAll(/\d\d:\d\d:\d\d(\.\d+)?/g, 'CLOCK')
    .replaceAll(/\d+\.\ds/g, 'T')
    .split('\n');

it('a failed session: run, page, list, logs, records', async () => {
  const ran = await run(['run', shop, '-p', 'flaw=broken', '-p', 'orders=1']);
  const session = /session (\w+) started/.exec(ran.out)?.[1] ?? '';
  expect([ran.code, ran.err]).toStrictEqual([1, '']);
  expect(fixed(ran.out.slice(ran.out.indexOf('✗ failed')), session)).toStrictEqual([
    '✗ failed  shop  ID  in T',
    '4 jobs: 1 failed, 1 cancelled, 2 completed',
    '',
    '  prices[0]/price failed after 2 attempts',
    '    RangeError: order 1 has no price',
    expect.stringMatching(/^ {4}at .*shop\/price\.ts:6:\d+$/),
    expect.stringMatching(/^ {4}job at .*shop\/shop\.ts:26:\d+$/),
    '    last log lines',
    '    | WARNING  no price list',
    '    | WARNING  no price list',
    '',
    'Report  .bunsui/s3/bunsui-000000000000-us-east-1/reports/DAY/ID.html',
    'Logs    .bunsui/s3/bunsui-000000000000-us-east-1/logs/DAY/ID/',
    '',
    '  bunsui session show ID                  jobs, attempts, errors',
    "  bunsui logs ID --job 'prices[0]/price'  its log",
    '',
  ]);

  const page = await run(['session', 'show', 'latest']);
  expect(fixed(page.out, session).slice(2, 16)).toStrictEqual([
    expect.stringMatching(/^version [0-9a-f]{12}, started DAY CLOCK \(just now|\d+ s ago\) by manual, /),
    '',
    '  prices[0]/price failed after 2 attempts',
    '    RangeError: order 1 has no price',
    expect.stringMatching(/^ {4}at .*shop\/price\.ts:6:\d+$/),
    expect.stringMatching(/^ {4}job at .*shop\/shop\.ts:26:\d+$/),
    '',
    'STATUS       JOB               ATTEMPTS  TIME  ERROR',
    '✓ completed  count                    1  T',
    '✓ completed  hold                     1  T',
    '✗ failed     prices           0/1 items  T',
    '✗ failed     prices[0]/price          2  T  RangeError: order 1 has no price',
    '■ cancelled  recount',
    '',
  ]);

  const list = await run(['session', 'list', '--status', 'failed'], true);
  expect(fixed(list.out, session).slice(1)).toStrictEqual([
    expect.stringMatching(/^✗ failed {2}ID {2}shop /),
    '             RangeError: order 1 has no price',
    '',
  ]);

  const logs = await run(['logs', session, '--job', 'prices']);
  const said = fixed(logs.out, session).filter((line) => line.includes('job failed'));
  expect(said).toStrictEqual([
    expect.stringMatching(
      /^CLOCK {2}prices\[0\]\/price {2}ERROR {5}job failed {2}duration_ms=\d+ {2}error=RangeError: order 1 has no price$/,
    ),
    expect.stringMatching(/^CLOCK {2}prices\[0\]\/price#2 {2}ERROR {5}job failed {2}/),
  ]);

  const shown = JSON.parse((await run(['session', 'show', session, '--json'])).out);
  const listed = JSON.parse((await run(['session', 'list', '--json'])).out);
  expect([
    shown.type,
    shown.status,
    shown.jobs[3].job_status,
    shown.jobs[3].attempts.length,
    listed.session_id,
    listed.input,
    listed.interrupted,
  ]).toStrictEqual(['session', 'failed', 'failed', 2, session, shown.input, false]);
  const again = await run(['session', 'resume', session]);
  expect([again.code, again.out, again.err.split('\n')]).toStrictEqual([
    6,
    '    0.0s  starting the runtime\n',
    [
      `error[BS3005]: session ${session} has ended as failed; only an interrupted session can be resumed`,
      `  = help: run the pipeline again: bunsui run ${shop} -p flaw=broken -p orders=1`,
      '',
    ],
  ]);

  // The id of a node stands for it in all iterations, and a terminal shows a failure's stack once.
  const byNode = await run(['logs', session, '--job', 'price'], true);
  expect(fixed(byNode.out, session).map((line) => line.replace(/Duration.*/, '…'))).toStrictEqual([
    'CLOCK  prices[0]/price  INFO      job started',
    'CLOCK  prices[0]/price  WARNING   no price list',
    expect.stringMatching(
      /^CLOCK {2}prices\[0\]\/price {2}ERROR {5}job failed {2}duration_ms=\d+ {2}error=RangeError: order 1 has no price$/,
    ),
    expect.stringMatching(/^ {2}\| {5}at .*shop\/price\.ts:6:\d+\)$/),
    'CLOCK  prices[0]/price  ERROR     REPORT  …',
    'CLOCK  prices[0]/price#2  INFO      job started',
    'CLOCK  prices[0]/price#2  WARNING   no price list',
    expect.stringMatching(/^CLOCK {2}prices\[0\]\/price#2 {2}ERROR {5}job failed {2}/),
    expect.stringMatching(/^ {2}\| {5}at .*shop\/price\.ts:6:\d+\)$/),
    'CLOCK  prices[0]/price#2  ERROR     REPORT  …',
    '',
  ]);
});

it('a live picture ends with the summary below it', async () => {
  const { code, out } = await run(['run', shop, '-p', 'orders=1', '--key', 'live'], true);
  expect(code).toBe(0);
  expect(out.startsWith('\x1b[?25l')).toBe(true);
  expect(out.slice(out.lastIndexOf('\x1b[?25h')).split('\n').slice(0, 3)).toStrictEqual([
    '\x1b[?25h',
    expect.stringMatching(/^✓ completed {2}shop {2}\w+ {2}in /),
    '4 jobs: 3 completed, 1 skipped',
  ]);
  const again = await run(['run', shop, '--json', '-p', 'orders=1', '--key', 'live']);
  const other = await run(['run', shop, '-p', 'orders=2', '--key', 'live']);
  expect([
    again.code,
    again.out.includes('"session.existing"'),
    other.code,
    other.err.includes('BS3004'),
  ]).toStrictEqual([0, true, 6, true]);
});

it('mistakes of every kind end with their code', async () => {
  writeFileSync(join(folder, 'input.json'), '{"orders":1000}');
  const tries = [
    ['run', shop, '--input', 'input.json', '--json'],
    ['run', 'gone.ts', '--json'],
    ['graph', shop, '--direction', 'LR'],
    ['compile', shop],
    ['session', 'show', 'nothing-like-it'],
    ['logs', 'latest', '--job', 'prise'],
    ['logs', 'latest', '--job', 'recount'],
  ];
  const seen = [];
  for (const args of tries) {
    const { code, out, err } = await run(args);
    seen.push([
      code,
      out
        .split('\n')
        .at(args.includes('--json') ? -2 : 0)
        ?.slice(0, 60) ?? '',
      err.split('\n')[0] ?? '',
    ]);
  }
  expect(seen).toStrictEqual([
    [
      3,
      '{"v":1,"type":"diagnostic","severity":"error","code":"BS3001"'.slice(0, 60),
      'error[BS3001]: input "orders" is 1000, not at most 50',
    ],
    [
      5,
      '{"v":1,"type":"diagnostic","severity":"error","code":"BS2002"'.slice(0, 60),
      'error[BS2002]: there is no file "gone.ts"',
    ],
    [0, 'flowchart LR', ''],
    [
      0,
      '{',
      'info[BS1113]: nothing says how many items map "prices" has, and the history of an execution holds 25000 events',
    ],
    [5, '', 'error[BS3002]: no session has the id "nothing-like-it"'],
    [5, '', 'error[BS3006]: this session has no job "prise"'],
    [0, '', 'job "recount" wrote nothing'],
  ]);
});

it('help, usage errors and an unused folder, as their own processes show them', async () => {
  const unused = ['--state-dir', 'never-used'];
  const tries: readonly (readonly [readonly string[], number, string])[] = [
    [[], 0, 'Data pipelines in TypeScript, on this machine and on AWS Step Functions.'],
    [['help', 'session', 'list'], 0, 'Lists sessions, the latest first.'],
    [['logs', '--help'], 0, 'Prints, follows, searches and counts what the handlers of a session wrote.'],
    [['help', 'logs'], 0, 'Prints, follows, searches and counts what the handlers of a session wrote.'],
    [['logs'], 0, 'Prints, follows, searches and counts what the handlers of a session wrote.'],
    [['logs', 'latest', '--help'], 0, 'Prints what the handlers of a session wrote, in the order of time'],
    [['logs', 'latest', '--levle', 'x'], 2, 'error[BS2001]: unknown option "--levle"'],
    [['logs', 'latest', ...unused], 5, 'error[BS3002]: there is no session in'],
    [['--version'], 0, ''],
    [['sesion'], 2, 'error[BS2001]: unknown command "sesion"'],
    [['graph', 'x', '--direction', 'up'], 2, 'error[BS2001]: "up" does not fit --direction <direction>: a direction'],
    [
      ['run', 'x.ts', '--key', ''],
      2,
      'error[BS2001]: "" does not fit --key <key>: a key has 1 to 1024 characters, this',
    ],
    [
      ['run', 'x.ts', '--key', 'k'.repeat(1025)],
      2,
      `error[BS2001]: "${'k'.repeat(59)}…" does not fit --key <key>: a key`,
    ],
    [['run', 'x.ts', '--key', 'k'.repeat(1024)], 5, '    0.0s  reading x.ts'],
    [['session', 'list', '--limit', '0'], 2, 'error[BS2001]: "0" does not fit --limit <n>: a number from 1 to 1000'],
    [['session', 'list', ...unused], 0, 'no sessions yet. Start one: bunsui run FILE'],
    [['session', 'list', '--status', 'failed', ...unused], 0, 'no session fits'],
    [['session', 'resume', ...unused], 5, '    0.0s  starting the runtime'],
    [['session', 'resume', 'latest', '--json', ...unused], 5, '{"v":1,"type":"preparing"'],
    [['run', 'missing.ts', '--json'], 5, '{"v":1,"type":"preparing"'],
    [['session', 'resume'], 5, '    0.0s  starting the runtime'],
  ];
  for (const [args, code, start] of tries) {
    const ran = await run(args);
    expect([args, ran.code, (ran.out + ran.err).startsWith(start)]).toStrictEqual([args, code, true]);
  }
});

it('shows what is none of our errors with its stack', () => {
  const terminal = recordedTerminal();
  showError(new TypeError('a defect\u001b[2J'), terminal, { json: true, cwd: folder });
  const [line = '', ...stack] = terminal.err.text().trimEnd().split('\n');
  expect([line, stack.every((frame) => frame.startsWith('    at ')), JSON.parse(terminal.out.text())]).toStrictEqual([
    'error: TypeError: a defect',
    true,
    { v: 1, type: 'error', name: 'TypeError', message: 'a defect\u001b[2J' },
  ]);
});
