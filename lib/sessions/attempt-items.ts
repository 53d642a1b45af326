/** What is recorded of a session's attempts and of its numbers: made of its view, live and at the end alike. */
import { attemptKey } from '../storage-layout.ts';
import { compensationOf } from './compensation-view.ts';
import { fitMessage, fitText } from './fit-text.ts';
import type { AttemptItem, SessionItem } from './items.ts';
import type { FailureView, JobView, SessionView } from './view.ts';

type RecordedSession = Pick<SessionItem, 'session_id' | 'pipeline_id' | 'generation'>;

/** A moment as records have it. */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** What an error says to a person: Lambda puts its message into a JSON text. */
export function messageOf(error: FailureView): string {
  try {
    const cause: unknown = JSON.parse(error.cause);
    const message = (cause as { readonly errorMessage?: unknown } | null)?.errorMessage;
    if (typeof message === 'string') return fitMessage(message);
  } catch {
    // Not Lambda's: the cause is the message.
  }
  return fitMessage(error.cause);
}

/** Every attempt of a session. */
export function attemptItems(
  view: SessionView,
  session: RecordedSession,
  executionArn: string,
): readonly AttemptItem[] {
  return view.jobs.flatMap((job) => job.attempts.map((attempt) => attemptItem(job, attempt, session, executionArn)));
}

/** One attempt of a job. */
export function attemptItem(
  job: JobView,
  attempt: JobView['attempts'][number],
  session: RecordedSession,
  executionArn: string,
): AttemptItem {
  const { generation } = session;
  const startedAt = iso(attempt.startedAt);
  const full = `the history of execution ${executionArn}, event ${attempt.eventId} and after`;
  return {
    session_id: session.session_id,
    job_timestamp: attemptKey(job.job, startedAt, generation, attempt.eventId),
    record_type: 'attempt',
    pipeline_id: session.pipeline_id,
    job_id: job.job,
    operation_id: job.operation ?? '',
    job_status: attempt.status,
    attempt: attempt.number,
    generation,
    execution_arn: executionArn,
    event_id: attempt.eventId,
    started_at: startedAt,
    ...(attempt.endedAt === undefined
      ? {}
      : { completed_at: iso(attempt.endedAt), duration_ms: Math.max(0, attempt.endedAt - attempt.startedAt) }),
    ...(attempt.error === undefined
      ? {}
      : { error_code: fitMessage(attempt.error.name, 200), error_message: messageOf(attempt.error) }),
    ...(attempt.called === undefined
      ? {}
      : { called_session: { session_id: attempt.called.session, created_at: attempt.called.createdAt } }),
    ...(job.compensates === undefined ? {} : { compensates: job.compensates }),
    ...(job.input === undefined ? {} : { input: fitText(JSON.stringify(job.input), full) }),
    ...(job.output === undefined || attempt.status !== 'completed'
      ? {}
      : { output: fitText(JSON.stringify(job.output), full) }),
    ...(job.fingerprint === undefined || attempt.status !== 'completed' ? {} : { fingerprint: job.fingerprint }),
  };
}

/** The numbers of a session's record. */
export type Counts = Pick<SessionItem, 'total_jobs' | 'completed_jobs' | 'failed_jobs' | 'compensation'>;

export function countsOf(view: SessionView): Counts {
  const jobs = view.jobs.filter((job) => job.kind === 'job');
  const count = (...statuses: readonly string[]) => jobs.filter((job) => statuses.includes(job.status)).length;
  const { undone, failed } = compensationOf(jobs) ?? {};
  return {
    total_jobs: jobs.length,
    completed_jobs: count('completed'),
    failed_jobs: count('failed', 'timeout'),
    ...(undone && failed && { compensation: { undone: undone.length, failed: failed.length } }),
  };
}
