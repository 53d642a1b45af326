/** Sessions of a pipeline in several machines: followed, cancelled and run again as those of one machine. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { readHistory } from '../../lib/sessions/history.ts';
import { listJobRecords } from '../../lib/sessions/store.ts';
import { bunsui, plainEnvironment, program } from '../cli/command-line.ts';
import { eventually } from '../eventually.ts';
import { tinyBudget } from '../sessions/fixture-run.ts';
import { parts } from './app/parts.ts';
import { deployer } from './deployer.ts';
import { at, deployApp, environment, main } from './platforms.ts';

beforeAll(async () => {
  await deployApp();
  await (await deployer())(parts, tinyBudget);
});

const { deps } = main;
const on = ['--json', '--platform', 'bunsui', ...at];
const start = (input: object) => main.start({ pipeline: 'parts', input });

interface Line {
  readonly type: string;
  readonly job?: string;
  readonly status?: string;
}

/** What a command has printed so far. */
function printedBy(...args: readonly string[]): {
  readonly lines: readonly Line[];
  readonly ended: Promise<number | null>;
} {
  const child = spawn(process.execPath, [program, ...args], { env: plainEnvironment(environment) });
  onTestFinished(() => void child.kill());
  const lines: Line[] = [];
  createInterface(child.stdout).on('line', (line) => lines.push(JSON.parse(line) as Line));
  return { lines, ended: new Promise((ended) => child.once('close', ended)) };
}

/** Waits until nothing but `x` runs. */
const untilXRuns = (executionArn: string) =>
  eventually(
    'the job x to run, and z to have ended',
    async () => {
      const events = await readHistory(deps.sfn, executionArn);
      return events.flatMap((event) => {
        if (event.type === 'TaskStateEntered') return [`entered ${event.stateEnteredEventDetails.name}`];
        return event.type === 'TaskStateExited' ? [`exited ${event.stateExitedEventDetails.name}`] : [];
      });
    },
    (passed) => passed.includes('entered x') && passed.includes('exited z'),
  );

describe('a session in several machines', () => {
  it('is followed while it runs, in all of them, and is on record as one', async () => {
    const { session_id: session } = await start({ until: 'parts-1' });
    const { lines, ended } = printedBy('session', 'watch', session, ...on);
    const told = () => lines.map(({ type, job }) => `${type} ${job}`);
    const half = ['job.completed a', 'job.started x', 'job.completed b', 'job.completed z'];
    await eventually('what has happened until x', told, (all) => half.every((line) => all.includes(line)));
    expect(told().filter((line) => / y$|completed x$/.test(line))).toStrictEqual([]);
    await main.letGo('parts-1');
    expect(await ended).toBe(0);
    expect(lines.at(-1)).toMatchObject({ type: 'session.ended', status: 'completed' });
    const item = await main.ended(session);
    expect(item).toMatchObject({ status: 'completed', total_jobs: 5, completed_jobs: 5 });
    const all = ['a', 'b', 'x', 'y', 'z'];
    expect(await main.attemptsOf(session)).toStrictEqual({
      attempts: all.map((job) => `${job} 1 completed`),
      checkpoints: all,
    });
  });

  it('is cancelled', async () => {
    const { session_id: session, execution_arn: executionArn } = await start({ until: 'parts-2' });
    await untilXRuns(executionArn);
    const cancelled = await bunsui(['session', 'cancel', session, '--reason', 'enough', ...on], { environment });
    expect([cancelled.code, cancelled.err]).toStrictEqual([0, '']);
    // LocalStack lets child machines run on, which AWS and the runtime of this machine stop.
    expect(await main.ended(session)).toMatchObject({ status: 'cancelled' });
    const { attempts } = await main.attemptsOf(session);
    await main.letGo('parts-2');
    expect(attempts).toStrictEqual(['a 1 completed', 'b 1 completed', 'x 1 cancelled', 'z 1 completed']);
  });

  it('is run again from the job that failed, and keeps what had ended in any of them', async () => {
    const { session_id: session } = await start({ fail: true });
    // By what error LocalStack does not say: its Parallel has another one where one that is named States.… leaves a branch.
    expect((await main.ended(session)).status).toBe('failed');
    const again = await bunsui(['session', 'rerun', session, '--wait', ...on], { environment });
    expect(again.code).toBe(1);
    const item = await main.ended(session);
    expect([item.status, item.generation]).toStrictEqual(['failed', 2]);
    const { attempts } = await listJobRecords(main.deps, session);
    const second = attempts
      .filter(({ generation }) => generation === 2)
      .map(({ job_id: job, job_status: status, reused_from: from }) => `${job} ${status} ${from ?? 'anew'}`);
    // Of `z` nobody knows how far it had come when `y` failed.
    expect(second.filter((one) => !one.startsWith('z')).sort()).toStrictEqual([
      'a completed 1',
      'b completed 1',
      'x completed 1',
      'y failed anew',
    ]);
  });
});
