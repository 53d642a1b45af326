import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exitCodeFor, exitCodes } from '../../lib/cli/exit-codes.ts';
import { nodeTooOld } from '../../lib/cli/main.ts';
import { BunsuiError, type ErrorCode } from '../../lib/errors.ts';
import { bunsui, plainEnvironment, program } from './command-line.ts';

const commands = [
  'run',
  'session',
  'session start',
  'session watch',
  'session list',
  'session show',
  'session cancel',
  'session rerun',
  'session resume',
  'session pause',
  'session wait',
  'session tag',
  'session delete',
  'logs',
  'graph',
  'compile',
  'deploy',
  'bootstrap',
  'approve',
  'approvals',
  'approvals list',
  'stack',
  'stack list',
  'stack destroy',
  'plugin',
  'plugin list',
  'plugin add',
  'plugin remove',
  'plugin create',
];

describe('help', () => {
  it('of the program fits a terminal of 80 × 24, however it is asked for', async () => {
    const pages = await Promise.all([[], ['-h'], ['--help'], ['help']].map((args) => bunsui(args)));
    const [first] = pages;
    expect(pages).toStrictEqual(pages.map(() => ({ code: 0, out: first?.out, err: '' })));
    const lines = first?.out.trimEnd().split('\n') ?? [];
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(lines.filter((line) => line.length > 80)).toStrictEqual([]);
    // Of a group its commands stand there, several on one line: `stack list|destroy`.
    const shown = lines.flatMap((line) => {
      const [, group = '', names = ''] = /^(?:[A-Z]\w+)? {2,}([a-z]+ )?([a-z]+(?:\|[a-z]+)*)(?: |$)/.exec(line) ?? [];
      return names.split('|').map((name) => `${group}${name}`);
    });
    const groups = commands.filter((name) => commands.some((other) => other.startsWith(`${name} `)));
    for (const command of commands.filter((name) => !groups.includes(name))) expect(shown).toContain(command);
    for (const code of Object.values(exitCodes)) expect(first?.out).toContain(String(code));
  });

  it.each(commands)('of %s starts with examples and is the same on every way to it', async (command) => {
    const words = command.split(' ');
    const [asked, short, long] = await Promise.all([
      bunsui(['help', ...words]),
      bunsui([...words, '-h']),
      bunsui([...words, '--help']),
    ]);
    expect([short, long]).toStrictEqual([asked, asked]);
    const lines = asked.out.split('\n');
    const titles = lines.filter((line) => /^[A-Z][a-z]+$/.test(line));
    expect([asked.code, asked.err, titles.slice(0, 2)]).toStrictEqual([0, '', ['Examples', 'Usage']]);
    expect(lines.filter((line) => line.length > 80)).toStrictEqual([]);
    const options = [...asked.out.matchAll(/^ {2}.*?(--[a-z-]+)/gm)].map((match) => match[1]);
    expect(options).toContain('--help');
    expect(lines.filter((line) => line.startsWith(`  bunsui ${command}`)).length).toBeGreaterThanOrEqual(2);
  });

  it('of a group is what the bare group shows', async () => {
    const [bare, asked, inner, innerAsked] = await Promise.all([
      bunsui(['session']),
      bunsui(['session', '--help']),
      bunsui(['session', 'help', 'list']),
      bunsui(['session', 'list', '--help']),
    ]);
    expect([bare, inner]).toStrictEqual([asked, innerAsked]);
  });

  it('loads nothing but the command tree', async () => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `
        import { registerHooks } from 'node:module';
        const loaded = [];
        registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
        process.argv = [process.argv[0], 'bunsui', '--help'];
        process.stdout.write = () => true;
        await import(${JSON.stringify(program)});
        process.stderr.write = () => true;
        delete process.stdout.write;
        process.stdout.write(JSON.stringify(loaded));
      `,
      ],
      { env: plainEnvironment() },
    );
    const loaded: unknown = JSON.parse(stdout);
    const names = (Array.isArray(loaded) ? loaded : [])
      .map((url) => /(?:\/(lib|bin)\/(.*)|\/node_modules\/([^/]+))/.exec(String(url)))
      .map((match) => match?.[2] ?? match?.[3]);
    expect([...new Set(names.filter((name) => name !== undefined))].toSorted()).toStrictEqual([
      'bunsui.ts',
      'cli/approval-commands.ts',
      'cli/context.ts',
      'cli/deploy-commands.ts',
      'cli/exit-codes.ts',
      'cli/help-pages.ts',
      'cli/help.ts',
      'cli/log-commands.ts',
      'cli/main.ts',
      'cli/notify-commands.ts',
      'cli/options.ts',
      'cli/overview.ts',
      'cli/own-version.ts',
      'cli/platform-target.ts',
      'cli/plugin-commands.ts',
      'cli/program.ts',
      'cli/schedule-commands.ts',
      'cli/session-commands.ts',
      'cli/suggest.ts',
      'cli/terminal.ts',
      'commander',
      'errors.ts',
      'ir/spelling.ts',
      'sessions/status.ts',
    ]);
  });
});

it('prints its version', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(await bunsui(['--version'])).toStrictEqual({ code: 0, out: `${version}\n`, err: '' });
});

describe('a wrong command line ends with 2 and says what to type', () => {
  const wrong: readonly (readonly [string, readonly string[]])[] = [
    [
      'sesion list',
      ['error[BS2001]: unknown command "sesion"', '= help: did you mean "session"?', 'see bunsui --help'],
    ],
    [
      'session shwo x',
      ['error[BS2001]: unknown command "shwo"', '= help: did you mean "show"?', 'see bunsui session --help'],
    ],
    ['help grap', ['error[BS2001]: unknown command "grap"', '= help: did you mean "graph"?', 'see bunsui --help']],
    ['frobnicate --help', ['error[BS2001]: unknown command "frobnicate"', '= help: see bunsui --help']],
    [
      'run x.ts --jsno',
      ['error[BS2001]: unknown option "--jsno"', '= help: did you mean --json?', 'see bunsui run --help'],
    ],
    ['run', ['error[BS2001]: missing required argument "FILE"', '= help: see bunsui run --help']],
    [
      'compile a b',
      [
        'error[BS2001]: too many arguments for "compile". Expected 1 argument but got 2: a, b.',
        '= help: see bunsui compile --help',
      ],
    ],
    [
      'session list --limit 0',
      [
        'error[BS2001]: "0" does not fit --limit <n>: a number from 1 to 1000 is allowed',
        '= help: see bunsui session list --help',
      ],
    ],
    [
      'session list --status faild',
      [
        'error[BS2001]: "faild" does not fit --status <status>: a status is one of created, queued, running, paused, completed, failed, cancelled, timeout',
        '= help: did you mean "failed"?',
        'see bunsui session list --help',
      ],
    ],
    [
      'graph x.ts --direction up',
      [
        'error[BS2001]: "up" does not fit --direction <direction>: a direction is one of TB, LR, BT, RL',
        '= help: see bunsui graph --help',
      ],
    ],
    [
      'run x.ts -p',
      ['error[BS2001]: option "-p, --param <key=value>" argument missing', '= help: see bunsui run --help'],
    ],
  ];

  it.each(wrong)('%s', async (line, expected) => {
    const { code, out, err } = await bunsui(line.split(' '));
    const lines = err
      .trimEnd()
      .split('\n')
      .map((text) => text.trim());
    expect([code, out, lines]).toStrictEqual([2, '', expected]);
  });

  it('as a JSON line too, where JSON was asked for', async () => {
    const { code, out } = await bunsui(['session', 'list', '--json', '--limit', 'x']);
    expect([code, JSON.parse(out)]).toStrictEqual([
      2,
      {
        v: 1,
        type: 'diagnostic',
        severity: 'error',
        code: 'BS2001',
        message: '"x" does not fit --limit <n>: a number from 1 to 1000 is allowed',
        path: [],
        hint: 'see bunsui session list --help',
      },
    ]);
  });
});

describe('colours', () => {
  it('are left out of pipes and put in on demand', async () => {
    const environments = [
      {},
      { NO_COLOR: '1' },
      { FORCE_COLOR: '1' },
      { FORCE_COLOR: '1', NO_COLOR: '1' },
      { TERM: 'dumb' },
    ];
    const ran = await Promise.all(environments.map((environment) => bunsui(['rnu'], { environment })));
    expect(ran.map(({ err }) => err.includes('\x1b'))).toStrictEqual([false, false, true, true, false]);
  });
});

it('keeps compiled code among the files of its user, of commands that work and of no others', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bunsui-code-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const environment = { XDG_CACHE_HOME: join(folder, 'caches'), TMPDIR: folder };
  await bunsui(['--help'], { environment });
  expect(readdirSync(folder)).toStrictEqual([]);
  const state = ['--state-dir', join(folder, 'state')];
  expect((await bunsui(['session', 'list', ...state], { environment, cwd: folder })).code).toBe(0);
  expect(readdirSync(join(folder, 'caches', 'bunsui', 'code')).length).toBeGreaterThan(0);
  expect(readdirSync(folder).filter((name) => name.includes('compile-cache'))).toStrictEqual([]);
});

it('says which Node.js it needs', () => {
  expect(['20.20.2', '22.17.1', '22.18.0', '24.0.0'].map(nodeTooOld)).toStrictEqual([
    'bunsui needs Node.js 22.18 or later, and this is 20.20.2',
    'bunsui needs Node.js 22.18 or later, and this is 22.17.1',
    undefined,
    undefined,
  ]);
});

it('gives every error its documented exit code', () => {
  const codes: readonly ErrorCode[] = [
    'BS1001',
    'BS1002',
    'BS1104',
    'BS2001',
    'BS2002',
    'BS3001',
    'BS3002',
    'BS3003',
    'BS3004',
    'BS3005',
    'BS3006',
    'BS4001',
    'BS4002',
    'BS4003',
    'BS4004',
    'BS5001',
  ];
  const ours = codes.map((code) => exitCodeFor(new BunsuiError('AWSError', code, '')));
  expect(ours).toStrictEqual([3, 3, 3, 2, 5, 3, 5, 5, 6, 6, 5, 7, 6, 7, 3, 7]);
  const denied = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
  expect([
    exitCodeFor(denied),
    exitCodeFor(new BunsuiError('AWSError', 'BS5001', 'refused', { cause: denied })),
    exitCodeFor(new TypeError('a defect')),
    exitCodeFor('thrown text'),
  ]).toStrictEqual([4, 4, 7, 7]);
});
