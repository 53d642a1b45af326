/** Quiet for repeats: each notice is delivered, the second of the same only as one line. */
import { describe, expect, it } from 'vitest';
import { againText, countRepeat } from '../../lib/notify/repeats.ts';
import type { Notice } from '../../lib/sessions/notice.ts';
import { delivering } from './delivering.ts';
import { failedNotice } from './notices.ts';
import { receiverForTest } from './receiver.ts';

const notice = (delivery_id: string, more: Partial<Notice> = {}): Notice => ({ ...failedNotice, delivery_id, ...more });
const failure = (error_message: string, error_code = 'TypeError') => ({ error: { error_code, error_message } });

async function counting() {
  const { deps, clock } = await delivering({});
  const count = async (one: Notice, channel = 'ops') => (await countRepeat(deps, channel, one))?.count;
  return { deps, clock, count };
}

describe('repeats', () => {
  it('are counted from the second on; the same notice delivered again keeps its count', async () => {
    const { count } = await counting();
    const counts: (number | undefined)[] = [];
    for (const id of ['a', 'b', 'b', 'a', 'c', 'b']) counts.push(await count(notice(id)));
    expect(counts).toStrictEqual([undefined, 2, 2, undefined, 3, 2]);
  });

  it('say since when', async () => {
    const { deps, clock } = await counting();
    await countRepeat(deps, 'ops', notice('a'));
    clock.nowMs += 3_600_000;
    const repeat = await countRepeat(deps, 'ops', notice('b'));
    expect(repeat).toStrictEqual({ count: 2, since: '2026-11-20T06:03:13.000Z' });
    expect(againText({ count: 2, since: '2026-11-20T06:03:13.000Z' })).toBe(
      'same error, 2 times since 2026-11-20 06:03 UTC',
    );
  });

  it('are those of one channel, pipeline, event, job and error; numbers and ids in an error make no other', async () => {
    const { count } = await counting();
    expect(await count(notice('a', failure('row 17 of 5f3a9c21 has no key')))).toBeUndefined();
    expect(await count(notice('b', failure('row 18 of 00aa9c27 has no key')))).toBe(2);
    expect(await count(notice('c', failure('row 18 of 00aa9c27 has no key')), 'audit')).toBeUndefined();
    expect(await count(notice('d', { pipeline_id: 'hourly' }))).toBeUndefined();
    expect(await count(notice('e', { event: 'deadline' }))).toBeUndefined();
    expect(await count(notice('f', failure('another one')))).toBeUndefined();
    expect(await count(notice('g', failure('another one', 'RangeError')))).toBeUndefined();
    expect(
      await count(notice('h', { ...failure('another one', 'RangeError'), job: { job_id: 'm[3]/x', attempt: 1 } })),
    ).toBeUndefined();
    expect(
      await count(notice('i', { ...failure('another one', 'RangeError'), job: { job_id: 'm[4]/x', attempt: 1 } })),
    ).toBe(2);
  });

  it('are told in full again after six hours', async () => {
    const { clock, count } = await counting();
    await count(notice('a'));
    clock.nowMs += 6 * 3_600_000 - 1;
    expect(await count(notice('b'))).toBe(2);
    clock.nowMs += 1;
    expect(await count(notice('c'))).toBeUndefined();
    expect(await count(notice('d'))).toBe(2);
  });

  it('of starts and good ends are none', async () => {
    const { count } = await counting();
    for (const id of ['a', 'b']) expect(await count(notice(id, { event: 'succeeded' }))).toBeUndefined();
  });

  it('that come all at once get each its own count', async () => {
    const { count } = await counting();
    const ids = Array.from({ length: 5 }, (_, index) => `n${index}`);
    const counts = await Promise.all(ids.map((id) => count(notice(id))));
    expect(counts.map((one) => one ?? 1).sort()).toStrictEqual([1, 2, 3, 4, 5]);
  });

  it('that cannot be counted are told in full', async () => {
    const receiver = await receiverForTest();
    const { deps, send, takeAll, warnings } = await delivering(
      { ops: { kind: 'slack', secret: 'env:TEST_HOOK', allowPrivate: true } },
      { TEST_HOOK: receiver.url },
    );
    const throttled = Object.assign(new Error('slow down'), { name: 'ThrottlingException' });
    Object.assign(deps, { db: { send: () => Promise.reject(throttled) } });
    await send('ops', notice('a'));
    expect(await takeAll('ops')).toBe(0);
    expect([warnings, receiver.received[0]?.body.includes('"header"')]).toStrictEqual([
      ['repeats could not be counted: ThrottlingException'],
      true,
    ]);
  });
});
