/** Statuses of sessions and jobs, and the moves between them that records allow. */

export const sessionStatuses = [
  'created',
  'queued',
  'running',
  'paused',
  'completed',
  'failed',
  'cancelled',
  'timeout',
] as const;
export type SessionStatus = (typeof sessionStatuses)[number];

export const jobStatuses = [
  'pending',
  'running',
  'waiting',
  'retrying',
  'completed',
  'failed',
  'cancelled',
  'timeout',
  'skipped',
] as const;
export type JobStatus = (typeof jobStatuses)[number];

/** One try of a job: it runs, or it has ended in one of four ways. */
export type AttemptStatus = Extract<JobStatus, 'running' | 'completed' | 'failed' | 'cancelled' | 'timeout'>;

/**
 * Where a session may go from each status. Within a generation and redrive a terminal status stays: the moves out of
 * `completed`, `failed`, `timeout` and `cancelled` are for a redrive or a new generation, which is `created` until what it
 * reuses is in its place. A new generation may begin from `paused`, too.
 */
export const sessionMoves: { readonly [from in SessionStatus]: readonly SessionStatus[] } = {
  created: ['queued', 'cancelled'],
  queued: ['running', 'cancelled'],
  running: ['paused', 'completed', 'failed', 'cancelled', 'timeout'],
  paused: ['running', 'cancelled'],
  completed: ['created', 'queued'],
  failed: ['created', 'queued', 'cancelled'],
  cancelled: ['created', 'queued'],
  timeout: ['created', 'queued', 'cancelled'],
};

/** Where a job may go from each status. `waiting` is for a person's answer, `retrying` the wait between two attempts. */
export const jobMoves: { readonly [from in JobStatus]: readonly JobStatus[] } = {
  pending: ['running', 'skipped', 'cancelled'],
  running: ['waiting', 'retrying', 'completed', 'failed', 'cancelled', 'timeout'],
  waiting: ['completed', 'failed', 'cancelled', 'timeout'],
  retrying: ['running', 'failed', 'cancelled', 'timeout'],
  completed: [],
  failed: ['running'],
  cancelled: [],
  timeout: ['running'],
  skipped: [],
};

/** Those in which an execution of the session has ended. */
export const terminalStatuses = ['completed', 'failed', 'cancelled', 'timeout'] as const;
export type TerminalStatus = (typeof terminalStatuses)[number];

/** True for the statuses in which an execution of the session has ended. */
export function isTerminal(status: SessionStatus): status is TerminalStatus {
  return terminalStatuses.some((one) => one === status);
}

/** The statuses from which a session can reach `to` by allowed moves, `to` left out: what a conditional update names. */
export function statusesBefore(to: SessionStatus): readonly SessionStatus[] {
  const open = sessionStatuses.filter((status) => !isTerminal(status));
  const before = new Set<SessionStatus>();
  const visit = (target: SessionStatus): void => {
    for (const status of open) {
      if (status !== to && !before.has(status) && sessionMoves[status].includes(target)) {
        before.add(status);
        visit(status);
      }
    }
  };
  visit(to);
  return sessionStatuses.filter((status) => before.has(status));
}
