/**
 * What a rerun of a session will do, before it does it. Two roads lead on from a failure: a redrive of its execution,
 * which keeps every job that has completed, and a new execution, which opens the session's next generation and runs
 * every job.
 */
import { DescribeExecutionCommand, type DescribeExecutionOutput, ExecutionDoesNotExist } from '@aws-sdk/client-sfn';
import type { S3Client } from '@aws-sdk/client-s3';
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { placedNodes } from '../ir/walk.ts';
import type { PlatformNames } from '../storage-layout.ts';
import { pipelineToStart } from './deployed.ts';
import type { StartDeps } from './deps.ts';
import { foldHistory } from './fold.ts';
import { readHistory } from './history.ts';
import type { PipelineItem, SessionItem } from './items.ts';
import { readArtifact } from './pipelines.ts';
import { getSession } from './store.ts';
import type { JobView, SessionView } from './view.ts';

export interface RerunDeps extends StartDeps {
  readonly s3: Pick<S3Client, 'send'>;
  readonly names: PlatformNames;
}

export const rerunRoads = ['redrive', 'new-execution'] as const;
export type RerunRoad = (typeof rerunRoads)[number];

export interface RerunRequest {
  /** Id. */
  readonly session: string;
  /** @default a redrive where it does what a new execution would, a new execution elsewhere */
  readonly road?: RerunRoad;
}

export interface RerunPlan {
  readonly session_id: string;
  readonly created_at: string;
  readonly pipeline_id: string;
  readonly road: RerunRoad;
  /** Why this road, for a person. */
  readonly reason: string;
  /** The version that will run: of a redrive the one that ran, of a new execution the one deployed now. */
  readonly version: string;
  /** Ids of the jobs that run, in the order of the pipeline's text; of one in a map, some of its iterations at least. */
  readonly runs: readonly string[];
  /** Ids of the jobs that are not run again. */
  readonly keeps: readonly string[];
}

/** A plan with what it was made from. */
export interface PreparedRerun {
  readonly plan: RerunPlan;
  readonly item: SessionItem;
  /** Absent when Step Functions does not know it any more. */
  readonly execution: DescribeExecutionOutput | undefined;
  /** What a new execution runs. Absent when the pipeline is not deployed any more. */
  readonly pipeline: PipelineItem | undefined;
}

/**
 * What `rerunSession` would do now. Nothing is written.
 *
 * @throws {BunsuiError} BS3002 when there is no such session; BS3008 when it has not failed, or the road that was asked
 *   for is closed; BS3003 when the pipeline is not deployed any more and a new execution is the only road
 */
export async function planRerun(deps: RerunDeps, request: RerunRequest): Promise<RerunPlan> {
  return (await prepareRerun(deps, request)).plan;
}

/** Ends from which a rerun leads on. */
const failedEnds = ['failed', 'timeout', 'cancelled'] as const;

/** @see planRerun */
export async function prepareRerun(deps: RerunDeps, request: RerunRequest): Promise<PreparedRerun> {
  const item = await getSession(deps, request.session);
  if (item === undefined) {
    const id = request.session.slice(0, 100);
    throw new BunsuiError('SessionError', 'BS3002', `no session has the id "${id}"`, { context: { session_id: id } });
  }
  if (!failedEnds.some((end) => end === item.status)) throw notFailed(item);
  const [execution, pipeline] = await Promise.all([describe(deps, item), currentPipeline(deps, item)]);
  if (execution?.status === 'RUNNING') requireRedriven(item, execution, request.road);
  const { road, reason } = chooseRoad(item, execution, pipeline, request.road);
  if (road === 'new-execution' && pipeline === undefined) {
    throw new BunsuiError('PipelineError', 'BS3003', `pipeline "${item.pipeline_id}" is not deployed any more`, {
      context: { pipeline_id: item.pipeline_id },
      hint: `deploy it, and rerun the session then; it cannot be redriven: ${closedTo(execution)}`,
    });
  }
  const version = road === 'redrive' ? item.pipeline_version : (pipeline?.version ?? item.pipeline_version);
  const artifact = await readArtifact(deps, item.pipeline_id, version);
  const view =
    road === 'redrive' ? foldHistory(artifact, await readHistory(deps.sfn, item.execution_arn ?? '')) : undefined;
  const { session_id, created_at, pipeline_id } = item;
  const plan = { session_id, created_at, pipeline_id, road, reason, version, ...jobsOf(artifact, view) };
  return { plan, item, execution, pipeline };
}

export function notFailed({ session_id, status }: Pick<SessionItem, 'session_id' | 'status'>): BunsuiError {
  const hint =
    status === 'completed'
      ? 'nothing of it failed; start a new session'
      : 'wait until it has ended, or cancel it; then it can be rerun';
  return new BunsuiError(
    'SessionError',
    'BS3008',
    `session ${session_id} is ${status}: only one that failed can be rerun`,
    {
      context: { session_id, status },
      hint,
    },
  );
}

/**
 * An execution that runs, of a session that has ended on record, was redriven a moment ago: the record of it is still to
 * come, and may be made by us. Or it is being stopped.
 */
function requireRedriven(item: SessionItem, execution: DescribeExecutionOutput, road: RerunRoad | undefined): void {
  const redriven = (execution.redriveCount ?? 0) > (item.redrive_count ?? 0);
  if (redriven && road !== 'new-execution') return;
  const { session_id } = item;
  const what = redriven ? 'runs again already' : 'is still being stopped';
  throw new BunsuiError('SessionError', 'BS3008', `the execution of session ${session_id} ${what}`, {
    context: { session_id },
    hint: 'wait until it has ended',
    recoverable: true,
  });
}

async function describe(deps: RerunDeps, item: SessionItem): Promise<DescribeExecutionOutput | undefined> {
  if (item.execution_arn === undefined) return undefined;
  try {
    return await deps.sfn.send(new DescribeExecutionCommand({ executionArn: item.execution_arn }));
  } catch (thrown) {
    if (thrown instanceof ExecutionDoesNotExist) return undefined;
    throw thrown;
  }
}

async function currentPipeline(deps: RerunDeps, { pipeline_id }: SessionItem): Promise<PipelineItem | undefined> {
  try {
    return await pipelineToStart(deps, pipeline_id);
  } catch (thrown) {
    if (thrown instanceof BunsuiError && thrown.code === 'BS3003') return undefined;
    throw thrown;
  }
}

/** Why an execution cannot be redriven. */
function closedTo(execution: DescribeExecutionOutput | undefined): string {
  if (execution === undefined) return 'Step Functions does not know the execution any more';
  return execution.redriveStatusReason ?? 'Step Functions does not offer it';
}

interface Choice {
  readonly road: RerunRoad;
  readonly reason: string;
}

function chooseRoad(
  item: SessionItem,
  execution: DescribeExecutionOutput | undefined,
  pipeline: PipelineItem | undefined,
  wanted: RerunRoad | undefined,
): Choice {
  if (wanted === 'new-execution') return { road: wanted, reason: 'as asked for: every job runs' };
  const runs = execution?.status === 'RUNNING';
  const open = runs || execution?.redriveStatus === 'REDRIVABLE';
  if (wanted === 'redrive') {
    if (open) return { road: wanted, reason: 'as asked for: jobs that have completed are kept' };
    const message = `session ${item.session_id} cannot be redriven: ${closedTo(execution)}`;
    throw new BunsuiError('SessionError', 'BS3008', message, {
      context: { session_id: item.session_id },
      hint: 'rerun it with a new execution, which runs every job',
    });
  }
  if (!open) return { road: 'new-execution', reason: `it cannot be redriven: ${closedTo(execution)}` };
  const changed = runs || pipeline === undefined ? undefined : changeSince(item, execution, pipeline);
  if (changed !== undefined) return { road: 'new-execution', reason: `${changed}; a redrive would run the old one` };
  return { road: 'redrive', reason: 'its execution can be redriven: jobs that have completed are kept' };
}

/** What was deployed since the execution began, if anything. */
function changeSince(
  item: SessionItem,
  execution: DescribeExecutionOutput | undefined,
  pipeline: PipelineItem,
): string | undefined {
  if (pipeline.version !== item.pipeline_version) return `version ${pipeline.version} of the pipeline is deployed now`;
  // The same definition can call newer functions.
  const began = execution?.stateMachineVersionArn;
  const now = pipeline.machine_version_arn;
  if (began === undefined || now === undefined || began === now) return undefined;
  return 'other code of its jobs is deployed now';
}

/** @param view of the execution that is redriven; without one, every job runs */
function jobsOf(artifact: PipelineArtifact, view: SessionView | undefined): Pick<RerunPlan, 'runs' | 'keeps'> {
  const isDone = (views: readonly JobView[]) =>
    views.length > 0 && views.every(({ status }) => status === 'completed' || status === 'skipped');
  const viewsOf = (node: string) => view?.jobs.filter((job) => job.node === node) ?? [];
  const runs: string[] = [];
  const keeps: string[] = [];
  for (const { node, scope } of placedNodes(artifact.pipeline.body)) {
    if (node.kind !== 'job' && node.kind !== 'approval') continue;
    // Iterations that a map has not come to yet have no view of their own.
    const maps = scope.filter(({ part }) => part === 'body').map((step) => step.node);
    const mapsDone = maps.every((map) => isDone(viewsOf(map)));
    const own = viewsOf(node.id);
    const done = mapsDone && (own.length === 0 ? maps.length > 0 : isDone(own));
    (view !== undefined && done ? keeps : runs).push(node.id);
  }
  return { runs, keeps };
}
