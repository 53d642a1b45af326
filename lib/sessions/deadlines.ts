/** Deadlines: telling of sessions that take longer than their pipeline says, once each. */
import { type PipelinePolicy, readPolicy } from '../ir/policy.ts';
import { iso } from './attempt-items.ts';
import { tellCancelled } from './cancelled-notice.ts';
import type { LiveDeps } from './deps.ts';
import type { SessionItem } from './items.ts';
import { noticeOf, publishNotice } from './notices.ts';
import { readOpenSessions } from './open-sessions.ts';
import { findPipeline } from './pipelines.ts';
import { updateSession } from './store.ts';
import type { SessionView } from './view.ts';

/** Milliseconds since the epoch; `undefined` when there is nothing to tell, or no more. */
export function deadlineOf(session: SessionItem, { deadlineSeconds }: PipelinePolicy): number | undefined {
  if (deadlineSeconds === undefined || session.deadline_noticed !== undefined) return undefined;
  return Date.parse(session.started_at ?? session.created_at) + deadlineSeconds * 1_000;
}

/** When a session is to have ended, and whether it had not by then. */
export interface DeadlineState {
  /** ISO 8601 in UTC. */
  readonly at: string;
  readonly missed: boolean;
}

/** @returns nothing where its pipeline has no deadline, or it has not begun */
export function deadlineState(
  { startedAt, endedAt }: Pick<SessionView, 'startedAt' | 'endedAt'>,
  { deadlineSeconds }: Pick<PipelinePolicy, 'deadlineSeconds'>,
  nowMs: number,
): DeadlineState | undefined {
  if (deadlineSeconds === undefined || startedAt === undefined) return undefined;
  const dueMs = startedAt + deadlineSeconds * 1_000;
  return { at: iso(dueMs), missed: (endedAt ?? nowMs) > dueMs };
}

/** Tells of a session that runs and has missed its deadline. @returns whether there was somebody to tell */
export async function tellDeadline(deps: LiveDeps, session: SessionItem, policy: PipelinePolicy): Promise<boolean> {
  const { notices } = deps;
  const notice = notices && noticeOf(notices, session, policy, { event: 'deadline', at: iso(deps.now()) });
  if (notices === undefined || notice === undefined) return false;
  await publishNotice(notices, notice);
  await updateSession(deps, session, {
    set: { deadline_noticed: notice.delivery_id },
    condition: '#generation = :generation',
    names: { '#generation': 'generation' },
    values: { ':generation': session.generation },
  });
  return true;
}

export interface ToldDeadlines {
  /** Ids of the sessions that were told of. */
  readonly deadlines: readonly string[];
  /** When the next one is due, ISO 8601 in UTC; absent when none is. */
  readonly next_due?: string;
  /** What could not be told; absent when all could. It is tried again when the next one is due. */
  readonly problems?: readonly { readonly session_id: string; readonly error: unknown }[];
}

/** After a failure, as the reconciler's next run. */
const retryMs = 60_000;

const maxPages = 10;

/**
 * Tells of every session that has missed its deadline by now, for who can come back exactly when the next one is due: a
 * laptop, where nobody looks every minute. Also of what was cancelled and could not be told of then.
 */
export async function tellDeadlines(deps: LiveDeps): Promise<ToldDeadlines> {
  const deadlines: string[] = [];
  const problems: { readonly session_id: string; readonly error: unknown }[] = [];
  let next = (await tellCancelled(deps)) ?? Number.POSITIVE_INFINITY;
  for (const session of await readOpenSessions(deps, maxPages)) {
    const { session_id, status } = session;
    try {
      const policy = readPolicy((await findPipeline(deps, session.pipeline_id, session.pipeline_version))?.policy);
      const due = deadlineOf(session, policy);
      if (due === undefined) continue;
      if (deps.now() <= due) next = Math.min(next, due);
      // It has not begun, or just begins: its own deadline is no sooner than that from now on.
      else if (status !== 'running') next = Math.min(next, deps.now() + (policy.deadlineSeconds ?? 0) * 1_000);
      else if (await tellDeadline(deps, session, policy)) deadlines.push(session_id);
    } catch (error) {
      problems.push({ session_id, error });
      next = Math.min(next, deps.now() + retryMs);
    }
  }
  return {
    deadlines,
    ...(Number.isFinite(next) ? { next_due: iso(next) } : {}),
    ...(problems.length === 0 ? {} : { problems }),
  };
}
