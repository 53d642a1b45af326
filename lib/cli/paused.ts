/** Sessions that are pausing, until they are paused: on this machine whoever waits looks whether their functions have ended. */
import { setTimeout as wait } from 'node:timers/promises';
import type { SessionItem } from '../sessions/items.ts';
import { endSession } from '../sessions/end-session.ts';
import { getSession } from '../sessions/store.ts';
import type { Platform } from './platform.ts';

const lookMs = 300;

const isPausing = ({ status, pausing }: SessionItem) => status === 'running' && pausing !== undefined;

/** Records that a session is paused where nothing of it runs any more. Nobody else does that on this machine. */
export async function settlePause(platform: Platform, { execution_arn: executionArn }: SessionItem): Promise<void> {
  if (platform.kind === 'aws' || executionArn === undefined) return;
  const [clients, { renderReport }] = await Promise.all([platform.clients(), import('../report/report.ts')]);
  const deps = { ...clients, now: Date.now, entropy: () => 0n };
  await endSession(deps, { executionArn }, renderReport);
}

/** The session once it is not pausing any more: paused, or ended after all. */
export async function untilPaused(platform: Platform, session: string): Promise<SessionItem | undefined> {
  for (;;) {
    const item = await getSession(await platform.clients(), session);
    if (item === undefined || !isPausing(item)) return item;
    await settlePause(platform, item);
    await wait(lookMs);
  }
}
