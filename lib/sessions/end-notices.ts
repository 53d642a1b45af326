/**
 * Notices of a session's end, and of a deadline that it has missed and nobody has told of yet: into the outbox before
 * the end is recorded, published after.
 */
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { NoticeEvent } from '../ir/nodes.ts';
import { policyOf } from '../ir/policy.ts';
import { iso } from './attempt-items.ts';
import type { EndDeps } from './deps.ts';
import type { SessionItem } from './items.ts';
import type { Notice } from './notice.ts';
import { enterOutbox, leaveOutbox, type NoticeDeps, noticeOf, publishNotice } from './notices.ts';
import { isTerminal, type SessionStatus } from './status.ts';
import { getSession, updateSession } from './store.ts';
import type { SessionView } from './view.ts';

export interface Ended {
  readonly artifact: PipelineArtifact;
  readonly view: SessionView;
  /** As it has ended. */
  readonly session: SessionItem;
  /** As it stood before; absent when nobody knew it. */
  readonly stored: SessionItem | undefined;
}

const eventOf: { readonly [status in SessionStatus]?: NoticeEvent } = {
  completed: 'succeeded',
  failed: 'failed',
  timeout: 'failed',
  cancelled: 'cancelled',
};

/**
 * Puts into the outbox what is to be told.
 *
 * @returns to be called once the end is on record, with whether this call has recorded it
 */
export async function announceEnd(deps: EndDeps, ended: Ended): Promise<(written: boolean) => Promise<void>> {
  const { notices } = deps;
  if (notices === undefined) return async () => {};
  const { session, stored } = ended;
  const end = endNotice(notices, ended, session);
  const owed = end !== undefined && stored?.noticed !== end.delivery_id ? end : undefined;
  const late = deadlineNotice(notices, ended);
  for (const notice of [owed, late]) {
    if (notice !== undefined) await enterOutbox(deps, notice, session.execution_arn ?? '', iso(deps.now()));
  }
  return async (written) => {
    if (late !== undefined) {
      await tell(deps, notices, session, late, 'deadline_noticed');
      await leaveOutbox(deps, late.delivery_id);
    }
    if (owed === undefined) return;
    // Somebody else may have recorded the end, another one even: a session that was cancelled has not succeeded.
    const now = written ? undefined : await getSession(deps, session.session_id);
    const same = now?.generation === session.generation && isTerminal(now.status);
    const notice = same ? endNotice(notices, ended, { ...session, status: now.status }) : owed;
    if (notice !== undefined && now?.noticed !== notice.delivery_id) {
      await tell(deps, notices, session, notice, 'noticed');
    }
    await leaveOutbox(deps, owed.delivery_id);
  };
}

async function tell(
  deps: EndDeps,
  notices: NoticeDeps,
  session: SessionItem,
  notice: Notice,
  field: 'noticed' | 'deadline_noticed',
): Promise<void> {
  await publishNotice(notices, notice);
  const { generation, redrive_count: redrive = 0 } = session;
  await updateSession(deps, session, {
    set: { [field]: notice.delivery_id },
    condition: '#generation = :generation AND (attribute_not_exists(#redrive) OR #redrive <= :redrive)',
    names: { '#generation': 'generation', '#redrive': 'redrive_count' },
    values: { ':generation': generation, ':redrive': redrive },
  });
}

/** What is to be told of a session that has ended so; `undefined` when nobody is to be told. */
function endNotice(
  notices: NoticeDeps,
  { artifact, view }: Pick<Ended, 'artifact' | 'view'>,
  session: SessionItem,
): Notice | undefined {
  const event = eventOf[session.status];
  if (event === undefined) return undefined;
  const path = view.error?.job;
  const job = path === undefined ? undefined : view.jobs.find((one) => one.job === path);
  const source = view.error?.source ?? job?.source;
  return noticeOf(notices, session, policyOf(artifact.pipeline) ?? {}, {
    event,
    at: session.completed_at ?? session.updated_at,
    ...(path === undefined
      ? source === undefined
        ? {}
        : { source }
      : { job: { job_id: path, attempt: job?.attempts.length ?? 1, ...(source === undefined ? {} : { source }) } }),
    ...(session.error_code === undefined
      ? {}
      : { error: { error_code: session.error_code, error_message: session.error_message ?? '' } }),
  });
}

/** The reconciler tells while a session runs; one that ended between two of its runs is told of here. */
function deadlineNotice(notices: NoticeDeps, { artifact, session, stored }: Ended): Notice | undefined {
  const policy = policyOf(artifact.pipeline) ?? {};
  const { deadlineSeconds } = policy;
  const { started_at, completed_at } = session;
  if (deadlineSeconds === undefined || started_at === undefined || completed_at === undefined) return undefined;
  // A redrive may come days later.
  if (stored?.deadline_noticed !== undefined || (session.redrive_count ?? 0) > 0) return undefined;
  if (Date.parse(completed_at) - Date.parse(started_at) <= deadlineSeconds * 1_000) return undefined;
  return noticeOf(notices, session, policy, { event: 'deadline', at: completed_at });
}
