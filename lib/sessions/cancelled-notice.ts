/**
 * The notice of a session that was cancelled, or dropped, before an execution of it ran: no end of an execution tells of
 * it. As at every end it goes into the outbox before the record is changed, and is published after.
 */
import type { NoticeDeps } from './notices.ts';
import { enterOutbox, leaveOutbox, noticeOf, publishNotice } from './notices.ts';
import { readPolicy } from '../ir/policy.ts';
import type { StoreDeps } from './deps.ts';
import type { SessionItem } from './items.ts';
import { findPipeline } from './pipelines.ts';
import { getSession, updateSession } from './store.ts';

export interface CancelNoticeDeps extends StoreDeps {
  /** Left out where nobody is told. */
  readonly notices?: NoticeDeps;
}

/**
 * Puts into the outbox what is to be told of a session that is about to be cancelled.
 *
 * @param cancelled the session as it will be on record
 * @returns to be called when the record is changed, with whether this call has changed it
 */
export async function announceCancelled(
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
