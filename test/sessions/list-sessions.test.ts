import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BunsuiError } from '../../lib/errors.ts';
import type { SessionItem } from '../../lib/sessions/items.ts';
import { findSession, listSessions, type SessionFilter } from '../../lib/sessions/list-sessions.ts';
import { type SessionStatus, sessionMoves, sessionStatuses, statusesBefore } from '../../lib/sessions/status.ts';
import { advanceSession, createItem, getSession } from '../../lib/sessions/store.ts';
import { tagSession } from '../../lib/sessions/tags.ts';
import { type Cloud, cloudOn } from './cloud.ts';
import { type LocalTables, startTables } from './local-tables.ts';

let tables: LocalTables;
let cloud: Cloud;
const statuses: readonly SessionStatus[] = ['running', 'completed', 'failed'];

const itemOf = (index: number, over: Partial<SessionItem> = {}): SessionItem => ({
  session_id: `id${String(index).padStart(3, '0')}${'abc'[index % 3]}`,
  // Three sessions share each second.
  created_at: new Date(1_772_600_000_000 + Math.floor(index / 3) * 1_000).toISOString(),
  pipeline_id: index % 2 === 0 ? 'even' : 'odd',
  pipeline_name: 'n',
  pipeline_version: 'v',
  status: statuses[Math.floor(index / 3) % 3] ?? 'queued',
  total_jobs: 1,
  completed_jobs: 0,
  failed_jobs: 0,
  generation: 1,
  input: '{}',
  trigger: { kind: 'api' },
  region: 'us-east-1',
  updated_at: 'u',
  ...over,
});

const all = Array.from({ length: 60 }, (_, index) => itemOf(index));
const newestFirst = [...all].reverse().map((item) => item.session_id);

beforeAll(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
  for (const item of all) await createItem(cloud.deps, item);
});
afterAll(() => tables.close());

async function pages(filter: Omit<SessionFilter, 'cursor'>): Promise<readonly string[][]> {
  const found: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await listSessions(cloud.deps, { ...filter, ...(cursor === undefined ? {} : { cursor }) });
    found.push(page.sessions.map((item) => item.session_id));
    ({ cursor } = page);
  } while (cursor !== undefined);
  return found;
}

const refusal = (run: Promise<unknown>) =>
  run.then(
    () => 'no refusal',
    (error: unknown) => (error instanceof BunsuiError ? `${error.code} ${error.message}` : String(error)),
  );

describe('a list of sessions', () => {
  const wanted = (fits: (item: SessionItem) => boolean) =>
    newestFirst.filter((id) => all.some((item) => item.session_id === id && fits(item)));

  it.each<readonly [string, Omit<SessionFilter, 'cursor'>, (item: SessionItem) => boolean]>([
    ['all', { limit: 7 }, () => true],
    ['one status', { limit: 4, status: 'failed' }, (item) => item.status === 'failed'],
    ['one pipeline', { limit: 5, pipeline: 'odd' }, (item) => item.pipeline_id === 'odd'],
    [
      'one status of one pipeline',
      { limit: 2, pipeline: 'odd', status: 'running' },
      (item) => item.pipeline_id === 'odd' && item.status === 'running',
    ],
    ['none', { limit: 3, pipeline: 'absent' }, () => false],
  ])('gives every session once, newest first, in full pages: %s', async (_, filter, fits) => {
    const found = await pages(filter);
    expect(found.flat()).toStrictEqual(wanted(fits));
    expect(found.slice(0, -1).filter((page) => page.length !== filter.limit)).toStrictEqual([]);
  });

  it.each(['garbage', Buffer.from('[1,2]').toString('base64url')])('refuses the cursor %s', async (cursor) => {
    expect(await refusal(listSessions(cloud.deps, { limit: 1, cursor }))).toMatch(/^BS2001 .* is no cursor$/);
  });

  it.each([0, 1_001, 1.5])('refuses the limit %s', async (limit) => {
    expect(await refusal(listSessions(cloud.deps, { limit }))).toMatch(/^BS2001 the limit is/);
  });
});

describe('a session that a person names', () => {
  it.each([
    ['its id', 'id007b'],
    ['a beginning', 'id007'],
    ['an end', '007b'],
  ])('is found by %s', async (_, text) => {
    expect(await findSession(cloud.deps, text)).toStrictEqual(all[7]);
  });

  it('is the newest one for "latest"', async () => {
    expect(await findSession(cloud.deps, 'latest')).toStrictEqual(all[59]);
  });

  it.each([
    ['zzz', 'BS3002 no session has the id "zzz"'],
    ['', 'BS3002 no session has the id ""'],
    ['dedup#x', 'BS3002 no session has the id "dedup#x"'],
    ['id05', 'BS3002 "id05" fits 10 sessions: id059c, id058b, id057a, id056c, id055b and 5 more'],
  ])('is not found by "%s"', async (text, message) => {
    expect(await refusal(findSession(cloud.deps, text))).toBe(message);
  });

  it('is not there before the first', async () => {
    const none = await startTables();
    expect(await refusal(findSession(cloudOn(none).deps, 'latest'))).toBe('BS3002 there is no session yet');
    await none.close();
  });
});

describe('a status', () => {
  it('moves only forward within a generation', async () => {
    const item = itemOf(900, { session_id: 'moves', status: 'queued' });
    await createItem(cloud.deps, item);
    const outcomes = [];
    for (const to of ['running', 'running', 'completed', 'failed', 'running'] as const) {
      outcomes.push(await advanceSession(cloud.deps, item, to, { updated_at: to }));
    }
    expect(outcomes).toStrictEqual(['ok', 'stale', 'ok', 'stale', 'stale']);
    expect(await advanceSession(cloud.deps, { ...item, generation: 2 }, 'completed', {})).toBe('stale');
    expect(await getSession(cloud.deps, 'moves')).toStrictEqual({
      ...item,
      status: 'completed',
      updated_at: 'completed',
    });
  });

  it('ends under eight writers at once as exactly one of them says', async () => {
    const item = itemOf(901, { session_id: 'race', status: 'running' });
    await createItem(cloud.deps, item);
    const ends = ['completed', 'failed', 'cancelled', 'timeout'] as const;
    const outcomes = await Promise.all(
      [...ends, ...ends].map((to, writer) => advanceSession(cloud.deps, item, to, { user_name: `w${writer}` })),
    );
    const winner = outcomes.indexOf('ok');
    const stored = await getSession(cloud.deps, 'race');
    expect([outcomes.filter((outcome) => outcome === 'ok').length, stored?.status, stored?.user_name]).toStrictEqual([
      1,
      ends[winner % 4],
      `w${winner}`,
    ]);
  });

  it('is reached from the open statuses that lead to it', () => {
    expect(Object.fromEntries(sessionStatuses.map((to) => [to, statusesBefore(to)]))).toStrictEqual({
      created: [],
      queued: ['created'],
      running: ['created', 'queued', 'paused'],
      paused: ['created', 'queued', 'running'],
      completed: ['created', 'queued', 'running', 'paused'],
      failed: ['created', 'queued', 'running', 'paused'],
      cancelled: ['created', 'queued', 'running', 'paused'],
      timeout: ['created', 'queued', 'running', 'paused'],
    });
    expect(Object.keys(sessionMoves)).toStrictEqual([...sessionStatuses]);
  });
});

describe('a list by what people know of sessions', () => {
  const byTag = (...tags: NonNullable<SessionFilter['tags']>) => pages({ limit: 2, tags });
  beforeAll(async () => {
    for (const [index, over] of [
      [70, { tags: { team: 'data', day: 'mon' }, error_code: 'RangeError', error_message: 'row 7 has no Airport' }],
      [71, { tags: { team: 'data' }, error_code: 'States.Timeout' }],
      [72, { tags: { team: 'web' }, error_message: 'airport' }],
    ] as const)
      await createItem(cloud.deps, itemOf(index, { pipeline_id: 'tagged', ...over }));
  });

  it('gives those with a tag, with a tag of some value, and with all of several', async () => {
    expect(await byTag({ key: 'team' })).toStrictEqual([['id072a', 'id071c'], ['id070b']]);
    expect(await byTag({ key: 'team', value: 'data' })).toStrictEqual([['id071c', 'id070b']]);
    expect(await byTag({ key: 'team', value: 'data' }, { key: 'day' })).toStrictEqual([['id070b']]);
    expect(await byTag({ key: 'toString' })).toStrictEqual([[]]);
  });

  it('gives those whose error has a text in its name or message, with paging', async () => {
    expect(await pages({ limit: 1, error: 'AIRPORT' })).toStrictEqual([['id072a'], ['id070b']]);
    expect(await pages({ limit: 9, error: 'timeout', pipeline: 'tagged' })).toStrictEqual([['id071c']]);
    expect(await pages({ limit: 9, error: 'timeout', pipeline: 'even' })).toStrictEqual([[]]);
  });

  it('changes tags of a session whatever its state, whoever else does so at the same time', async () => {
    const { session_id: session } = itemOf(70);
    const set = (key: string) => tagSession(cloud.deps, { session, set: { [key]: 'x' } });
    await Promise.all(Array.from({ length: 5 }, (_, index) => set(`k${index}`)));
    expect(await tagSession(cloud.deps, { session, remove: ['k0', 'day', 'nobody'] })).toStrictEqual({
      team: 'data',
      ...Object.fromEntries(['k1', 'k2', 'k3', 'k4'].map((key) => [key, 'x'])),
    });
    expect(await refusal(tagSession(cloud.deps, { session: 'nobody', set: { a: 'b' } }))).toMatch(/^BS3002/);
    const many = Object.fromEntries(Array.from({ length: 46 }, (_, index) => [`m${index}`, '']));
    expect(await refusal(tagSession(cloud.deps, { session, set: many }))).toBe(
      'BS2001 51 tags were given, a session has at most 50',
    );
    for (const key of ['', 'a\n', 'x'.repeat(129), '<b>'])
      expect(await refusal(tagSession(cloud.deps, { session, set: { [key]: '' } }))).toMatch(/^BS2001 ".*" is no key/s);
  });
});
