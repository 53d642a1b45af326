/**
 * What the live feed writes. It is a hint that comes late, twice or in any order, so each write says under which
 * condition it is news: an attempt that has ended stays as it is, numbers only grow, and an end is never undone.
 */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import type { Counts } from './attempt-items.ts';
import type { StoreDeps } from './deps.ts';
import type { AttemptItem, SessionItem } from './items.ts';
import { advanceSession, type SessionAt, updateSession } from './store.ts';

/** Text that grows with generation and event. */
export function liveMark(generation: number, eventId: number): string {
  return `${String(generation).padStart(6, '0')}.${String(eventId).padStart(9, '0')}`;
}

/** Records an attempt that has begun or ended. @returns `'stale'` when what stands there says as much or more */
export async function putLiveAttempt(deps: StoreDeps, item: AttemptItem): Promise<'ok' | 'stale'> {
  const begun = item.job_status === 'running';
  try {
    await deps.db.send(
      new PutCommand({
        TableName: deps.names.jobHistoryTable,
        Item: item,
        ConditionExpression: `attribute_not_exists(job_timestamp)${begun ? '' : ' OR job_status = :running'}`,
        ...(begun ? {} : { ExpressionAttributeValues: { ':running': 'running' } }),
      }),
    );
    return 'ok';
  } catch (thrown) {
    if (thrown instanceof ConditionalCheckFailedException) return 'stale';
    throw thrown;
  }
}

/**
 * Records how far a session is that has not ended.
 *
 * @param eventId all events up to this one are in the numbers
 * @param patch what else is known; a status only where the session is known to be queued
 */
export async function putProgress(
  deps: StoreDeps,
  session: SessionAt,
  eventId: number,
  counts: Counts,
  patch: Partial<Pick<SessionItem, 'status' | 'started_at' | 'updated_at'>>,
): Promise<'ok' | 'stale'> {
  const mark = liveMark(session.generation, eventId);
  const open = patch.status === undefined ? ':created, :queued, :running, :paused' : ':created, :queued, :running';
  return updateSession(deps, session, {
    set: { ...counts, ...patch, live_mark: mark },
    condition: `#generation = :generation AND #status IN (${open}) AND (attribute_not_exists(#mark) OR #mark < :mark)`,
    names: { '#generation': 'generation', '#status': 'status', '#mark': 'live_mark' },
    values: {
      ':generation': session.generation,
      ':mark': mark,
      ':created': 'created',
      ':queued': 'queued',
      ':running': 'running',
      ...(patch.status === undefined ? { ':paused': 'paused' } : {}),
    },
  });
}

/**
 * Opens a session again whose execution was redriven.
 *
 * @param session with the new count of redrives
 * @param actions what was asked for, where it is known
 */
export async function reopenSession(
  deps: StoreDeps,
  session: SessionAt,
  updatedAt: string,
  actions?: SessionItem['actions'],
): Promise<'ok' | 'stale'> {
  const asked = actions === undefined ? {} : { actions };
  return advanceSession(deps, session, 'running', { updated_at: updatedAt, ...asked }, endFields);
}

/** What a session's record holds of its end, and of nothing before it. */
export const endFields = [
  'completed_at',
  'error_code',
  'error_message',
  'output',
  'noticed',
  'pausing',
  'compensation',
] as const;
