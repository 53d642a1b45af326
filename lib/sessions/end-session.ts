/**
 * Ending a session: when an execution has ended, its history is the truth. It is folded into records, its logs are
 * gathered, its report is written, and last its status. Called again at any time, it writes the same again.
 */
import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';
import {
  attemptKey,
  type ExecutionBlock,
  executionName,
  objectKeys,
  readExecutionBlock,
  reservedInputKey,
  sessionOfExecution,
} from '../storage-layout.ts';
import { pipelineOfExecution } from './deployed.ts';
import type { EndDeps } from './deps.ts';
import { fitMessage, fitText } from './fit-text.ts';
import { foldHistory } from './fold.ts';
import { describeExecution, type ExecutionFacts, readHistory } from './history.ts';
import type { AttemptItem, SessionItem } from './items.ts';
import { archiveLogs } from './logs.ts';
import { readArtifact } from './pipelines.ts';
import type { ReportData } from './report-data.ts';
import type { SessionStatus } from './status.ts';
import { advanceSession, createItem, getSession, putJobRecords } from './store.ts';
import type { FailureView, JobView, SessionView } from './view.ts';

export interface EndRequest {
  readonly executionArn: string;
}

export interface EndedSession {
  readonly session_id: string;
  readonly status: SessionStatus;
  /** `running`: the execution has not ended, nothing was written. `exists`: its end had been recorded before. */
  readonly outcome: 'ended' | 'exists' | 'running';
}

/**
 * Records how a session ended.
 *
 * @param renderReport makes the report's HTML
 * @throws {BunsuiError} BS3003 when the execution is of no deployed pipeline
 */
export async function endSession(
  deps: EndDeps,
  request: EndRequest,
  renderReport: (data: ReportData) => string,
): Promise<EndedSession> {
  const { executionArn } = request;
  const execution = await describeExecution(deps.sfn, executionArn);
  const block = blockOf(execution);
  if (execution.status === 'RUNNING') return { session_id: block.session, status: 'running', outcome: 'running' };

  const stored = await getSession(deps, block.session);
  const { item, artifact } = await startingPoint(deps, execution, block, stored);
  const view = foldHistory(artifact, await readHistory(deps.sfn, executionArn));
  await putJobRecords(deps, attemptItems(view, item, executionArn));
  const final = { ...item, ...endOf(deps, view, item) };
  const logs = await archiveLogs(deps, item, executionArn);
  const session: SessionItem = { ...final, status: view.status };
  const at = { createdAt: item.created_at, session: item.session_id };
  await deps.s3.send(
    new PutObjectCommand({
      Bucket: deps.names.bucket,
      Key: objectKeys.report(at),
      Body: renderReport({ artifact, view, session, logs }),
      ContentType: 'text/html; charset=utf-8',
    }),
  );
  const written = await record(deps, item, session, stored === undefined);
  return { session_id: item.session_id, status: view.status, outcome: written ? 'ended' : 'exists' };
}

/** The session an execution belongs to: as its input says, or derived from the execution itself. */
function blockOf(execution: ExecutionFacts): ExecutionBlock {
  const derived = sessionOfExecution(execution.executionArn, execution.startedAt);
  let input: unknown;
  try {
    input = JSON.parse(execution.input);
  } catch {
    return derived;
  }
  const given = (input as { readonly [key: string]: unknown } | null)?.[reservedInputKey];
  const block = readExecutionBlock(given);
  // Whoever may start executions may write any block: only an execution of that session's own name speaks for it.
  const name = execution.executionArn.split(':').at(-1);
  const own = block !== undefined && name === executionName(block.session, block.generation);
  return own ? block : derived;
}

/** The session's item, or for an execution that nobody recorded the item it would have had; and what was run. */
async function startingPoint(
  deps: EndDeps,
  execution: ExecutionFacts,
  block: ExecutionBlock,
  stored: SessionItem | undefined,
): Promise<{ readonly item: SessionItem; readonly artifact: PipelineArtifact }> {
  if (stored !== undefined) {
    const artifact = await readArtifact(deps, stored.pipeline_id, stored.pipeline_version);
    return { item: { ...stored, execution_arn: execution.executionArn }, artifact };
  }
  const pipeline = await pipelineOfExecution(deps, execution);
  const item: SessionItem = {
    session_id: block.session,
    created_at: block.createdAt,
    pipeline_id: pipeline.pipeline_id,
    pipeline_name: pipeline.pipeline_id,
    pipeline_version: pipeline.version,
    status: 'running',
    total_jobs: pipeline.total_jobs,
    completed_jobs: 0,
    failed_jobs: 0,
    execution_arn: execution.executionArn,
    execution_name: execution.executionArn.split(':').at(-1) ?? '',
    generation: block.generation,
    input: fitText(execution.input, `the input of execution ${execution.executionArn}`),
    trigger: { kind: 'manual', detail: 'started without bunsui' },
    ...(deps.environment === undefined ? {} : { environment: deps.environment }),
    region: deps.region,
    updated_at: execution.startedAt,
  };
  return { item, artifact: await readArtifact(deps, pipeline.pipeline_id, pipeline.version) };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** What an error says to a person: Lambda puts its message into a JSON text. */
function messageOf(error: FailureView): string {
  try {
    const cause: unknown = JSON.parse(error.cause);
    const message = (cause as { readonly errorMessage?: unknown } | null)?.errorMessage;
    if (typeof message === 'string') return fitMessage(message);
  } catch {
    // Not Lambda's: the cause is the message.
  }
  return fitMessage(error.cause);
}

function json(value: Json): string {
  return JSON.stringify(value);
}

function attemptItems(view: SessionView, session: SessionItem, executionArn: string): readonly AttemptItem[] {
  return view.jobs.flatMap((job) => job.attempts.map((attempt) => attemptItem(job, attempt, session, executionArn)));
}

function attemptItem(
  job: JobView,
  attempt: JobView['attempts'][number],
  session: SessionItem,
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
    ...(job.input === undefined ? {} : { input: fitText(json(job.input), full) }),
    ...(job.output === undefined || attempt.status !== 'completed' ? {} : { output: fitText(json(job.output), full) }),
  };
}

type End = Omit<SessionItem, 'session_id' | 'created_at' | 'status' | 'generation'>;

/** The fields that say how the session ended. */
function endOf(deps: EndDeps, view: SessionView, item: SessionItem): End {
  const jobs = view.jobs.filter((job) => job.kind === 'job');
  const count = (...statuses: readonly string[]) => jobs.filter((job) => statuses.includes(job.status)).length;
  const { session_id: _, created_at: __, status: ___, generation: ____, ...rest } = item;
  const full = `the output of execution ${item.execution_arn ?? ''}`;
  return {
    ...rest,
    ...(view.startedAt === undefined ? {} : { started_at: iso(view.startedAt) }),
    ...(view.endedAt === undefined ? {} : { completed_at: iso(view.endedAt) }),
    total_jobs: jobs.length,
    completed_jobs: count('completed'),
    failed_jobs: count('failed', 'timeout'),
    ...(view.error === undefined
      ? {}
      : { error_code: fitMessage(view.error.name, 200), error_message: messageOf(view.error) }),
    ...(view.output === undefined ? {} : { output: fitText(json(view.output), full) }),
    updated_at: iso(deps.now()),
  };
}

/** @returns whether this call was the one that recorded the end */
async function record(deps: EndDeps, item: SessionItem, session: SessionItem, adopt: boolean): Promise<boolean> {
  if (adopt && (await createItem(deps, session)) === 'created') return true;
  const { session_id: _, created_at: __, status, generation: ___, ...patch } = session;
  return (await advanceSession(deps, item, status, patch)) === 'ok';
}
