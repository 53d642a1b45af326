import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endSession } from '../../lib/sessions/end-session.ts';
import type { AttemptItem, CheckpointItem } from '../../lib/sessions/items.ts';
import type { StartedSession } from '../../lib/sessions/start-session.ts';
import { putJobRecords } from '../../lib/sessions/store.ts';
import { checkpointKey } from '../../lib/storage-layout.ts';
import { failureHistory, successHistory } from '../sessions/history-fixture.ts';
import { type ApiWorld, apiWorld, refused } from './api.ts';

let world: ApiWorld;
beforeEach(async () => {
  world = await apiWorld();
});
afterEach(() => world.close());

async function started(day = 'mon'): Promise<StartedSession> {
  const { body } = await world.call<StartedSession>('POST', '/v1/pipelines/flow/sessions', {
    body: { input: { day } },
  });
  return body;
}

/** A session that has ended: well, or with the failure of a job. */
async function ended(how: 'completed' | 'failed', day?: string): Promise<string> {
  const { session_id, execution_arn: executionArn } = await started(day);
  const history = how === 'completed' ? successHistory() : failureHistory();
  const status = how === 'completed' ? 'SUCCEEDED' : 'FAILED';
  Object.assign(world.cloud.executions.get(executionArn) ?? {}, { history, status });
  await endSession(world.cloud.deps, { executionArn }, () => '<p></p>');
  return session_id;
}

const get = <T = unknown>(path: string) => world.call<T>('GET', `/v1/sessions/${path}`);
const post = <T = unknown>(path: string, body?: unknown, role: 'viewer' | 'operator' | 'admin' = 'admin') =>
  world.call<T>('POST', `/v1/sessions/${path}`, { role, ...(body === undefined ? {} : { body }) });

describe('GET /v1/sessions/{session}/wait', () => {
  it('answers at once when it has ended, with how', async () => {
    const session = await ended('failed');
    expect((await get(`${session}/wait`)).body).toStrictEqual({
      session_id: session,
      status: 'failed',
      ended: true,
      completed_at: expect.stringMatching(/Z$/),
      error_code: 'Broken',
      error_message: 'why',
    });
  });

  it('answers when it ends meanwhile, and when the time is over', async () => {
    const { session_id: session, execution_arn: executionArn } = await started();
    expect((await get(`${session}/wait?timeout=0`)).body).toStrictEqual({
      session_id: session,
      status: 'running',
      ended: false,
    });
    const waiting = get(`${session}/wait?timeout=25`);
    Object.assign(world.cloud.executions.get(executionArn) ?? {}, { history: successHistory(), status: 'SUCCEEDED' });
    await endSession(world.cloud.deps, { executionArn }, () => '<p></p>');
    expect((await waiting).body).toMatchObject({ status: 'completed', ended: true });
  });

  it.each(['timeout=26', 'timeout=-1', 'timeout=1.5', 'for=1'])('?%s is refused', async (query) => {
    const { session_id: session } = await started();
    expect((await refused(get(`${session}/wait?${query}`))).slice(0, 2)).toStrictEqual([400, 'BS6001']);
  });

  it('says that there is no such session', async () => {
    expect((await refused(get('nobody/wait'))).slice(0, 2)).toStrictEqual([404, 'BS3002']);
  });
});

describe('GET /v1/sessions/{session}/why', () => {
  it('tells why a job failed, and what came before it', async () => {
    const session = await ended('failed');
    const { body } = await get<{ readonly reasons: readonly string[] }>(`${session}/why?job=convert[0]/two`);
    expect(body).toMatchObject({ session_id: session, job_id: 'convert[0]/two', status: 'failed' });
    expect(body.reasons[0]).toBe('it failed with Broken at its only try');
  });

  it('answers from the records when the history is not kept any more', async () => {
    const session = await ended('failed');
    world.cloud.executions.clear();
    const { body } = await get(`${session}/why?job=convert[0]/two`);
    expect(body).toMatchObject({ status: 'failed' });
  });

  it('refuses a job that there is not, and one that is none', async () => {
    const session = await ended('failed');
    expect((await refused(get(`${session}/why?job=laod`))).slice(0, 2)).toStrictEqual([404, 'BS3006']);
    expect((await refused(get(`${session}/why?job=../x`))).slice(0, 2)).toStrictEqual([400, 'BS6001']);
    expect((await refused(get(`${session}/why`))).slice(0, 2)).toStrictEqual([400, 'BS6001']);
  });

  it('says when the version that ran is not kept any more', async () => {
    const session = await ended('failed');
    for (const key of [...world.cloud.objects.keys()]) if (key.startsWith('configs/')) world.cloud.objects.delete(key);
    expect((await refused(get(`${session}/why?job=load`))).slice(0, 2)).toStrictEqual([404, 'BS3003']);
  });
});

describe('GET /v1/sessions/{session}/diff', () => {
  it('tells what is different', async () => {
    const [a, b] = [await ended('failed'), await ended('completed', 'tue')];
    const { body } = await get<{
      readonly facts: readonly { readonly path: string }[];
      readonly jobs: readonly object[];
    }>(`${a}/diff?with=${b}`);
    expect(body).toMatchObject({ a, b });
    expect(body.facts).toContainEqual({ path: 'status', a: 'failed', b: 'completed' });
    expect(body.jobs).toContainEqual(
      expect.objectContaining({ job_id: 'convert[0]/two', a: expect.objectContaining({ status: 'failed' }) }),
    );
    const same = await get<{ readonly facts: readonly object[] }>(`${a}/diff?with=${a}`);
    expect(same.body.facts).toStrictEqual([]);
  });

  it('needs two sessions', async () => {
    const session = await ended('failed');
    expect((await refused(get(`${session}/diff?with=nobody`))).slice(0, 2)).toStrictEqual([404, 'BS3002']);
    expect((await refused(get(`${session}/diff`))).slice(0, 2)).toStrictEqual([400, 'BS6001']);
  });
});

describe('checkpoints of a session', () => {
  const kept = (session: string, job: string, generation: number, output = '{"rows":3}') =>
    ({
      session_id: session,
      job_timestamp: checkpointKey(job, generation),
      record_type: 'checkpoint',
      job_id: job,
      generation,
      attempt: 1,
      output,
      completed_at: '2026-03-04T05:06:08.000Z',
    }) as unknown as CheckpointItem;
  const put = (items: readonly CheckpointItem[]) =>
    putJobRecords(world.cloud.deps, items as unknown as readonly AttemptItem[]);

  it.each([1, 2, 200])('are told in pages of %i, the newest generation first', async (limit) => {
    const session = await ended('completed');
    await put([
      kept(session, 'load', 1),
      kept(session, 'load', 2),
      kept(session, 'convert[1]/one', 2),
      kept(session, 'check', 2),
    ]);
    const told: string[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await get<{
        readonly checkpoints: readonly { readonly job_id: string; readonly generation: number }[];
        readonly cursor?: string;
      }>(`${session}/checkpoints?limit=${limit}${cursor}`);
      expect(body.checkpoints.length).toBeLessThanOrEqual(limit);
      told.push(...body.checkpoints.map((one) => `${one.generation} ${one.job_id}`));
      if (body.cursor === undefined) break;
      cursor = `&cursor=${body.cursor}`;
    }
    expect(told).toStrictEqual(['2 check', '2 convert[1]/one', '2 load', '1 load']);
  });

  it('are told with their values when they are asked for, and of one job', async () => {
    const session = await ended('completed');
    await put([kept(session, 'load', 1), kept(session, 'check', 1)]);
    expect((await get(`${session}/checkpoints?job=load&data=true`)).body).toStrictEqual({
      checkpoints: [
        {
          job_id: 'load',
          generation: 1,
          kind: 'result',
          attempt: 1,
          at: '2026-03-04T05:06:08.000Z',
          bytes: 10,
          value: { rows: 3 },
        },
      ],
    });
    expect((await refused(get(`${session}/checkpoints?cursor=eA`))).slice(0, 2)).toStrictEqual([400, 'BS6001']);
  });

  it('are kept by an operator in place of a handler, and told with who has', async () => {
    const session = await ended('failed');
    const path = `${session}/checkpoints`;
    expect((await refused(post(path, { job: 'load', value: 1 }, 'viewer'))).slice(0, 2)).toStrictEqual([403, 'BS6007']);
    const body = { job: 'load', value: { page: 18 }, milestone: 'listed' };
    const { body: kept } = await post<{ readonly by: { readonly kind: string } }>(path, body, 'operator');
    expect(kept).toMatchObject({ job_id: 'load', generation: 1, kind: 'manual', milestone: 'listed', bytes: 11 });
    expect(kept.by.kind).toBe('api');
    await post(path, { job: 'load', value: 2 }, 'operator');
    expect((await refused(post(path, { job: 'load', value: 2, milestone: 'a b' }))).slice(0, 2)).toStrictEqual([
      400,
      'BS2001',
    ]);
    for (const limit of [1, 200]) {
      const values: unknown[] = [];
      for (let cursor = ''; ; ) {
        const { body: page } = await get<{
          readonly checkpoints: readonly { readonly value: unknown }[];
          readonly cursor?: string;
        }>(`${path}?data=true&limit=${limit}${cursor}`);
        values.push(...page.checkpoints.map((one) => one.value));
        if (page.cursor === undefined) break;
        cursor = `&cursor=${page.cursor}`;
      }
      expect(values).toStrictEqual([2, { page: 18 }]);
    }
  });

  it('are deleted when no rerun needs them, or all, by an admin, once it has ended', async () => {
    const session = await ended('completed');
    await put([kept(session, 'load', 0), kept(session, 'load', 1)]);
    const prune = `${session}/checkpoints/prune`;
    expect((await refused(post(prune, {}, 'operator'))).slice(0, 2)).toStrictEqual([403, 'BS6007']);
    expect((await post(prune)).body).toStrictEqual({ session_id: session, deleted: 1 });
    expect((await post(prune, { all: true })).body).toStrictEqual({ session_id: session, deleted: 1 });
    expect((await post(prune, { all: true })).body).toStrictEqual({ session_id: session, deleted: 0 });
    const { session_id: running } = await started('tue');
    expect((await refused(post(`${running}/checkpoints/prune`))).slice(0, 2)).toStrictEqual([409, 'BS3017']);
  });
});

describe('POST /v1/sessions/purge', () => {
  interface Purged {
    readonly sessions: readonly { readonly session_id: string }[];
    readonly more: boolean;
  }
  const before = '2027-01-01T00:00:00.000Z';

  it('deletes old sessions that have ended, so many at a time, or says which', async () => {
    const ids = [await ended('completed'), await ended('failed'), await ended('completed')];
    const { session_id: running } = await started('tue');
    const idsOf = ({ sessions }: Purged) => sessions.map(({ session_id }) => session_id).toSorted();
    const planned = (await post<Purged>('purge', { before, dry_run: true })).body;
    expect([idsOf(planned), planned.more]).toStrictEqual([ids.toSorted(), false]);
    const first = (await post<Purged>('purge', { before, limit: 2 })).body;
    expect([first.sessions.length, first.more]).toStrictEqual([2, true]);
    const rest = (await post<Purged>('purge', { before })).body;
    expect([[...idsOf(first), ...idsOf(rest)].toSorted(), rest.more]).toStrictEqual([ids.toSorted(), false]);
    expect((await get(running)).status).toBe(200);
    expect((await get(ids[0] ?? '')).status).toBe(404);
  });

  it('leaves younger ones, other pipelines and other ends alone', async () => {
    await ended('failed');
    const tries = [
      { before: '2026-01-01T00:00:00.000Z' },
      { before, pipeline: 'other' },
      { before, status: 'completed' },
    ];
    for (const body of tries) expect((await post('purge', body)).body).toStrictEqual({ sessions: [], more: false });
    expect((await post<Purged>('purge', { before, pipeline: 'flow', status: 'failed' })).body.sessions.length).toBe(1);
  });

  it.each([
    [{}],
    [{ before: '90d' }],
    [{ before, status: 'running' }],
    [{ before, limit: 101 }],
    [{ before, force: true }],
  ])('%j is refused', async (body) => {
    expect((await refused(post('purge', body))).slice(0, 2)).toStrictEqual([400, 'BS6001']);
  });

  it('is for admins', async () => {
    expect((await refused(post('purge', { before }, 'operator'))).slice(0, 2)).toStrictEqual([403, 'BS6007']);
  });
});
