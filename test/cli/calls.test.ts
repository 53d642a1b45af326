/** Pipelines that call others, as a user sees them: two records that name each other, one report and log for each. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../eventually.ts';
import { bunsui, plainEnvironment, program } from './command-line.ts';

const day = fileURLToPath(new URL('./calls/day.ts', import.meta.url));

let folder = '';
let left: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bunsui-calls-'));
  left = [];
});
afterEach(() => {
  for (const child of left) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

interface Listed {
  readonly session_id: string;
  readonly pipeline_id: string;
  readonly status: string;
}
interface Shown extends Listed {
  readonly trigger: unknown;
  readonly called_by?: unknown;
  readonly created_at: string;
  readonly input: unknown;
  readonly output?: unknown;
  readonly error_message?: string;
  readonly report?: string;
  readonly jobs: readonly {
    readonly job_id: string;
    readonly job_status: string;
    readonly input?: unknown;
    readonly output?: unknown;
    readonly error?: { readonly message: string };
    readonly attempts: readonly { readonly called_session?: string }[];
  }[];
}

const json = async <T>(...args: readonly string[]): Promise<readonly T[]> => {
  const { out } = await bunsui([...args, '--json'], { cwd: folder });
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line): T => JSON.parse(line));
};
const show = async (session: string): Promise<Shown> => {
  const [shown] = await json<Shown>('session', 'show', session);
  if (shown === undefined) throw new Error(`${session} is not there`);
  return shown;
};
const list = (pipeline: string) => json<Listed>('session', 'list', '--pipeline', pipeline);
const run = (orders: readonly string[]) =>
  bunsui(['run', day, '-p', `orders=${JSON.stringify(orders)}`], { cwd: folder });

function begin(orders: readonly string[]): ChildProcess {
  const args = [program, 'run', day, '-p', `orders=${JSON.stringify(orders)}`];
  const child = spawn(process.execPath, args, { cwd: folder, env: plainEnvironment(), stdio: 'ignore' });
  left.push(child);
  return child;
}

describe('a pipeline that calls another one', () => {
  it('is deployed with it, and has records that name each other', async () => {
    const ran = await run(['a', 'bcd']);
    expect([ran.code, ran.err]).toStrictEqual([0, '']);
    // The latest is the one that somebody has started.
    const parent = await show('latest');
    expect([parent.pipeline_id, parent.called_by]).toStrictEqual(['day', undefined]);
    const calls = parent.jobs.flatMap(({ job_id, attempts, input, output }) =>
      attempts.flatMap(({ called_session: session }) =>
        session === undefined ? [] : [{ job_id, session, input, output }],
      ),
    );
    expect(calls).toStrictEqual([
      { job_id: 'each[0]/order', session: expect.any(String), input: { order: 'a' }, output: { price: 1 } },
      { job_id: 'each[1]/order', session: expect.any(String), input: { order: 'bcd' }, output: { price: 3 } },
      {
        job_id: 'apart',
        session: expect.any(String),
        input: { order: 'later' },
        output: { session: expect.any(String) },
      },
    ]);
    const apart = calls.at(-1);
    expect(apart?.output).toStrictEqual({ session: apart?.session });
    for (const { job_id, session, input } of calls) {
      const child = await eventually(
        'the end of the child',
        () => show(session),
        ({ status }) => status === 'completed',
      );
      const { session_id, created_at } = parent;
      expect(child).toMatchObject({
        pipeline_id: 'orders',
        input,
        trigger: { kind: 'call', detail: `${job_id} of session ${session_id}` },
        called_by: { session_id, created_at, job_id },
      });
      expect(readFileSync(child.report ?? '', 'utf8')).toContain(session);
      const { out } = await bunsui(['logs', session], { cwd: folder });
      expect(out).toContain('looking up');
    }
    const page = await bunsui(['session', 'show', 'latest'], { cwd: folder });
    expect(page.out).toContain(`session ${apart?.session}`);
    expect(readFileSync(parent.report ?? '', 'utf8')).toContain(apart?.session);
  });

  // CDK is slow to load, and slower where others work.
  it('is deployed to AWS after it, though only its own file is named', { timeout: 240_000 }, async () => {
    const app = fileURLToPath(new URL('../../bin/deploy-app.ts', import.meta.url));
    const [spec, outdir] = [join(folder, 'spec.json'), join(folder, 'assembly')];
    const nothing = { settings: {}, variables: {}, channels: {} };
    const context = { 'aws:cdk:bundling-stacks': [] };
    const deployment = { prefix: 'bunsui', files: [day], ...nothing, context, folder };
    writeFileSync(spec, JSON.stringify({ deployment, outdir, withPlatform: false, emptyStacks: [] }));
    const child = spawn(process.execPath, [app, spec], { cwd: folder, env: plainEnvironment(), stdio: 'ignore' });
    left.push(child);
    expect(await once(child, 'exit')).toStrictEqual([0, null]);
    const { artifacts } = JSON.parse(readFileSync(join(outdir, 'manifest.json'), 'utf8')) as {
      readonly artifacts: { readonly [id: string]: { readonly dependencies?: readonly string[] } };
    };
    expect(artifacts['bunsui-day']?.dependencies).toStrictEqual(['bunsui-orders', 'bunsui-day.assets']);
    expect(artifacts['bunsui-orders']?.dependencies).toStrictEqual(['bunsui-orders.assets']);
  });

  it('fails with an error that names the session and what that has failed with', async () => {
    const ran = await run(['none']);
    const [child] = await list('orders');
    const said = `session ${child?.session_id} failed: NoPrice: order none has no price`;
    expect([ran.code, ran.out.includes(`States.TaskFailed: ${said}`)]).toStrictEqual([1, true]);
    expect(ran.out).toContain(`session show ${child?.session_id}`);
    const { status, error_message, jobs } = await show('latest');
    const job = jobs.find(({ job_id }) => job_id === 'each[0]/order');
    expect([status, error_message, job?.error?.message]).toStrictEqual(['failed', said, said]);
    expect(child?.status).toBe('failed');
  });

  it('is cancelled with what it waits for', async () => {
    const running = begin([join(folder, 'never')]);
    const [child] = await eventually(
      'the child to run',
      () => list('orders'),
      ([one]) => one?.status === 'running',
    );
    const { jobs } = await show(child?.session_id ?? '');
    expect(jobs.map(({ job_id, job_status }) => [job_id, job_status])).toStrictEqual([['priced', 'running']]);
    const asked = await bunsui(['session', 'cancel', 'latest'], { cwd: folder });
    expect(asked.code).toBe(0);
    if (running.exitCode === null) await once(running, 'exit');
    const ended = async () => [...(await list('day')), ...(await list('orders'))].map(({ status }) => status);
    await eventually('both to be cancelled', ended, (found) => found.join() === 'cancelled,cancelled');
  });

  it('does not begin a second session when it goes on after a crash', async () => {
    const go = join(folder, 'go');
    const running = begin([go]);
    await eventually(
      'the child to run',
      () => list('orders'),
      ([one]) => one?.status === 'running',
    );
    running.kill('SIGKILL');
    await once(running, 'exit');
    expect(existsSync(go)).toBe(false);
    writeFileSync(go, '');
    const ran = await bunsui(['session', 'resume', 'latest'], { cwd: folder });
    expect([ran.code, ran.err]).toStrictEqual([0, '']);
    const children = await eventually(
      'both children',
      () => list('orders'),
      (all) => all.every(({ status }) => status === 'completed'),
    );
    // One for the order, and the one that nobody waits for.
    expect(children.length).toBe(2);
  });
});
