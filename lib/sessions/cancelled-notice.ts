/**
 * The notice of a session that was cancelled, or dropped, before an execution of it ran: no end of an execution tells of
 * it. As at every end it goes into the outbox before the record is changed, and is published after.
 */
import type { NoticeDeps } from './notices.ts';
import { enterOutbox, leaveOutbox, listOutbox, noticeOf, publishNotice } from './notices.ts';
import { readPolicy } from '../ir/policy.ts';
import type { StoreDeps } from './deps.ts';
import type { SessionItem } from './items.ts';
import type { Notice } from './notice.ts';
import { findPipeline } from './pipelines.ts';
import { getSession, updateSession } from './store.ts';

export interface CancelNoticeDeps extends StoreDeps {
  /** Left out where nobody is told. */
  readonly notices?: NoticeDeps;
}

/**
 * Cancels a session in its record, and tells of it.
 *
 * @param cancelled the session as it will be on record
 * @param write changes the record, unless it has moved
 */
export async function cancelAndTell(
  deps: CancelNoticeDeps,
  cancelled: SessionItem,
  write: () => Promise<'ok' | 'stale'>,
): Promise<'ok' | 'stale'> {
  const tell = await announceCancelled(deps, cancelled);
  let moved: 'ok' | 'stale';
  try {
    moved = await write();
  } catch (thrown) {
    // It may be written all the same; an entry that cannot be looked at stays for whoever empties the outbox.
    await tell(false).catch(() => {});
    throw thrown;
  }
  await tell(moved === 'ok');
  return moved;
}

/** @returns to be called when the record is changed, with whether this call has changed it */
async function announceCancelled(
  deps: CancelNoticeDeps,
  cancelled: SessionItem,
): Promise<(written: boolean) => Promise<void>> {
  const { notices } = deps;
  if (notices === undefined) return async () => {};
  const { pipeline_id: pipeline, pipeline_version: version, execution_arn: arn = '', updated_at: at } = cancelled;
  const policy = readPolicy((await findPipeline(deps, pipeline, version))?.policy);
  const { error_code, error_message = '' } = cancelled;
  const error = error_code === undefined ? {} : { error: { error_code, error_message } };
  const notice = noticeOf(notices, cancelled, policy, { event: 'cancelled', at, ...error });
  if (notice === undefined) return async () => {};
  await enterOutbox(deps, notice, arn, at);
  return async (written) => {
    // Somebody else has cancelled it, and is just about to tell.
    const others = written ? undefined : await getSession(deps, cancelled.session_id);
    if (others?.status === 'cancelled' && others.noticed !== notice.delivery_id) return;
    if (written) {
      try {
        await publishNotice(notices, notice);
      } catch {
        // Cancelled it is: the entry stays, and whoever empties the outbox publishes it.
        return;
      }
      await updateSession(deps, cancelled, {
        set: { noticed: notice.delivery_id },
        condition: '#generation = :generation',
        names: { '#generation': 'generation' },
        values: { ':generation': cancelled.generation },
      });
    }
    await leaveOutbox(deps, notice.delivery_id);
  };
}

/**
 * Whether an entry of the outbox tells of a session that goes on: whoever was to cancel it has died before its record
 * was changed. Asked before anything of it is published.
 */
export async function isOfNoCancelling(deps: StoreDeps, { event, session_id, delivery_id }: Notice): Promise<boolean> {
  if (event !== 'cancelled') return false;
  const now = await getSession(deps, session_id);
  const [, generation] = delivery_id.split('/');
  return now !== undefined && String(now.generation) === generation && now.status !== 'cancelled';
}

/** Younger entries may be in somebody else's hands. */
const graceMs = 60_000;
const maxEntries = 100;

/**
 * Tells what could not be told when sessions were cancelled, for a laptop, where no reconciler runs. Ends of executions
 * are recorded again there by whoever opens the platform, and told then.
 *
 * @returns when there may be more to do, milliseconds since the epoch
 */
export async function tellCancelled(
  deps: CancelNoticeDeps & { readonly now: () => number },
): Promise<number | undefined> {
  const { notices } = deps;
  if (notices === undefined) return undefined;
  let next: number | undefined;
  for (const { created_at: delivery, entered_at, notice } of await listOutbox(deps, maxEntries)) {
    const told = JSON.parse(notice) as Notice;
    if (told.event !== 'cancelled') continue;
    const from = Date.parse(entered_at) + graceMs;
    if (deps.now() < from) {
      next = Math.min(next ?? from, from);
      continue;
    }
    try {
      if (!(await isOfNoCancelling(deps, told))) await publishNotice(notices, told);
      await leaveOutbox(deps, delivery);
    } catch {
      next = Math.min(next ?? Number.POSITIVE_INFINITY, deps.now() + graceMs);
    }
  }
  return next;
}
