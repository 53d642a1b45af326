import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endSession } from '../../lib/sessions/end-session.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import type { SessionItem } from '../../lib/sessions/items.ts';
import type { StartedSession } from '../../lib/sessions/start-session.ts';
import { createItem } from '../../lib/sessions/store.ts';
import { sessionIdOf } from '../../lib/storage-layout.ts';
import { machineArn, nowMs } from '../sessions/cloud.ts';
import { artifact, failureHistory } from '../sessions/history-fixture.ts';
import { type ApiWorld, apiWorld, refused, user } from './api.ts';

let world: ApiWorld;
beforeEach(async () => {
  world = await apiWorld();
});
afterEach(() => world.close());

const sessions = '/v1/pipelines/flow/sessions';
const session = sessionIdOf(nowMs, 1n);
const arn = `arn:aws:states:us-east-1:000000000000:execution:flow:session-${session}-1`;
const createdAt = '2026-03-04T05:06:07.000Z';

const summary = {
  session_id: session,
  created_at: createdAt,
  pipeline_id: 'flow',
  pipeline_version: '0123456789ab',
  status: 'running',
  started_at: createdAt,
  total_jobs: 5,
  completed_jobs: 0,
  failed_jobs: 0,
  generation: 1,
  redrive_count: 0,
  execution_arn: arn,
  trigger: { kind: 'api' },
  user_name: user,
  region: 'us-east-1',
  updated_at: createdAt,
};

const start = (day = 'mon', headers: { readonly [name: string]: string } = {}) =>
  world.call<StartedSession>('POST', sessions, { body: { input: { day } }, headers });

async function failed(): Promise<void> {
  Object.assign(world.cloud.executions.get(arn) ?? {}, { history: failureHistory(), status: 'FAILED' });
  await endSession(world.cloud.deps, { executionArn: arn }, () => '<p></p>');
}

describe('POST /v1/pipelines/{pipeline}/sessions', () => {
  it('starts a session in the name of the caller', async () => {
    const started = await start();
    expect([started.status, started.headers.get('location'), started.body]).toStrictEqual([
      201,
      `/v1/sessions/${session}`,
      { session_id: session, created_at: createdAt, execution_arn: arn, outcome: 'created' },
    ]);
    const found = await world.call('GET', `/v1/sessions/${session}`);
    expect([found.status, found.body]).toStrictEqual([200, { ...summary, actions: [], input: { day: 'mon' } }]);
  });

  it('starts one session for a key, ten times at once, and refuses another body', async () => {
    const key = { 'Idempotency-Key': 'monday' };
    const answers = await Promise.all(Array.from({ length: 10 }, () => start('mon', key)));
    expect(new Set(answers.map(({ body }) => body.session_id)).size).toBe(1);
    expect([world.cloud.executions.size, answers.map(({ status }) => status).sort()]).toStrictEqual([
      1,
      [...Array.from({ length: 9 }, () => 200), 201],
    ]);
    const [first] = answers;
    expect(await refused(start('tue', key))).toStrictEqual([
      422,
      'BS3004',
      `the key "api#monday" was used before for session ${first?.body.session_id} with another pipeline, version or input`,
    ]);
    expect(world.cloud.executions.size).toBe(1);
  });

  it('says when the overlap policy of the pipeline keeps it from running', async () => {
    const ids: unknown[] = [];
    for (const overlap of ['queue', 'skip'] as const) {
      const id = `one-${overlap}`;
      await registerPipeline(world.cloud.deps, {
        artifact: { ...artifact, pipeline: { ...artifact.pipeline, id, overlap } },
        stateMachineArn: machineArn.replace('flow', id),
      });
      for (let count = 0; count < 2; count += 1) {
        const { status, body } = await world.call<StartedSession>('POST', `/v1/pipelines/${id}/sessions`, {
          body: { input: { day: 'mon' } },
        });
        ids.push([status, body.overlap]);
      }
    }
    expect(ids).toStrictEqual([
      [201, undefined],
      [201, 'waiting'],
      [201, undefined],
      [201, 'skipped'],
    ]);
  });

  it('keeps keys of callers apart from those that bunsui makes itself', async () => {
    await start('mon', { 'Idempotency-Key': 'k' });
    const keys = (await world.cloud.items('sessionsTable')).map((item) => String(item['session_id']));
    expect(keys.filter((id) => id.startsWith('dedup#')).length).toBe(1);
    const { startSession } = await import('../../lib/sessions/start-session.ts');
    const other = await startSession(world.cloud.deps, {
      pipeline: 'flow',
      input: { day: 'tue' },
      key: 'k',
      trigger: { kind: 'schedule' },
    });
    expect(other.outcome).toBe('created');
  });

  it.each([
    ['an unknown pipeline', '/v1/pipelines/absent/sessions', {}, [404, 'BS3003', 'pipeline "absent" is not deployed']],
    [
      'an unknown version',
      sessions,
      { version: 'ffffffffffff' },
      [404, 'BS3003', expect.stringContaining('version "ffffffffffff"')],
    ],
    [
      'an input that does not fit',
      sessions,
      { input: { day: 7 } },
      [422, 'BS3001', 'the input does not fit pipeline "flow": day is 7, not string'],
    ],
    [
      'a reserved field',
      sessions,
      { input: { day: 'm', bunsui: {} } },
      [422, 'BS3001', expect.stringContaining('reserved')],
    ],
    [
      'an input that is no object',
      sessions,
      { input: [1] },
      [400, 'BS6001', 'the request does not fit: body.input: is not of type record'],
    ],
    [
      'a field that is not known',
      sessions,
      { inputs: {} },
      [400, 'BS6001', 'the request does not fit: body: "inputs" is not known'],
    ],
    [
      'an id that is none',
      '/v1/pipelines/..%2Fx/sessions',
      {},
      [400, 'BS6001', expect.stringContaining('address.pipeline: does not match')],
    ],
  ])('refuses %s, and starts nothing', async (_, path, body, answer) => {
    expect(await refused(world.call('POST', path, { body }))).toStrictEqual(answer);
    expect(world.cloud.executions.size).toBe(0);
  });

  it.each(['', 'a b', 'ä', 'x'.repeat(256)])('refuses the key "%s"', async (key) => {
    expect((await refused(start('mon', { 'Idempotency-Key': key }))).slice(0, 2)).toStrictEqual([400, 'BS6001']);
  });
});

describe('GET /v1/sessions', () => {
  /** Sessions 1 to 9, an hour apart; every third has failed. */
  async function nine(): Promise<void> {
    for (let hour = 1; hour <= 9; hour += 1) {
      const created = new Date(Date.UTC(2026, 2, 4, hour)).toISOString();
      const { user_name: _, ...fields } = summary;
      const item: SessionItem = {
        ...fields,
        session_id: `s${hour}`,
        created_at: created,
        pipeline_id: hour > 7 ? 'other' : 'flow',
        pipeline_name: 'flow',
        status: hour % 3 === 0 ? 'failed' : 'running',
        input: '{"day":"mon"}',
        trigger: { kind: 'manual' },
      };
      await createItem(world.cloud.deps, item);
    }
  }
  interface Page {
    readonly sessions: readonly { readonly session_id: string }[];
    readonly cursor?: string;
  }
  const page = async (query: string) => {
    const { body } = await world.call<Page>('GET', `/v1/sessions${query}`);
    return [body.sessions.map(({ session_id }) => session_id).join(' '), body.cursor] as const;
  };

  it.each([
    ['', 's9 s8 s7 s6 s5 s4 s3 s2 s1'],
    ['?pipeline=flow', 's7 s6 s5 s4 s3 s2 s1'],
    ['?pipeline=nobody', ''],
    ['?status=failed', 's9 s6 s3'],
    ['?status=failed&pipeline=flow', 's6 s3'],
    ['?from=2026-03-04T03:00:00Z&to=2026-03-04T05:00:00Z', 's5 s4 s3'],
    ['?from=2026-03-04T05:00:00.001Z&status=running', 's8 s7'],
    ['?to=2026-03-04T02:59:59.999Z&pipeline=flow', 's2 s1'],
    ['?from=2026-03-04T08:00:00Z&to=2026-03-04T01:00:00Z', ''],
  ])('%s: the latest first', async (query, ids) => {
    await nine();
    expect(await page(query)).toStrictEqual([ids, undefined]);
  });

  it('comes in pages that join', async () => {
    await nine();
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const [ids, next] = await page(
        `?limit=4&from=2026-03-04T02:00:00Z${cursor === undefined ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(ids);
      cursor = next;
    } while (cursor !== undefined);
    expect(seen).toStrictEqual(['s9 s8 s7 s6', 's5 s4 s3 s2']);
  });

  it('shows neither inputs nor outputs', async () => {
    await start();
    const { body } = await world.call('GET', '/v1/sessions');
    expect(body).toStrictEqual({ sessions: [summary] });
  });

  it.each([
    ['limit=0', 'query.limit: is no whole number from 1'],
    ['limit=101', 'query.limit: is more than 100'],
    ['limit=1e2', 'query.limit: is no whole number from 1'],
    [
      'status=lost',
      'query.status: is not one of created, queued, running, paused, completed, failed, cancelled, timeout',
    ],
    ['from=yesterday', 'query.from: is no moment in UTC such as 2026-11-21T06:00:00Z'],
    ['from=2026-03-04', 'query.from: is no moment in UTC such as 2026-11-21T06:00:00Z'],
    ['order=asc', 'query: "order" is not known'],
    ['pipeline=a%00b', 'query.pipeline: does not match'],
    ['cursor=a.b', 'query.cursor: is no cursor that this API gave'],
  ])('refuses %s', async (query, message) => {
    const [status, code, said] = await refused(world.call('GET', `/v1/sessions?${query}`));
    expect([status, code]).toStrictEqual([400, 'BS6001']);
    expect(said).toContain(message);
  });

  it.each(['W10', 'eyJhIjoxfQ', Buffer.from('["2026-03-04T05:06:07Z","#x"]').toString('base64url'), 'bm90IGpzb24'])(
    'refuses the cursor %s, which it never gave',
    async (cursor) => {
      expect(await refused(world.call('GET', `/v1/sessions?cursor=${cursor}`))).toStrictEqual([
        400,
        'BS6001',
        `"${cursor}" is no cursor of this list`,
      ]);
    },
  );

  it('refuses a name that is given twice', async () => {
    expect(await refused(world.call('GET', '/v1/sessions?limit=1&limit=2'))).toStrictEqual([
      400,
      'BS6001',
      'the query has "limit" more than once',
    ]);
  });
});

describe('an id that no session has', () => {
  it.each([
    ['GET', ''],
    ['GET', '/jobs'],
    ['GET', '/logs'],
    ['GET', '/report'],
    ['POST', '/cancel'],
    ['POST', '/rerun'],
  ])('%s /v1/sessions/{session}%s is not found', async (method, rest) => {
    expect(await refused(world.call(method, `/v1/sessions/nobody${rest}`))).toStrictEqual([
      404,
      'BS3002',
      'no session has the id "nobody"',
    ]);
  });

  it('nor is that of another kind of record in the same table', async () => {
    await start('mon', { 'Idempotency-Key': 'k' });
    const keys = (await world.cloud.items('sessionsTable')).map((item) => String(item['session_id']));
    const dedup = keys.find((id) => id.startsWith('dedup#')) ?? '';
    const [status] = await refused(world.call('GET', `/v1/sessions/${encodeURIComponent(dedup)}`));
    expect(status).toBe(400);
  });
});

describe('POST /v1/sessions/{session}/cancel', () => {
  const at = `/v1/sessions/${session}/cancel`;

  it('stops what runs, with reason and caller, and can be repeated', async () => {
    await start();
    const answer = { session_id: session, created_at: createdAt, status: 'running', outcome: 'stopping' };
    const cancelled = await world.call('POST', at, { body: { reason: 'wrong day' } });
    expect([cancelled.status, cancelled.body]).toStrictEqual([202, answer]);
    expect(world.cloud.executions.get(arn)?.status).toBe('ABORTED');
    expect((await world.call('POST', at)).status).toBe(202);
  });

  it('refuses what has ended, and an odd reason', async () => {
    await start();
    expect((await refused(world.call('POST', at, { body: { reason: '' } }))).slice(0, 2)).toStrictEqual([
      400,
      'BS6001',
    ]);
    await failed();
    expect(await refused(world.call('POST', at))).toStrictEqual([
      409,
      'BS3005',
      `session ${session} has ended as failed`,
    ]);
  });
});

describe('tags, pauses and deleting', () => {
  const at = (what: string) => `/v1/sessions/${session}/${what}`;

  it('tags a session, and lists by tag and error', async () => {
    await start();
    const tagged = await world.call('POST', at('tags'), { body: { set: { team: 'data' } } });
    expect([tagged.status, tagged.body]).toStrictEqual([200, { session_id: session, tags: { team: 'data' } }]);
    const ids = async (query: string) =>
      (await world.call<{ readonly sessions: readonly unknown[] }>('GET', `/v1/sessions?${query}`)).body.sessions
        .length;
    expect(await Promise.all(['tag=team', 'tag=team%3Ddata', 'tag=team%3Dweb', 'error=x'].map(ids))).toStrictEqual([
      1, 1, 0, 0,
    ]);
    expect((await refused(world.call('POST', at('tags'), { body: { set: { '': 'x' } } }))).slice(0, 2)).toStrictEqual([
      400,
      'BS2001',
    ]);
  });

  it('pauses and resumes in the name of the caller, and says where neither can be', async () => {
    expect((await refused(world.call('POST', at('pause')))).slice(0, 2)).toStrictEqual([404, 'BS3002']);
    await start();
    expect((await refused(world.call('POST', at('resume')))).slice(0, 2)).toStrictEqual([409, 'BS3005']);
  });

  it('deletes what has ended, and nothing else', async () => {
    await start();
    expect((await refused(world.call('POST', at('delete')))).slice(0, 2)).toStrictEqual([409, 'BS3017']);
  });
});

describe('POST /v1/sessions/{session}/rerun', () => {
  const at = `/v1/sessions/${session}/rerun`;

  it('says first what it will do, then does it, once', async () => {
    await start();
    await failed();
    const planned = await world.call<{ readonly road: string; readonly runs: unknown; readonly jobs: unknown }>(
      'POST',
      at,
      { body: { dry_run: true } },
    );
    const jobs = ['load', 'check', 'one', 'two', 'alarm', 'publish', 'close'].map((job) => ({ job, action: 'run' }));
    expect(planned.body).toMatchObject({ jobs });
    expect([planned.status, planned.body]).toStrictEqual([
      200,
      {
        session_id: session,
        created_at: createdAt,
        pipeline_id: 'flow',
        road: 'new-execution',
        reason: 'it cannot be redriven: Step Functions does not offer it',
        version: '0123456789ab',
        jobs: planned.body.jobs,
        runs: ['load', 'check', 'one', 'two', 'alarm', 'publish', 'close'],
        keeps: [],
        expected_ms: expect.any(Number) as number,
        cost_usd: expect.any(Number) as number,
      },
    ]);
    expect(world.cloud.executions.size).toBe(1);
    const done = await world.call('POST', at);
    const second = arn.replace(/1$/, '2');
    expect([done.status, done.body]).toStrictEqual([
      202,
      { ...planned.body, execution_arn: second, generation: 2, redrive_count: 0 },
    ]);
    expect(await refused(world.call('POST', at))).toStrictEqual([
      409,
      'BS3008',
      `session ${session} is running: only one that failed can be rerun`,
    ]);
    expect([...world.cloud.executions.keys()]).toStrictEqual([arn, second]);
  });

  it('keeps to the road that is asked for', async () => {
    await start();
    await failed();
    expect((await refused(world.call('POST', at, { body: { road: 'redrive' } }))).slice(0, 2)).toStrictEqual([
      409,
      'BS3008',
    ]);
    expect((await refused(world.call('POST', at, { body: { road: 'by air' } }))).slice(0, 2)).toStrictEqual([
      400,
      'BS6001',
    ]);
  });
});
