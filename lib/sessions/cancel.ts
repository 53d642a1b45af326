/**
 * Cancelling a session. One that waits is cancelled in its record; one that runs is cancelled by stopping its execution,
 * whose end is then recorded as every other. Whoever starts the execution of a session that waits looks afterwards
 * whether it was cancelled meanwhile (`stopIfCancelled`), so that the two cannot miss each other.
 */
import { ExecutionDoesNotExist, type SFNClient, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { BunsuiError } from '../errors.ts';
import { cancelAndTell, type CancelNoticeDeps } from './cancelled-notice.ts';
import { type Asker, type SessionAction, type SessionItem, withAction } from './items.ts';
import { isTerminal, type SessionStatus } from './status.ts';
import { getSession, updateSession } from './store.ts';

/** The error that a cancelled session ends with. */
export const cancelledError = 'Bunsui.Cancelled';

export interface CancelDeps extends CancelNoticeDeps {
  readonly sfn: Pick<SFNClient, 'send'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface CancelRequest {
  /** Id. */
  readonly session: string;
  /** For the record, at most 1,024 characters. */
  readonly reason?: string;
  /** Who asked, for the record. */
  readonly user?: string;
  /** Where. @default at a command line */
  readonly kind?: Asker['kind'];
}

export interface CancelledSession {
  readonly session_id: string;
  readonly created_at: string;
  /** `cancelled`; or, when it is being stopped, the status that it still has. */
  readonly status: SessionStatus;
  /**
   * `cancelled`: it never runs. `stopping`: its execution was stopped and its end is recorded in a moment. `exists`: it
   * had been cancelled before.
   */
  readonly outcome: 'cancelled' | 'stopping' | 'exists';
}

/**
 * Cancels a session that has not ended. Doing it again changes nothing.
 *
 * @throws {BunsuiError} BS3002 when there is no such session, BS3005 when it has ended otherwise
 */
export async function cancelSession(deps: CancelDeps, request: CancelRequest): Promise<CancelledSession> {
  const item = await getSession(deps, request.session);
  if (item === undefined) throw unknownSession(request.session);
  const { session_id, created_at, status } = item;
  if (status === 'cancelled') return { session_id, created_at, status, outcome: 'exists' };
  if (isTerminal(status)) throw hasEnded(item);
  const message = messageOf(request);
  // The end of one that is paused, or about to be, is no end that anybody would record.
  if (status === 'running' && item.pausing === undefined) {
    if (await stopExecution(deps.sfn, item, message)) {
      await noteCancelling(deps, item, request);
      return { session_id, created_at, status, outcome: 'stopping' };
    }
  }
  if ((await recordCancelled(deps, item, message, request)) === 'stale') return cancelSession(deps, request);
  // Somebody may just be starting it: either they see the record, or we see the execution.
  await stopExecution(deps.sfn, item, message);
  return { session_id, created_at, status: 'cancelled', outcome: 'cancelled' };
}

/**
 * Stops an execution that was started for a session which had been cancelled meanwhile. To be called by whoever starts
 * or redrives an execution and finds that the session's record does not move to `running`.
 */
export async function stopIfCancelled(
  deps: Pick<CancelDeps, 'db' | 'names' | 'sfn'>,
  { session_id, generation }: Pick<SessionItem, 'session_id' | 'generation'>,
): Promise<void> {
  const now = await getSession(deps, session_id);
  if (now?.status !== 'cancelled' || now.generation !== generation) return;
  await stopExecution(deps.sfn, now, now.error_message ?? '');
}

function unknownSession(id: string): BunsuiError {
  return new BunsuiError('SessionError', 'BS3002', `no session has the id "${id.slice(0, 100)}"`, {
    context: { session_id: id.slice(0, 100) },
  });
}

function hasEnded({ session_id, status }: SessionItem): BunsuiError {
  return new BunsuiError('SessionError', 'BS3005', `session ${session_id} has ended as ${status}`, {
    context: { session_id, status },
    hint: 'only a session that waits or runs can be cancelled',
  });
}

function messageOf({ reason, user }: CancelRequest): string {
  const by = user === undefined ? '' : ` by ${user}`;
  return reason === undefined ? `cancelled${by}` : user === undefined ? reason : `${reason} (cancelled${by})`;
}

/** @returns false when there is no such execution. One that has ended stays as it has ended. */
async function stopExecution(sfn: CancelDeps['sfn'], item: SessionItem, cause: string): Promise<boolean> {
  const { execution_arn: executionArn } = item;
  if (executionArn === undefined) return false;
  try {
    await sfn.send(new StopExecutionCommand({ executionArn, error: cancelledError, cause }));
    return true;
  } catch (thrown) {
    if (thrown instanceof ExecutionDoesNotExist) return false;
    throw thrown;
  }
}

function actionOf({ generation }: SessionItem, request: CancelRequest, at: string): SessionAction {
  const { reason, user, kind = 'manual' } = request;
  return { action: 'cancel', kind, at, generation, ...(user && { user }), ...(reason && { reason }) };
}

/** Who has asked for the end that is recorded in a moment. Where it is recorded by now, its message says it. */
async function noteCancelling(deps: CancelDeps, item: SessionItem, request: CancelRequest): Promise<void> {
  const at = new Date(deps.now()).toISOString();
  await updateSession(deps, item, {
    set: { actions: withAction(item, actionOf(item, request, at)) },
    condition: '#generation = :generation AND #updated = :updated',
    names: { '#generation': 'generation', '#updated': 'updated_at' },
    values: { ':generation': item.generation, ':updated': item.updated_at },
  });
}

/** For one that was never started, or whose execution is gone. @returns `'stale'` when it has moved since it was read */
async function recordCancelled(
  deps: CancelDeps,
  item: SessionItem,
  message: string,
  request: CancelRequest,
): Promise<'ok' | 'stale'> {
  const at = new Date(deps.now()).toISOString();
  const set = {
    status: 'cancelled',
    error_code: cancelledError,
    error_message: message,
    completed_at: at,
    updated_at: at,
    actions: withAction(item, actionOf(item, request, at)),
  } as const;
  return cancelAndTell(deps, { ...item, ...set }, () =>
    updateSession(deps, item, {
      set,
      remove: ['pausing'],
      condition: '#generation = :generation AND #status = :status',
      names: { '#generation': 'generation', '#status': 'status' },
      values: { ':generation': item.generation, ':status': item.status },
    }),
  );
}
