import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogLine } from '../../lib/sessions/report-data.ts';
import { endSession } from '../../lib/sessions/end-session.ts';
import type { AttemptItem, CheckpointItem } from '../../lib/sessions/items.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { putJobRecords } from '../../lib/sessions/store.ts';
import { attemptKey, checkpointKey, sessionIdOf } from '../../lib/storage-layout.ts';
import { machineArn, nowMs } from '../sessions/cloud.ts';
import { artifact, successHistory } from '../sessions/history-fixture.ts';
import { type ApiWorld, apiWorld, refused } from './api.ts';

let world: ApiWorld;
beforeEach(async () => {
  world = await apiWorld();
  await world.call('POST', '/v1/pipelines/flow/sessions', { body: { input: { day: 'mon' } } });
});
afterEach(() => world.close());

const session = sessionIdOf(nowMs, 1n);
const arn = `arn:aws:states:us-east-1:000000000000:execution:flow:session-${session}-1`;
const at = (second: number) => new Date(nowMs + second * 1000).toISOString();

async function ended(): Promise<void> {
  Object.assign(world.cloud.executions.get(arn) ?? {}, { history: successHistory(), status: 'SUCCEEDED' });
  await endSession(world.cloud.deps, { executionArn: arn }, () => '<p></p>');
}

describe('GET /v1/sessions/{session}/jobs', () => {
  const attempt = (
    job: string,
    number: number,
    status: AttemptItem['job_status'],
    more: Partial<AttemptItem> = {},
  ): AttemptItem => {
    const { generation = 1, started_at = at(number) } = more;
    return {
      session_id: session,
      job_timestamp: attemptKey(job, started_at, generation, number),
      record_type: 'attempt',
      pipeline_id: 'flow',
      job_id: job,
      operation_id: 'load',
      job_status: status,
      attempt: number,
      generation,
      execution_arn: arn,
      event_id: number,
      started_at,
      input: '{"n":1}',
      ...more,
    };
  };
  const shown = (job: string, status: string, attempts: readonly object[], more: object = {}) => ({
    job_id: job,
    operation_id: 'load',
    job_status: status,
    generation: 1,
    attempts,
    ...more,
  });
  const one = (number: number, status: string, more: object = {}) => ({
    attempt: number,
    generation: 1,
    job_status: status,
    started_at: at(number),
    ...more,
  });

  async function records(): Promise<void> {
    const completion: CheckpointItem = {
      session_id: session,
      job_timestamp: checkpointKey('load', 1),
      record_type: 'checkpoint',
      job_id: 'load',
      operation_id: 'load',
      attempt: 2,
      generation: 1,
      execution_arn: arn,
      output: '{"rows":3}',
      completed_at: at(5),
    };
    const failed = { completed_at: at(2), duration_ms: 1000, error_code: 'Flaky', error_message: 'again' };
    await putJobRecords(world.cloud.deps, [
      attempt('load', 1, 'failed', failed),
      attempt('load', 2, 'running'),
      completion as unknown as AttemptItem,
      attempt('load2', 1, 'running'),
      attempt('convert[0]/one', 1, 'completed', { output: '[1]' }),
      attempt('convert[10]/one', 1, 'timeout'),
    ]);
  }
  const load = shown('load', 'completed', [
    one(1, 'failed', { completed_at: at(2), duration_ms: 1000, error_code: 'Flaky', error_message: 'again' }),
    one(2, 'running'),
  ]);

  it('tells every job that has begun with its attempts, and what the wrapper knew first', async () => {
    await records();
    const { body } = await world.call('GET', `/v1/sessions/${session}/jobs`);
    expect(body).toStrictEqual({
      jobs: [
        shown('convert[0]/one', 'completed', [one(1, 'completed')]),
        shown('convert[10]/one', 'timeout', [one(1, 'timeout')]),
        load,
        shown('load2', 'running', [one(1, 'running')]),
      ],
    });
  });

  it('gives inputs and outputs when they are asked for, of one job', async () => {
    await records();
    const { body } = await world.call('GET', `/v1/sessions/${session}/jobs?job=load&data=true`);
    expect(body).toStrictEqual({ jobs: [{ ...load, input: { n: 1 }, output: { rows: 3 } }] });
    const other = await world.call(
      'GET',
      `/v1/sessions/${session}/jobs?job=${encodeURIComponent('convert[0]/one')}&data=true`,
    );
    expect(other.body).toStrictEqual({
      jobs: [shown('convert[0]/one', 'completed', [one(1, 'completed')], { input: { n: 1 }, output: [1] })],
    });
  });

  it('shows a job as it is in its latest generation, with the attempts of all', async () => {
    await records();
    await putJobRecords(world.cloud.deps, [attempt('load', 1, 'failed', { generation: 2, started_at: at(9) })]);
    const { body } = await world.call('GET', `/v1/sessions/${session}/jobs?job=load`);
    expect(body).toStrictEqual({
      jobs: [
        {
          ...load,
          job_status: 'failed',
          generation: 2,
          attempts: [...load.attempts, { ...one(1, 'failed'), generation: 2, started_at: at(9) }],
        },
      ],
    });
  });

  it('comes in pages that join, whole jobs in each', async () => {
    await records();
    const pages: string[] = [];
    let cursor = '';
    do {
      const { body } = await world.call<{
        readonly jobs: readonly { readonly job_id: string }[];
        readonly cursor?: string;
      }>('GET', `/v1/sessions/${session}/jobs?limit=1${cursor}`);
      pages.push(body.jobs.map(({ job_id }) => job_id).join(' '));
      cursor = body.cursor === undefined ? '' : `&cursor=${body.cursor}`;
    } while (cursor !== '');
    expect(pages).toStrictEqual(['convert[0]/one', 'convert[10]/one', 'load', 'load2']);
  });

  it('keeps a page within what a function may answer', async () => {
    const output = JSON.stringify('x'.repeat(90_000));
    await putJobRecords(
      world.cloud.deps,
      Array.from({ length: 100 }, (_, index) =>
        attempt(`j${String(index).padStart(3, '0')}`, 1, 'completed', { output }),
      ),
    );
    const { body } = await world.call<{ readonly jobs: readonly unknown[]; readonly cursor: string }>(
      'GET',
      `/v1/sessions/${session}/jobs?data=true`,
    );
    const rest = await world.call<{ readonly jobs: readonly unknown[] }>(
      'GET',
      `/v1/sessions/${session}/jobs?data=true&limit=1000&cursor=${body.cursor}`,
    );
    expect(JSON.stringify(body).length).toBeLessThan(4.5 * 1024 * 1024);
    expect([body.jobs.length, body.jobs.length + rest.body.jobs.length]).toStrictEqual([46, 92]);
  });

  it.each(['../x', 'a//b', '', 'a[x]'])('refuses the job "%s"', async (job) => {
    const [status, code] = await refused(
      world.call('GET', `/v1/sessions/${session}/jobs?job=${encodeURIComponent(job)}`),
    );
    expect([status, code]).toStrictEqual([400, 'BS6001']);
  });
});

describe('GET /v1/sessions/{session}/logs', () => {
  const levels = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'] as const;
  const line = (index: number, job: string): LogLine => ({
    // Two lines of each second, so that pages end between lines of one time.
    timestamp: at(Math.floor(index / 2)),
    level: levels[index % 5] ?? 'INFO',
    message: `line ${index}`,
    session_id: session,
    job_id: job,
    operation_id: 'load',
    attempt: 1,
  });
  const written = (count: number) =>
    Array.from({ length: count }, (_, index) => line(index, index % 3 === 0 ? 'convert[0]/one' : 'load'));
  const put = (lines: readonly LogLine[]) =>
    world.cloud.logs.set(
      '/aws/lambda/flow-load',
      lines.map((one, index) => ({
        logStreamName: `s${index}`,
        timestamp: Date.parse(one.timestamp),
        message: JSON.stringify(one),
      })),
    );
  interface Page {
    readonly lines: readonly LogLine[];
    readonly ended: boolean;
    readonly cursor?: string;
  }
  const page = async (query: string) => (await world.call<Page>('GET', `/v1/sessions/${session}/logs${query}`)).body;

  it('gives what has been written until now, and later what came since', async () => {
    const lines = written(6);
    put(lines.slice(0, 3));
    const first = await page('');
    expect([first.lines, first.ended]).toStrictEqual([lines.slice(0, 3), false]);
    expect(await page(`?cursor=${first.cursor}`)).toStrictEqual({ lines: [], ended: false, cursor: first.cursor });
    put(lines);
    const next = await page(`?cursor=${first.cursor}`);
    expect([next.lines, next.ended]).toStrictEqual([lines.slice(3), false]);
  });

  it('has no cursor before the first line', async () => {
    expect(await page('')).toStrictEqual({ lines: [], ended: false });
  });

  it.each([1, 2, 3, 7])('comes in pages of %i that join, until the end of a session that has ended', async (limit) => {
    const lines = written(9);
    put(lines);
    await ended();
    world.cloud.logs.clear();
    const seen: LogLine[] = [];
    let cursor = '';
    let pages = 0;
    do {
      const found: Page = await page(`?limit=${limit}${cursor}`);
      expect(found.ended).toBe(true);
      seen.push(...found.lines);
      pages += 1;
      cursor = found.cursor === undefined ? '' : `&cursor=${found.cursor}`;
    } while (cursor !== '');
    const texts = (all: readonly LogLine[]) => all.map(({ timestamp, message }) => `${timestamp} ${message}`).sort();
    expect([texts(seen), pages]).toStrictEqual([texts(lines), Math.ceil(9 / limit)]);
  });

  it.each([
    ['?job=load', ['line 1', 'line 2', 'line 4']],
    ['?job=convert', ['line 0', 'line 3']],
    ['?job=con', []],
    ['?level=ERROR', ['line 3', 'line 4']],
    ['?level=ERROR&job=load', ['line 4']],
  ])('%s, while it runs and afterwards', async (query, messages) => {
    put(written(5));
    const live = await page(query);
    await ended();
    world.cloud.logs.clear();
    const kept = await page(query);
    const texts = ({ lines }: Page) => lines.map(({ message }) => message).sort();
    expect([texts(live), texts(kept)]).toStrictEqual([messages, messages]);
  });

  it('refuses more than it may gather', async () => {
    await ended();
    const prefix = `logs/2026/03/04/${session}`;
    world.cloud.objects.set(`${prefix}/load/load.jsonl`, `${JSON.stringify(line(0, 'load'))}\n`);
    const large = `${JSON.stringify({ ...line(0, 'two'), message: 'x'.repeat(1024 * 1024) })}\n`;
    for (let part = 1; part <= 25; part += 1) world.cloud.objects.set(`${prefix}/two/load.${part}.jsonl`, large);
    expect(await refused(world.call('GET', `/v1/sessions/${session}/logs`))).toStrictEqual([
      413,
      'BS6004',
      'the log of the session has more than 25165824 bytes, which are read at once',
    ]);
    expect((await page('?job=load')).lines.length).toBe(1);
  });
});

describe('GET /v1/sessions/{session}/report', () => {
  it('leads to the page once there is one', async () => {
    expect(await refused(world.call('GET', `/v1/sessions/${session}/report`))).toStrictEqual([
      404,
      'BS3011',
      `session ${session} is running and has no report`,
    ]);
    await ended();
    const url = `https://objects.invalid/reports/2026/03/04/${session}.html`;
    const { status, headers, body } = await world.call('GET', `/v1/sessions/${session}/report`);
    expect([status, headers.get('location'), body]).toStrictEqual([
      303,
      url,
      { url, expires_at: '2026-03-04T05:11:07.000Z' },
    ]);
  });
});

describe('GET /v1/pipelines', () => {
  const flow = { pipeline_id: 'flow', version: '0123456789ab', created_at: '2026-03-04T05:06:07.000Z', total_jobs: 5 };

  it('lists them by id, in the version that would start now', async () => {
    for (const [id, version] of [
      ['b', 'aaaaaaaaaaaa'],
      ['a', 'aaaaaaaaaaaa'],
      ['a', 'bbbbbbbbbbbb'],
    ] as const) {
      world.cloud.deps.nowMs += 1000;
      await registerPipeline(world.cloud.deps, {
        artifact: { ...artifact, version, pipeline: { ...artifact.pipeline, id } },
        stateMachineArn: machineArn,
      });
    }
    const [a, b] = [
      { ...flow, pipeline_id: 'a', version: 'bbbbbbbbbbbb', created_at: at(3) },
      { ...flow, pipeline_id: 'b', version: 'aaaaaaaaaaaa', created_at: at(1) },
    ];
    expect((await world.call('GET', '/v1/pipelines')).body).toStrictEqual({ pipelines: [a, b, flow] });
    const first = await world.call<{ readonly cursor: string }>('GET', '/v1/pipelines?limit=2');
    expect(first.body).toStrictEqual({ pipelines: [a, b], cursor: expect.any(String) });
    expect((await world.call('GET', `/v1/pipelines?limit=2&cursor=${first.body.cursor}`)).body).toStrictEqual({
      pipelines: [flow],
    });
  });

  it('shows one with the schema of its input and what starts it', async () => {
    expect((await world.call('GET', '/v1/pipelines/flow')).body).toStrictEqual({
      ...flow,
      input_schema: artifact.pipeline.input,
      overlap: 'allow',
      schedules: [],
      triggers: [],
    });
    const source = { file: '/work/flow.ts', line: 1, column: 1 };
    await registerPipeline(world.cloud.deps, {
      artifact: {
        ...artifact,
        pipeline: {
          ...artifact.pipeline,
          id: 'daily',
          overlap: 'queue',
          deadlineSeconds: 3600,
          schedules: [
            {
              id: 'morning',
              expression: 'cron(0 6 * * ? *)',
              timezone: 'Asia/Tokyo',
              flexibleWindowMinutes: 5,
              start: '2026-01-01T00:00:00Z',
              enabled: true,
              input: {},
              catchUp: 'none',
              source,
            },
          ],
          triggers: [{ id: 'arrived', kind: 's3', bucket: 'b', input: {}, source }],
        },
      },
      stateMachineArn: machineArn,
    });
    expect((await world.call('GET', '/v1/pipelines/daily')).body).toStrictEqual({
      ...flow,
      pipeline_id: 'daily',
      input_schema: artifact.pipeline.input,
      overlap: 'queue',
      deadline_seconds: 3600,
      schedules: [
        {
          schedule_id: 'morning',
          expression: 'cron(0 6 * * ? *)',
          timezone: 'Asia/Tokyo',
          enabled: true,
          catch_up: 'none',
          start: '2026-01-01T00:00:00Z',
          flexible_window_minutes: 5,
        },
      ],
      triggers: [{ trigger_id: 'arrived', kind: 's3' }],
    });
  });

  it('does not find one that is not deployed', async () => {
    expect(await refused(world.call('GET', '/v1/pipelines/absent'))).toStrictEqual([
      404,
      'BS3003',
      'pipeline "absent" is not deployed',
    ]);
  });
});
