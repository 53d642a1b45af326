/** What a deployed pipeline does that is to start while a session of it runs. */
import { pipeline } from 'bunsui';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { OverlapPolicy } from '../../lib/ir/nodes.ts';
import { overlapError } from '../../lib/sessions/overlap.ts';
import { note } from './app/operations.ts';
import { deployer } from './deployer.ts';
import { deployApp, main } from './platforms.ts';

const held = (overlap: OverlapPolicy) =>
  pipeline(`overlap-${overlap}`, { input: z.object({ what: z.string(), wait: z.boolean() }), overlap }, (p, input) => {
    p.job('note', note, { what: input.what, wait: input.wait });
  });
const policies: readonly OverlapPolicy[] = ['allow', 'skip', 'queue', 'cancel-running'];

beforeAll(async () => {
  await deployApp();
  const deploy = await deployer();
  await Promise.all(policies.map((policy) => deploy(held(policy))));
});

/** Starts a session that waits until it is let go. */
const startHeld = (policy: OverlapPolicy, what: string) =>
  main.start({ pipeline: `overlap-${policy}`, input: { what, wait: true } });
const start = (policy: OverlapPolicy) =>
  main.start({ pipeline: `overlap-${policy}`, input: { what: 'next', wait: false } });
const { letGo } = main;
const idOf = ({ session_id }: { readonly session_id: string }) => session_id;

describe('a deployed pipeline that is to start while a session of it runs', () => {
  it.concurrent('runs them side by side when nothing else is said', async () => {
    const first = await startHeld('allow', 'allow-1');
    const second = await start('allow');
    expect([first.overlap, second.overlap]).toStrictEqual([undefined, undefined]);
    expect((await main.ended(idOf(second))).status).toBe('completed');
    await main.come(idOf(first), 'running');
    await letGo('allow-1');
    expect((await main.ended(idOf(first))).status).toBe('completed');
  });

  it.concurrent('skip: drops the new one, on record, and takes the next when the first has ended', async () => {
    const first = await startHeld('skip', 'skip-1');
    const second = await start('skip');
    expect([first.overlap, second.overlap]).toStrictEqual([undefined, 'skipped']);
    expect(await main.ended(idOf(second))).toMatchObject({ status: 'cancelled', error_code: overlapError });
    await letGo('skip-1');
    expect((await main.ended(idOf(first))).status).toBe('completed');
    expect((await main.ended(idOf(await start('skip')))).status).toBe('completed');
  });

  it.concurrent('queue: runs them one after the other, in order', async () => {
    const started = [await startHeld('queue', 'queue-1'), await start('queue'), await start('queue')];
    expect(started.map(({ overlap }) => overlap)).toStrictEqual([undefined, 'waiting', 'waiting']);
    await letGo('queue-1');
    const items = await Promise.all(started.map((one) => main.ended(idOf(one))));
    expect(items.map(({ status }) => status)).toStrictEqual(['completed', 'completed', 'completed']);
    const times = items.flatMap(({ started_at = '', completed_at = '' }) => [started_at, completed_at]);
    expect(times).toStrictEqual(times.toSorted());
  });

  it.concurrent('cancel-running: cancels the one that runs, and starts when that has ended', async () => {
    const first = await startHeld('cancel-running', 'cancel-1');
    await main.come(idOf(first), 'running');
    const second = await start('cancel-running');
    // LocalStack lets the function that runs come to its end.
    await letGo('cancel-1');
    const [cancelled, completed] = await Promise.all([main.ended(idOf(first)), main.ended(idOf(second))]);
    expect([cancelled.status, completed.status]).toStrictEqual(['cancelled', 'completed']);
    expect((cancelled.completed_at ?? '?') <= (completed.started_at ?? '')).toBe(true);
  });
});
