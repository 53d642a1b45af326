/** Ends of executions that nobody is told of, and events that cannot be recorded: what the reconciler makes of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endSession } from '../../lib/sessions/end-session.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { reconcile } from '../../lib/sessions/reconcile.ts';
import { recordEvents } from '../../lib/sessions/record-events.ts';
import { startSession } from '../../lib/sessions/start-session.ts';
import { getSession, listJobRecords } from '../../lib/sessions/store.ts';
import { type Cloud, cloudOn, machineArn } from '../sessions/cloud.ts';
import { artifact, failureHistory, successHistory } from '../sessions/history-fixture.ts';
import { type LocalTables, startTables } from '../sessions/local-tables.ts';
import { liveEvents } from '../sessions/log-records.ts';
import { randomOf } from '../simulation/random.ts';

const minute = 60_000;
const sessionsEach = 40;

let tables: LocalTables;
let cloud: Cloud;
beforeAll(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
  await registerPipeline(cloud.deps, { artifact, stateMachineArn: machineArn });
});
afterAll(() => tables.close());

const render = () => '';

/** A run of the reconciler, a minute after whatever was before. */
function sweep() {
  cloud.deps.nowMs += minute;
  return reconcile(cloud.deps, { renderReport: render, remainingMs: () => 10 * minute });
}

async function started() {
  const { session_id: id, execution_arn: arn } = await startSession(cloud.deps, {
    pipeline: 'flow',
    input: { day: 'mon' },
    trigger: { kind: 'api' },
  });
  return { id, arn };
}

async function recordsOf(id: string, arn: string) {
  const { attempts } = await listJobRecords(cloud.deps, id);
  const { updated_at: _, created_at: __, ...item } = { ...(await getSession(cloud.deps, id)) };
  return JSON.stringify([attempts, item]).replaceAll(arn, 'ARN').replaceAll(id, 'ID');
}

describe('events of ends that are dropped', () => {
  it.each([0.5, 1])('with p = %d leave nothing running after two runs of the reconciler', async (dropped) => {
    const random = randomOf(14);
    const ends = { SUCCEEDED: successHistory(), FAILED: failureHistory() } as const;
    const all: { readonly id: string; readonly arn: string; readonly status: keyof typeof ends }[] = [];
    let untold = 0;
    for (let count = 0; count < sessionsEach; count += 1) {
      const { id, arn } = await started();
      const status = random.chance(0.5) ? 'SUCCEEDED' : 'FAILED';
      // They ended over the last minute: the youngest are left to who is told of them.
      const stoppedAt = cloud.deps.nowMs - random.below(minute);
      Object.assign(cloud.executions.get(arn) ?? {}, {
        history: ends[status],
        status,
        stoppedAt,
        startedAt: stoppedAt,
      });
      all.push({ id, arn, status });
      if (random.chance(dropped)) untold += 1;
      else await endSession(cloud.deps, { executionArn: arn }, render);
    }
    const found = [...(await sweep()).ended, ...(await sweep()).ended];
    expect(found.length).toBe(untold);
    const finals = { SUCCEEDED: new Set<string>(), FAILED: new Set<string>() };
    for (const { id, arn, status } of all) finals[status].add(await recordsOf(id, arn));
    // Told of or not, the records are the same.
    expect([finals.SUCCEEDED.size, finals.FAILED.size]).toStrictEqual([1, 1]);
    expect([...finals.SUCCEEDED, ...finals.FAILED].map((text) => /"status":"(\w+)"/.exec(text)?.[1])).toStrictEqual([
      'completed',
      'failed',
    ]);
    console.log(`p = ${dropped}: ${untold} of ${sessionsEach} ends were dropped, 0 sessions still run after 2 sweeps`);
    for (const { arn } of all) cloud.executions.delete(arn);
  });
});

describe('sessions that nobody is told of', () => {
  it('are put right by an index that is a run behind', async () => {
    const random = randomOf(18);
    // What an index answered when it was asked last: minutes ago, not a second.
    const answers = new Map<string, unknown>();
    let late = 0;
    const db = {
      send: async (command: never) => {
        const { input } = command as { readonly input: { readonly IndexName?: string } };
        const now: unknown = await cloud.deps.db.send(command);
        if (input.IndexName === undefined) return now;
        const key = JSON.stringify(input);
        const before = answers.get(key) ?? { Items: [] };
        if (JSON.stringify(before) !== JSON.stringify(now)) late += 1;
        answers.set(key, now);
        return before;
      },
    } as typeof cloud.deps.db;
    const runs = async () => {
      cloud.deps.nowMs += minute;
      const deps = { ...cloud.deps, db, now: () => cloud.deps.nowMs };
      return reconcile(deps, { renderReport: render, remainingMs: () => 10 * minute });
    };
    const all: { readonly id: string; readonly arn: string; readonly isTold: boolean }[] = [];
    const finals = new Set<string>();
    const told = new Map<string, string>();
    for (let round = 0; round < 12; round += 1) {
      for (let count = 0; count < 4; count += 1) {
        const { id, arn } = await started();
        const stoppedAt = cloud.deps.nowMs;
        Object.assign(cloud.executions.get(arn) ?? {}, {
          history: successHistory(),
          status: 'SUCCEEDED',
          stoppedAt,
          startedAt: stoppedAt,
        });
        const isTold = random.chance(0.5);
        if (isTold) {
          await endSession(cloud.deps, { executionArn: arn }, render);
          told.set(id, await recordsOf(id, arn));
        }
        all.push({ id, arn, isTold });
      }
      const { failed, started: begun, problems, reopened } = await runs();
      expect({ failed, begun, problems, reopened }).toStrictEqual({
        failed: [],
        begun: [],
        problems: [],
        reopened: [],
      });
    }
    for (let round = 0; round < 3; round += 1) await runs();
    for (const { id, arn, isTold } of all) {
      const records = await recordsOf(id, arn);
      // What was recorded in time is what it was.
      if (isTold) expect(records).toBe(told.get(id));
      finals.add(records);
      cloud.executions.delete(arn);
    }
    expect(finals.size).toBe(1);
    expect(late).toBeGreaterThan(10);
    console.log(`${all.length} sessions, ${late} answers of an index that were not true any more: 0 wrong records`);
  });
});

describe('what can never be recorded', () => {
  it('holds up nothing beside it, in its batch or after it', async () => {
    const good = await started();
    const bad = await started();
    const later = await started();
    // Its artifact is gone: whatever is told of this one fails.
    const key = `configs/pipelines/flow/${artifact.version}.json`;
    const history = successHistory();
    const poisoned = {
      send: async (command: never) => {
        const { Key } = (command as { readonly input: { readonly Key?: string } }).input;
        if (Key === key && poisoning) throw new Error('poison');
        return cloud.deps.s3.send(command);
      },
    } as typeof cloud.deps.s3;
    let poisoning = false;
    const deps = { ...cloud.deps, s3: poisoned, now: () => cloud.deps.nowMs };
    const feeds = new Map();
    // The others are known to the process already; the bad one is new to it.
    await recordEvents(
      deps,
      [good, later].flatMap(({ arn }) => liveEvents(arn, history.slice(0, 2))),
      feeds,
    );
    poisoning = true;
    for (let received = 0; received < 5; received += 1) {
      const batch = [bad, good, later].flatMap(({ arn }) => liveEvents(arn, history.slice(2, 6)));
      const { failed } = await recordEvents(deps, batch, feeds);
      expect(failed.map(({ execution_arn }) => execution_arn)).toStrictEqual([bad.arn]);
    }
    for (const { id } of [good, later]) {
      expect(
        (await listJobRecords(cloud.deps, id)).attempts.map((one) => `${one.job_id} ${one.job_status}`),
      ).toStrictEqual(['load completed']);
    }
    expect((await listJobRecords(cloud.deps, bad.id)).attempts).toStrictEqual([]);
  });
});
