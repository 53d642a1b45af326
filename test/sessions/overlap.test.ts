import { StartExecutionCommand, StateMachineDoesNotExist } from '@aws-sdk/client-sfn';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OverlapPolicy } from '../../lib/ir/nodes.ts';
import { cancelSession } from '../../lib/sessions/cancel.ts';
import type { SessionItem } from '../../lib/sessions/items.ts';
import { continueQueued, endTurn, overlapError, sweepTurns } from '../../lib/sessions/overlap.ts';
import { startSession } from '../../lib/sessions/start-session.ts';
import { isTerminal } from '../../lib/sessions/status.ts';
import { advanceSession } from '../../lib/sessions/store.ts';
import type { ExecutionBlock } from '../../lib/storage-layout.ts';
import { type FiringWorld, firingWorld } from './firing-world.ts';
import { type LocalTables, startTables } from './local-tables.ts';

let tables: LocalTables;
let world: FiringWorld;
beforeEach(async () => {
  tables = await startTables();
  world = firingWorld(tables);
});
afterEach(() => tables.close());

const arrive = (key?: string) =>
  startSession(world.start, {
    pipeline: 'flow',
    input: { day: 'd' },
    trigger: { kind: 'api' },
    ...(key === undefined ? {} : { key }),
  });
/** The end of an execution, and its record, without passing on the turn. */
async function recordEnd({ execution_arn: arn = '', ...item }: SessionItem, status = 'SUCCEEDED'): Promise<void> {
  const execution = world.executions.get(arn);
  if (execution === undefined) throw new Error(`no execution ${arn}`);
  if (execution.status === 'RUNNING') execution.status = status;
  await advanceSession(
    world.start,
    item as SessionItem,
    execution.status === 'ABORTED' ? 'cancelled' : 'completed',
    {},
  );
}
async function end(index: number): Promise<void> {
  const item = (await world.sessions())[index];
  if (item === undefined) throw new Error(`no session ${index}`);
  await recordEnd(item);
  await endTurn(world.start, 'flow');
}
const statuses = async () => (await world.sessions()).map(({ status }) => status);
const running = () => [...world.executions.values()].filter(({ status }) => status === 'RUNNING').length;

describe('a pipeline that is to start while a session of it runs', () => {
  it('runs them side by side when nothing else is said', async () => {
    await world.deploy({});
    expect([await arrive(), await arrive()].map(({ overlap }) => overlap)).toStrictEqual([undefined, undefined]);
    expect([await statuses(), running()]).toStrictEqual([['running', 'running'], 2]);
  });

  it('skip: drops the new one, on record, for good', async () => {
    await world.deploy({ overlap: 'skip' });
    await arrive('a');
    expect((await arrive('b')).overlap).toBe('skipped');
    const [first, second] = await world.sessions();
    expect([second?.status, second?.error_code, second?.error_message, second?.completed_at]).toStrictEqual([
      'cancelled',
      overlapError,
      `session ${first?.session_id} of this pipeline ran already`,
      '2026-03-04T05:06:07.000Z',
    ]);
    await end(0);
    expect(await arrive('b')).toMatchObject({ outcome: 'exists', overlap: 'skipped' });
    expect((await arrive('c')).overlap).toBeUndefined();
    expect([await statuses(), world.executions.size]).toStrictEqual([['completed', 'cancelled', 'running'], 2]);
  });

  it('skip: tells of the one that is dropped', async () => {
    await world.deploy({ overlap: 'skip' });
    const notices = { ...world.deps.notices, channels: { ops: { events: ['cancelled' as const] } } };
    Object.assign(world.start, { notices });
    await arrive('a');
    const { session_id: id } = await arrive('b');
    await arrive('b');
    expect(world.published).toMatchObject([
      { event: 'cancelled', session_id: id, error: { error_code: overlapError } },
    ]);
    expect((await world.sessions())[1]?.noticed).toBe(`${id}/1/0/cancelled`);
  });

  it('queue: starts them one after the other, in order, also when one is cancelled while it waits', async () => {
    await world.deploy({ overlap: 'queue' });
    const started = [await arrive(), await arrive(), await arrive('c'), await arrive()];
    expect(started.map(({ overlap }) => overlap)).toStrictEqual([undefined, 'waiting', 'waiting', 'waiting']);
    expect(await arrive('c')).toStrictEqual({ ...started[2], outcome: 'exists' });
    await cancelSession(world.start, { session: started[1]?.session_id ?? '' });
    await end(0);
    expect(await statuses()).toStrictEqual(['completed', 'cancelled', 'running', 'queued']);
    await end(2);
    await end(3);
    expect(await statuses()).toStrictEqual(['completed', 'cancelled', 'completed', 'completed']);
    // Nobody holds the turn, and the reconciler finds none.
    expect(await sweepTurns(world.start)).toBe(0);
  });

  it('queue: the version that is deployed when it is its turn is the one it runs, and says', async () => {
    await world.deploy({ overlap: 'queue' });
    await arrive();
    await arrive();
    await world.deploy({ overlap: 'queue', schedules: [] }, 'bbbbbbbbbbbb');
    await end(0);
    expect((await world.sessions()).map(({ pipeline_version: version, status }) => [version, status])).toStrictEqual([
      ['0123456789ab', 'completed'],
      ['bbbbbbbbbbbb', 'running'],
    ]);
  });

  it('queue: one whose machine is gone is dropped, on record, and holds up nobody', async () => {
    await world.deploy({ overlap: 'queue' });
    await arrive();
    await arrive();
    await arrive();
    const { send } = world.start.sfn;
    let gone = 1;
    Object.assign(world.start.sfn, {
      send: async (command: unknown) => {
        if (command instanceof StartExecutionCommand && gone > 0) {
          gone -= 1;
          throw new StateMachineDoesNotExist({ message: 'gone', $metadata: {} });
        }
        return send(command as never);
      },
    });
    await end(0);
    expect((await world.sessions()).map(({ status, error_code: code }) => [status, code])).toStrictEqual([
      ['completed', undefined],
      ['cancelled', 'BS3003'],
      ['running', undefined],
    ]);
  });

  it('cancel-running: stops what runs and drops what waits, and starts when its end is on record', async () => {
    await world.deploy({ overlap: 'cancel-running' });
    const [first] = [await arrive()];
    expect((await arrive()).overlap).toBe('waiting');
    expect((await arrive()).overlap).toBe('waiting');
    expect([await statuses(), running()]).toStrictEqual([['running', 'cancelled', 'queued'], 0]);
    await end(0);
    expect([await statuses(), running()]).toStrictEqual([['cancelled', 'cancelled', 'running'], 1]);
    expect((await world.sessions())[1]?.error_message).toMatch(/^session \w{26} was to start$/);
    expect(first?.overlap).toBeUndefined();
  });

  it('goes on when the end of a session was never told: by the sweep, or by the next arrival', async () => {
    await world.deploy({ overlap: 'queue' });
    await arrive();
    await arrive();
    const [one] = await world.sessions();
    await recordEnd(one as SessionItem);
    expect(await sweepTurns(world.start)).toBe(1);
    expect(await statuses()).toStrictEqual(['completed', 'running']);
    const [, two] = await world.sessions();
    await recordEnd(two as SessionItem);
    expect((await arrive()).overlap).toBeUndefined();
    expect(await statuses()).toStrictEqual(['completed', 'completed', 'running']);
  });
});

/** The same numbers in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe.each(['skip', 'queue', 'cancel-running'] as const satisfies readonly OverlapPolicy[])(
  'random arrivals, ends and crashes under %s',
  (policy) => {
    it('never run two at once, keep their order, and leave nobody waiting', { timeout: 600_000 }, async () => {
      await world.deploy({ overlap: policy });
      const random = numbers(7);
      const order: string[] = [];
      let most = 0;
      world.around = (when) => {
        const names = [...world.executions.values()].filter(({ status }) => status === 'RUNNING');
        most = Math.max(most, names.length);
        for (const { name } of world.executions.values()) if (!order.includes(name)) order.push(name);
        // The process dies, before a call or after it.
        if (when === 'before' ? random() < 0.02 : random() < 0.01) throw new Error('crash');
      };
      const survive = async (work: () => Promise<unknown>) => {
        await work().catch((thrown: unknown) => {
          if (!(thrown instanceof Error && thrown.message === 'crash')) throw thrown;
        });
      };
      const arrivals = 334;
      const recorded = new Set<string>();
      const inTime = new Set<string>();
      /** Ends one execution, or records an end whose record was cut off. */
      const step = async () => {
        const open = [...world.executions].filter(([arn]) => !recorded.has(arn));
        const [arn, { input }] = open[Math.floor(random() * open.length)] ?? ['', { input: '{}' }];
        if (arn === '') return;
        const { session, createdAt, generation } = JSON.parse(input).bunsui as ExecutionBlock;
        const item = { session_id: session, created_at: createdAt, generation, execution_arn: arn } as SessionItem;
        await survive(async () => {
          await recordEnd(item);
          recorded.add(arn);
        });
        // One end in four is never told.
        if (random() < 0.75) await survive(() => endTurn(world.start, 'flow'));
      };
      for (let number = 0; number < arrivals; ) {
        const together = Math.min(arrivals - number, 1 + Math.floor(random() * 3));
        const keys = Array.from({ length: together }, (_, index) => `k${number + index}`);
        number += together;
        // Each comes at least once, some twice at once.
        await Promise.all(
          [...keys, ...keys.filter(() => random() < 0.3)].map((key) =>
            survive(async () => void inTime.add((await arrive(key)).session_id)),
          ),
        );
        world.deps.nowMs += 1000;
        while (random() < 0.75) await step();
      }
      for (;;) {
        while (recorded.size < world.executions.size) await step();
        await survive(() => sweepTurns(world.start));
        if (recorded.size < world.executions.size) continue;
        // As the reconciler does.
        const open = (await world.sessions()).filter(({ status }) => !isTerminal(status));
        if (open.length === 0) break;
        for (const item of open) await survive(() => continueQueued(world.start, item));
      }
      world.around = undefined;
      const sessions = await world.sessions();
      const names = new Map(sessions.map(({ execution_name, session_id }) => [execution_name, session_id]));
      expect(most).toBe(1);
      console.log(
        `${policy}: ${arrivals} arrivals, ${sessions.length} sessions, never more than ${most} at once, 0 left waiting`,
      );
      expect(sessions.length).toBeGreaterThan(arrivals * 0.8);
      const rounds = new Map(sessions.map(({ session_id, created_at }) => [session_id, created_at]));
      const ran = order.map((name) => names.get(name));
      if (policy === 'queue') {
        expect(ran.length).toBe(sessions.length);
        // In the order in which they came, but for those whose start had crashed before they stood in the queue.
        const came = ran
          .map((id = '') => (inTime.has(id) ? rounds.get(id) : undefined))
          .filter((at) => at !== undefined);
        expect(came.length).toBeGreaterThan(arrivals * 0.6);
        expect(came).toStrictEqual(came.toSorted());
      } else {
        const dropped = sessions.filter(({ status }) => status === 'cancelled').length;
        expect(dropped).toBeGreaterThan(10);
        expect(sessions.filter(({ status }) => status === 'completed').length).toBeGreaterThan(10);
      }
    });
  },
);
