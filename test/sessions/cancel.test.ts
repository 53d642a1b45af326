import { ExecutionDoesNotExist, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BunsuiError } from '../../lib/errors.ts';
import { type CancelDeps, cancelledError, cancelSession } from '../../lib/sessions/cancel.ts';
import { tellDeadlines } from '../../lib/sessions/deadlines.ts';
import type { SessionItem } from '../../lib/sessions/items.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { reconcile } from '../../lib/sessions/reconcile.ts';
import { startSession } from '../../lib/sessions/start-session.ts';
import type { SessionStatus } from '../../lib/sessions/status.ts';
import { createItem, getSession } from '../../lib/sessions/store.ts';
import { sessionIdOf } from '../../lib/storage-layout.ts';
import { type Cloud, cloudOn, machineArn, nowMs } from './cloud.ts';
import { artifact } from './history-fixture.ts';
import { type LocalTables, startTables } from './local-tables.ts';

let tables: LocalTables;
let cloud: Cloud;
/** What was stopped, and why. */
let stopped: (readonly [arn: string, error: string, cause: string])[];
let deps: CancelDeps & Cloud['deps'];
beforeEach(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
  await registerPipeline(cloud.deps, { artifact, stateMachineArn: machineArn });
  stopped = [];
  deps = { ...cloud.deps, now: () => nowMs, sfn: withStop(cloud.deps.sfn) };
});
afterEach(() => tables.close());

function withStop(sfn: Cloud['deps']['sfn']): Cloud['deps']['sfn'] {
  const send = async (command: unknown): Promise<unknown> => {
    if (!(command instanceof StopExecutionCommand)) return sfn.send(command as never);
    const { executionArn = '', error = '', cause = '' } = command.input;
    const execution = cloud.executions.get(executionArn);
    if (execution === undefined) throw new ExecutionDoesNotExist({ message: executionArn, $metadata: {} });
    if (execution.status === 'RUNNING') {
      execution.status = 'ABORTED';
      stopped.push([executionArn, error, cause]);
    }
    return { stopDate: new Date(nowMs) };
  };
  return { send: send as Cloud['deps']['sfn']['send'] };
}

const session = sessionIdOf(nowMs, 1n);
const arn = `arn:aws:states:us-east-1:000000000000:execution:flow:session-${session}-1`;
const createdAt = new Date(nowMs).toISOString();

async function recorded(status: SessionStatus): Promise<void> {
  const item: SessionItem = {
    session_id: session,
    created_at: createdAt,
    pipeline_id: 'flow',
    pipeline_name: 'flow',
    pipeline_version: '0123456789ab',
    status,
    total_jobs: 5,
    completed_jobs: 0,
    failed_jobs: 0,
    execution_arn: arn,
    execution_name: `session-${session}-1`,
    generation: 1,
    input: '{"day":"mon"}',
    trigger: { kind: 'manual' },
    region: 'us-east-1',
    updated_at: createdAt,
  };
  await createItem(deps, item);
}

const refusal = (run: Promise<unknown>) =>
  run.then(
    () => 'no refusal',
    (error: unknown) => (error instanceof BunsuiError ? `${error.code} ${error.message}` : String(error)),
  );

describe('cancelling a session', () => {
  it('that runs stops its execution, whose end is recorded as every other', async () => {
    await startSession(deps, { pipeline: 'flow', input: { day: 'mon' }, trigger: { kind: 'api' } });
    const request = { session, reason: 'wrong day', user: 'ann' };
    const first = await cancelSession(deps, request);
    const again = await cancelSession(deps, request);
    const answer = { session_id: session, created_at: createdAt, status: 'running', outcome: 'stopping' };
    expect([first, again]).toStrictEqual([answer, answer]);
    expect(stopped).toStrictEqual([[arn, cancelledError, 'wrong day (cancelled by ann)']]);
  });

  it.each(['created', 'queued'] as const)('that is %s ends it in its record, and nothing runs', async (status) => {
    await recorded(status);
    const answer = { session_id: session, created_at: createdAt, status: 'cancelled' };
    const request = { session, reason: 'not needed' };
    expect(await cancelSession(deps, request)).toStrictEqual({ ...answer, outcome: 'cancelled' });
    expect(await cancelSession(deps, request)).toStrictEqual({ ...answer, outcome: 'exists' });
    expect(await getSession(deps, session)).toMatchObject({
      status: 'cancelled',
      error_code: cancelledError,
      error_message: 'not needed',
      completed_at: createdAt,
    });
    expect(stopped).toStrictEqual([]);
  });

  it('that never ran is told of, once, also when the topic does not answer at first', async () => {
    const notices = { ...cloud.deps.notices, channels: { ops: { events: ['cancelled' as const] } } };
    await recorded('queued');
    const silent = { send: () => Promise.reject(new Error('no answer')) } as typeof notices.sns;
    await cancelSession({ ...deps, notices: { ...notices, sns: silent } }, { session });
    expect(cloud.published).toStrictEqual([]);
    const outbox = async () => (await cloud.items('sessionsTable')).filter((item) => item['session_id'] === 'outbox');
    // What the reconciler finds, and publishes.
    expect((await outbox()).map((item) => item['created_at'])).toStrictEqual([`${session}/1/0/cancelled`]);
    const renderReport = () => '';
    const swept = await reconcile({ ...cloud.deps, notices }, { renderReport, graceMs: 0, remainingMs: () => 60_000 });
    expect([swept.noticed, await outbox()]).toStrictEqual([[session], []]);
    expect(cloud.published).toMatchObject([
      { event: 'cancelled', status: 'cancelled', error: { error_code: cancelledError, error_message: 'cancelled' } },
    ]);
  });

  it.each(['by the reconciler', 'by who looks at deadlines'])(
    'is not told of where it was cut off before the record: found %s',
    async (by) => {
      const notices = { ...cloud.deps.notices, channels: { ops: { events: ['cancelled' as const] } } };
      await recorded('queued');
      let isDown = false;
      const db = {
        send: async (command: unknown) => {
          isDown ||= command instanceof UpdateCommand;
          if (isDown) throw new Error('crash');
          return deps.db.send(command as never);
        },
      } as typeof deps.db;
      await expect(cancelSession({ ...deps, db, notices }, { session })).rejects.toThrow('crash');
      const outbox = async () => (await cloud.items('sessionsTable')).filter((item) => item['session_id'] === 'outbox');
      expect((await outbox()).length).toBe(1);
      cloud.deps.nowMs += 120_000;
      const later = { ...cloud.deps, notices };
      if (by === 'by the reconciler') await reconcile(later, { renderReport: () => '', remainingMs: () => 60_000 });
      else await tellDeadlines(later);
      expect([cloud.published, await outbox()]).toStrictEqual([[], []]);
    },
  );

  it('that could not be recorded leaves nothing to tell', async () => {
    const notices = { ...cloud.deps.notices, channels: { ops: { events: ['cancelled' as const] } } };
    await recorded('queued');
    const db = {
      send: async (command: unknown) => {
        if (command instanceof UpdateCommand) throw new Error('throttled');
        return deps.db.send(command as never);
      },
    } as typeof deps.db;
    await expect(cancelSession({ ...deps, db, notices }, { session })).rejects.toThrow('throttled');
    expect((await cloud.items('sessionsTable')).map((item) => item['session_id'])).toStrictEqual([session]);
  });

  it('that could not be told of is told of by who looks at deadlines, on a laptop', async () => {
    const notices = { ...cloud.deps.notices, channels: { ops: { events: ['cancelled' as const] } } };
    await recorded('queued');
    const silent = { send: () => Promise.reject(new Error('no answer')) } as typeof notices.sns;
    await cancelSession({ ...deps, notices: { ...notices, sns: silent } }, { session });
    const next = new Date(nowMs + 60_000).toISOString();
    const soon = await tellDeadlines({ ...cloud.deps, now: () => nowMs + 1, notices });
    const later = { ...cloud.deps, now: () => nowMs + 60_000 };
    const inVain = await tellDeadlines({ ...later, notices: { ...notices, sns: silent } });
    const told = await tellDeadlines({ ...later, notices });
    expect([soon, inVain, told]).toStrictEqual([
      { deadlines: [], next_due: next },
      { deadlines: [], next_due: new Date(nowMs + 120_000).toISOString() },
      { deadlines: [] },
    ]);
    expect(cloud.published.map(({ event }) => event)).toStrictEqual(['cancelled']);
    expect(await tellDeadlines({ ...later, notices })).toStrictEqual({ deadlines: [] });
    expect(cloud.published.length).toBe(1);
  });

  it('whose execution is gone ends it in its record', async () => {
    await recorded('running');
    expect(await cancelSession(deps, { session })).toMatchObject({ status: 'cancelled', outcome: 'cancelled' });
    expect(await getSession(deps, session)).toMatchObject({ status: 'cancelled', error_message: 'cancelled' });
  });

  it.each(['completed', 'failed', 'timeout'] as const)('that has ended as %s is refused', async (status) => {
    await recorded(status);
    expect(await refusal(cancelSession(deps, { session }))).toBe(`BS3005 session ${session} has ended as ${status}`);
  });

  it('that is none is refused', async () => {
    expect(await refusal(cancelSession(deps, { session: 'nobody' }))).toBe('BS3002 no session has the id "nobody"');
  });

  it('at any moment of its start leaves nothing running', async () => {
    // Before each call of a start in turn, as many as there are.
    const start = () => startSession(deps, { pipeline: 'flow', input: { day: 'mon' }, trigger: { kind: 'api' } });
    cloud.calls.length = 0;
    await start();
    const calls = cloud.calls.length;
    const ends: unknown[] = [];
    for (let at = 1; at <= calls; at += 1) {
      await tables.close();
      tables = await startTables();
      const world = cloudOn(tables);
      await registerPipeline(world.deps, { artifact, stateMachineArn: machineArn });
      cloud = world;
      let seen = 0;
      const around = async (command: unknown, send: (command: unknown) => Promise<unknown>): Promise<unknown> => {
        seen += 1;
        if (seen === at) await cancelSession(other, { session }).catch(() => undefined);
        return send(command);
      };
      const other = { ...world.deps, now: () => nowMs, sfn: withStop(world.deps.sfn) };
      deps = {
        ...other,
        db: {
          send: ((command: never) => around(command, (one) => other.db.send(one as never))) as typeof other.db.send,
        },
        sfn: {
          send: ((command: never) => around(command, (one) => other.sfn.send(one as never))) as typeof other.sfn.send,
        },
      };
      await start();
      const item = await getSession(other, session);
      ends.push([item?.status, world.executions.get(arn)?.status]);
    }
    // Before there is a record nothing can be cancelled; from then on nothing goes on running.
    expect(ends).toStrictEqual([
      ['running', 'RUNNING'],
      ['running', 'RUNNING'],
      ['cancelled', 'ABORTED'],
      ['cancelled', 'ABORTED'],
    ]);
  });
});
