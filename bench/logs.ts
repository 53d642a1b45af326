/**
 * Logs as `bunsui logs` reads them. Filtering a large log that was archived, and one four times as large: lines a second
 * as a ratio to a loop that reads the same files with nothing around it, and memory as a ratio of the two. Following a
 * handler that writes 5,000 lines a second: lines lost, and how late they came. Wants `npm run build`; arguments:
 * megabytes of the larger log (256), seconds to follow (10).
 */
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { type ChildProcess, spawn } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { openLocalPlatform, ensureOwnPlatform } from '../lib/cli/local-platform.ts';
import { objectPath } from '../lib/local/object-paths.ts';
import { createItem } from '../lib/sessions/store.ts';
import { objectKeys, sessionIdOf } from '../lib/storage-layout.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const command = join(root, 'dist/bin/bunsui.js');
if (!existsSync(command)) throw new Error(`there is no ${command}: npm run build`);
const [largeMegabytes = 256, followSeconds = 10] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(root, '.bunsui-bench-'));
const rate = 5_000;

/** The child writes its greatest resident memory, in KiB, to this file when it ends. */
const memoryFile = join(folder, 'memory');
const hook = `data:text/javascript,${encodeURIComponent(
  "import{writeFileSync}from'node:fs';process.on('exit',()=>writeFileSync(process.env.BENCH_MEMORY,String(process.resourceUsage().maxRSS)))",
)}`;

function bunsui(args: readonly string[], cwd: string): ChildProcess {
  const env = { ...process.env, BENCH_MEMORY: memoryFile };
  return spawn(process.execPath, ['--import', hook, command, ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function eachLine(child: ChildProcess, visit: (line: string) => void): Promise<void> {
  const ended = new Promise<number | null>((done, fail) => child.on('close', done).on('error', fail));
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface({ input: child.stdout })) visit(line);
  if ((await ended) !== 0) throw new Error(`ended with ${child.exitCode}`);
}

const linesPerJob = 20_000;
const record = (session: string, job: string, at: number, text: string) =>
  `${JSON.stringify({ timestamp: new Date(at).toISOString(), level: 'INFO', message: text, session_id: session, job_id: job, operation_id: 'convert', attempt: 1, request_id: '3101b6da-b96b-48e7-a0d1-0899318dd7ec', rows: at % 1000 })}\n`;

/** A session that has ended, with a log of so many megabytes: jobs of a map that ran eight at a time. */
async function archived(megabytes: number) {
  const stateDir = join(folder, `state-${megabytes}`);
  const platform = await openLocalPlatform(stateDir, folder);
  await ensureOwnPlatform(platform);
  const nowMs = Date.now();
  const session = sessionIdOf(nowMs, BigInt(megabytes));
  const created = new Date(nowMs).toISOString();
  const clients = await platform.clients();
  const { bucket } = platform.names;
  await createItem(clients, {
    session_id: session,
    created_at: created,
    pipeline_id: 'bench',
    pipeline_name: 'bench',
    pipeline_version: '0123456789ab',
    status: 'completed',
    generation: 1,
    input: '{}',
    trigger: { kind: 'manual' },
    region: platform.region,
    updated_at: created,
    total_jobs: 0,
    completed_jobs: 0,
    failed_jobs: 0,
  } as Parameters<typeof createItem>[1]);
  let bytes = 0;
  let lines = 0;
  const files: string[] = [];
  for (let job = 0; bytes < megabytes * 1024 * 1024; job += 1) {
    const path = `each[${job}]/convert`;
    const startMs = nowMs + Math.floor(job / 8) * linesPerJob;
    const text = Array.from({ length: linesPerJob }, (_, index) =>
      record(
        session,
        path,
        startMs + index,
        index % 5_000 === 17 ? 'needle in the hay' : `converting part ${index} of the file`,
      ),
    ).join('');
    const key = objectKeys.log({ createdAt: created, session, job: path, operation: 'convert' });
    await clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: text }));
    files.push(objectPath(stateDir, bucket, key));
    bytes += text.length;
    lines += linesPerJob;
  }
  await platform.close();
  return { stateDir, session, files, lines, megabytes: bytes / 1024 / 1024 };
}

async function filtered({ stateDir, session, lines }: Awaited<ReturnType<typeof archived>>) {
  const from = performance.now();
  let found = 0;
  const args = ['logs', 'filter', session, '--grep', 'NEEDLE', '--json', '--state-dir', stateDir];
  await eachLine(bunsui(args, folder), () => {
    found += 1;
  });
  const seconds = (performance.now() - from) / 1000;
  const wanted = (lines / linesPerJob) * 4;
  if (found !== wanted) throw new Error(`found ${found} lines of ${wanted}`);
  return { perSecond: lines / seconds, memory: Number(readFileSync(memoryFile, 'utf8')) / 1024 };
}

/** The same with nothing around it: a file after the other. */
async function plainly({ files, lines }: Awaited<ReturnType<typeof archived>>): Promise<number> {
  const from = performance.now();
  let found = 0;
  for (const file of files) {
    for await (const line of createInterface({ input: createReadStream(file) })) {
      const { message } = JSON.parse(line) as { readonly message: string };
      if (/NEEDLE/i.test(message)) found += 1;
    }
  }
  if (found === 0) throw new Error('found nothing');
  return lines / ((performance.now() - from) / 1000);
}

const handler = `import { talk } from './operations.ts';
export const handler = talk.handler(async ({ seconds, rate }, ctx) => {
  const from = performance.now();
  let written = 0;
  while (written < seconds * rate) {
    const due = Math.min(seconds * rate, Math.floor(((performance.now() - from) / 1000) * rate));
    for (; written < due; written += 1) ctx.log.info('line', { n: written });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return {};
});
`;
const operations = `import { lambda } from 'bunsui';
import * as z from 'zod';
export const talk = lambda('talk', { entry: './talk.ts', input: z.object({ seconds: z.int(), rate: z.int() }), output: z.object({}), timeout: '5m' });
`;
const pipeline = `import { pipeline } from 'bunsui';
import * as z from 'zod';
import { talk } from './operations.ts';
export default pipeline('talks', { input: z.object({ seconds: z.int(), rate: z.int() }) }, (p, input) => {
  p.job('talk', talk, { seconds: input.seconds, rate: input.rate });
});
`;

async function followed() {
  const cwd = join(folder, 'talks');
  mkdirSync(cwd);
  for (const [file, text] of Object.entries({
    'talk.ts': handler,
    'operations.ts': operations,
    'talks.ts': pipeline,
  })) {
    writeFileSync(join(cwd, file), text);
  }
  const run = bunsui(['run', 'talks.ts', '-p', `seconds=${followSeconds}`, '-p', `rate=${rate}`, '--json'], cwd);
  let following: Promise<void> | undefined;
  const late: number[] = [];
  let fromMs = Number.POSITIVE_INFINITY;
  const seen = new Set<number>();
  let again = 0;
  await eachLine(run, (line) => {
    const { type, session } = JSON.parse(line) as { readonly type: string; readonly session?: string };
    if (type !== 'session.started' && following !== undefined) return;
    if (session === undefined || following !== undefined) return;
    following = eachLine(bunsui(['logs', session, '--follow', '--json'], cwd), (text) => {
      const { n, timestamp } = JSON.parse(text) as { readonly n?: number; readonly timestamp: string };
      if (n === undefined) return;
      if (seen.has(n)) again += 1;
      seen.add(n);
      // What was written before it began to follow is late for no fault of its own.
      const nowMs = Date.now();
      if (fromMs > nowMs) fromMs = nowMs;
      if (Date.parse(timestamp) >= fromMs) late.push(nowMs - Date.parse(timestamp));
    });
  });
  await following;
  late.sort((a, b) => a - b);
  const at = (share: number) => late[Math.min(late.length - 1, Math.floor(late.length * share))] ?? 0;
  const written = followSeconds * rate;
  const lost = written - seen.size;
  console.log(
    `follow ${rate} lines/s for ${followSeconds} s: ${seen.size} of ${written} lines, ${lost} lost, ${again} twice; late by ${at(0.5)} ms (median), ${at(0.99)} ms (p99), ${at(1)} ms (most)`,
  );
  if (lost > 0 || again > 0) process.exitCode = 1;
}

try {
  const small = await archived(largeMegabytes / 4);
  const large = await archived(largeMegabytes);
  const [one, two] = [await filtered(small), await filtered(large)];
  const plain = await plainly(large);
  const share = two.perSecond / plain;
  console.log(
    `filter ${large.megabytes.toFixed(0)} MB, ${large.lines} lines: ${Math.round(two.perSecond)} lines/s, ${share.toFixed(2)}× a plain loop (${Math.round(plain)} lines/s)`,
  );
  console.log(
    `memory ${two.memory.toFixed(0)} MiB, ${(two.memory / one.memory).toFixed(2)}× that of a log of a quarter (${one.memory.toFixed(0)} MiB)`,
  );
  if (two.memory / one.memory > 1.5) process.exitCode = 1;
  await followed();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
