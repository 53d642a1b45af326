/**
 * Pausing a session. Its execution is stopped, so that no job starts any more; functions that run finish, because
 * Lambda does not stop them, and their checkpoints count when the session goes on. It is `paused` when none is left.
 *
 *     record: pausing (conditional) → StopExecution, with an error of its own → end of the execution:
 *     functions that may still run? → no: record: paused … resumed as a rerun is, by the road that is open
 *
 * Whoever finds the mark and an execution that runs stops it again; whoever finds it stopped looks who still runs.
 */
import { ExecutionDoesNotExist, type SFNClient, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { BunsuiError, pausedErrors } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { OperationIr } from '../ir/nodes.ts';
import { isLambda } from '../ir/operations.ts';
import { iso } from './attempt-items.ts';
import type { StoreDeps } from './deps.ts';
import { type Asker, type CheckpointItem, type SessionItem, withAction } from './items.ts';
import type { JobLog } from './report-data.ts';
import { isTerminal, type SessionStatus } from './status.ts';
import { getSession, updateSession } from './store.ts';
import type { SessionView } from './view.ts';

export interface PauseDeps extends StoreDeps {
  readonly sfn: Pick<SFNClient, 'send'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface PauseRequest {
  /** Id. */
  readonly session: string;
  readonly by: Asker;
  /** For the record, at most 1,024 characters. */
  readonly reason?: string;
  /** It counts as paused at once: functions that run are not waited for, and on a laptop they are ended. */
  readonly now?: boolean;
}

export interface PausedSession {
  readonly session_id: string;
  readonly created_at: string;
  readonly status: SessionStatus;
  /** `pausing`: no job starts any more, those that run finish. `exists`: it was paused before. */
  readonly outcome: 'pausing' | 'exists';
}

/**
 * Pauses a session that runs. Doing it again changes nothing, but that `now` hastens it.
 *
 * @throws {BunsuiError} BS3002 when there is no such session, BS3005 when it has ended, BS3017 while it waits to run
 */
export async function pauseSession(deps: PauseDeps, request: PauseRequest): Promise<PausedSession> {
  const item = await getSession(deps, request.session);
  if (item === undefined) {
    const id = request.session.slice(0, 100);
    throw new BunsuiError('SessionError', 'BS3002', `no session has the id "${id}"`, { context: { session_id: id } });
  }
  const { session_id, created_at, status } = item;
  if (status === 'paused') return { session_id, created_at, status, outcome: 'exists' };
  if (status !== 'running') throw notRunning(item);
  const hastens = request.now === true && item.pausing?.now !== true;
  if (item.pausing === undefined || hastens) {
    if ((await mark(deps, item, request)) === 'stale') return pauseSession(deps, request);
  }
  await stopToPause(deps, { ...item, ...(request.now ? { pausing: { at: '', now: true } } : {}) }, request.reason);
  return { session_id, created_at, status, outcome: 'pausing' };
}

function notRunning({ session_id, status }: SessionItem): BunsuiError {
  const context = { session_id, status };
  if (isTerminal(status)) {
    return new BunsuiError('SessionError', 'BS3005', `session ${session_id} has ended as ${status}`, {
      context,
      hint: 'only a session that runs can be paused',
    });
  }
  return new BunsuiError('SessionError', 'BS3017', `session ${session_id} is ${status}: nothing of it runs yet`, {
    context,
    hint: 'pause it when it runs, or cancel it',
    recoverable: true,
  });
}

function mark(deps: PauseDeps, item: SessionItem, { by, reason, now }: PauseRequest): Promise<'ok' | 'stale'> {
  const at = iso(deps.now());
  const { generation, redrive_count } = item;
  const run = { generation, ...(redrive_count === undefined ? {} : { redrive_count }) };
  const why = reason === undefined ? {} : { reason };
  return updateSession(deps, item, {
    set: {
      pausing: { at, ...(now ? { now } : {}) },
      actions: withAction(item, { action: 'pause', ...by, at, ...run, ...why }),
      updated_at: at,
    },
    condition: '#generation = :generation AND #status = :running',
    names: { '#generation': 'generation', '#status': 'status' },
    values: { ':generation': generation, ':running': 'running' },
  });
}

/** Stops the execution of a session that is to pause. One that has ended stays as it has ended. */
export async function stopToPause(
  { sfn }: Pick<PauseDeps, 'sfn'>,
  { execution_arn: executionArn, pausing }: SessionItem,
  reason = 'the session is paused',
): Promise<void> {
  const error = pausing?.now ? pausedErrors.now : pausedErrors.wait;
  try {
    await sfn.send(new StopExecutionCommand({ executionArn, error, cause: reason }));
  } catch (thrown) {
    if (!(thrown instanceof ExecutionDoesNotExist)) throw thrown;
  }
}

/** A function that has been given its last second takes some more to be heard of. */
const graceMs = 5_000;

/** What is known of a session whose execution was stopped to pause it. */
export interface Stopped {
  readonly artifact: PipelineArtifact;
  readonly view: SessionView;
  readonly checkpoints: readonly Pick<CheckpointItem, 'job_id' | 'generation'>[];
  readonly logs: { readonly [job: string]: JobLog };
  readonly generation: number;
  readonly nowMs: number;
}

/**
 * Whether a job's work goes on without its execution. Lambda finishes what it runs; what Step Functions waits for in
 * other services (`.sync`) it stops with the execution, and other calls are over.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-sync
 */
function outlivesExecution(operation: OperationIr | undefined): boolean {
  if (operation === undefined || isLambda(operation)) return true;
  return 'task' in operation && operation.task.resource.startsWith('arn:aws:states:::lambda:invoke');
}

/** Paths of jobs whose functions may still run: no checkpoint, no last line in the log, and time left. */
export function stillRunning({ artifact, view, checkpoints, logs, generation, nowMs }: Stopped): readonly string[] {
  const done = new Set(checkpoints.filter((item) => item.generation === generation).map(({ job_id }) => job_id));
  return view.jobs.flatMap(({ job, operation, isApproval, attempts }) => {
    const last = attempts.at(-1);
    const isCut = last?.status === 'running' || (last?.status === 'cancelled' && last.error === undefined);
    // An approval has no function: what waits for a person is asked anew.
    const declared = artifact.pipeline.operations[operation ?? ''];
    if (last === undefined || !isCut || isApproval || done.has(job) || !outlivesExecution(declared)) return [];
    const lines = logs[job]?.lines ?? [];
    const isOver = lines.some(
      ({ message, timestamp }) =>
        (message === 'job failed' || message === 'job completed') && Date.parse(timestamp) >= last.startedAt,
    );
    const { timeoutSeconds = 900 } = declared ?? {};
    return isOver || nowMs > last.startedAt + timeoutSeconds * 1_000 + graceMs ? [] : [job];
  });
}
