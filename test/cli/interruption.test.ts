/** Runs that are interrupted, killed or share their runtime: what users see, and that completed jobs ran once. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { bunsui, plainEnvironment, program } from './command-line.ts';

const shop = fileURLToPath(new URL('./shop/shop.ts', import.meta.url));

let folder = '';
let children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bunsui-cli-'));
  children = [];
});
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

interface Started {
  readonly child: ChildProcess;
  /** Resolves when stdout and stderr together hold this text; rejects when the process ends without it. */
  saying(text: string | RegExp): Promise<string>;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null; readonly text: string }>;
}

const start = (...args: string[]) => startNode(program, ...args);

function startNode(...args: string[]): Started {
  const child = spawn(process.execPath, args, { cwd: folder, env: plainEnvironment() });
  children.push(child);
  let text = '';
  let isOver = false;
  const waiting = new Set<() => void>();
  const tell = () => {
    for (const look of waiting) look();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      tell();
    });
  }
  const ended = new Promise<{ code: number | null; signal: string | null; text: string }>((resolve) => {
    child.once('close', (code, signal) => {
      isOver = true;
      tell();
      resolve({ code, signal, text });
    });
  });
  const saying = (wanted: string | RegExp) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const match = new RegExp(wanted).exec(text);
        if (match !== null) {
          waiting.delete(look);
          resolve(match[1] ?? match[0]);
        } else if (isOver) reject(new Error(`ended without ${wanted}:\n${text}`));
      };
      waiting.add(look);
      look();
    });
  return { child, saying, ended };
}

const holding = ['run', shop, '-p'];
const linesOf = (name: string) =>
  existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8').trimEnd().split('\n') : [];
const letGo = () => writeFileSync(join(folder, 'go'), '');
const sessionLine = /session (\w+) (?:started|resumed)/;

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s stops cleanly, says how to go on, and a resume ends it', async (signal, code) => {
  const run = start(...holding, `folder=${folder}`);
  const session = await run.saying(sessionLine);
  await run.saying('hold  started');
  run.child.kill(signal);
  const interrupted = await run.ended;
  expect([interrupted.code, interrupted.text.trimEnd().split('\n').slice(-2)]).toStrictEqual([
    code,
    ['stopping …', `interrupted. Go on with it: bunsui session resume ${session}`],
  ]);
  const shown = await bunsui(['session', 'show', 'latest'], { cwd: folder });
  expect(shown.out).toContain(`No process works on it. Go on with it: bunsui session resume ${session}`);

  expect(shown.out).toMatch(new RegExp(`^‖ interrupted  shop  ${session}  for `));

  const listed = await bunsui(['session', 'list', '--status', 'running'], { cwd: folder });
  expect(listed.out.split('\n')[1]).toMatch(new RegExp(`^‖ interrupted  ${session}  shop `));
  const record = JSON.parse((await bunsui(['session', 'list', '--json'], { cwd: folder })).out);
  expect([record.status, record.interrupted]).toStrictEqual(['running', true]);
  expect(listed.err).toBe(`\nno process works on ${session}. Go on with it: bunsui session resume ${session}\n`);

  const resumed = start('session', 'resume');
  expect(await resumed.saying(sessionLine)).toBe(session);
  letGo();
  expect((await resumed.ended).code).toBe(0);
  // The job that was completed before did not run again.
  const logs = await bunsui(['logs', session, '--job', 'count'], { cwd: folder });
  expect(logs.out.split('\n').filter((line) => line.includes('counting to')).length).toBe(1);
  expect(linesOf('ended.txt')).toStrictEqual([session]);
});

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('a second %s ends at once what does not stop by itself, with a last word', async (signal, code) => {
  const file = new URL('../../lib/cli/interruption.ts', import.meta.url).href;
  const script = `
    import { listenForInterruption } from ${JSON.stringify(file)};
    listenForInterruption(() => console.log('first'), () => console.log('how to go on'));
    setInterval(() => {}, 1000);
    console.log('listening');
  `;
  const stubborn = startNode('--input-type=module', '-e', script);
  await stubborn.saying('listening');
  stubborn.child.kill(signal);
  await stubborn.saying('first');
  stubborn.child.kill(signal);
  const { code: ended, text } = await stubborn.ended;
  expect([ended, text]).toStrictEqual([code, 'listening\nfirst\nhow to go on\n']);
});

it('a run beside another one is its client; the first stays until both have ended', async () => {
  const owner = start(...holding, 'orders=0');
  const other = mkdtempSync(join(folder, 'other-'));
  await owner.saying('count  started');
  const client = start(...holding, `folder=${other}`);
  const session = await client.saying(sessionLine);
  const waiting = await owner.saying(
    /1 other session runs in this process, which stays until it has ended|completed {2}shop/,
  );
  letGo();
  writeFileSync(join(other, 'go'), '');
  const [first, second] = await Promise.all([owner.ended, client.ended]);
  expect([first.code, second.code, second.text.includes(session), waiting !== '']).toStrictEqual([0, 0, true, true]);
});

it('takes over when the process that runs the session is killed', async () => {
  const ownFolder = mkdtempSync(join(folder, 'own-'));
  const owner = start(...holding, `folder=${ownFolder}`);
  await owner.saying('hold  started');
  const client = start(...holding, `folder=${folder}`);
  const session = await client.saying(sessionLine);
  await client.saying('hold  started');
  owner.child.kill('SIGKILL');
  await client.saying(`process ${owner.child.pid}, which ran this session, has gone; it goes on here`);
  letGo();
  writeFileSync(join(ownFolder, 'go'), '');
  const ended = await client.ended;
  expect([ended.code, linesOf('ended.txt')]).toStrictEqual([0, [session]]);
  const listed = await bunsui(['session', 'list', '--json'], { cwd: folder });
  const statuses = listed.out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).status);
  expect(statuses).toStrictEqual(['completed', 'completed']);
});

it('Ctrl-C in a client leaves its session to the process that runs it', async () => {
  const owner = start(...holding, `folder=${folder}`);
  await owner.saying('hold  started');
  const other = mkdtempSync(join(folder, 'other-'));
  const client = start(...holding, `folder=${other}`, '--json');
  const session = await client.saying(/"session.started".*?"session":"(\w+)"/);
  client.child.kill('SIGINT');
  const left = await client.ended;
  expect([left.code, left.text.includes(`"type":"session.interrupted"`)]).toStrictEqual([130, true]);
  expect(left.text).toContain(`it goes on in process ${owner.child.pid}. Watch it: bunsui session resume ${session}`);
  letGo();
  writeFileSync(join(other, 'go'), '');
  expect((await owner.ended).code).toBe(0);
  const shown = await bunsui(['session', 'show', session], { cwd: folder });
  expect(shown.out).toMatch(new RegExp(`^✓ completed  shop  ${session}  in `));
});

it('hints at sessions that an earlier process left unfinished', async () => {
  const killed = start(...holding, `folder=${folder}`);
  const session = await killed.saying(sessionLine);
  await killed.saying('hold  started');
  killed.child.kill('SIGKILL');
  await killed.ended;
  const next = await bunsui(['run', shop, '-p', 'orders=0'], { cwd: folder });
  expect([next.code, next.err]).toStrictEqual([
    0,
    `\na session was interrupted earlier. Go on with it: bunsui session resume ${session}\n`,
  ]);
});
