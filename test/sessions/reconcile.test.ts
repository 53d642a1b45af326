import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { HistoryEvent } from '../../lib/asl/history.ts';
import { tellDeadlines } from '../../lib/sessions/deadlines.ts';
import { endSession } from '../../lib/sessions/end-session.ts';
import type { NoticeDeps } from '../../lib/sessions/notices.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { reconcile } from '../../lib/sessions/reconcile.ts';
import { startSession } from '../../lib/sessions/start-session.ts';
import { getSession, listJobRecords } from '../../lib/sessions/store.ts';
import { executionName, sessionOfExecution } from '../../lib/storage-layout.ts';
import { type Cloud, cloudOn, machineArn, nowMs } from './cloud.ts';
import { artifact, failureHistory, successHistory } from './history-fixture.ts';
import { type LocalTables, startTables } from './local-tables.ts';

let tables: LocalTables;
let cloud: Cloud;
beforeEach(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
  await registerPipeline(cloud.deps, { artifact, stateMachineArn: machineArn });
});
afterEach(() => tables.close());

const render = () => '<p></p>';
const minute = 60_000;
const nothing = {
  ended: [],
  adopted: [],
  reopened: [],
  started: [],
  failed: [],
  noticed: [],
  deadlines: [],
  answered: [],
  problems: [],
  complete: true,
};
const executionArn = (name: string) => `${machineArn.replace('stateMachine', 'execution')}:${name}`;

/** A run of the reconciler, a minute after whatever was before. */
function sweep(remainingMs = () => 10 * minute) {
  cloud.deps.nowMs += minute;
  return reconcile(cloud.deps, { renderReport: render, remainingMs });
}

async function started(history: readonly HistoryEvent[] = [], change: object = {}) {
  const { session_id: id, execution_arn: arn } = await startSession(cloud.deps, {
    pipeline: 'flow',
    input: { day: 'mon' },
    trigger: { kind: 'api' },
  });
  progress(arn, { history, ...change });
  return { id, arn };
}

function progress(arn: string, change: object): void {
  const execution = cloud.executions.get(arn);
  if (execution === undefined) throw new Error(`no execution ${arn}`);
  Object.assign(execution, { startedAt: cloud.deps.nowMs, ...change });
}

const succeeded = { status: 'SUCCEEDED', stoppedAt: nowMs };

describe('the reconciler', () => {
  it('has nothing to do where all is well', async () => {
    const { id, arn } = await started(successHistory(), succeeded);
    await endSession(cloud.deps, { executionArn: arn }, render);
    const going = await started(successHistory().slice(0, 4));
    cloud.calls.length = 0;
    expect(await sweep()).toStrictEqual(nothing);
    expect(cloud.calls.filter((name) => /Put|Update|Batch|Delete|Start/.test(name))).toStrictEqual([]);
    const statuses = [await getSession(cloud.deps, id), await getSession(cloud.deps, going.id)];
    expect(statuses.map((one) => one?.status)).toStrictEqual(['completed', 'running']);
  });

  it('ends what nobody has told of, all of it in at most two runs', async () => {
    const all = [];
    for (let count = 0; count < 12; count += 1) {
      const failed = count % 2 === 1;
      const history = failed ? failureHistory() : successHistory();
      const stoppedAt = nowMs + (count % 3) * 30_000;
      all.push(await started(history, { status: failed ? 'FAILED' : 'SUCCEEDED', stoppedAt }));
    }
    const first = await sweep();
    const second = await sweep();
    expect([...first.ended, ...second.ended].sort()).toStrictEqual(all.map(({ id }) => id).sort());
    // What has ended a moment ago is left to who is told of it.
    expect(first.ended.length).toBe(4);
    expect(await sweep()).toStrictEqual(nothing);
    for (const [index, { id }] of all.entries()) {
      expect((await getSession(cloud.deps, id))?.status).toBe(index % 2 === 1 ? 'failed' : 'completed');
      expect((await listJobRecords(cloud.deps, id)).attempts.length).toBe(index % 2 === 1 ? 5 : 8);
    }
  });

  it('starts a session whose starter has died before the execution, but none that is being started', async () => {
    let calls = 0;
    cloud.around = (when, call) => {
      if (when === 'before' && cloud.calls[call - 1] === 'StartExecutionCommand') {
        calls += 1;
        throw new Error('crash');
      }
    };
    await expect(started()).rejects.toThrow('crash');
    cloud.around = undefined;
    expect([calls, cloud.executions.size]).toStrictEqual([1, 0]);
    cloud.deps.nowMs -= 1;
    expect((await sweep()).started).toStrictEqual([]);
    const { started: ids } = await sweep();
    const [id = ''] = ids;
    expect([...cloud.executions.keys()]).toStrictEqual([executionArn(executionName(id, 1))]);
    expect((await getSession(cloud.deps, id))?.status).toBe('running');
    expect(await sweep()).toStrictEqual(nothing);
  });

  it('adopts executions that were started without bunsui, running and ended', async () => {
    cloud.executions.set(executionArn('runs'), {
      name: 'runs',
      input: '{"day":"mon"}',
      status: 'RUNNING',
      history: [],
    });
    cloud.executions.set(executionArn('ended'), {
      name: 'ended',
      input: '{"day":"mon"}',
      history: successHistory(),
      ...succeeded,
    });
    const ids = ['runs', 'ended'].map((name) => sessionOfExecution(executionArn(name), iso(nowMs)).session);
    const first = await sweep();
    expect([first.adopted.toSorted(), first.ended]).toStrictEqual([ids.toSorted(), [ids[1]]]);
    const items = await Promise.all(ids.map((id) => getSession(cloud.deps, id)));
    expect(items.map((item) => [item?.status, item?.trigger.detail])).toStrictEqual([
      ['running', 'started without bunsui'],
      ['completed', 'started without bunsui'],
    ]);
    expect(await sweep()).toStrictEqual(nothing);
  });

  it('opens sessions that were redriven, and ends those that have ended since', async () => {
    const runs = await started(failureHistory(), { status: 'FAILED', stoppedAt: nowMs });
    const ended = await started(failureHistory(), { status: 'FAILED', stoppedAt: nowMs });
    for (const { arn } of [runs, ended]) await endSession(cloud.deps, { executionArn: arn }, render);
    cloud.deps.nowMs += 60 * minute;
    const redriven = { redriveCount: 1, redrivenAt: cloud.deps.nowMs };
    Object.assign(cloud.executions.get(runs.arn) ?? {}, { ...redriven, status: 'RUNNING', stoppedAt: undefined });
    Object.assign(cloud.executions.get(ended.arn) ?? {}, {
      ...redriven,
      ...{ status: 'ABORTED', stoppedAt: cloud.deps.nowMs },
      history: [...failureHistory(), ...redriveAndAbort()],
    });
    const first = await sweep();
    expect([first.reopened, first.ended]).toStrictEqual([[runs.id], [ended.id]]);
    const items = await Promise.all([runs, ended].map(({ id }) => getSession(cloud.deps, id)));
    expect(items.map((item) => [item?.status, item?.redrive_count, item?.error_code])).toStrictEqual([
      ['running', 1, undefined],
      ['cancelled', 1, undefined],
    ]);
    expect(await sweep()).toStrictEqual(nothing);
  });

  it('gives up on what can never run or end, and tells of it', async () => {
    withChannels({ ops: {} });
    const { id, arn } = await started();
    cloud.executions.delete(arn);
    const gone = await started();
    cloud.executions.delete(gone.arn);
    await cloud.deps.db.send(
      new UpdateCommand({
        TableName: cloud.deps.names.sessionsTable,
        Key: { session_id: gone.id, created_at: iso(nowMs) },
        UpdateExpression: 'SET #s = :s, pipeline_version = :v',
        ExpressionAttributeNames: { '#s': 'status' },
        ExpressionAttributeValues: { ':s': 'queued', ':v': 'ffffffffffff' },
      }),
    );
    await sweep();
    const items = await Promise.all([id, gone.id].map((one) => getSession(cloud.deps, one)));
    expect(items.map((item) => `${item?.status} ${item?.error_code}: ${item?.error_message}`)).toStrictEqual([
      `failed Bunsui.ExecutionLost: execution ${arn} does not exist any more`,
      'failed Bunsui.ExecutionLost: version "ffffffffffff" of pipeline "flow" is not deployed',
    ]);
    expect((await sweep()).noticed.toSorted()).toStrictEqual([id, gone.id].sort());
    expect(cloud.published.map((notice) => notice.delivery_id).toSorted()).toStrictEqual(
      [`${id}/1/0/failed`, `${gone.id}/1/0/failed`].sort(),
    );
    expect(await sweep()).toStrictEqual(nothing);
  });

  it('says once that a session has missed its deadline', async () => {
    const policed = { ...artifact, version: 'aaaaaaaaaaaa', pipeline: { ...artifact.pipeline, deadlineSeconds: 90 } };
    cloud.deps.nowMs += 1;
    await registerPipeline(cloud.deps, { artifact: policed, stateMachineArn: machineArn });
    withChannels({ ops: {} });
    const { id } = await started(successHistory().slice(0, 4));
    expect((await sweep()).deadlines).toStrictEqual([]);
    expect((await sweep()).deadlines).toStrictEqual([id]);
    expect(await sweep()).toStrictEqual(nothing);
    expect(cloud.published).toMatchObject([
      { event: 'deadline', delivery_id: `${id}/1/0/deadline`, channels: ['ops'] },
    ]);
  });

  it('says when the next deadline is due, for who comes back then', async () => {
    const policed = { ...artifact, version: 'aaaaaaaaaaaa', pipeline: { ...artifact.pipeline, deadlineSeconds: 90 } };
    cloud.deps.nowMs += 1;
    await registerPipeline(cloud.deps, { artifact: policed, stateMachineArn: machineArn });
    withChannels({ ops: {} });
    const { id } = await started(successHistory().slice(0, 4));
    const first = await tellDeadlines(cloud.deps);
    expect(first.deadlines).toStrictEqual([]);
    const due = Date.parse(first.next_due ?? '');
    expect(due - Date.parse((await getSession(cloud.deps, id))?.started_at ?? '')).toBe(90_000);
    cloud.deps.nowMs = due;
    expect(await tellDeadlines(cloud.deps)).toStrictEqual(first);
    cloud.deps.nowMs = due + 1;
    expect([await tellDeadlines(cloud.deps), await tellDeadlines(cloud.deps)]).toStrictEqual([
      { deadlines: [id] },
      { deadlines: [] },
    ]);
    expect(cloud.published.map((notice) => notice.delivery_id)).toStrictEqual([`${id}/1/0/deadline`]);
  });

  it('says when to come back for a session that just begins, past the deadline of one that began when it was made', async () => {
    const policed = { ...artifact, version: 'aaaaaaaaaaaa', pipeline: { ...artifact.pipeline, deadlineSeconds: 90 } };
    cloud.deps.nowMs += 1;
    await registerPipeline(cloud.deps, { artifact: policed, stateMachineArn: machineArn });
    withChannels({ ops: {} });
    cloud.around = (when, call) => {
      if (when === 'before' && cloud.calls[call - 1] === 'StartExecutionCommand') throw new Error('cut off');
    };
    await expect(started()).rejects.toThrow('cut off');
    cloud.around = undefined;
    cloud.deps.nowMs += 100_000;
    const next = new Date(cloud.deps.now() + 90_000).toISOString();
    expect((await tellDeadlines(cloud.deps)).next_due?.slice(0, 19)).toBe(next.slice(0, 19));
    expect(cloud.published).toStrictEqual([]);
  });

  it('tells of every deadline though one of them cannot be told', async () => {
    const policed = { ...artifact, version: 'aaaaaaaaaaaa', pipeline: { ...artifact.pipeline, deadlineSeconds: 90 } };
    cloud.deps.nowMs += 1;
    await registerPipeline(cloud.deps, { artifact: policed, stateMachineArn: machineArn });
    withChannels({ ops: {} });
    const ids = [(await started()).id, (await started()).id].sort();
    cloud.deps.nowMs += 120_000;
    let publishes = 0;
    cloud.around = (when, call) => {
      if (when !== 'before' || cloud.calls[call - 1] !== 'PublishCommand') return;
      publishes += 1;
      if (publishes === 1) throw new Error('no answer');
    };
    const first = await tellDeadlines(cloud.deps);
    expect(first.problems?.map(({ error }) => String(error))).toStrictEqual(['Error: no answer']);
    expect(first.next_due).toBeDefined();
    const second = await tellDeadlines(cloud.deps);
    expect([...first.deadlines, ...second.deadlines].sort()).toStrictEqual(ids);
    expect(second.problems).toBeUndefined();
  });

  it('is held up by no session that cannot be put right', async () => {
    const broken = await started(failureHistory(), { status: 'FAILED', stoppedAt: nowMs });
    const good = await started(successHistory(), succeeded);
    cloud.objects.clear();
    await registerPipeline(cloud.deps, { artifact, stateMachineArn: machineArn });
    cloud.around = (when, call) => {
      if (when === 'before' && cloud.calls[call - 1] === 'BatchWriteCommand' && !ended) throw new Error('poisoned');
    };
    let ended = false;
    const first = await sweep();
    expect(first.ended).toStrictEqual([]);
    expect(first.problems.map(({ session_id }) => session_id).sort()).toStrictEqual([broken.id, good.id].sort());
    ended = true;
    expect((await sweep()).ended.toSorted()).toStrictEqual([broken.id, good.id].sort());
  });

  it('stops in time, and begins elsewhere the next time', async () => {
    const all = [];
    for (let count = 0; count < 3; count += 1) all.push(await started(successHistory(), succeeded));
    const endedOnes: string[] = [];
    for (let run = 0; run < 9 && endedOnes.length < 3; run += 1) {
      let asked = 0;
      // Time for the outbox, approvals, the turns, and one session or execution.
      const { ended, complete } = await sweep(() => (asked++ < 4 ? minute : 0));
      expect([ended.length <= 1, complete]).toStrictEqual([true, false]);
      endedOnes.push(...ended);
    }
    expect(endedOnes.sort()).toStrictEqual(all.map(({ id }) => id).sort());
  });

  it('comes to the same whatever call of a run crashes', async () => {
    withChannels({ ops: { events: ['succeeded', 'failed'] } });
    const finals = new Set<string>();
    let points = 0;
    // A crash before a call leaves what one after the call before leaves.
    for (let step = 1, reached = true; reached; step += 1) {
      const { id, arn } = await started(failureHistory(), { status: 'FAILED', stoppedAt: cloud.deps.nowMs });
      cloud.published.length = 0;
      cloud.calls.length = 0;
      reached = false;
      cloud.around = (when, call) => {
        if (when === 'before' || call !== step) return;
        reached = true;
        points += 1;
        throw new Error('crash');
      };
      await sweep().catch(() => undefined);
      cloud.around = undefined;
      for (let time = 0; time < 2; time += 1) await sweep();
      const { attempts } = await listJobRecords(cloud.deps, id);
      const { updated_at: _, created_at: __, ...item } = { ...(await getSession(cloud.deps, id)) };
      finals.add(JSON.stringify([attempts, item]).replaceAll(id, 'ID'));
      const told = cloud.published.filter((notice) => notice.session_id === id).map((notice) => notice.delivery_id);
      expect({ step, told: [...new Set(told)] }).toStrictEqual({ step, told: [`${id}/1/0/failed`] });
      // What has ended is of no interest to the next round.
      cloud.executions.delete(arn);
    }
    expect(finals.size).toBe(1);
    console.log(`reconciler: crashed at ${points} points, run again twice: 1 final state`);
  });

  it('goes on when machines cannot be listed', async () => {
    const { id } = await started(successHistory(), succeeded);
    cloud.around = (when, call) => {
      if (when === 'before' && cloud.calls[call - 1] === 'ListStateMachinesCommand') throw new Error('denied');
    };
    const { ended, problems } = await sweep();
    expect([ended, problems]).toStrictEqual([[id], [{ error: new Error('denied') }]]);
  });
});

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function withChannels(channels: NoticeDeps['channels']): void {
  Object.assign(cloud.deps.notices, { channels });
}

function redriveAndAbort(): readonly HistoryEvent[] {
  const last = failureHistory().length;
  return [
    {
      id: last + 1,
      previousEventId: last,
      timestamp: 90_000,
      type: 'ExecutionRedriven',
      executionRedrivenEventDetails: { redriveCount: 1 },
    },
    { id: last + 2, previousEventId: last + 1, timestamp: 91_000, type: 'ExecutionAborted' },
  ];
}

describe('the end of a session', () => {
  const all = { ops: { events: ['succeeded', 'failed', 'cancelled'] } } as const;

  it('is told with what somebody needs who has to act', async () => {
    withChannels({ ops: {} });
    const { id, arn } = await started(failureHistory(), { status: 'FAILED' });
    await endSession(cloud.deps, { executionArn: arn }, render);
    expect(cloud.published).toStrictEqual([
      {
        noticeVersion: 1,
        delivery_id: `${id}/1/0/failed`,
        event: 'failed',
        at: '1970-01-01T00:00:37.000Z',
        channels: ['ops'],
        session_id: id,
        created_at: iso(nowMs),
        pipeline_id: 'flow',
        pipeline_version: artifact.version,
        status: 'failed',
        trigger: { kind: 'api' },
        execution_arn: arn,
        region: 'us-east-1',
        duration_ms: 36_000,
        total_jobs: 9,
        completed_jobs: 3,
        failed_jobs: 1,
        job: { job_id: 'convert[0]/two', attempt: 1, source: { file: '/work/flow.ts', line: 14, column: 3 } },
        error: { error_code: 'Broken', error_message: 'why' },
      },
    ]);
    expect((await getSession(cloud.deps, id))?.noticed).toBe(`${id}/1/0/failed`);
  });

  it('is told to nobody where nobody is to be told, and costs nothing then', async () => {
    withChannels({ ops: {} });
    const { id, arn } = await started(successHistory(), succeeded);
    cloud.calls.length = 0;
    await endSession(cloud.deps, { executionArn: arn }, render);
    expect([cloud.published, (await getSession(cloud.deps, id))?.noticed]).toStrictEqual([[], undefined]);
    expect(cloud.calls.filter((name) => /^(Put|Delete|Update)Command$/.test(name))).toStrictEqual(['UpdateCommand']);
  });

  it('is told once, however often it is heard of', async () => {
    withChannels(all);
    const { arn } = await started(successHistory(), succeeded);
    for (let time = 0; time < 3; time += 1) await endSession(cloud.deps, { executionArn: arn }, render);
    expect(cloud.published.length).toBe(1);
    expect(await sweep()).toStrictEqual(nothing);
  });

  it('comes with the deadline that it has missed, if nobody has told of that', async () => {
    const policed = { ...artifact, version: 'aaaaaaaaaaaa', pipeline: { ...artifact.pipeline, deadlineSeconds: 30 } };
    cloud.deps.nowMs += 1;
    await registerPipeline(cloud.deps, { artifact: policed, stateMachineArn: machineArn });
    withChannels({ ops: {} });
    const { id, arn } = await started(successHistory(), succeeded);
    for (let time = 0; time < 2; time += 1) await endSession(cloud.deps, { executionArn: arn }, render);
    expect(cloud.published.map((notice) => notice.delivery_id)).toStrictEqual([`${id}/1/0/deadline`]);
    expect((await getSession(cloud.deps, id))?.deadline_noticed).toBe(`${id}/1/0/deadline`);
    expect((await cloud.items('sessionsTable')).filter((item) => item['session_id'] === 'outbox')).toStrictEqual([]);
  });

  it('is told as cancelled when that is on record, whatever the execution did last', async () => {
    withChannels(all);
    const { id, arn } = await started(successHistory(), succeeded);
    await cloud.deps.db.send(
      new UpdateCommand({
        TableName: cloud.deps.names.sessionsTable,
        Key: { session_id: id, created_at: iso(nowMs) },
        UpdateExpression: 'SET #s = :s',
        ExpressionAttributeNames: { '#s': 'status' },
        ExpressionAttributeValues: { ':s': 'cancelled' },
      }),
    );
    for (let time = 0; time < 2; time += 1) await endSession(cloud.deps, { executionArn: arn }, render);
    await sweep();
    await sweep();
    expect(cloud.published.map(({ event }) => event)).toStrictEqual(['cancelled']);
    expect((await cloud.items('sessionsTable')).filter((item) => item['session_id'] === 'outbox')).toStrictEqual([]);
  });

  it('is told at least once and recorded the same, whatever call it crashes at, by redelivery or by the reconciler', async () => {
    withChannels(all);
    const finals = new Set<string>();
    let points = 0;
    for (const again of ['redelivered', 'reconciled'] as const) {
      // A crash before a call leaves what one after the call before leaves.
      for (let step = 1, crashed = true; crashed; step += 1) {
        const { id, arn } = await started(failureHistory(), { status: 'FAILED', stoppedAt: cloud.deps.nowMs });
        cloud.published.length = 0;
        cloud.calls.length = 0;
        cloud.around = (when, call) => {
          if (when === 'after' && call === step) throw new Error('crash');
        };
        crashed = await endSession(cloud.deps, { executionArn: arn }, render).then(
          () => false,
          () => true,
        );
        cloud.around = undefined;
        for (let time = 0; time < 3; time += 1) {
          if (again === 'redelivered') await endSession(cloud.deps, { executionArn: arn }, render);
          else await sweep();
        }
        const { attempts } = await listJobRecords(cloud.deps, id);
        const { updated_at: _, created_at: __, ...item } = { ...(await getSession(cloud.deps, id)) };
        finals.add(JSON.stringify([attempts, item]).replaceAll(id, 'ID'));
        const own = cloud.published.filter((notice) => notice.session_id === id);
        const deliveries = own.map((notice) => notice.delivery_id);
        expect({ again, step, told: [...new Set(deliveries)] }).toStrictEqual({
          again,
          step,
          told: [`${id}/1/0/failed`],
        });
        // Once when nothing crashed, and once more when it crashed around the telling.
        expect(deliveries.length).toBeLessThanOrEqual(crashed ? 2 : 1);
        if (crashed) points += 1;
        cloud.executions.delete(arn);
      }
    }
    expect(finals.size).toBe(1);
    console.log(`end that is told: crashed at ${points} points: told once, and once more at most`);
    await sweep();
    expect((await cloud.items('sessionsTable')).filter((item) => item['session_id'] === 'outbox')).toStrictEqual([]);
  });

  it('of an earlier run is told even when the session has gone on before it was', async () => {
    withChannels(all);
    const { id, arn } = await started(failureHistory(), { status: 'FAILED', stoppedAt: nowMs });
    cloud.around = (when, call) => {
      if (when === 'before' && cloud.calls[call - 1] === 'PublishCommand') throw new Error('crash');
    };
    await expect(endSession(cloud.deps, { executionArn: arn }, render)).rejects.toThrow('crash');
    cloud.around = undefined;
    progress(arn, { status: 'RUNNING', stoppedAt: undefined, redriveCount: 1, redrivenAt: nowMs });
    const { reopened, noticed } = await sweep();
    expect([reopened, noticed]).toStrictEqual([[id], [id]]);
    expect(cloud.published.map((notice) => notice.delivery_id)).toStrictEqual([`${id}/1/0/failed`]);
    expect((await getSession(cloud.deps, id))?.status).toBe('running');
    expect(await sweep()).toStrictEqual(nothing);
  });
});
