/** Commands against a deployed platform: the code that runs against AWS, with this machine's runtime at the other end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { viewNow } from '../../lib/cli/find-session.ts';
import { recordedView } from '../../lib/sessions/recorded-view.ts';
import { findSession } from '../../lib/sessions/list-sessions.ts';
import { readArtifact } from '../../lib/sessions/pipelines.ts';
import { listJobRecords } from '../../lib/sessions/store.ts';
import type { JobView } from '../../lib/sessions/view.ts';
import { plainEnvironment, program } from './command-line.ts';
import { type Deployed, deployed } from './deployed.ts';

const shop = fileURLToPath(new URL('./shop/shop.ts', import.meta.url));
const on = ['--platform', 'bunsuidev'];

let there: Deployed;
beforeAll(async () => {
  there = await deployed('bunsuidev', shop);
});
afterAll(() => there.close());

const fixed = (text: string, session: string) =>
  text
    .replaceAll(session, 'ID')
    .replaceAll(/\d{4}[-/]\d\d[-/]\d\d/g, 'DAY')
    .replaceAll(/ *\d+\.\ds/g, ' T')
    .split('\n');

describe('a session on a platform', () => {
  it('is started, followed to its end, and found by every command that reads', async () => {
    const started = await there.bunsui(['session', 'start', 'shop', '-p', 'orders=1', '--wait', ...on]);
    const session = /session (\w+) started/.exec(started.out)?.[1] ?? '';
    expect([started.code, started.err]).toStrictEqual([0, '']);
    expect(fixed(started.out.slice(started.out.indexOf('✓ completed')), session)).toStrictEqual([
      '✓ completed  shop  ID  in T',
      '4 jobs: 3 completed, 1 skipped',
      '',
      'Result',
      '  total   10',
      '  prices',
      '    order  total',
      '        1     10',
      '  held    false',
      '',
      'Report  s3://bunsui-000000000000-us-east-1/reports/DAY/ID.html',
      'Logs    s3://bunsui-000000000000-us-east-1/logs/DAY/ID/',
      '',
      '  bunsui session show ID --platform bunsuidev  jobs, attempts, errors',
      '  bunsui logs ID --platform bunsuidev          what its handlers wrote',
      '',
    ]);

    const list = await there.bunsui(['session', 'list', '--json', ...on]);
    const shown = await there.bunsui(['session', 'show', session, '--json', ...on]);
    const logs = await there.bunsui(['logs', 'latest', '--job', 'count', ...on]);
    const watched = await there.bunsui(['session', 'watch', session, '--json', ...on]);
    const graph = await there.bunsui(['graph', session, '--format', 'json', ...on]);
    const { session_id: listed, interrupted, execution_arn: arn } = JSON.parse(list.out);
    const page = JSON.parse(shown.out);
    expect([listed, interrupted, page.execution_arn, page.status, page.report]).toStrictEqual([
      session,
      false,
      arn,
      'completed',
      expect.stringMatching(/^s3:\/\/.*\.html$/),
    ]);
    expect([logs.code, logs.out.includes('count')]).toStrictEqual([0, true]);
    const types = watched.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).type);
    expect([watched.code, types]).toStrictEqual([0, ['session.existing', 'session.ended']]);
    const { nodes } = JSON.parse(graph.out) as {
      readonly nodes: readonly { readonly id: string; readonly status: string }[];
    };
    expect([graph.code, nodes.map(({ id, status }) => `${id} ${status}`)]).toStrictEqual([
      0,
      ['count completed', 'hold completed', 'prices completed', 'recount skipped'],
    ]);
  });

  it('that fails ends with its failures and exit code 1', async () => {
    const line = ['session', 'start', 'shop', '-p', 'orders=1', '-p', 'flaw=broken', '--wait', ...on];
    const { code, out } = await there.bunsui(line);
    const session = /session (\w+) started/.exec(out)?.[1] ?? '';
    expect([code, fixed(out.slice(out.indexOf('✗ failed')), session).slice(0, 8)]).toStrictEqual([
      1,
      [
        '✗ failed  shop  ID  in T',
        '4 jobs: 1 failed, 1 cancelled, 2 completed',
        '',
        '  prices[0]/price failed after 2 attempts',
        '    RangeError: order 1 has no price',
        expect.stringMatching(/^ {4}at .*price\.ts:6:\d+$/),
        expect.stringMatching(/^ {4}job at .*shop\.ts:26:\d+$/),
        '    last log lines',
      ],
    ]);
  });

  it('is run again from its failure, after a plan', async () => {
    const line = ['session', 'start', 'shop', '-p', 'orders=1', '-p', 'flaw=broken', '--wait', '--json', ...on];
    const failed = await there.bunsui(line);
    const { session } = JSON.parse(failed.out.trimEnd().split('\n').at(-1) ?? '{}');
    const plan = await there.bunsui(['session', 'rerun', session, '--plan', ...on]);
    const planJson = await there.bunsui(['session', 'rerun', session, '--plan', '--json', ...on]);
    const again = await there.bunsui(['session', 'rerun', session, ...on]);
    const watched = await there.bunsui(['session', 'watch', session, '--json', ...on]);
    const running = await there.bunsui(['session', 'cancel', session, ...on]);
    const rerun = await there.bunsui(['session', 'rerun', session, '--json', ...on]);
    const followed = await there.bunsui(['session', 'watch', session, ...on]);
    const said = [
      expect.stringMatching(/^session ID of shop [0-9a-f]{12}, by redrive: its execution can be redriven/),
      '',
      'JOB      PLAN   EXPECTED          COST  WHY',
      'count    reuse                          has completed',
      'hold     reuse                          has completed',
      'price    run              0.000025 USD  has not completed',
      'recount  run              0.000025 USD  has not completed',
      '',
      "expected: 0.000050 USD, by what its jobs took before and AWS's list prices",
    ];
    expect([plan.code, fixed(plan.out, session)]).toStrictEqual([0, [...said, '']]);
    expect(JSON.parse(planJson.out)).toMatchObject({ type: 'rerun.plan', road: 'redrive', keeps: ['count', 'hold'] });
    expect(again.err).toBe('');
    expect([again.code, fixed(again.out, session)]).toStrictEqual([
      0,
      [...said, '', '  bunsui session watch ID --platform bunsuidev  follow it to its end', ''],
    ]);
    expect([watched.code, watched.out.includes('"status":"failed"')]).toStrictEqual([1, true]);
    expect([running.code, running.err.split('\n')[0]]).toStrictEqual([
      6,
      `error[BS3005]: session ${session} has ended as failed`,
    ]);
    expect([JSON.parse(rerun.out), followed.code]).toMatchObject([
      { type: 'session.resumed', road: 'redrive', generation: 1 },
      1,
    ]);
  });

  it('is told by its records when Step Functions has forgotten it', async () => {
    const line = ['session', 'start', 'shop', '-p', 'orders=2', '-p', 'flaw=broken', '--wait', '--json', ...on];
    const failed = await there.bunsui(line);
    const { session } = JSON.parse(failed.out.trimEnd().split('\n').at(-1) ?? '{}');
    const clients = await there.platform.clients();
    const item = await findSession(clients, session);
    const artifact = await readArtifact(clients, 'shop', item.pipeline_version);
    const { view } = await viewNow(there.platform, item, artifact);
    const { attempts } = await listJobRecords(clients, session);
    const recorded = recordedView(artifact, item, attempts);
    // What never ran has no record; of maps there is none.
    const ran = view.jobs.filter(({ kind, attempts: tries }) => kind === 'job' && tries.length > 0);
    const told = ({ job, status, attempts: tries, source, input, output }: JobView) => {
      return { job, status, source, input, output, tries: tries.map(({ number, status: ended }) => [number, ended]) };
    };
    expect([recorded.status, recorded.input, recorded.jobs.map(told)]).toStrictEqual([
      'failed',
      view.input,
      ran.map(told),
    ]);
    const forgotten = { ...there.platform, readEvents: async () => undefined };
    expect((await viewNow(forgotten, item, artifact)).view).toStrictEqual(recorded);
    expect((await there.bunsui(['session', 'watch', session, ...on])).code).toBe(1);
  });

  it('is cancelled while it runs', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bunsui-held-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const line = ['session', 'start', 'shop', '-p', 'orders=1', '-p', `folder=${folder}`, '--json', ...on];
    const { session } = JSON.parse((await there.bunsui(line)).out);
    await expect.poll(() => existsSync(join(folder, 'began.txt')), { timeout: 20_000 }).toBe(true);
    const cancelled = await there.bunsui(['session', 'cancel', session, '--reason', 'enough', ...on]);
    const watched = await there.bunsui(['session', 'watch', session, '--json', ...on]);
    const again = await there.bunsui(['session', 'cancel', session, '--json', ...on]);
    expect([cancelled.out, watched.code, JSON.parse(again.out).outcome]).toStrictEqual([
      `session ${session} is being stopped\n`,
      1,
      'exists',
    ]);
  });

  it('goes on when nobody watches it any more', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bunsui-held-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const line = ['session', 'start', 'shop', '-p', 'orders=1', '-p', `folder=${folder}`, '--json', ...on];
    const { session } = JSON.parse((await there.bunsui(line)).out);
    const aws = Object.entries(process.env).filter(([name]) => name.startsWith('AWS_'));
    const watching = spawn(process.execPath, [program, 'session', 'watch', session, ...on], {
      env: plainEnvironment(Object.fromEntries(aws) as { readonly [name: string]: string }),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void watching.kill('SIGKILL'));
    let said = '';
    watching.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await once(watching.stdout, 'data');
    const ended = once(watching, 'close');
    watching.kill('SIGINT');
    const [code] = await ended;
    writeFileSync(join(folder, 'go'), '');
    const after = await there.bunsui(['session', 'watch', session, ...on]);
    expect([code, said.trim(), after.code]).toStrictEqual([
      130,
      `the session goes on. Watch it again: bunsui session watch ${session} --platform bunsuidev`,
      0,
    ]);
  });

  it('is started once per key, without being followed', async () => {
    const line = ['session', 'start', 'shop', '-p', 'orders=1', '--key', 'k', ...on];
    const [first, again] = [await there.bunsui(line), await there.bunsui(line)];
    const id = /started shop {2}(\w+)/.exec(first.out)?.[1] ?? '';
    expect([first.code, fixed(first.out, id), again.code, fixed(again.out, id)[0]]).toStrictEqual([
      0,
      [
        'started shop  ID',
        '',
        '  bunsui session watch ID --platform bunsuidev  follow it to its end',
        '  bunsui session show ID --platform bunsuidev  jobs, attempts, errors',
        '',
      ],
      0,
      'there is shop  ID',
    ]);
    const other = await there.bunsui(['session', 'start', 'shop', '-p', 'orders=2', '--key', 'k', ...on]);
    expect([other.code, other.err.split('\n')[0]]).toStrictEqual([6, expect.stringMatching(/^error\[BS3004\]/)]);
    expect((await there.bunsui(['session', 'watch', id, ...on])).code).toBe(0);
  });

  it('is refused for an input that does not fit, and for a pipeline that is not there', async () => {
    const wrong = await there.bunsui(['session', 'start', 'shop', '-p', 'ordrs=1', ...on]);
    const absent = await there.bunsui(['session', 'start', 'shp', ...on]);
    expect([wrong.code, wrong.err.split('\n')[0], absent.code, absent.err.split('\n')[0]]).toStrictEqual([
      3,
      'error[BS3001]: input "ordrs" is no field of this pipeline',
      5,
      'error[BS3003]: pipeline "shp" is not deployed',
    ]);
  });
});

describe('what keeps a command from its platform is said', () => {
  afterEach(() => {
    there.parameters.fails = undefined;
  });
  const list = ['session', 'list'];

  it('no such platform', async () => {
    const { code, err } = await there.bunsui([...list, '--platform', 'bunsuiprod']);
    expect([code, err.split('\n')]).toStrictEqual([
      5,
      [
        'error[BS2003]: no platform "bunsuiprod" is deployed in us-east-1',
        '  = help: there is bunsuidev in this region',
        '',
      ],
    ]);
  });

  it.each([
    ['ExpiredTokenException', 4, 'the credentials for AWS have expired (ExpiredTokenException)'],
    ['UnrecognizedClientException', 4, 'AWS does not know these credentials: UnrecognizedClientException is why'],
    ['AccessDeniedException', 4, 'AWS denies it: AccessDeniedException is why'],
    ['ParameterNotFound', 7, 'AWS answered ParameterNotFound: ParameterNotFound is why'],
  ])('%s', async (fails, exitCode, message) => {
    there.parameters.fails = fails;
    const { code, err, out } = await there.bunsui([...list, ...on, '--json']);
    expect([code, err.split('\n')[0], JSON.parse(out).code]).toStrictEqual([
      exitCode,
      `error[BS5001]: ${message}`,
      'BS5001',
    ]);
  });

  it('no region, no credentials, nobody there', async () => {
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere');
    const kept = { region: process.env['AWS_REGION'], key: process.env['AWS_ACCESS_KEY_ID'] };
    vi.stubEnv('AWS_REGION', undefined);
    const noRegion = await there.bunsui([...list, ...on]);
    vi.stubEnv('AWS_REGION', kept.region);
    const nobody = await there.bunsui([...list, ...on, '--endpoint-url', 'http://127.0.0.1:9']);
    vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
    const noKey = await there.bunsui([...list, ...on]);
    const noProfile = await there.bunsui([...list, ...on, '--profile', 'absent']);
    vi.stubEnv('AWS_ACCESS_KEY_ID', kept.key);
    expect([noRegion, nobody, noKey, noProfile].map(({ code, err }) => [code, err.split('\n')[0]])).toStrictEqual([
      [2, 'error[BS2001]: no region is given'],
      [7, 'error[BS5001]: AWS is not to be reached at 127.0.0.1:9 (nothing listens there)'],
      [4, 'error[BS5001]: there are no credentials for AWS'],
      [4, 'error[BS5001]: there are no credentials for AWS'],
    ]);
  });

  it('a command that works on this machine alone', async () => {
    const { code, err } = await there.bunsui(['run', 'x.ts', ...on]);
    expect([code, err.split('\n').slice(0, 2)]).toStrictEqual([
      2,
      [
        'error[BS2001]: unknown option "--platform"',
        '  = help: "run" works on this machine alone: for AWS see bunsui deploy --help and bunsui session start --help',
      ],
    ]);
  });
});
