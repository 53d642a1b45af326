/**
 * How long a person waits: from exec of `bunsui run` to the start of the first job, and for `bunsui --help`. Runs what
 * `npm run build` made. Cold means: no state folder, and no compile cache of V8. Median of five; `--help` also as a
 * ratio to `node -e 0` in the same run, which takes the machine out of the figure.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const command = join(root, 'dist/bin/bunsui.js');
const pipeline = 'pipelines/flights/pipeline.ts';
const runs = 5;
const goals = { firstJobMs: 1_500, helpMs: 120 };

/**
 * Runs `measure` with a folder that is gone afterwards; as XDG_CACHE_HOME it is also where V8's compile cache would be. It lies
 * in the project, as a state folder does: handlers find packages from there.
 */
async function withFolder<T>(measure: (folder: string, env: NodeJS.ProcessEnv) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(root, '.bunsui-bench-'));
  const { NODE_COMPILE_CACHE: _, ...env } = process.env;
  try {
    return await measure(folder, { ...env, TMPDIR: folder, XDG_CACHE_HOME: folder });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Ended {
  readonly status: number | null;
  readonly stderr: string;
}

/** Both are read to the end, so that no pipe fills up. */
async function ended(child: ChildProcess): Promise<Ended> {
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const status = await new Promise<number | null>((done, fail) => child.on('close', done).on('error', fail));
  return { status, stderr };
}

/** Milliseconds from exec to the end. */
function timeOf(args: readonly string[]): Promise<number> {
  return withFolder(async (_, env) => {
    const from = performance.now();
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.resume();
    const { status, stderr } = await ended(child);
    if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}: ${stderr}`);
    return performance.now() - from;
  });
}

interface FirstJob {
  /** From exec until the record of the first started job could be read. */
  readonly seenMs: number;
  /** From exec until the time that this record bears. */
  readonly startedMs: number;
  readonly totalMs: number;
}

/** Runs the example in a new state folder and waits for its end, so that the next run has the machine to itself. */
function firstJob(): Promise<FirstJob> {
  return withFolder(async (folder, env) => {
    const args = [command, 'run', pipeline, '--json', '--state-dir', join(folder, 'state')];
    const [from, fromEpoch] = [performance.now(), Date.now()];
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const end = ended(child);
    let first: { readonly seenMs: number; readonly startedMs: number } | undefined;
    let last = '';
    for await (const line of createInterface({ input: child.stdout })) {
      last = line;
      if (first !== undefined || !line.includes('"job.started"')) continue;
      const { type, at } = JSON.parse(line) as { readonly type: string; readonly at: string };
      if (type === 'job.started') first = { seenMs: performance.now() - from, startedMs: Date.parse(at) - fromEpoch };
    }
    const { status, stderr } = await end;
    if (first === undefined || status !== 0) throw new Error(`bunsui run ended with ${status}: ${stderr}${last}`);
    return { ...first, totalMs: performance.now() - from };
  });
}

async function repeated<T>(measure: () => Promise<T>): Promise<readonly T[]> {
  const values: T[] = [];
  for (let run = 0; run < runs; run += 1) values.push(await measure());
  return values;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function line(what: string, ms: number, note: string): void {
  process.stdout.write(`${what.padEnd(34)} ${Math.round(ms).toString().padStart(6)} ms  ${note}\n`);
}

if (!existsSync(command)) throw new Error(`${command} is not there; run \`npm run build\` first`);

const jobs = await repeated(firstJob);
const seen = jobs.map(({ seenMs }) => seenMs);
const spread = `${Math.round(Math.min(...seen))} to ${Math.round(Math.max(...seen))}`;
line('exec to first job, seen', median(seen), `median of ${runs}, ${spread}; goal ${goals.firstJobMs}`);
line('exec to first job, by its record', median(jobs.map(({ startedMs }) => startedMs)), `median of ${runs}`);
line('exec to the end of the pipeline', median(jobs.map(({ totalMs }) => totalMs)), `median of ${runs}`);
// In turns, so that a slow moment of the machine falls on both.
const pairs = await repeated(async () => ({
  nothing: await timeOf(['-e', '0']),
  help: await timeOf([command, '--help']),
}));
const nothing = median(pairs.map((pair) => pair.nothing));
const help = median(pairs.map((pair) => pair.help));
line('bunsui --help', help, `median of ${runs}; goal ${goals.helpMs}; ${(help / nothing).toFixed(2)} × node -e 0`);
line('node -e 0', nothing, `median of ${runs}`);
