/** Eight writers on one session at once: what they are told, and what is read, can have happened one after the other. */
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionItem } from '../../lib/sessions/items.ts';
import { putProgress, reopenSession } from '../../lib/sessions/live-store.ts';
import { advanceSession, createItem, getSession } from '../../lib/sessions/store.ts';
import { tagSession } from '../../lib/sessions/tags.ts';
import { type Cloud, cloudOn } from '../sessions/cloud.ts';
import { type LocalTables, startTables } from '../sessions/local-tables.ts';
import { randomOf } from '../simulation/random.ts';
import { anomaly, type Model, type Operation } from './linearizable.ts';

/** Operations of each writer; `BUNSUI_ROUNDS=1000 npx vitest run test/lost/writers.test.ts` looks longer. */
const rounds = Number(process.env['BUNSUI_ROUNDS'] ?? 100);
const writers = 8;

interface State {
  readonly status: string;
  readonly redrive: number;
  readonly mark: number;
  readonly completed: number;
  readonly tags: { readonly [writer: string]: string };
}
type Op =
  | {
      readonly kind: 'advance';
      readonly redrive: number;
      readonly to: 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';
    }
  | { readonly kind: 'reopen'; readonly redrive: number }
  | { readonly kind: 'progress'; readonly event: number; readonly completed: number }
  | { readonly kind: 'tag'; readonly key: string; readonly value: string }
  | { readonly kind: 'read' };
type Out = string | State;

const initial: State = { status: 'queued', redrive: 0, mark: 0, completed: 0, tags: {} };
const leadingTo: { readonly [to: string]: readonly string[] } = {
  running: ['queued', 'paused'],
  paused: ['queued', 'running'],
  completed: ['queued', 'running', 'paused'],
  failed: ['queued', 'running', 'paused'],
  cancelled: ['queued', 'running', 'paused'],
};

/** One writer alone. Written from what the records promise, not from their conditions. */
const model: Model<State, Op, Out> = (state, op) => {
  const move = (redrive: number, to: string) => {
    const isAllowed =
      redrive > state.redrive || (redrive === state.redrive && leadingTo[to]?.includes(state.status) === true);
    return isAllowed ? { state: { ...state, status: to, redrive }, out: 'ok' } : { state, out: 'stale' };
  };
  if (op.kind === 'advance') return move(op.redrive, op.to);
  if (op.kind === 'reopen') return move(op.redrive, 'running');
  if (op.kind === 'tag') return { state: { ...state, tags: { ...state.tags, [op.key]: op.value } }, out: 'ok' };
  if (op.kind === 'read') return { state, out: state };
  const isNews = op.event > state.mark && ['queued', 'running', 'paused'].includes(state.status);
  return isNews ? { state: { ...state, mark: op.event, completed: op.completed }, out: 'ok' } : { state, out: 'stale' };
};

let tables: LocalTables;
let cloud: Cloud;
beforeAll(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
});
afterAll(() => tables.close());

const itemOf = (id: string): SessionItem => ({
  session_id: id,
  created_at: '2026-03-04T05:06:07.000Z',
  pipeline_id: 'flow',
  pipeline_name: 'flow',
  pipeline_version: 'v',
  status: 'queued',
  total_jobs: 1,
  completed_jobs: 0,
  failed_jobs: 0,
  generation: 1,
  input: '{}',
  trigger: { kind: 'api' },
  region: 'us-east-1',
  updated_at: 'u',
});

async function perform(id: string, op: Op): Promise<Out> {
  const { deps } = cloud;
  const at = { ...itemOf(id), ...('redrive' in op && op.redrive > 0 ? { redrive_count: op.redrive } : {}) };
  if (op.kind === 'advance') return advanceSession(deps, at, op.to, { updated_at: 'u' });
  if (op.kind === 'reopen') return reopenSession(deps, at, 'u');
  if (op.kind === 'progress') {
    return putProgress(deps, at, op.event, { total_jobs: 1, completed_jobs: op.completed, failed_jobs: 0 }, {});
  }
  if (op.kind === 'tag') return tagSession(deps, { session: id, set: { [op.key]: op.value } }).then(() => 'ok');
  const item = await getSession(deps, id);
  return {
    status: item?.status ?? '',
    redrive: item?.redrive_count ?? 0,
    mark: Number((item?.live_mark ?? '0.0').split('.')[1]),
    completed: item?.completed_jobs ?? 0,
    tags: item?.tags ?? {},
  };
}

/** A tag written as somebody does who thinks that nobody else is there. */
async function blindly(id: string, op: Op): Promise<Out> {
  if (op.kind !== 'tag') return perform(id, op);
  const item = (await getSession(cloud.deps, id)) ?? itemOf(id);
  const changed = { ...item, tags: { ...item.tags, [op.key]: op.value } };
  await cloud.deps.db.send(new PutCommand({ TableName: cloud.deps.names.sessionsTable, Item: changed }));
  return 'ok';
}

/** What writers do at once, each one thing after the other, and what they are told. */
async function written(id: string, each: number, act = perform): Promise<readonly Operation<Op, Out>[]> {
  await createItem(cloud.deps, itemOf(id));
  const random = randomOf(19);
  const log: Operation<Op, Out>[] = [];
  let moment = 0;
  const now = () => {
    moment += 1;
    return moment;
  };
  let newest = 0;
  let event = 0;
  const draw = (writer: number, round: number): Op => {
    const drawn = random();
    // Of the run that is the newest as far as anybody knows, of one before, or the next.
    const redrive = Math.max(0, newest + (random() < 0.2 ? -1 : 0));
    if (drawn < 0.3) {
      const to = (['running', 'paused', 'completed', 'failed', 'cancelled'] as const)[random.below(5)] ?? 'running';
      return { kind: 'advance', redrive, to };
    }
    if (drawn < 0.4) {
      newest += 1;
      return { kind: 'reopen', redrive: newest };
    }
    if (drawn < 0.6) {
      event += 1;
      return { kind: 'progress', event: Math.max(1, event - random.below(4)), completed: round };
    }
    if (drawn < 0.8) return { kind: 'tag', key: `w${writer}`, value: String(round) };
    return { kind: 'read' };
  };
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let round = 0; round < each; round += 1) {
        const op = draw(writer, round);
        const called = now();
        const out = await act(id, op);
        log.push({ op, called, answered: now(), out: sorted(out) });
      }
    }),
  );
  return log;
}

/** Tags in the order in which the model has them does not matter. */
function sorted(out: Out): Out {
  if (typeof out === 'string') return out;
  return { ...out, tags: Object.fromEntries(Object.entries(out.tags).sort()) };
}
const inOrder: Model<State, Op, Out> = (state, op) => {
  const next = model(state, op);
  return { state: sorted(next.state) as State, out: next.out };
};

describe('writers of one session', { timeout: 600_000 }, () => {
  it(`never lose an update: ${writers} writers, ${rounds} operations each`, async () => {
    const log = await written('many', rounds);
    expect(anomaly(inOrder, initial, log)).toBeUndefined();
    const count = (out: string) => log.filter((one) => one.out === out).length;
    console.log(
      `${writers} writers × ${rounds} rounds: ${log.length} operations (${count('ok')} taken, ${count('stale')} refused), 0 anomalies`,
    );
    // Refusals and successes of every kind were among them.
    expect([count('ok') > log.length / 4, count('stale') > log.length / 20]).toStrictEqual([true, true]);
  });

  it('are found out when they write blindly', async () => {
    expect(anomaly(inOrder, initial, await written('blind', 40, blindly))).toBeDefined();
  });
});
