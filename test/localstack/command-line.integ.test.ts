/** The command line from bootstrap to destroy: what somebody types who knows no CDK, each command a process of its own. */
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bunsui, type Ran } from '../cli/command-line.ts';
import { eventually } from '../eventually.ts';
import { quickPolls } from './harness.ts';
import { at, deployByCommandLine, endpoint, environment, folder, type as typed, writeProject } from './platforms.ts';
import { installBunsui, runScript, scriptOf } from './workflow.ts';

const on = ['--platform', 'bunsuicli', ...at];

type Line = { readonly type: string; readonly [field: string]: unknown };
const linesOf = ({ out }: Ran): readonly Line[] =>
  out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
const last = (ran: Ran) => linesOf(ran).at(-1);

const start = ['session', 'start', 'shop', '--json', ...on];
const type = (...args: readonly string[]) => bunsui(args, { cwd: folder, environment });

/** Sessions of one busy morning, all at the same time. */
let morning: { readonly completed: Ran; readonly failed: Ran };
let deployedBy: Ran;

beforeAll(async () => {
  deployedBy = await deployByCommandLine();
  const [completed, failed] = await Promise.all([
    type(...start, '-p', 'orders=2', '--wait'),
    type(...start, '-p', 'orders=1', '-p', 'flaw=broken', '--wait'),
  ]);
  morning = { completed, failed };
});

describe('a pipeline', () => {
  it('is deployed, and listed with its platform', async () => {
    const events = linesOf(deployedBy).filter((line) => line.type === 'stack.event');
    expect([last(deployedBy), events.length > 20]).toStrictEqual([
      {
        v: 1,
        type: 'deployed',
        at: expect.any(String),
        platform: 'bunsuicli',
        pipelines: ['shop', 'doomed'],
        changed: ['bunsuicli', 'bunsuicli-shop', 'bunsuicli-doomed'],
        duration_ms: expect.any(Number),
      },
      true,
    ]);
    const listed = linesOf(await typed('stack', 'list', '--json', ...at)).filter(
      ({ platform }) => platform === 'bunsuicli',
    );
    expect(listed.map(({ name, kind, pipeline, status }) => [name, kind, pipeline, status])).toStrictEqual([
      ['bunsuicli', 'platform', undefined, 'CREATE_COMPLETE'],
      ['bunsuicli-doomed', 'pipeline', 'doomed', 'CREATE_COMPLETE'],
      ['bunsuicli-shop', 'pipeline', 'shop', 'CREATE_COMPLETE'],
    ]);
  });

  it('runs there as it runs here', async () => {
    const { completed } = morning;
    const { session, output, jobs } = last(completed) as Line & { readonly session: string };
    expect([linesOf(completed).map((line) => line.type)[0], output, jobs]).toStrictEqual([
      'session.started',
      {
        total: 30,
        prices: [
          { order: 1, total: 10 },
          { order: 2, total: 20 },
        ],
        held: false,
      },
      { completed: 4, skipped: 1 },
    ]);

    const [list, page, logs, watched] = await Promise.all([
      typed('session', 'list', '--json', '--status', 'completed', '--pipeline', 'shop', ...on),
      typed('session', 'show', session, '--json', ...on),
      typed('logs', session, '--job', 'prices', '--json', ...on),
      typed('session', 'watch', session, '--json', ...on),
    ]);
    const shown = last(page) as Line & {
      readonly jobs: readonly { readonly job_id: string; readonly job_status: string }[];
    };
    expect(linesOf(list).map(({ session_id, status, interrupted }) => [session_id, status, interrupted])).toStrictEqual(
      [[session, 'completed', false]],
    );
    expect([shown['status'], shown.jobs.map((job) => `${job.job_id} ${job.job_status}`)]).toStrictEqual([
      'completed',
      [
        'count completed',
        'hold completed',
        'prices completed',
        'prices[0]/price completed',
        'prices[1]/price completed',
        'recount skipped',
      ],
    ]);
    const told = linesOf(logs).map(({ job_id: job }) => job);
    expect([...new Set(told)].toSorted()).toStrictEqual(['prices[0]/price', 'prices[1]/price']);
    expect(last(watched)).toMatchObject({ type: 'session.ended', session, status: 'completed', output });
  });

  it('that fails ends with 1, and is run again from there', async () => {
    const { failed } = morning;
    const { session, error } = last(failed) as Line & { readonly session: string };
    expect([failed.code, error]).toMatchObject([1, { name: 'RangeError', job: 'prices[0]/price' }]);

    const plan = await typed('session', 'rerun', session, '--plan', '--json', ...on);
    // LocalStack has no redrive: the road is another one than on AWS.
    const again = await type('session', 'rerun', session, '--wait', '--json', ...on);
    expect([last(plan)?.['runs'], again.code, last(again)]).toMatchObject([
      expect.arrayContaining(['price']),
      1,
      { type: 'session.ended', session, status: 'failed' },
    ]);
  });

  it('tells its log while it runs and afterwards, and in all forms', async () => {
    const heldIn = mkdtempSync(join(folder, 'told-'));
    const { session } = last(await typed(...start, '-p', `folder=${heldIn}`)) as Line & { readonly session: string };
    await eventually(
      'the job to begin',
      () => existsSync(join(heldIn, 'began.txt')),
      (began) => began,
    );
    const following = type('logs', session, '--follow', '--json', ...on);
    // While one job runs, those before it have told all of theirs.
    await eventually(
      'the log of a session that runs',
      async () =>
        linesOf(await typed('logs', session, '--job', 'count', '--json', ...on)).map(({ message }) => message),
      (messages) => messages.includes('job completed'),
    );
    writeFileSync(join(heldIn, 'go'), '');
    const followed = await following;
    expect([followed.code, followed.err]).toStrictEqual([0, `session ${session} is completed\n`]);

    const file = join(heldIn, 'log.csv');
    const [kept, summary, filtered, downloaded] = await Promise.all([
      typed('logs', session, '--json', ...on),
      typed('logs', 'summary', session, '--json', ...on),
      typed('logs', 'filter', session, '--grep', '^JOB (started|completed)$', '--job', 'price', '--json', ...on),
      typed('logs', 'download', session, '-o', file, '--json', ...on),
    ]);
    const texts = (of: Awaited<typeof kept>) => linesOf(of).map((line) => JSON.stringify(line));
    expect(texts(followed).toSorted()).toStrictEqual(texts(kept).toSorted());
    expect(linesOf(summary).map(({ job_id: job }) => job)).toStrictEqual([
      'count',
      'hold',
      'prices[0]/price',
      'prices[1]/price',
    ]);
    expect(linesOf(filtered).length).toBe(4);
    expect(last(downloaded)).toMatchObject({ session, format: 'csv', lines: texts(kept).length });
    expect(readFileSync(file, 'utf8').trimEnd().split('\r\n').length).toBe(texts(kept).length + 1);
  });

  it('is cancelled', async () => {
    const heldIn = mkdtempSync(join(folder, 'held-'));
    const held = await typed(...start, '-p', 'orders=1', '-p', `folder=${heldIn}`);
    const { session } = last(held) as Line & { readonly session: string };
    await eventually(
      'the job to begin',
      () => existsSync(join(heldIn, 'began.txt')),
      (began) => began,
    );
    const cancelled = await typed('session', 'cancel', session, '--reason', 'enough', '--json', ...on);
    // LocalStack lets the function that runs come to its end.
    writeFileSync(join(heldIn, 'go'), '');
    const watched = await type('session', 'watch', session, '--json', ...on);
    const shown = await typed('session', 'show', session, '--json', ...on);
    expect([last(cancelled)?.['outcome'], watched.code, last(watched)?.['status'], last(shown)]).toMatchObject([
      'stopping',
      1,
      'cancelled',
      { status: 'cancelled', session_id: session },
    ]);
  });

  it('is not found where it is not', async () => {
    const tries = await Promise.all([
      type('session', 'list', '--platform', 'absent', ...at),
      type('session', 'list', ...on, '--region', 'eu-west-1'),
      type('session', 'start', 'absent', ...on),
      type('deploy', '--stage', 'nightly', ...at),
      bunsui(['session', 'list', ...on], {
        cwd: folder,
        environment: { AWS_REGION: 'us-east-1', AWS_EC2_METADATA_DISABLED: 'true', HOME: folder },
      }),
    ]);
    expect(tries.map(({ code, err }) => [code, err.split('\n')[0]])).toStrictEqual([
      [5, 'error[BS2003]: no platform "absent" is deployed in us-east-1'],
      [5, 'error[BS2003]: no platform "bunsuicli" is deployed in eu-west-1'],
      [5, 'error[BS3003]: pipeline "absent" is not deployed'],
      [2, expect.stringMatching(/bunsui\.json has no stage "nightly"$/)],
      [4, 'error[BS5001]: there are no credentials for AWS'],
    ]);
  });

  it('is deployed by the workflow of GitHub: planned first, deployed when something changes', async () => {
    installBunsui(folder);
    const script = scriptOf('Plan and deploy');
    const run = (more: { readonly [name: string]: string }) =>
      runScript(script, folder, {
        ...environment,
        AWS_ENDPOINT_URL: endpoint,
        NODE_OPTIONS: quickPolls,
        STAGE: 'cli',
        FILES: '',
        PLAN_ONLY: 'false',
        ...more,
      });

    writeProject('hi');
    const deployed = await run({});
    const ended = deployed.printed.split('\n').find((line) => line.includes('"type":"deployed"')) ?? '{}';
    expect(deployed.summary).toContain('~ AWS::Lambda::Function Pipeline/Operation-count/Function: Environment');
    expect([deployed.code, JSON.parse(ended).changed]).toStrictEqual([0, ['bunsuicli-shop', 'bunsuicli-doomed']]);
    const wrong = await run({ STAGE: 'nightly' });
    expect([wrong.code, wrong.printed.includes('has no stage "nightly"')]).toStrictEqual([2, true]);
  });
});
