/** Views of made-up sessions, for what prints them. */
import type { JobStatus } from '../../lib/sessions/status.ts';
import type { AttemptView, JobView, SessionView } from '../../lib/sessions/view.ts';

/** The moment all of these sessions start. */
export const t0 = Date.UTC(2026, 10, 21, 9, 0, 0);

const source = { file: '/work/flights.ts', line: 3, column: 9 };

export function attempt(number: number, fields: Partial<AttemptView> = {}): AttemptView {
  return { number, startedAt: t0, status: 'running', eventId: number, ...fields };
}

/** A job; times in milliseconds since `t0`. */
export function job(
  path: string,
  status: JobStatus,
  times: readonly [started?: number, ended?: number] = [],
  fields: Partial<JobView> = {},
): JobView {
  const [started, ended] = times;
  const ends = ended === undefined ? {} : { endedAt: t0 + ended };
  const isAttempt = started !== undefined && fields.kind !== 'map';
  const unlike = status === 'pending' || status === 'retrying' || status === 'skipped';
  const attemptStatus = unlike ? 'failed' : status === 'waiting' ? 'running' : status;
  return {
    job: path,
    kind: 'job',
    node: path.split('/').at(-1) ?? '',
    operation: `do-${path.split('/').at(-1)}`,
    status,
    attempts: isAttempt ? [attempt(1, { startedAt: t0 + started, status: attemptStatus, ...ends })] : [],
    source,
    ...(started === undefined ? {} : { startedAt: t0 + started }),
    ...ends,
    ...fields,
  };
}

export function session(jobs: readonly JobView[], fields: Partial<SessionView> = {}): SessionView {
  return { status: 'running', startedAt: t0, input: {}, jobs, ...fields };
}

/** What Lambda says when a handler throws. */
export function thrown(name: string, message: string): { readonly name: string; readonly cause: string } {
  return { name, cause: JSON.stringify({ errorType: name, errorMessage: message, trace: [`${name}: ${message}`] }) };
}

/** Half way through: two jobs done, one running, one waiting for its second attempt, a map with three of eight items. */
export const halfWay: SessionView = session([
  job('flights', 'completed', [0, 900]),
  job('airports', 'completed', [0, 400]),
  job('validate', 'retrying', [900], {
    attempts: [
      attempt(1, {
        startedAt: t0 + 900,
        endedAt: t0 + 1100,
        status: 'failed',
        error: thrown('SourceError', 'no answer'),
      }),
    ],
    error: thrown('SourceError', 'no answer'),
  }),
  job('by-hub', 'running', [1000], { kind: 'map', iterations: { total: 8, completed: 3, failed: 0 } }),
  job('by-hub[0]/profile', 'completed', [1000, 1300]),
  job('by-hub[1]/profile', 'completed', [1000, 1300]),
  job('by-hub[2]/profile', 'completed', [1000, 1300]),
  job('by-hub[3]/profile', 'running', [1300]),
  job('publish', 'pending'),
]);
