/**
 * What versions have left behind: histories of pipelines, and a state folder with sessions that went well, failed, were
 * run again, and were cut off by SIGKILL. Every later version reads it as its own. `npm run keep` writes what the version
 * in package.json leaves; of a version that was published it is not written again.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { main } from '../../lib/cli/main.ts';
import type { PipelineArtifact } from '../../lib/ir/artifact.ts';
import { foldHistory } from '../../lib/sessions/fold.ts';
import type { SessionView } from '../../lib/sessions/view.ts';
import { plainEnvironment, program } from '../cli/command-line.ts';
import { recordedTerminal } from '../cli/outputs.ts';
import { rows } from '../fixtures/pipelines.ts';
import { runRow } from '../sessions/fixture-run.ts';
import { type KeptFolder, packFolder, readCompressed, unpackFolder, writeCompressed } from './folder.ts';

interface KeptHistory {
  readonly name: string;
  readonly artifact: PipelineArtifact;
  readonly events: readonly HistoryEvent[];
  readonly view: SessionView;
}
type Line = { readonly [field: string]: unknown };
interface KeptState {
  readonly folder: KeptFolder;
  /** The one that was cut off. */
  readonly interrupted: string;
  /** Sessions as `session show --json` told them, and their logs, by id. */
  readonly sessions: { readonly [id: string]: { readonly show: Line; readonly log: readonly Line[] } };
}

const here = (path: string) => new URL(path, import.meta.url);
const { version } = JSON.parse(readFileSync(here('../../package.json'), 'utf8')) as { readonly version: string };
const shop = fileURLToPath(here('../cli/shop/shop.ts'));
const json = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bunsui-kept-'));
  folders.push(folder);
  return folder;
}

/** Lines of JSON that a command prints in a folder. */
async function lines(cwd: string, ...args: string[]): Promise<readonly Line[]> {
  const terminal = recordedTerminal();
  const code = await main(args, terminal, { cwd, environment: {} });
  const text = terminal.out.text();
  if (code > 1) throw new Error(`bunsui ${args.join(' ')} ended with ${code}: ${terminal.err.text()}`);
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]));
}

/** A session without the places of its files, which are others in another folder. */
function placeless({ report: _, logs: __, ...line }: Line): Line {
  return line;
}

async function told(cwd: string, id: string) {
  const [show = {}] = await lines(cwd, 'session', 'show', id, '--json');
  return { show: placeless(show), log: await lines(cwd, 'logs', id, '--format', 'jsonl') };
}

/** Runs in a process of its own, which is killed at the end of the given job. */
async function cutOff(cwd: string, job: string): Promise<string> {
  const child = spawn(process.execPath, [program, 'run', shop, '-p', 'orders=8', '--json'], {
    cwd,
    env: plainEnvironment(),
  });
  let session = '';
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as Line;
    session = String(line['session'] ?? session);
    if (line['type'] === 'job.completed' && line['job'] === job) child.kill('SIGKILL');
  }
  return session;
}

async function keep(): Promise<void> {
  const at = here(`${version}/`);
  mkdirSync(at, { recursive: true });
  const histories: KeptHistory[] = [];
  for (const row of rows) {
    const { artifact, events } = await runRow(row);
    histories.push({ name: row.name, artifact, events, view: foldHistory(artifact, events) });
  }
  writeCompressed(new URL('histories.json.gz', at), histories);

  const cwd = temporary();
  await lines(cwd, 'run', shop, '-p', 'flaw=flaky', '--json');
  await lines(cwd, 'run', shop, '-p', 'flaw=broken', '--json');
  const [broken] = await lines(cwd, 'session', 'list', '--json', '--status', 'failed');
  await lines(cwd, 'session', 'rerun', String(broken?.['session_id']), '-p', 'flaw=none', '--json');
  await lines(cwd, 'run', shop, '-p', 'flaw=broken', '--json');
  const interrupted = await cutOff(cwd, 'count');
  const sessions: Record<string, KeptState['sessions'][string]> = {};
  for (const one of await lines(cwd, 'session', 'list', '--json')) {
    const id = String(one['session_id']);
    if (id !== interrupted) sessions[id] = await told(cwd, id);
  }
  writeCompressed(new URL('state.json.gz', at), { folder: packFolder(join(cwd, '.bunsui')), interrupted, sessions });
  // What is opened again must need nothing of it.
  rmSync(cwd, { recursive: true });
}
if (process.env['BUNSUI_KEEP'] === '1') await keep();

const versions = readdirSync(here('.'), { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);

it('this version has left something behind', () => {
  expect(versions, 'npm run keep').toContain(version);
});

describe.each(versions)('what version %s has left behind', (left) => {
  it('histories: each is folded to what was told of it then', () => {
    const histories = readCompressed<readonly KeptHistory[]>(here(`${left}/histories.json.gz`));
    expect(histories.length).toBeGreaterThanOrEqual(20);
    for (const { name, artifact, events, view } of histories) {
      // Later versions may tell more.
      expect({ name, ...(json(foldHistory(artifact, events)) as object) }).toMatchObject({ name, ...view });
    }
    console.log(`${left}: ${histories.length} histories, 0 differences`);
  });

  it('a state folder: its sessions and logs are told as they were, and the one that was cut off goes on', {
    timeout: 300_000,
  }, async () => {
    const state = readCompressed<KeptState>(here(`${left}/state.json.gz`));
    const cwd = temporary();
    unpackFolder(state.folder, join(cwd, '.bunsui'));
    const ids = Object.keys(state.sessions);
    const listed = await lines(cwd, 'session', 'list', '--json');
    expect(listed.map((one) => one['session_id']).sort()).toStrictEqual([...ids, state.interrupted].sort());
    for (const [id, kept] of Object.entries(state.sessions)) {
      const { show, log } = await told(cwd, id);
      expect(show).toMatchObject(kept.show);
      expect(log).toStrictEqual(kept.log);
    }
    const ran = await lines(cwd, 'session', 'resume', state.interrupted, '--json');
    expect(ran.at(-1)).toMatchObject({ type: 'session.ended', status: 'completed', jobs: { completed: 10 } });
    expect(ran.filter((line) => line['type'] === 'job.started').map((line) => line['job'])).not.toContain('count');
    expect(existsSync(join(cwd, '.bunsui'))).toBe(true);
    console.log(
      `${left}: a state folder with ${listed.length} sessions, one of them cut off: 0 differences, and it goes on`,
    );
  });
});
