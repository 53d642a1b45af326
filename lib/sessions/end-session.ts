/**
 * Ending a session: when an execution has ended, its history is the truth. It is folded into records, its logs are
 * gathered, its report is written, and last its status. Called again at any time, it writes the same again.
 */
import { isDeepStrictEqual } from 'node:util';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { isPauseError, pausedErrors } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { type ExecutionBlock, objectKeys } from '../storage-layout.ts';
import { adoptedItem, blockOf, callerOf } from './adopt.ts';
import { forgetApprovals } from './approval-store.ts';
import { attemptItems, countsOf, iso, messageOf } from './attempt-items.ts';
import { isOfChildMachine, pipelineOfExecution } from './deployed.ts';
import type { EndDeps } from './deps.ts';
import { announceEnd } from './end-notices.ts';
import { withFailedRecords } from './failed-records.ts';
import { fitMessage, fitText, maxRecordTextBytes } from './fit-text.ts';
import { foldHistory } from './fold.ts';
import { describeExecution, type ExecutionFacts, readHistory } from './history.ts';
import type { AttemptItem, SessionItem } from './items.ts';
import { endFields } from './live-store.ts';
import { archiveLogs } from './log-archive.ts';
import { endTurn } from './overlap.ts';
import { readArtifact } from './pipelines.ts';
import { stillRunning } from './pause.ts';
import { reusedIn } from './reuse-items.ts';
import type { ReportData } from './report-data.ts';
import type { SessionStatus } from './status.ts';
import { wholeView } from './whole-values.ts';
import {
  advanceSession,
  bodiesRead,
  createItem,
  getSession,
  type JobRecords,
  listJobRecords,
  putJobRecords,
} from './store.ts';
import type { SessionView } from './view.ts';

export interface EndRequest {
  readonly executionArn: string;
  /**
   * Milliseconds since the epoch: an execution that ended later is left to who is told of its end.
   *
   * @default it may have ended just now
   */
  readonly endedBefore?: number;
}

export interface EndedSession {
  readonly session_id: string;
  readonly status: SessionStatus;
  /**
   * `running`: it has not ended, or just now; nothing was written. `exists`: its end had been recorded before. `part`:
   * it is a child machine's, whose root tells of it; nothing was written. `pausing`, `paused`: it was stopped for a time,
   * and functions of it may still run, or do not any more.
   */
  readonly outcome: 'ended' | 'exists' | 'running' | 'part' | 'pausing' | 'paused';
}

/** A report shows no more of a job's value than this, in bytes of JSON, and fetches no more from S3. */
const maxReportedBytes = 65_536;

/** What there is to do with the session that this call was the first to record as ended. */
export type OnEnded = (session: SessionItem, view: SessionView) => void;

/**
 * Records how a session ended.
 *
 * @param renderReport makes the report's HTML
 * @param onEnded called at most once per end, after it is on record
 * @throws {BunsuiError} BS3003 when the execution is of no deployed pipeline
 */
export async function endSession(
  deps: EndDeps,
  request: EndRequest,
  renderReport: (data: ReportData) => string | Promise<string>,
  onEnded: OnEnded = () => {},
): Promise<EndedSession> {
  const { executionArn } = request;
  const execution = await describeExecution(deps.sfn, executionArn);
  const block = blockOf(execution);
  if (isOfChildMachine(deps, execution)) return { session_id: block.session, status: 'running', outcome: 'part' };
  const { endedBefore = Number.POSITIVE_INFINITY } = request;
  // Who is told of its beginning as well records it: nobody else has, because no request has come for it.
  if (execution.status === 'RUNNING' && callerOf(execution) !== undefined) await recordBegun(deps, execution, block);
  if (execution.status === 'RUNNING' || Date.parse(execution.stoppedAt ?? '') > endedBefore) {
    return { session_id: block.session, status: 'running', outcome: 'running' };
  }

  const stored = await getSession(deps, block.session);
  if (stored !== undefined && isPast(execution, block, stored)) {
    return { session_id: stored.session_id, status: stored.status, outcome: 'exists' };
  }
  const isPause = execution.status === 'ABORTED' && isPauseError(execution.error);
  // Paused it is already, or it was cancelled meanwhile.
  if (isPause && stored !== undefined && stored.status !== 'running' && stored.status !== 'queued') {
    return { session_id: stored.session_id, status: stored.status, outcome: 'exists' };
  }
  const { item, artifact } = await startingPoint(deps, execution, stored);
  const folded = foldHistory(artifact, await readHistory(deps.sfn, executionArn));
  const view = await withFailedRecords(deps, artifact, folded, executionArn);
  const checkpoints = await putMissing(deps, artifact, item, attemptItems(view, item, executionArn));
  const session = endOf(deps, view, item);
  const logs = await archiveLogs(deps, item, executionArn);
  const shown = await wholeView(deps, item, view, { result: maxRecordTextBytes, values: maxReportedBytes });
  const at = { createdAt: item.created_at, session: item.session_id };
  await deps.s3.send(
    new PutObjectCommand({
      Bucket: deps.names.bucket,
      Key: objectKeys.report(at),
      Body: await renderReport({ artifact, view: shown, session, logs }),
      ContentType: 'text/html; charset=utf-8',
    }),
  );
  const { gatesTable } = deps;
  // Nobody hears of an answer any more: a redrive, or another execution, asks anew.
  const forget = async () => {
    if (artifact.approvals && gatesTable !== undefined)
      await forgetApprovals({ ...deps, gatesTable }, executionArn, execution.redriveCount);
  };
  if (isPause) {
    await forget();
    const open = stillRunning({ artifact, view, checkpoints, logs, generation: item.generation, nowMs: deps.now() });
    const isNow = execution.error === pausedErrors.now || stored?.pausing?.now === true;
    return recordPaused(deps, session, open.length > 0 && !isNow, stored === undefined);
  }
  const tell = await announceEnd(deps, { artifact, view, session, stored });
  const written = await record(deps, session, stored === undefined);
  if (written) onEnded(session, view);
  await tell(written);
  await forget();
  const { overlap = 'allow' } = artifact.pipeline;
  if (overlap !== 'allow') await endTurn(deps, item.pipeline_id);
  return { session_id: item.session_id, status: view.status, outcome: written ? 'ended' : 'exists' };
}

/** The record of a session that was called, while it runs. */
async function recordBegun(deps: EndDeps, execution: ExecutionFacts, { session }: ExecutionBlock): Promise<void> {
  if ((await getSession(deps, session)) !== undefined) return;
  await createItem(deps, adoptedItem(deps, execution, await pipelineOfExecution(deps, execution)));
}

/** True when the session has gone on since: what is told of now is an end that came late, or came again. */
function isPast(execution: ExecutionFacts, { generation }: ExecutionBlock, stored: SessionItem): boolean {
  return generation !== stored.generation || execution.redriveCount < (stored.redrive_count ?? 0);
}

/** @param adopt nobody has recorded it yet */
async function recordPaused(
  deps: EndDeps,
  session: SessionItem,
  isPausing: boolean,
  adopt: boolean,
): Promise<EndedSession> {
  const { session_id, completed_at: _, ...begun } = session;
  if (adopt) await createItem(deps, { ...begun, session_id, status: 'running' });
  if (isPausing) return { session_id, status: 'running', outcome: 'pausing' };
  const counts = { completed_jobs: session.completed_jobs, failed_jobs: session.failed_jobs };
  const patch = { ...counts, updated_at: session.updated_at };
  const moved = await advanceSession(deps, session, 'paused', patch, ['pausing', 'live_mark']);
  return { session_id, status: 'paused', outcome: moved === 'ok' ? 'paused' : 'exists' };
}

/**
 * Writes the records that are not there or say something else: nearly all are, if the live feed has kept up.
 *
 * @returns the checkpoints that are there
 */
async function putMissing(
  deps: EndDeps,
  artifact: PipelineArtifact,
  session: SessionItem,
  items: readonly AttemptItem[],
): Promise<JobRecords['checkpoints']> {
  const { attempts, checkpoints } = await listJobRecords(deps, session.session_id, bodiesRead(artifact, 0));
  const there = new Map(attempts.map((item) => [item.job_timestamp, item]));
  const reused = reusedIn(checkpoints, session.generation);
  await putJobRecords(
    deps,
    items
      .map((item) => {
        const from = item.job_status === 'completed' ? reused.get(item.job_id) : undefined;
        return from === undefined ? item : { ...item, reused_from: from };
      })
      .filter((item) => !isDeepStrictEqual(there.get(item.job_timestamp), item)),
  );
  return checkpoints;
}

/** The session's item, or for an execution that nobody recorded the item it would have had; and what was run. */
async function startingPoint(
  deps: EndDeps,
  execution: ExecutionFacts,
  stored: SessionItem | undefined,
): Promise<{ readonly item: SessionItem; readonly artifact: PipelineArtifact }> {
  if (stored !== undefined) {
    const { executionArn, redriveCount } = execution;
    const artifact = await readArtifact(deps, stored.pipeline_id, stored.pipeline_version);
    const redriven = redriveCount === 0 ? {} : { redrive_count: redriveCount };
    return { item: { ...stored, execution_arn: executionArn, ...redriven }, artifact };
  }
  const pipeline = await pipelineOfExecution(deps, execution);
  const artifact = await readArtifact(deps, pipeline.pipeline_id, pipeline.version);
  return { item: adoptedItem(deps, execution, pipeline), artifact };
}

/** The session's item as it ended, with nothing left of how it went or how it ended before. */
function endOf(deps: EndDeps, view: SessionView, item: SessionItem): SessionItem {
  const { completed_at: _, error_code: __, error_message: ___, output: ____, live_mark: _____, ...begun } = item;
  const full = `the output of execution ${item.execution_arn ?? ''}`;
  return {
    ...begun,
    status: view.status,
    ...(view.startedAt === undefined ? {} : { started_at: iso(view.startedAt) }),
    ...(view.endedAt === undefined ? {} : { completed_at: iso(view.endedAt) }),
    ...countsOf(view),
    ...(view.error === undefined
      ? {}
      : { error_code: fitMessage(view.error.name, 200), error_message: messageOf(view.error) }),
    ...(view.output === undefined ? {} : { output: fitText(JSON.stringify(view.output), full) }),
    updated_at: iso(deps.now()),
  };
}

/** @returns whether this call was the one that recorded the end */
async function record(deps: EndDeps, session: SessionItem, adopt: boolean): Promise<boolean> {
  if (adopt && (await createItem(deps, session)) === 'created') return true;
  // What others may have written meanwhile is theirs: notices and the like.
  const {
    session_id: _,
    created_at: __,
    status,
    generation: ___,
    noticed: ____,
    deadline_noticed: _____,
    actions: ______,
    tags: _______,
    tags_revision: ________,
    ...patch
  } = session;
  const gone = [...endFields, 'live_mark' as const].filter((field) => !Object.hasOwn(patch, field));
  return (await advanceSession(deps, session, status, patch, gone)) === 'ok';
}
