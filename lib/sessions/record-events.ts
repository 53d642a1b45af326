/**
 * The live feed: events of running executions, as their logs deliver them, become records of attempts and numbers of
 * sessions. It is a hint: what comes late, twice, cut off or never, the end of the session puts right
 * (`end-session.ts`). It never says that a session has ended.
 *
 *     batch → by execution → fold, gaps from the history → attempts that began or ended → numbers, at most once
 */
import { BunsuiError } from '../errors.ts';
import { tellApproval } from './approval-notices.ts';
import { readAsking } from './approval-store.ts';
import { attemptItem, countsOf, iso, messageOf } from './attempt-items.ts';
import { isOfChildMachine } from './deployed.ts';
import type { LiveDeps } from './deps.ts';
import { jobOfEvent, view } from './fold.ts';
import { fitMessage } from './fit-text.ts';
import { isThrottling } from './history.ts';
import type { AttemptItem, SessionItem } from './items.ts';
import type { LiveEvent } from './live-events.ts';
import { forgetOldest, type LiveSession, type LiveSessions, openLive, takeIn } from './live-session.ts';
import { putLiveAttempt, putProgress, reopenSession } from './live-store.ts';
import { type Happening, noticeOf, publishNotice } from './notices.ts';
import type { AttemptView, JobView, SessionView } from './view.ts';

export interface RecordedEvents {
  /** Executions whose sessions were followed, and those where there was nothing to do. */
  readonly followed: number;
  readonly passed: number;
  /** Writes to the job history, in order, and how many there were to sessions. */
  readonly attempts: readonly Pick<AttemptItem, 'session_id' | 'job_id' | 'attempt' | 'job_status'>[];
  readonly session_writes: number;
  readonly failed: readonly { readonly execution_arn: string; readonly error: unknown }[];
}

/** What one execution's share of a batch has cost. */
interface Written {
  readonly attempts: RecordedEvents['attempts'][number][];
  sessions: number;
}

/**
 * Records a batch. An execution that cannot be recorded holds up no other; the same batch may come again.
 *
 * @param sessions what this process remembers of earlier batches
 */
export async function recordEvents(
  deps: LiveDeps,
  events: readonly LiveEvent[],
  sessions: LiveSessions,
): Promise<RecordedEvents> {
  const byExecution = Map.groupBy(events, ({ executionArn }) => executionArn);
  const written: Written = { attempts: [], sessions: 0 };
  const failed: { readonly execution_arn: string; readonly error: unknown }[] = [];
  let followed = 0;
  for (const [executionArn, ofExecution] of byExecution) {
    try {
      if (await recordExecution(deps, executionArn, ofExecution, sessions, written)) followed += 1;
    } catch (error) {
      // What it had taken in may not be written: the next delivery begins anew.
      sessions.delete(executionArn);
      // Not one of ours, though it is named like one; it will not become one by trying again.
      if (error instanceof BunsuiError && error.code === 'BS3003') continue;
      failed.push({ execution_arn: executionArn, error });
    }
  }
  forgetOldest(sessions);
  const passed = byExecution.size - followed - failed.length;
  return { followed, passed, attempts: written.attempts, session_writes: written.sessions, failed };
}

async function recordExecution(
  deps: LiveDeps,
  executionArn: string,
  events: readonly LiveEvent[],
  sessions: LiveSessions,
  written: Written,
): Promise<boolean> {
  const stateMachineArn = executionArn.split(':').slice(0, 7).join(':').replace(':execution:', ':stateMachine:');
  if (isOfChildMachine(deps, { stateMachineArn })) return false;
  const redriveCount = events.reduce((max, event) => Math.max(max, event.redriveCount), 0);
  const live = sessions.get(executionArn) ?? (await openLive(deps, executionArn, redriveCount));
  if (live === undefined) return false;
  sessions.delete(executionArn);
  sessions.set(executionArn, live);
  // Each once, also when one delivery holds it twice.
  const byId = new Map([...live.open, ...events].map((event) => [event.id, event]));
  const fresh = [...byId.values()].filter(({ id }) => !live.delivered.has(id));
  if (fresh.length === 0) return true;
  await followRedrive(deps, live, redriveCount, written);
  const complete = await takeIn(deps, live, executionArn, fresh).catch((thrown: unknown) => {
    // Others read histories too, and the rate is the account's: what can be told without is told.
    if (isThrottling(thrown)) return false;
    throw thrown;
  });
  const seen = view(live.fold);
  const touched = touchedAttempts(live, seen, fresh);
  await writeAttempts(deps, live, touched, written);
  if (complete) await writeProgress(deps, live, seen, written);
  await tell(deps, live, seen, touched, fresh);
  live.open = fresh.filter(({ id }) => !live.fold.positions.has(id));
  for (const { id } of fresh) if (live.fold.positions.has(id)) live.delivered.add(id);
  return true;
}

async function followRedrive(deps: LiveDeps, live: LiveSession, redriveCount: number, written: Written): Promise<void> {
  if (redriveCount <= (live.session.redrive_count ?? 0)) return;
  live.session = { ...live.session, redrive_count: redriveCount, status: 'running' };
  await reopenSession(deps, live.session, iso(deps.now()));
  written.sessions += 1;
}

interface Touched {
  readonly job: JobView;
  readonly attempt: AttemptView;
}

/** The attempts that the events belong to, each once. */
function touchedAttempts(live: LiveSession, seen: SessionView, events: readonly LiveEvent[]): readonly Touched[] {
  const jobs = new Map(seen.jobs.map((job) => [job.job, job]));
  const touched = new Map<string, Touched>();
  for (const { id } of events) {
    const job = jobs.get(jobOfEvent(live.fold, id) ?? '');
    const attempt = job?.attempts.findLast(({ eventId }) => eventId <= id);
    if (job !== undefined && attempt !== undefined) touched.set(`${job.job} ${attempt.eventId}`, { job, attempt });
  }
  return [...touched.values()];
}

/** So many at once: a batch may hold hundreds, and each is a write of its own. */
const writesAtOnce = 8;

async function writeAttempts(
  deps: LiveDeps,
  live: LiveSession,
  touched: readonly Touched[],
  written: Written,
): Promise<void> {
  const news = touched
    .map(({ job, attempt }) => attemptItem(job, attempt, live.session, live.session.execution_arn ?? ''))
    .filter((item) => live.written.get(item.job_timestamp) !== item.job_status);
  for (let from = 0; from < news.length; from += writesAtOnce) {
    const part = news.slice(from, from + writesAtOnce);
    await Promise.all(part.map((item) => putLiveAttempt(deps, item)));
    for (const { session_id, job_id, attempt, job_status, job_timestamp } of part) {
      written.attempts.push({ session_id, job_id, attempt, job_status });
      live.written.set(job_timestamp, job_status);
    }
  }
}

async function writeProgress(deps: LiveDeps, live: LiveSession, seen: SessionView, written: Written): Promise<void> {
  const counts = countsOf(seen);
  const text = JSON.stringify(counts);
  const waits = live.session.status === 'queued' || live.session.status === 'created';
  if (text === live.counts && !waits) return;
  const patch: Partial<SessionItem> = {
    updated_at: iso(deps.now()),
    ...(waits ? { status: 'running' } : {}),
    ...(waits && seen.startedAt !== undefined ? { started_at: iso(seen.startedAt) } : {}),
  };
  await putProgress(deps, live.session, live.upTo, counts, patch);
  written.sessions += 1;
  live.session = { ...live.session, ...patch, ...counts };
  live.counts = text;
}

/** Tells of what has begun and of what is tried again: once as a rule, and again when the batch comes again. */
async function tell(
  deps: LiveDeps,
  live: LiveSession,
  seen: SessionView,
  touched: readonly Touched[],
  events: readonly LiveEvent[],
): Promise<void> {
  const { notices } = deps;
  if (notices === undefined) return;
  const begun = events.find(({ event }) => event?.type === 'ExecutionStarted' || event?.type === 'ExecutionRedriven');
  const happenings = [
    ...(begun?.event === undefined ? [] : [{ event: 'started', at: iso(begun.event.timestamp) } as const]),
    ...touched.flatMap(({ job, attempt }) => retryOf(job, attempt)),
  ];
  for (const { job, attempt } of touched) {
    if (job.status === 'waiting' && attempt.status === 'running') await tellAsking(deps, live, seen, job);
  }
  for (const happening of happenings) {
    const notice = noticeOf(notices, { ...live.session, ...countsOf(seen), status: 'running' }, live.policy, happening);
    if (notice !== undefined) await publishNotice(notices, notice);
  }
}

/** Tells of an approval once it waits: its item is there when Step Functions says that it was sent. */
async function tellAsking(deps: LiveDeps, live: LiveSession, seen: SessionView, job: JobView): Promise<void> {
  const { gatesTable } = deps;
  if (gatesTable === undefined) return;
  const own = { ...deps, gatesTable };
  const asked = await readAsking(own, live.session.execution_arn ?? '', job.job);
  if (asked === undefined || asked.answered !== undefined) return;
  const session: SessionItem = { ...live.session, ...countsOf(seen), status: 'running' };
  await tellApproval(own, session, live.policy, asked, job.source);
}

function retryOf(job: JobView, attempt: AttemptView): readonly Happening[] {
  const isLast = job.attempts.at(-1) === attempt;
  const again = attempt.error !== undefined && (!isLast || job.status === 'retrying');
  if (!again || attempt.endedAt === undefined || attempt.error === undefined) return [];
  const { name } = attempt.error;
  return [
    {
      event: 'retrying',
      at: iso(attempt.endedAt),
      job: { job_id: job.job, attempt: attempt.number, source: job.source },
      error: { error_code: fitMessage(name, 200), error_message: messageOf(attempt.error) },
    },
  ];
}
