import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, describe, expect, it } from 'vitest';
import { familyOf, listProcesses, type Process } from '../../localstack/processes.ts';
import { openRuntime } from '../../lib/local/runtime.ts';
import { platformNames } from '../../lib/storage-layout.ts';
import { bunsui } from './bunsui.ts';

/**
 * SIGKILL between the first job's start and the end of a run, again and again. Each time the session is resumed by
 * the command a person would use, and what the handlers left outside of bunsui tells whether a completed job ran again.
 */
const kills = Number(process.env['BUNSUI_KILLS'] ?? 20);
const killsAtStart = Number(process.env['BUNSUI_KILLS_AT_START'] ?? 4);
const seed = Number(process.env['BUNSUI_SEED'] ?? Date.now() % 1_000_000);
const pipeline = fileURLToPath(new URL('./pipeline.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'bunsui-chaos-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Small reproducible randomness (mulberry32). */
function randomness(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
const random = randomness(seed);

interface Trace {
  readonly job: string;
  readonly attempt: number;
  readonly phase: 'start' | 'end';
  readonly at: number;
}

function traces(file: string): readonly Trace[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Trace]));
}

/** Kills a process. It is held at that moment until it is known what it had started: which that is, once it is dead. */
async function killed(child: ChildProcess): Promise<readonly Process[]> {
  child.kill('SIGSTOP');
  try {
    return familyOf(child.pid ?? -1, await listProcesses());
  } finally {
    child.kill('SIGKILL');
  }
}

/** Commands of those that run still. Numbers of processes are used again: the same one has the same number and command. */
async function stillRunning(family: readonly Process[]): Promise<readonly string[]> {
  const all = await listProcesses();
  const left = family.filter(({ pid, command }) => all.some((one) => one.pid === pid && one.command === command));
  return left.map(({ command }) => command);
}

/** Everything that is recorded of a session's jobs. */
async function jobRecords(stateDir: string, session: string): Promise<readonly Record<string, unknown>[]> {
  const runtime = await openRuntime({ stateDir });
  try {
    const { endpoint, region, credentials, accountId } = runtime;
    const db = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint, region, credentials }));
    const { Items = [] } = await db.send(
      new QueryCommand({
        TableName: platformNames({ account: accountId, region }).jobHistoryTable,
        KeyConditionExpression: 'session_id = :session',
        ExpressionAttributeValues: { ':session': session },
        ConsistentRead: true,
      }),
    );
    return Items;
  } finally {
    await runtime.close();
  }
}

const jobs = ['root', 'left', 'right', 'each[0]/one', 'each[1]/one', 'each[2]/one', 'each[3]/one', 'end'];
const ofInterest = /^job\.(started|completed)$/;

/** Resumes a killed session; what there is afterwards must be what an undisturbed one leaves. */
async function expectResumed(
  stateDir: string,
  session: string,
  file: string,
  doomed: readonly Process[],
  named: readonly string[] = [session],
): Promise<void> {
  await expect
    .poll(() => stillRunning(doomed), { timeout: 5_000, message: 'what the killed run had started' })
    .toStrictEqual([]);

  const resumed = await bunsui(['session', 'resume', ...named, '--state-dir', stateDir]);
  expect(resumed.code, resumed.errors).toBe(0);
  expect(resumed.lines.at(-1)).toMatchObject({
    type: 'session.ended',
    session,
    status: 'completed',
    output: { total: 25 },
  });
  const records = await jobRecords(stateDir, session);
  const checkpoints = records.filter((record) => record['record_type'] === 'checkpoint');
  expect(checkpoints.map((record) => String(record['job_id'])).sort()).toStrictEqual([...jobs].sort());
  const final = records.filter((record) => record['record_type'] !== 'checkpoint');
  const numbers = (job: string) =>
    final.filter((record) => record['job_id'] === job).map((record) => Number(record['attempt']));
  for (const job of jobs) {
    const upToLast = numbers(job).map((_, index) => index + 1);
    expect([job, numbers(job).sort((a, b) => a - b)], 'each attempt has exactly one record').toStrictEqual([
      job,
      upToLast,
    ]);
  }
  const cutOff = final.filter((record) => record['job_status'] === 'cancelled');
  expect(cutOff.map((record) => record['error_code'])).toStrictEqual(cutOff.map(() => 'Bunsui.Interrupted'));
  expect(final.filter(({ job_status: status }) => status !== 'completed' && status !== 'cancelled')).toStrictEqual([]);

  // The handlers' own word: each run of a job had a number of its own, and that number has a record.
  const begun = traces(file).filter(({ phase }) => phase === 'start');
  const runs = begun.map(({ job, attempt }) => `${job} ${attempt}`);
  expect(runs.length, 'each run has a number of its own').toBe(new Set(runs).size);
  expect(begun.filter(({ job, attempt }) => !numbers(job).includes(attempt))).toStrictEqual([]);
  expect(
    final
      .filter((record) => record['job_status'] === 'completed')
      .map((record) => String(record['job_id']))
      .sort(),
  ).toStrictEqual([...jobs].sort());

  const again = traces(file).filter(({ job, phase, at }) => {
    const completed = checkpoints.find((record) => record['job_id'] === job)?.['completed_at'];
    return phase === 'start' && at > Date.parse(String(completed));
  });
  expect(again, 'runs of jobs that had completed').toStrictEqual([]);
}

describe(`a session whose process is killed (seed ${seed})`, () => {
  it.each(Array.from({ length: kills }, (_, round) => [round + 1] as const))(
    'is resumed to the same result, round %i',
    async (round) => {
      const stateDir = join(folder, 'state');
      const file = join(folder, `trace-${round}.jsonl`);
      // Sixteen lines tell of starts and completions; a kill after the last one may come after the end.
      const after = 1 + Math.floor(random() * 14);
      const delayMs = Math.floor(random() * 60);
      let heard = 0;
      let doomed: Promise<readonly Process[]> = Promise.resolve([]);
      const run = await bunsui(['run', pipeline, '-p', `file=${file}`, '--state-dir', stateDir], (line, child) => {
        if (ofInterest.test(line.type)) heard++;
        if (heard === after) doomed = pause(delayMs).then(() => killed(child));
      });
      const session = run.lines.find((line) => line.session !== undefined)?.session ?? '';
      const last = run.lines.filter((line) => ofInterest.test(line.type)).at(-1);
      console.log(
        `round ${round}: seed ${seed}, killed ${delayMs} ms after event ${after}, last seen ${last?.type} ${last?.job}`,
      );
      expect(run.code, run.errors).toBe(null);
      const family = await doomed;
      expect(family.length, 'the run and its functions').toBeGreaterThan(1);
      await expectResumed(stateDir, session, file, family);
    },
    60_000,
  );
});

/** How far a start has come, by what the state folder holds of it. */
const steps = [
  ['its item', 'dynamodb', /session-(\w{26})-1/],
  ['its journal', 'executions/open', /"session-(\w{26})-1"/],
  ['the first task', 'executions/open', /"session-(\w{26})-1".*"TaskStarted"/s],
] as const;

/** What the files of a folder hold; nothing where there is no such folder yet. */
function textIn(watched: string): string {
  try {
    return readdirSync(watched)
      .filter((name) => /\.(log|jsonl)$/.test(name))
      .map((name) => readFileSync(join(watched, name), 'latin1'))
      .join('\n');
  } catch {
    return '';
  }
}

describe(`a session whose process is killed while it starts (seed ${seed})`, () => {
  const rounds = steps.flatMap(([what, watched, written]) =>
    Array.from({ length: killsAtStart }, (_, round) => [what, round, watched, written] as const),
  );
  it.each(rounds)(
    'is resumed to the same result, killed as soon as %s is there, round %i',
    async (what, round, watched, written) => {
      const stateDir = join(mkdtempSync(join(folder, 'start-')), 'state');
      const file = `${stateDir}.jsonl`;
      // The first round kills at once.
      const delayMs = round === 0 ? 0 : Math.floor(random() * 21);
      let session = '';
      let look: NodeJS.Timeout | undefined;
      let doomed: Promise<readonly Process[]> = Promise.resolve([]);
      const run = await bunsui(['run', pipeline, '-p', `file=${file}`, '--state-dir', stateDir], (line, child) => {
        if (line.type !== 'preparing' || look !== undefined) return;
        look = setInterval(() => {
          session = written.exec(textIn(join(stateDir, watched)))?.[1] ?? '';
          if (session === '') return;
          clearInterval(look);
          doomed = delayMs === 0 ? killed(child) : pause(delayMs).then(() => killed(child));
        }, 1);
      }).finally(() => clearInterval(look));
      expect(run.code, run.errors).toBe(null);

      const listed = await bunsui(['session', 'list', '--state-dir', stateDir]);
      expect(listed.lines, listed.errors).toMatchObject([{ session_id: session, interrupted: true }]);
      console.log(`${what}, ${delayMs} ms: ${listed.lines[0]?.status}`);
      const shown = await bunsui(['session', 'show', session, '--state-dir', stateDir]);
      expect(shown.lines, shown.errors).toMatchObject([{ session_id: session, interrupted: true }]);
      const logs = await bunsui(['logs', session, '--state-dir', stateDir]);
      expect(logs.code, logs.errors).toBe(0);
      // Round by round, with and without its name.
      await expectResumed(stateDir, session, file, await doomed, round % 2 === 0 ? [] : [session]);
    },
    60_000,
  );
});
