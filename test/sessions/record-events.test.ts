import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { endSession } from '../../lib/sessions/end-session.ts';
import { readLiveEvent } from '../../lib/sessions/live-events.ts';
import type { LiveSessions } from '../../lib/sessions/live-session.ts';
import type { NoticeDeps } from '../../lib/sessions/notices.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { recordEvents } from '../../lib/sessions/record-events.ts';
import { startSession } from '../../lib/sessions/start-session.ts';
import { getSession, listJobRecords } from '../../lib/sessions/store.ts';
import { sessionOfExecution } from '../../lib/storage-layout.ts';
import { type Cloud, cloudOn, machineArn, nowMs } from './cloud.ts';
import { artifact, failureHistory, historyOf, successHistory } from './history-fixture.ts';
import { type LocalTables, startTables } from './local-tables.ts';
import { liveEvents, logRecord } from './log-records.ts';

let tables: LocalTables;
let cloud: Cloud;
let sessions: LiveSessions;
beforeEach(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
  sessions = new Map();
  await registerPipeline(cloud.deps, { artifact, stateMachineArn: machineArn });
});
afterEach(() => tables.close());

const render = () => '<p></p>';
const load = ['load 1 completed'];

/** A started session, and how far its execution has come. */
async function running(history: readonly HistoryEvent[]) {
  const started = await startSession(cloud.deps, { pipeline: 'flow', input: { day: 'mon' }, trigger: { kind: 'api' } });
  progress(started.execution_arn, { history });
  cloud.calls.length = 0;
  return { id: started.session_id, arn: started.execution_arn };
}

function progress(arn: string, change: object): void {
  const execution = cloud.executions.get(arn);
  if (execution === undefined) throw new Error(`no execution ${arn}`);
  Object.assign(execution, change);
}

function record(arn: string, events: readonly HistoryEvent[], more: object = {}, into: LiveSessions = sessions) {
  return recordEvents(cloud.deps, liveEvents(arn, events, more), into);
}

async function end(arn: string, status: string): Promise<void> {
  progress(arn, { status });
  await endSession(cloud.deps, { executionArn: arn }, render);
}

async function stateOf(id: string) {
  const { attempts } = await listJobRecords(cloud.deps, id);
  const item = await getSession(cloud.deps, id);
  return {
    attempts: attempts.map((one) => `${one.job_id} ${one.attempt} ${one.job_status}`),
    session: `${item?.status} ${item?.completed_jobs}/${item?.total_jobs} failed ${item?.failed_jobs}`,
  };
}

/** All that is on record of a session, but for when. */
async function recordsOf(id: string) {
  const { attempts } = await listJobRecords(cloud.deps, id);
  const { updated_at: _, ...item } = (await getSession(cloud.deps, id)) ?? { updated_at: '' };
  return { attempts, item };
}

describe('the live feed', () => {
  it('records attempts as they begin and end, and numbers at most once a batch, without asking Step Functions', async () => {
    const history = successHistory();
    const { id, arn } = await running(history);
    const steps: unknown[] = [];
    let done = 0;
    for (const upTo of [4, 6, 18, 30, history.length]) {
      const { session_writes, attempts } = await record(arn, history.slice(done, upTo));
      const { session } = await stateOf(id);
      const written = attempts.map((one) => `${one.job_id} ${one.attempt} ${one.job_status}`);
      steps.push({ upTo, session, session_writes, written });
      done = upTo;
    }
    expect(steps).toStrictEqual([
      { upTo: 4, session: 'running 0/5 failed 0', session_writes: 1, written: ['load 1 running'] },
      { upTo: 6, session: 'running 1/5 failed 0', session_writes: 1, written: load },
      { upTo: 18, session: 'running 1/9 failed 0', session_writes: 1, written: ['convert[0]/one 1 running'] },
      {
        upTo: 30,
        session: 'running 3/9 failed 0',
        session_writes: 1,
        written: ['convert[0]/one 1 completed', 'convert[1]/one 1 failed', 'convert[0]/two 1 completed'],
      },
      {
        upTo: history.length,
        session: 'running 7/9 failed 0',
        session_writes: 1,
        written: [
          'convert[1]/one 2 completed',
          'convert[1]/two 1 completed',
          'publish 1 completed',
          'close 1 completed',
        ],
      },
    ]);
    expect(cloud.calls.filter((name) => /Execution|Machine/.test(name))).toStrictEqual([]);
    const live = await recordsOf(id);
    cloud.calls.length = 0;
    await end(arn, 'SUCCEEDED');
    // Everything was there already, word for word: the end writes the session alone.
    expect((await recordsOf(id)).attempts).toStrictEqual(live.attempts);
    expect(cloud.calls.filter((name) => /Put|Update|Batch/.test(name))).toStrictEqual([
      'PutObjectCommand',
      'UpdateCommand',
    ]);
  });

  it('writes nothing the second time', async () => {
    const { id, arn } = await running(successHistory());
    await record(arn, successHistory().slice(0, 20));
    const before = await recordsOf(id);
    const again = await record(arn, successHistory().slice(5, 20));
    expect([again.attempts, again.session_writes]).toStrictEqual([[], 0]);
    // A process that remembers nothing tries, and changes nothing.
    await record(arn, successHistory().slice(5, 20), {}, new Map());
    // Not even when it hears only now of what was long ago.
    await record(arn, successHistory().slice(0, 4), {}, new Map());
    expect(await recordsOf(id)).toStrictEqual(before);
  });

  it('reads from the history what was not delivered, and only back to there', async () => {
    const history = successHistory();
    const { id, arn } = await running(history);
    await record(arn, history.slice(0, 4));
    cloud.calls.length = 0;
    await record(arn, history.slice(30, 37));
    expect(await stateOf(id)).toStrictEqual({
      attempts: ['convert[1]/one 2 completed', 'convert[1]/two 1 running', 'load 1 running'],
      session: 'running 4/9 failed 0',
    });
    // Two pages of twenty of 56 events, the newest first, hold all that came after the fourth.
    expect(cloud.calls.filter((name) => name === 'GetExecutionHistoryCommand').length).toBe(3);
    await record(arn, history.slice(4, 30));
    expect((await stateOf(id)).attempts).toStrictEqual([
      'convert[0]/one 1 completed',
      'convert[0]/two 1 completed',
      'convert[1]/one 1 failed',
      'convert[1]/one 2 completed',
      'convert[1]/two 1 running',
      ...load,
    ]);
  });

  it.each([
    ['cut off', { details: { resourceType: 'lambda', resource: 'invoke', output: '{"Payl' } }],
    ['without execution data', { details: { resourceType: 'lambda', resource: 'invoke' } }],
  ])('reads from the history what came %s', async (_, more) => {
    const { id, arn } = await running(successHistory());
    const [first, ...rest] = successHistory().slice(0, 5).toReversed();
    if (first === undefined) throw new Error('no event');
    const cut = readLiveEvent(logRecord(arn, first, more));
    await recordEvents(cloud.deps, [...liveEvents(arn, rest), ...(cut === undefined ? [] : [cut])], sessions);
    const { attempts } = await listJobRecords(cloud.deps, id);
    expect(attempts.map((one) => [one.job_id, one.job_status, one.input, one.output])).toStrictEqual([
      ['load', 'completed', '{"to":"load"}', '{"from":"load"}'],
    ]);
  });

  it('tells what it can while histories may not be read, and the rest when they may', async () => {
    const history = successHistory();
    const { id, arn } = await running(history);
    await record(arn, history.slice(0, 4));
    cloud.around = (when, call) => {
      if (when === 'before' && cloud.calls[call - 1] === 'GetExecutionHistoryCommand') {
        throw Object.assign(new Error('Rate exceeded'), { name: 'ThrottlingException' });
      }
    };
    const { failed } = await record(arn, history.slice(20, 30));
    cloud.around = undefined;
    expect(failed).toStrictEqual([]);
    expect((await stateOf(id)).attempts).toStrictEqual(['load 1 running']);
    await record(arn, history.slice(30, 31));
    expect((await stateOf(id)).attempts).toStrictEqual([
      'convert[0]/one 1 completed',
      'convert[0]/two 1 completed',
      'convert[1]/one 1 failed',
      'convert[1]/one 2 running',
      'load 1 running',
    ]);
  });

  it('never takes back how a session or an attempt has ended', async () => {
    const history = failureHistory();
    const { id, arn } = await running(history);
    await end(arn, 'FAILED');
    const before = await recordsOf(id);
    const late = await record(arn, history);
    expect(late).toMatchObject({ followed: 0, passed: 1, attempts: [], session_writes: 0 });
    // Not even where the process had begun to follow it before it ended.
    const other = await running(history);
    await record(other.arn, history.slice(0, 3));
    await end(other.arn, 'FAILED');
    const ended = await recordsOf(other.id);
    await record(other.arn, history.slice(3));
    expect([await recordsOf(id), await recordsOf(other.id)]).toStrictEqual([before, ended]);
  });

  it('notes that a queued session runs', async () => {
    const { id, arn } = await running(successHistory());
    await cloud.deps.db.send(queuedAgain(id, nowMs));
    await record(arn, successHistory().slice(0, 2));
    expect(await getSession(cloud.deps, id)).toMatchObject({
      status: 'running',
      started_at: '1970-01-01T00:00:01.000Z',
    });
  });

  it('adopts an execution that was started without bunsui', async () => {
    const arn = `${machineArn.replace('stateMachine', 'execution')}:by-hand`;
    const history = historyOf({ day: 'tue' });
    history.schedule('load', history.entered('Task', 'load', 0), 0);
    cloud.executions.set(arn, { name: 'by-hand', input: '{"day":"tue"}', status: 'RUNNING', history: history.events });
    await record(arn, history.events);
    const { session, createdAt } = sessionOfExecution(arn, new Date(nowMs).toISOString());
    expect(await getSession(cloud.deps, session)).toStrictEqual({
      session_id: session,
      created_at: createdAt,
      pipeline_id: 'flow',
      pipeline_name: 'flow',
      pipeline_version: artifact.version,
      status: 'running',
      started_at: createdAt,
      total_jobs: 5,
      completed_jobs: 0,
      failed_jobs: 0,
      execution_arn: arn,
      execution_name: 'by-hand',
      generation: 1,
      live_mark: '000001.000000004',
      input: '{"day":"tue"}',
      trigger: { kind: 'manual', detail: 'started without bunsui' },
      region: 'us-east-1',
      updated_at: '2026-03-04T05:06:07.000Z',
    });
    expect((await stateOf(session)).attempts).toStrictEqual(['load 1 running']);
  });

  it('passes over what is no execution of ours, and goes on with the others when one fails', async () => {
    const { id, arn } = await running(successHistory());
    const stranger = 'arn:aws:states:us-east-1:000000000000:execution:flow:stranger';
    const other = await running(successHistory());
    cloud.around = (when, call) => {
      if (when === 'before' && cloud.calls[call - 1] === 'DescribeExecutionCommand') throw new Error('lost');
    };
    const events = successHistory().slice(0, 4);
    const recorded = await recordEvents(
      cloud.deps,
      [...liveEvents(stranger, events), ...liveEvents(arn, events), ...liveEvents(other.arn, events)],
      sessions,
    );
    expect(recorded).toMatchObject({
      followed: 2,
      failed: [{ execution_arn: stranger, error: new Error('lost') }],
    });
    for (const session of [id, other.id]) {
      expect((await stateOf(session)).attempts).toStrictEqual(['load 1 running']);
    }
  });

  it('opens a session again whose execution was redriven, and closes it again', async () => {
    const h = historyOf();
    const failed = h.failed('Broken', h.schedule('load', h.entered('Task', 'load', 0), 0));
    h.add('ExecutionFailed', failed, { executionFailedEventDetails: { error: 'Broken', cause: 'why' } });
    const { id, arn } = await running([...h.events]);
    const first = h.events.length;
    await record(arn, h.events);
    await end(arn, 'FAILED');
    expect(await getSession(cloud.deps, id)).toMatchObject({ status: 'failed', error_code: 'Broken', failed_jobs: 1 });

    const redriven = h.add('ExecutionRedriven', first, { executionRedrivenEventDetails: { redriveCount: 1 } });
    const again = h.schedule('load', redriven, 0);
    progress(arn, { history: h.events, status: 'RUNNING', redriveCount: 1 });
    await record(arn, h.events.slice(first), { redrive_count: '1' });
    const open = await getSession(cloud.deps, id);
    expect([open?.status, open?.redrive_count, open?.error_code, open?.completed_at, open?.output]).toStrictEqual([
      'running',
      1,
      undefined,
      undefined,
      undefined,
    ]);
    expect((await stateOf(id)).attempts).toStrictEqual(['load 1 failed', 'load 2 running']);
    // What the first end would have to say, late, changes nothing.
    await record(arn, h.events.slice(0, first), { redrive_count: '0' }, new Map());
    expect((await getSession(cloud.deps, id))?.status).toBe('running');

    const done = h.exited('Task', 'load', h.succeeded('load', again));
    h.add('ExecutionAborted', done, {});
    await end(arn, 'ABORTED');
    expect(await stateOf(id)).toStrictEqual({
      attempts: ['load 1 failed', 'load 2 completed'],
      session: 'cancelled 1/5 failed 0',
    });
    expect((await getSession(cloud.deps, id))?.error_code).toBeUndefined();

    const second = h.add('ExecutionRedriven', h.events.length, { executionRedrivenEventDetails: { redriveCount: 2 } });
    progress(arn, { history: h.events, status: 'RUNNING', redriveCount: 2 });
    await record(arn, h.events.slice(second - 1), { redrive_count: '2' });
    const third = await getSession(cloud.deps, id);
    expect([third?.status, third?.redrive_count]).toStrictEqual(['running', 2]);
  });

  it('remembers so many executions, and goes on with those that it has forgotten', async () => {
    const all = [];
    for (let count = 0; count < 42; count += 1) all.push(await running(successHistory()));
    for (const { arn } of all) await record(arn, successHistory().slice(0, 4));
    expect([sessions.size, sessions.has(all[0]?.arn ?? ''), sessions.has(all[2]?.arn ?? '')]).toStrictEqual([
      40,
      false,
      true,
    ]);
    const [{ id, arn } = { id: '', arn: '' }] = all;
    await record(arn, successHistory().slice(4, 6));
    expect((await stateOf(id)).attempts).toStrictEqual(load);
  });

  it('comes to the same whatever call it crashes before or after, delivered again three times', async () => {
    const channels: NoticeDeps['channels'] = { ops: { events: ['started', 'retrying'] } };
    Object.assign(cloud.deps.notices, { channels });
    const finals = new Set<string>();
    let points = 0;
    for (const when of ['before', 'after'] as const) {
      for (let step = 1, crashed = true; crashed; step += 1) {
        const { id, arn } = await running(successHistory());
        const batch = successHistory().slice(2, 30);
        cloud.around = (now, call) => {
          if (now === when && call === step) throw new Error('crash');
        };
        crashed = (await record(arn, batch)).failed.length > 0;
        cloud.around = undefined;
        for (let time = 0; time < 3; time += 1) expect((await record(arn, batch)).failed).toStrictEqual([]);
        finals.add(JSON.stringify(await recordsOf(id)).replaceAll(id, 'ID'));
        if (crashed) points += 1;
      }
    }
    expect(finals.size).toBe(1);
    console.log(`live feed: crashed at ${points} points, delivered again three times: 1 final state`);
  });

  it('tells of starts and retries where somebody wants to know', async () => {
    const channels: NoticeDeps['channels'] = { ops: { events: ['started', 'retrying'] }, mail: {} };
    Object.assign(cloud.deps.notices, { channels });
    const { id, arn } = await running(successHistory());
    for (const [from, to] of [[0, 10] as const, [10, 24] as const, [0, 24] as const]) {
      await record(arn, successHistory().slice(from, to));
    }
    const base = { noticeVersion: 1, channels: ['ops'], session_id: id, pipeline_id: 'flow', status: 'running' };
    expect(cloud.published).toMatchObject([
      { ...base, event: 'started', delivery_id: `${id}/1/0/started`, at: '1970-01-01T00:00:01.000Z' },
      {
        ...base,
        event: 'retrying',
        delivery_id: `${id}/1/0/retrying/convert[1]/one/1`,
        job: { job_id: 'convert[1]/one', attempt: 1, source: { line: 13 } },
        error: { error_code: 'Flaky', error_message: 'Flaky' },
      },
    ]);
    expect(cloud.published.length).toBe(2);
  });
});

function queuedAgain(id: string, createdMs: number) {
  return new UpdateCommand({
    TableName: cloud.deps.names.sessionsTable,
    Key: { session_id: id, created_at: new Date(createdMs).toISOString() },
    UpdateExpression: 'SET #s = :s REMOVE started_at',
    ExpressionAttributeNames: { '#s': 'status' },
    ExpressionAttributeValues: { ':s': 'queued' },
  });
}

describe('whatever is delivered, in whatever order, how often, and to whom', () => {
  const histories = [
    ['a success', successHistory(), 'SUCCEEDED'],
    ['a failure', failureHistory(), 'FAILED'],
  ] as const;

  it.each(histories)('the end of %s is that of a session nobody followed', async (_, history, status) => {
    const alone = await running(history);
    await end(alone.arn, status);
    const want = JSON.stringify(await recordsOf(alone.id)).replaceAll(alone.id, 'ID');
    const ids = history.map(({ id }) => id);
    const batches = fc.array(
      fc.record({
        to: fc.integer({ min: 0, max: 2 }),
        ids: fc.array(fc.constantFrom(...ids), { minLength: 1, maxLength: 12 }),
      }),
      { minLength: 1, maxLength: 8 },
    );
    await fc.assert(
      fc.asyncProperty(batches, fc.nat({ max: 8 }), async (deliveries, endsAfter) => {
        const { id, arn } = await running(history);
        const processes: readonly LiveSessions[] = [new Map(), new Map(), new Map()];
        for (const [index, delivery] of deliveries.entries()) {
          if (index === endsAfter) await end(arn, status);
          const events = delivery.ids.flatMap((one) => history.find((event) => event.id === one) ?? []);
          const { failed } = await record(arn, events, {}, processes[delivery.to]);
          expect(failed).toStrictEqual([]);
        }
        await end(arn, status);
        expect(JSON.stringify(await recordsOf(id)).replaceAll(id, 'ID')).toBe(want);
      }),
      { numRuns: 40 },
    );
  });
});
