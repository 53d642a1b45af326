import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BunsuiError } from '../../lib/errors.ts';
import { endSession } from '../../lib/sessions/end-session.ts';
import { foldHistory } from '../../lib/sessions/fold.ts';
import type { SessionItem } from '../../lib/sessions/items.ts';
import { archiveLimits, archiveLogs } from '../../lib/sessions/log-archive.ts';
import { readSessionLogs } from '../../lib/sessions/logs.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import type { ReportData } from '../../lib/sessions/report-data.ts';
import { startSession } from '../../lib/sessions/start-session.ts';
import { getSession, listJobRecords } from '../../lib/sessions/store.ts';
import { sessionOfExecution } from '../../lib/storage-layout.ts';
import { type Cloud, cloudOn, type LogEvent, machineArn } from './cloud.ts';
import { artifact, failureHistory, historyOf, successHistory } from './history-fixture.ts';
import { type LocalTables, startTables } from './local-tables.ts';

let tables: LocalTables;
let cloud: Cloud;
let rendered: ReportData[];
beforeEach(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
  rendered = [];
  await registerPipeline(cloud.deps, { artifact, stateMachineArn: machineArn });
});
afterEach(() => tables.close());

const render = (data: ReportData): string => {
  rendered.push(data);
  return `<p>${data.session.status}</p>`;
};

/** Starts a session and lets its execution end with the given history. */
async function ran(history: Parameters<typeof foldHistory>[1], status: string) {
  const started = await startSession(cloud.deps, { pipeline: 'flow', input: { day: 'mon' }, trigger: { kind: 'api' } });
  const execution = cloud.executions.get(started.execution_arn);
  if (execution !== undefined) Object.assign(execution, { history, status });
  return started;
}

const record = (session: string, job: string, message: string, more: object = {}) =>
  JSON.stringify({
    timestamp: '2026-03-04T05:06:08.000Z',
    level: 'INFO',
    message,
    session_id: session,
    job_id: job,
    operation_id: job,
    attempt: 1,
    ...more,
  });

const printed = (stream: string, ...messages: readonly string[]): readonly LogEvent[] =>
  messages.map((message, index) => ({
    logStreamName: stream,
    timestamp: 1_772_600_768_000 + index,
    message: `${message}\n`,
  }));

describe('ending a session', () => {
  it('records how it ended, with what it gave', async () => {
    const { session_id: id, execution_arn: executionArn } = await ran(successHistory(), 'SUCCEEDED');
    cloud.deps.nowMs += 60_000;
    expect(await endSession(cloud.deps, { executionArn }, render)).toStrictEqual({
      session_id: id,
      status: 'completed',
      outcome: 'ended',
    });
    const item = await getSession(cloud.deps, id);
    expect(item).toStrictEqual({
      session_id: id,
      created_at: '2026-03-04T05:06:07.000Z',
      pipeline_id: 'flow',
      pipeline_name: 'flow',
      pipeline_version: '0123456789ab',
      status: 'completed',
      started_at: '1970-01-01T00:00:01.000Z',
      completed_at: '1970-01-01T00:00:58.000Z',
      total_jobs: 9,
      completed_jobs: 7,
      failed_jobs: 0,
      execution_arn: executionArn,
      execution_name: `session-${id}-1`,
      generation: 1,
      input: '{"day":"mon"}',
      output: '{"rows":3}',
      trigger: { kind: 'api' },
      region: 'us-east-1',
      updated_at: '2026-03-04T05:07:07.000Z',
    });
    expect(cloud.objects.get(`reports/2026/03/04/${id}.html`)).toBe('<p>completed</p>');
    expect(rendered).toStrictEqual([
      { artifact, view: foldHistory(artifact, successHistory()), session: item, logs: {} },
    ]);
  });

  it('records every attempt once, also when told several times', async () => {
    const { session_id: id, execution_arn: executionArn } = await ran(failureHistory(), 'FAILED');
    const outcomes = [];
    for (let delivery = 0; delivery < 3; delivery += 1) {
      outcomes.push(await endSession(cloud.deps, { executionArn }, render));
    }
    expect(outcomes.map(({ status, outcome }) => `${status} ${outcome}`)).toStrictEqual([
      'failed ended',
      'failed exists',
      'failed exists',
    ]);
    const { attempts, checkpoints } = await listJobRecords(cloud.deps, id);
    expect(checkpoints).toStrictEqual([]);
    expect(attempts.map((one) => [one.job_id, one.job_status, one.attempt])).toStrictEqual([
      ['check', 'completed', 1],
      ['convert[0]/one', 'completed', 1],
      ['convert[0]/two', 'failed', 1],
      ['convert[1]/one', 'cancelled', 1],
      ['load', 'completed', 1],
    ]);
    expect(attempts[2]).toStrictEqual({
      session_id: id,
      job_timestamp: 'convert[0]/two#1970-01-01T00:00:29.000Z#1.29',
      record_type: 'attempt',
      pipeline_id: 'flow',
      job_id: 'convert[0]/two',
      operation_id: 'two',
      job_status: 'failed',
      attempt: 1,
      generation: 1,
      execution_arn: executionArn,
      event_id: 29,
      started_at: '1970-01-01T00:00:29.000Z',
      completed_at: '1970-01-01T00:00:31.000Z',
      duration_ms: 2000,
      error_code: 'Broken',
      error_message: 'Broken',
      input: '{"to":"two"}',
    });
    expect(await getSession(cloud.deps, id)).toMatchObject({
      status: 'failed',
      error_code: 'Broken',
      error_message: 'why',
      failed_jobs: 1,
    });
  });

  it('writes nothing while the execution runs', async () => {
    const { session_id: id, execution_arn: executionArn } = await ran([], 'RUNNING');
    const before = await getSession(cloud.deps, id);
    expect(await endSession(cloud.deps, { executionArn }, render)).toStrictEqual({
      session_id: id,
      status: 'running',
      outcome: 'running',
    });
    expect([await getSession(cloud.deps, id), rendered]).toStrictEqual([before, []]);
  });

  it('adopts an execution that was started without bunsui', async () => {
    const executionArn = 'arn:aws:states:us-east-1:000000000000:execution:flow:by-hand';
    const h = historyOf({ day: 'mon' });
    h.add('ExecutionSucceeded', h.ran('load', 0), { executionSucceededEventDetails: { output: 'null' } });
    cloud.executions.set(executionArn, {
      name: 'by-hand',
      input: '{"day":"mon"}',
      status: 'SUCCEEDED',
      history: h.events,
    });
    const { session } = sessionOfExecution(executionArn, '2026-03-04T05:06:07.000Z');
    expect([
      await endSession(cloud.deps, { executionArn }, render),
      await endSession(cloud.deps, { executionArn }, render),
    ]).toStrictEqual([
      { session_id: session, status: 'completed', outcome: 'ended' },
      { session_id: session, status: 'completed', outcome: 'exists' },
    ]);
    expect(await getSession(cloud.deps, session)).toMatchObject({
      pipeline_id: 'flow',
      status: 'completed',
      execution_name: 'by-hand',
      trigger: { kind: 'manual', detail: 'started without bunsui' },
    });
  });

  it.each([
    ['a time that is a path', { session: 'ok', createdAt: '../../2026', generation: 1 }, 'session-ok-1'],
    [
      'a generation that is none',
      { session: 'ok', createdAt: '2026-03-04T05:06:07.000Z', generation: -1 },
      'session-ok--1',
    ],
    [
      'the session of another execution',
      { session: 'ok', createdAt: '2026-03-04T05:06:07.000Z', generation: 1 },
      'by-hand',
    ],
  ])('believes no block that somebody wrote with %s', async (_what, block, name) => {
    const executionArn = `arn:aws:states:us-east-1:000000000000:execution:flow:${name}`;
    const h = historyOf({ day: 'mon' });
    h.add('ExecutionSucceeded', h.ran('load', 0), { executionSucceededEventDetails: { output: 'null' } });
    const input = JSON.stringify({ day: 'mon', bunsui: block });
    cloud.executions.set(executionArn, { name, input, status: 'SUCCEEDED', history: h.events });
    const { session } = sessionOfExecution(executionArn, '2026-03-04T05:06:07.000Z');
    expect(await endSession(cloud.deps, { executionArn }, render)).toMatchObject({ session_id: session });
    expect(await getSession(cloud.deps, 'ok')).toBe(undefined);
    expect([...cloud.objects.keys()].filter((key) => key.includes('..'))).toStrictEqual([]);
  });

  it('refuses an execution of no pipeline it knows', async () => {
    const executionArn = 'arn:aws:states:us-east-1:000000000000:execution:flow:by-hand';
    const none = await startTables();
    const empty = cloudOn(none);
    empty.executions.set(executionArn, { name: 'by-hand', input: 'no json', status: 'FAILED', history: [] });
    const failure = await endSession(empty.deps, { executionArn }, render).catch((error: unknown) => error);
    await none.close();
    expect(failure instanceof BunsuiError ? failure.code : failure).toBe('BS3003');
  });

  it('cuts what a record cannot hold, and says where the whole stands', async () => {
    const h = historyOf();
    const big = 'x'.repeat(200_000);
    const done = h.add('TaskSucceeded', h.schedule('load', h.entered('Task', 'load', 0), 0), {
      taskSucceededEventDetails: {
        resourceType: 'lambda',
        resource: 'invoke',
        output: JSON.stringify({ Payload: { big } }),
      },
    });
    h.add('ExecutionSucceeded', h.exited('Task', 'load', done), {
      executionSucceededEventDetails: { output: JSON.stringify(big) },
    });
    const { session_id: id, execution_arn: executionArn } = await ran(h.events, 'SUCCEEDED');
    await endSession(cloud.deps, { executionArn }, render);
    const item = (await getSession(cloud.deps, id)) as SessionItem;
    const { attempts } = await listJobRecords(cloud.deps, id);
    expect(JSON.parse(item.output ?? '')).toStrictEqual({
      truncated: true,
      bytes: 200_002,
      full: `the output of execution ${executionArn}`,
      start: `"${'x'.repeat(12_499)}`,
    });
    expect(JSON.parse(attempts[0]?.output ?? '')).toMatchObject({
      truncated: true,
      full: `the history of execution ${executionArn}, event 3 and after`,
    });
  });

  it('converges whatever call it crashes before or after', async () => {
    const printing = (id: string) =>
      cloud.logs.set('/aws/lambda/flow-load', printed('s1', record(id, 'load', 'one'), record(id, 'load', 'two')));
    const archived = (id: string) => {
      const text = cloud.objects.get(`logs/2026/03/04/${id}/load/load.jsonl`) ?? '';
      return text
        .split('\n')
        .flatMap((line) => (line === '' ? [] : [(JSON.parse(line) as { message: string }).message]));
    };
    const first = await ran(successHistory(), 'SUCCEEDED');
    printing(first.session_id);
    cloud.calls.length = 0;
    await endSession(cloud.deps, { executionArn: first.execution_arn }, render);
    const steps = cloud.calls.length;
    const want = (await listJobRecords(cloud.deps, first.session_id)).attempts.map((one) => one.job_timestamp);
    for (let step = 1; step <= steps; step += 1) {
      for (const when of ['before', 'after'] as const) {
        const { session_id: id, execution_arn: executionArn } = await ran(successHistory(), 'SUCCEEDED');
        printing(id);
        cloud.calls.length = 0;
        cloud.around = (now, call) => {
          if (now === when && call === step) throw new Error('crash');
        };
        const crashed = await endSession(cloud.deps, { executionArn }, render).catch((error: Error) => error.message);
        cloud.around = undefined;
        for (let time = 0; time < 3; time += 1) await endSession(cloud.deps, { executionArn }, render);
        const { attempts } = await listJobRecords(cloud.deps, id);
        const item = await getSession(cloud.deps, id);
        expect({
          when,
          step,
          crashed,
          status: item?.status,
          log: archived(id),
          keys: attempts.map((one) => one.job_timestamp),
        }).toStrictEqual({
          when,
          step,
          crashed: 'crash',
          status: 'completed',
          log: ['one', 'two'],
          keys: want,
        });
      }
    }
    console.log(`end of a session: crashed at ${2 * steps} points, told again three times: 1 final state`);
  });
});

describe('the logs of a session', () => {
  it('hold the records of its jobs and the raw lines of their requests, and nothing of others', async () => {
    const { session_id: id, execution_arn: executionArn } = await ran(successHistory(), 'SUCCEEDED');
    const own = (message: string, more: object = {}) => record(id, 'load', message, more);
    cloud.logs.set('/aws/lambda/flow-load', [
      ...printed('s1', 'INIT_START', 'START RequestId: 1 Version: 1', 'loading a library', own('job started')),
      ...printed('s2', 'START RequestId: 9 Version: 1', record('other', 'load', 'job started'), 'raw of another'),
      ...printed('s1', '{"odd": 1}', own('forged', { job_id: 'convert' }), own('job completed'), 'END RequestId: 1'),
      ...printed(
        's1',
        'REPORT RequestId: 1 Duration: 3 ms',
        'START RequestId: 2 Version: 1',
        own('again', { attempt: 2 }),
      ),
      ...printed('s1', '2026-03-04T05:06:08Z 2 Task timed out after 3.00 seconds', 'END RequestId: 2'),
    ]);
    cloud.logs.set('/aws/lambda/flow-one', [
      ...printed(
        's3',
        'START RequestId: 3 Version: 1',
        record(id, 'convert[1]/one', 'job started', { operation_id: 'one' }),
      ),
    ]);
    const session = await getSession(cloud.deps, id);
    if (session === undefined) throw new Error('no session');
    const live = await readSessionLogs(cloud.deps, session);
    const texts = (lines: typeof live) =>
      lines.map((line) => `${line.job_id} ${line.attempt} ${line.level} ${line.message}`).sort();
    const want = [
      'convert[1]/one 1 INFO job started',
      'load 1 DEBUG REPORT RequestId: 1 Duration: 3 ms',
      'load 1 INFO job completed',
      'load 1 INFO job started',
      'load 1 INFO loading a library',
      'load 1 INFO {"odd": 1}',
      'load 2 ERROR 2026-03-04T05:06:08Z 2 Task timed out after 3.00 seconds',
      'load 2 INFO again',
    ];
    expect(texts(live).filter((line) => !line.includes('forged'))).toStrictEqual(want);
    expect(texts(live).filter((line) => line.includes('forged'))).toStrictEqual([
      `load 1 INFO ${own('forged', { job_id: 'convert' })}`,
    ]);

    await endSession(cloud.deps, { executionArn }, render);
    expect([...cloud.objects.keys()].filter((key) => key.startsWith('logs/')).sort()).toStrictEqual([
      `logs/2026/03/04/${id}/convert.1.one/one.jsonl`,
      `logs/2026/03/04/${id}/load/load.jsonl`,
    ]);
    expect(rendered[0]?.logs['load']?.lines.length).toBe(8);
    cloud.logs.clear();
    const archived = await readSessionLogs(cloud.deps, session);
    expect(texts(archived)).toStrictEqual(texts(live));
    const ofMap = await readSessionLogs(cloud.deps, session, { job: 'convert' });
    expect(texts(ofMap)).toStrictEqual(['convert[1]/one 1 INFO job started']);
    expect((await readSessionLogs(cloud.deps, session, { job: 'con' })).length).toBe(0);
  });

  it('are kept whole, in several objects where they are long', async () => {
    const { session_id: id, execution_arn: executionArn } = await ran(successHistory(), 'SUCCEEDED');
    const line = record(id, 'load', 'x'.repeat(1024 * 1024));
    cloud.logs.set('/aws/lambda/flow-load', [
      ...printed('s1', 'START RequestId: 1 Version: 1', ...Array.from({ length: 11 }, () => line)),
      ...printed('s1', ...Array.from({ length: 300 }, (_, index) => record(id, 'load', `line ${index}`))),
    ]);
    await endSession(cloud.deps, { executionArn }, render);
    const folder = `logs/2026/03/04/${id}/load/`;
    const sizes = [...cloud.objects].flatMap(([key, text]) =>
      key.startsWith(folder) ? [[key.slice(folder.length), text.trimEnd().split('\n').length]] : [],
    );
    expect(sizes.sort()).toStrictEqual([
      ['load.2.jsonl', 304],
      ['load.jsonl', 7],
    ]);
    const session = await getSession(cloud.deps, id);
    if (session === undefined) throw new Error('no session');
    const messages = (await readSessionLogs(cloud.deps, session)).map(({ message }) => message.slice(0, 8));
    expect(messages).toStrictEqual([
      ...Array.from({ length: 11 }, () => 'xxxxxxxx'),
      ...Array.from({ length: 300 }, (_, index) => `line ${index}`),
    ]);
    const excerpt = rendered[0]?.logs['load'];
    expect([excerpt?.truncated, excerpt?.lines.length, excerpt?.lines.at(-1)?.message]).toStrictEqual([
      true,
      200,
      'line 299',
    ]);
  });

  it('only grow: what comes later is added, what is there already is not, and what is forgotten elsewhere stays', async () => {
    const { session_id: id, created_at, execution_arn: executionArn } = await ran(successHistory(), 'SUCCEEDED');
    const minute = (at: number, message: string) =>
      record(id, 'load', message, { timestamp: `2026-03-04T05:${String(at).padStart(2, '0')}:00.000Z` });
    const group = (...messages: readonly string[]) =>
      cloud.logs.set('/aws/lambda/flow-load', printed('s1', 'START RequestId: 1 Version: 1', ...messages));
    const session = { session_id: id, created_at };
    const archived = () =>
      [...cloud.objects].sort().flatMap(([key, text]) =>
        key.startsWith('logs/')
          ? text
              .trimEnd()
              .split('\n')
              .map((line) => (JSON.parse(line) as { message?: string }).message)
          : [],
      );
    // Small enough that the second end needs another object, and the third what is gathered written at once.
    const limits = { object: 700, gathered: 600, session: 1024 * 1024 };
    group(minute(6, 'first'), minute(8, 'twice'), minute(8, 'twice'));
    for (let told = 0; told < 2; told += 1) await archiveLogs(cloud.deps, session, executionArn, limits);
    expect(archived()).toStrictEqual(['first', 'twice', 'twice']);
    group(minute(8, 'twice'), minute(8, 'twice'), minute(8, 'twice'), minute(9, 'later'));
    await archiveLogs(cloud.deps, session, executionArn, limits);
    group(minute(9, 'later'), minute(10, 'last'));
    await archiveLogs(cloud.deps, session, executionArn, limits);
    const whole = ['first', 'twice', 'twice', 'twice', 'later', 'last'];
    expect([...archived()].sort()).toStrictEqual([...whole].sort());
    const read = await readSessionLogs(cloud.deps, { ...session, status: 'completed', execution_arn: executionArn });
    expect(read.map(({ message }) => message)).toStrictEqual(whole);
    // Just ended: what can only be read now is told as well.
    group(minute(10, 'last'), minute(10, 'late'));
    const justEnded = {
      ...session,
      status: 'completed',
      execution_arn: executionArn,
      completed_at: '2026-03-04T05:10:01.000Z',
    } as const;
    const told = async (nowMs: number) =>
      (await readSessionLogs(cloud.deps, justEnded, { nowMs })).map(({ message }) => message);
    expect(await told(Date.parse('2026-03-04T05:10:05.000Z'))).toStrictEqual([...whole, 'late']);
    expect(await told(Date.parse('2026-03-04T06:10:05.000Z'))).toStrictEqual(whole);
    // It runs again: of what is printed still nothing is told twice.
    group(minute(9, 'later'), minute(10, 'last'), minute(11, 'new'));
    const running = await readSessionLogs(cloud.deps, { ...session, status: 'running', execution_arn: executionArn });
    expect(running.map(({ message }) => message)).toStrictEqual([...whole, 'new']);
  });

  it('are gathered in a bounded part of memory, whatever jobs write', async () => {
    const { session_id: id, created_at, execution_arn: executionArn } = await ran(successHistory(), 'SUCCEEDED');
    const lines = Array.from({ length: 60 }, (_, index) => record(id, `job${index % 5}`, `line ${index}`));
    cloud.logs.set(
      '/aws/lambda/flow-load',
      lines.flatMap((line, index) => printed(`s${index}`, 'START RequestId: 1 Version: 1', line)),
    );
    const before = cloud.calls.length;
    await archiveLogs(cloud.deps, { session_id: id, created_at }, executionArn, { ...archiveLimits, gathered: 2_000 });
    const puts = cloud.calls.slice(before).filter((name) => name === 'PutObjectCommand').length;
    expect(puts).toBeGreaterThan(5);
    const read = await readSessionLogs(cloud.deps, {
      session_id: id,
      created_at,
      status: 'completed',
      execution_arn: executionArn,
    });
    expect(read.map(({ message }) => message).sort()).toStrictEqual(lines.map((_, index) => `line ${index}`).sort());
  });

  it('say what is left out of a log that is larger than all that is kept', async () => {
    const { session_id: id, created_at, execution_arn: executionArn } = await ran(successHistory(), 'SUCCEEDED');
    const lines = ['load', 'one', 'load', 'one'].map((job) => record(id, job, 'x'.repeat(1_000)));
    cloud.logs.set(
      '/aws/lambda/flow-load',
      lines.flatMap((line, index) => printed(`s${index}`, 'START RequestId: 1 Version: 1', line)),
    );
    await archiveLogs(cloud.deps, { session_id: id, created_at }, executionArn, { ...archiveLimits, session: 2_500 });
    const archived = ['load', 'one'].map((job) =>
      (cloud.objects.get(`logs/2026/03/04/${id}/${job}/${job}.jsonl`) ?? '')
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { dropped_lines?: number }).dropped_lines ?? 0),
    );
    expect(archived).toStrictEqual([
      [0, 1],
      [0, 1],
    ]);
  });
});
