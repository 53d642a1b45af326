/**
 * What has happened between two views of a session, as events: the lines of a pipe, and of `--json`.
 */
import { askedOf } from './approval-text.ts';
import type { AttemptView, FailureView, JobView, SessionView } from '../sessions/view.ts';

interface EventBase<T extends string> {
  readonly type: T;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly job: string;
}
interface AttemptEnd {
  /** From 1. */
  readonly attempt: number;
  readonly durationMs: number;
}

/** A change of a job's state. Maps, loops and waits have events of their own in place of attempts. */
export type ProgressEvent =
  | (EventBase<'job.started'> & { readonly attempt: number; readonly operation?: string })
  | (EventBase<'job.waiting'> & {
      readonly attempt: number;
      readonly message?: string;
      readonly who?: readonly string[];
    })
  | (EventBase<'job.retrying'> & AttemptEnd & { readonly error?: FailureView })
  | (EventBase<'job.completed'> & AttemptEnd)
  | (EventBase<'job.failed' | 'job.timeout' | 'job.cancelled'> & Partial<AttemptEnd> & { readonly error?: FailureView })
  | EventBase<'job.skipped'>
  | (EventBase<`${Structure}.started`> & { readonly items?: number })
  | (EventBase<`${Structure}.${'completed' | EndType}`> & { readonly durationMs: number });

type Structure = Exclude<JobView['kind'], 'job'>;

type EndType = 'failed' | 'timeout' | 'cancelled';
const isBadEnd = (status: string): status is EndType =>
  status === 'failed' || status === 'timeout' || status === 'cancelled';

function structureChanges(
  kind: Structure,
  before: JobView | undefined,
  after: JobView,
  nowMs: number,
): readonly ProgressEvent[] {
  const events: ProgressEvent[] = [];
  const { job } = after;
  const at = { atMs: after.startedAt ?? nowMs, job };
  const isOverS3 = after.run !== undefined;
  // Of a map it is told when it knows its items; one over S3 knows them at its end.
  if (kind === 'map' && !isOverS3 && before?.iterations === undefined && after.iterations !== undefined)
    events.push({ ...at, type: 'map.started', items: after.iterations.total });
  if (kind === 'map' && isOverS3 && before?.run === undefined) events.push({ ...at, type: 'map.started' });
  if (kind !== 'map' && before?.startedAt === undefined && after.startedAt !== undefined)
    events.push({ ...at, type: `${kind}.started` });
  if (before?.status === after.status) return events;
  const atMs = after.endedAt ?? nowMs;
  const durationMs = Math.max(0, atMs - (after.startedAt ?? atMs));
  if (after.status === 'skipped') events.push({ type: 'job.skipped', atMs, job });
  if (after.status === 'completed') events.push({ type: `${kind}.completed`, atMs, job, durationMs });
  const neverBegan = after.status === 'cancelled' && after.startedAt === undefined;
  if (isBadEnd(after.status) && !neverBegan) events.push({ type: `${kind}.${after.status}`, atMs, job, durationMs });
  return events;
}

/** How an attempt's end shows: a bad end with another try to come is a retry. */
function attemptEnd(job: JobView, attempt: AttemptView, isLast: boolean): ProgressEvent | undefined {
  if (attempt.endedAt === undefined || attempt.status === 'running') return undefined;
  const at = { atMs: attempt.endedAt, job: job.job, attempt: attempt.number };
  const durationMs = Math.max(0, attempt.endedAt - attempt.startedAt);
  if (attempt.status === 'completed') return { ...at, type: 'job.completed', durationMs };
  const error = attempt.error === undefined ? {} : { error: attempt.error };
  const triedAgain = !isLast || job.status === 'retrying' || job.status === 'running';
  const type = triedAgain ? 'job.retrying' : (`job.${attempt.status}` as const);
  return { ...at, type, durationMs, ...error };
}

function jobChanges(before: JobView | undefined, after: JobView, nowMs: number): readonly ProgressEvent[] {
  const events: ProgressEvent[] = [];
  const { job } = after;
  after.attempts.forEach((attempt, index) => {
    const known = before?.attempts[index];
    if (known === undefined) {
      const at = { atMs: attempt.startedAt, job, attempt: attempt.number };
      const operation = after.operation === undefined ? {} : { operation: after.operation };
      if (after.isApproval) events.push({ type: 'job.waiting', ...at, ...askedOf(after) });
      else events.push({ type: 'job.started', ...at, ...operation });
    }
    if (known?.endedAt !== undefined) return;
    const end = attemptEnd(after, attempt, index === after.attempts.length - 1);
    if (end !== undefined) events.push(end);
  });
  if (before?.status === after.status) return events;
  const atMs = after.endedAt ?? nowMs;
  if (after.status === 'skipped') events.push({ type: 'job.skipped', atMs, job });
  // No attempt ended with it: an expression of the state failed, or the wait before a retry was cut short. What never
  // began and now never will is told by the session's end.
  const told = events.some(({ type }) => type === `job.${after.status}`);
  const neverBegan = after.status === 'cancelled' && after.startedAt === undefined;
  if (isBadEnd(after.status) && !told && !neverBegan) {
    const error = after.error === undefined ? {} : { error: after.error };
    events.push({ type: `job.${after.status}`, atMs: before?.status === 'retrying' ? nowMs : atMs, job, ...error });
  }
  return events;
}

/** A map ends with its last item, a loop with its last round, in the same moment: it is told after it. */
const isMapEnd = ({ type }: ProgressEvent) => !type.startsWith('job.') && !type.endsWith('.started');

/**
 * Every change from one view to a later one, in the order of time.
 *
 * @param nowMs the time of the newest event that `after` holds: stands in where a view knows no time of its own.
 */
export function progressEvents(
  before: SessionView | undefined,
  after: SessionView,
  nowMs: number,
): readonly ProgressEvent[] {
  const known = new Map(before?.jobs.map((job) => [job.job, job]));
  return after.jobs
    .flatMap((job) => {
      const seen = known.get(job.job);
      return job.kind === 'job' ? jobChanges(seen, job, nowMs) : structureChanges(job.kind, seen, job, nowMs);
    })
    .sort((a, b) => a.atMs - b.atMs || Number(isMapEnd(a)) - Number(isMapEnd(b)));
}
