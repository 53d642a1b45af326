/** Sessions of pipelines that do not run twice at once: those that were dropped, and those that wait for others. */
import { setTimeout as wait } from 'node:timers/promises';
import { BunsuiError } from '../errors.ts';
import { continueQueued } from '../sessions/overlap.ts';
import type { StartedSession } from '../sessions/start-session.ts';
import { getSession } from '../sessions/store.ts';
import type { Platform } from './platform.ts';

/** How often the record of a session that waits is looked at. */
const lookMs = 300;

/**
 * Resolves when a session that was started runs, or has ended.
 *
 * @param note says that it waits
 * @throws {BunsuiError} BS3005 when it was dropped, because another session of its pipeline runs
 */
export async function untilItsTurn(
  platform: Platform,
  { session_id: id, overlap }: Pick<StartedSession, 'session_id' | 'overlap'>,
  note: (text: string) => void,
): Promise<void> {
  if (overlap === undefined) return;
  const clients = await platform.clients();
  if (overlap === 'skipped') {
    const why = (await getSession(clients, id))?.error_message ?? 'another one runs';
    throw new BunsuiError('SessionError', 'BS3005', `session ${id} was dropped: ${why}`, {
      context: { session: id },
      hint: 'the pipeline says overlap: "skip". Wait for the end of the other one, cancel it, or resume it if it was interrupted',
    });
  }
  note(`session ${id} waits until no other session of its pipeline runs`);
  for (;;) {
    const item = await getSession(clients, id);
    if (item?.status !== 'queued') return;
    // On AWS the end of the other one, or the reconciler, starts it. Here the process that was to may be gone.
    if (platform.kind === 'local') await continueQueued({ ...clients, now: Date.now }, item);
    await wait(lookMs);
  }
}
