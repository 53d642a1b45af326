/**
 * What a rerun of a session will do, before it does it. Two roads lead on: a redrive of its execution, which goes on
 * where that has failed, and a new execution, the session's next generation, which reuses the results that are valid
 * (`plan-jobs.ts`).
 */
import { DescribeExecutionCommand, type DescribeExecutionOutput, ExecutionDoesNotExist } from '@aws-sdk/client-sfn';
import type { S3Client } from '@aws-sdk/client-s3';
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';
import type { Fingerprint } from '../ir/fingerprints.ts';
import { readPolicy } from '../ir/policy.ts';
import { nearest } from '../ir/spelling.ts';
import { placedNodes } from '../ir/walk.ts';
import { type PlatformNames, reservedInputKey } from '../storage-layout.ts';
import { pipelineToStart } from './deployed.ts';
import type { StartDeps } from './deps.ts';
import { foldHistory } from './fold.ts';
import { readHistory } from './history.ts';
import { checkInput } from './input-schema.ts';
import type { Asker, PipelineItem, SessionItem } from './items.ts';
import { whoseTurn } from './overlap.ts';
import { readArtifact } from './pipelines.ts';
import { changed, type JobPlan, type JobResult, planJobs, type Reuse, type Selection } from './plan-jobs.ts';
import { estimateRerun, type JobEstimate } from './rerun-cost.ts';
import { chooseRoad, closedTo, type RerunRoad, type RerunTurn } from './rerun-road.ts';
import { resultsOf, undoneIn } from './reuse-items.ts';
import type { JobStatus } from './status.ts';
import { bodiesRead, getSession, type JobRecords, listJobRecords } from './store.ts';
import type { JobView, SessionView } from './view.ts';
import { wholeValues } from './whole-values.ts';

export interface RerunDeps extends StartDeps {
  readonly s3: Pick<S3Client, 'send'>;
  readonly names: PlatformNames;
}

export interface RerunRequest extends Selection {
  /** Id. */
  readonly session: string;
  /** @default a redrive where it does what a new execution would, a new execution elsewhere */
  readonly road?: RerunRoad;
  /** Fields of the input that are to be others now. */
  readonly input?: { readonly [field: string]: Json };
  /** The version deployed last, or the one that it ran. @default "latest" */
  readonly version?: 'latest' | 'same';
  /** Goes on with a session that is paused. */
  readonly resume?: true;
}

export interface RerunPlan {
  readonly session_id: string;
  readonly created_at: string;
  readonly pipeline_id: string;
  readonly road: RerunRoad;
  /** Why this road, for a person. */
  readonly reason: string;
  /** The version that will run. */
  readonly version: string;
  /** What becomes of each job, in the order of the pipeline's text. */
  readonly jobs: readonly JobEstimate[];
  /** Ids of the jobs that run; of one in a map, some of its iterations at least. */
  readonly runs: readonly string[];
  /** Ids of the jobs that are not run again. */
  readonly keeps: readonly string[];
  /** By what the jobs took before, milliseconds. */
  readonly expected_ms: number;
  /** By AWS's list prices, US dollars. */
  readonly cost_usd: number;
}

/** A plan with what it was made from. */
export interface PreparedRerun {
  readonly plan: RerunPlan;
  readonly item: SessionItem;
  /** Absent when Step Functions does not know it any more. */
  readonly execution: DescribeExecutionOutput | undefined;
  /** What a new execution runs. Absent when the pipeline is not deployed any more. */
  readonly pipeline: PipelineItem | undefined;
  /** What a new execution is given. */
  readonly input: { readonly [field: string]: Json };
  readonly reuse: readonly (Reuse & { readonly fingerprint?: Fingerprint })[];
  /** Maps over S3 with more results than anybody looks through. */
  readonly beyond: readonly string[];
}

/**
 * What `rerunSession` would do now. Nothing is written.
 *
 * @throws {BunsuiError} BS3002 when there is no such session; BS3006 when the pipeline has no such job; BS3008 when it
 *   runs, has nothing to run, or the road that was asked for is closed; BS3003 when the pipeline is not deployed any
 *   more and a new execution is the only road; BS3001 when its input does not fit the version that is to run
 */
export async function planRerun(deps: RerunDeps, request: RerunRequest): Promise<RerunPlan> {
  return (await prepareRerun(deps, request)).plan;
}

/** A request with who asks. */
export interface AskedRerun extends RerunRequest {
  readonly by: Asker;
}

/** Ends from which a rerun leads on. */
const ends = ['failed', 'timeout', 'cancelled', 'completed'] as const;

/** @see planRerun */
export async function prepareRerun(deps: RerunDeps, request: RerunRequest): Promise<PreparedRerun> {
  const item = await getSession(deps, request.session);
  if (item === undefined) {
    const id = request.session.slice(0, 100);
    throw new BunsuiError('SessionError', 'BS3002', `no session has the id "${id}"`, { context: { session_id: id } });
  }
  if (request.resume ? item.status !== 'paused' : !ends.some((end) => end === item.status))
    throw request.resume ? notPaused(item) : notFailed(item);
  const [execution, pipeline] = await Promise.all([describe(deps, item), pipelineFor(deps, item, request)]);
  if (execution?.status === 'RUNNING') requireRedriven(item, execution, request.road);
  const turn = await turnOf(deps, item, pipeline);
  const beyondRedrive = beyond(item, request) ?? (await handledFailure(deps, item, execution));
  const { road, reason } = chooseRoad({ item, execution, pipeline, turn, beyondRedrive, wanted: request.road });
  if (road === 'new-execution' && pipeline === undefined) {
    throw new BunsuiError('PipelineError', 'BS3003', `pipeline "${item.pipeline_id}" is not deployed any more`, {
      context: { pipeline_id: item.pipeline_id },
      hint: `deploy it, and rerun the session then; it cannot be redriven: ${closedTo(execution)}`,
    });
  }
  const version = road === 'redrive' ? item.pipeline_version : (pipeline?.version ?? item.pipeline_version);
  const [artifact, old, events] = await Promise.all([
    readArtifact(deps, item.pipeline_id, version),
    readArtifact(deps, item.pipeline_id, item.pipeline_version),
    execution && readHistory(deps.sfn, item.execution_arn ?? ''),
  ]);
  const then = events && foldHistory(old, events);
  const records = await listJobRecords(deps, item.session_id, bodiesRead(old));
  const { plans, reuse, input } =
    road === 'redrive' && then !== undefined
      ? { plans: redriven(artifact, then), reuse: [], input: {} }
      : planned({ item, artifact, old, records, then, before: await inputOf(deps, item, execution), request });
  const { jobs, expected_ms, cost_usd } = estimateRerun(artifact.pipeline, plans, records.attempts, road);
  const of = (...actions: readonly JobPlan['action'][]) =>
    jobs.filter(({ action }) => actions.includes(action)).map(({ job }) => job);
  const { session_id, created_at, pipeline_id } = item;
  const plan: RerunPlan = {
    session_id,
    created_at,
    pipeline_id,
    road,
    reason,
    version,
    jobs,
    runs: of('run'),
    keeps: of('reuse', 'skip'),
    expected_ms,
    cost_usd,
  };
  return { plan, item, execution, pipeline, input, reuse, beyond: records.beyond };
}

export function notFailed({ session_id, status }: Pick<SessionItem, 'session_id' | 'status'>): BunsuiError {
  const hint =
    status === 'completed'
      ? 'nothing of it failed, and nothing of it has changed; say what is to run again, or start a new session'
      : status === 'paused'
        ? 'resume it, or cancel it; then it can be rerun'
        : 'wait until it has ended, or cancel it; then it can be rerun';
  return new BunsuiError(
    'SessionError',
    'BS3008',
    `session ${session_id} is ${status}: only one that failed can be rerun`,
    { context: { session_id, status }, hint },
  );
}

function notPaused({ session_id, status, pausing }: SessionItem): BunsuiError {
  const isPausing = status === 'running' && pausing !== undefined;
  const what = isPausing ? 'is still pausing: jobs of it run' : `is ${status}, not paused`;
  const hint = isPausing
    ? 'wait until they have ended, or pause it with --now'
    : 'only a session that is paused goes on';
  return new BunsuiError('SessionError', isPausing ? 'BS3017' : 'BS3005', `session ${session_id} ${what}`, {
    context: { session_id, status },
    hint,
    recoverable: isPausing,
  });
}

/** What of a request no redrive can do. */
function beyond({ status }: SessionItem, { from, only, skip, input }: RerunRequest): string | undefined {
  if (from !== undefined || only !== undefined || skip !== undefined)
    return 'a redrive runs what has not completed, and jobs were chosen';
  if (input !== undefined) return 'its input is another one now';
  return status === 'completed' ? 'it has completed' : undefined;
}

/** Why a redrive would not go on where it has failed: Step Functions has caught the failure, and goes on behind it. */
async function handledFailure(
  deps: RerunDeps,
  item: SessionItem,
  execution: DescribeExecutionOutput | undefined,
): Promise<string | undefined> {
  if (execution?.status !== 'FAILED' || execution.redriveStatus !== 'REDRIVABLE') return undefined;
  const { pipeline } = await readArtifact(deps, item.pipeline_id, item.pipeline_version);
  if (!pipeline.body.nodes.some(({ kind }) => kind === 'guard')) return undefined;
  const undoes = placedNodes(pipeline.body).some(({ node }) => node.kind === 'job' && node.compensates !== undefined);
  return `its failure was handled by ${undoes ? 'compensations, ' : ''}onFailure or finally, and a redrive would go on after them`;
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

/** The version that a new execution would run. */
async function pipelineFor(
  deps: RerunDeps,
  { pipeline_id, pipeline_version }: SessionItem,
  { version = 'latest' }: RerunRequest,
): Promise<PipelineItem | undefined> {
  try {
    const latest = await pipelineToStart(deps, pipeline_id);
    if (version === 'latest' || latest.version === pipeline_version) return latest;
    const same = await pipelineToStart(deps, pipeline_id, pipeline_version);
    if (same.machine_version_arn !== undefined) return same;
  } catch (thrown) {
    if (thrown instanceof BunsuiError && thrown.code === 'BS3003') return undefined;
    throw thrown;
  }
  throw new BunsuiError('PipelineError', 'BS3003', `version ${pipeline_version} of its pipeline cannot be started`, {
    context: { pipeline_id, version: pipeline_version },
    hint: 'another one is deployed in its place; deploy it again, or rerun the session with the latest',
  });
}

async function turnOf(deps: RerunDeps, item: SessionItem, pipeline: PipelineItem | undefined): Promise<RerunTurn> {
  const { overlap: policy = 'allow' } = readPolicy(pipeline?.policy);
  const other = policy === 'allow' ? undefined : await whoseTurn(deps, item);
  return { policy, ...(other === undefined ? {} : { other }) };
}

type InputObject = { readonly [field: string]: Json };

/** The whole input of the generation before. */
async function inputOf(
  deps: RerunDeps,
  item: SessionItem,
  execution: DescribeExecutionOutput | undefined,
): Promise<InputObject> {
  const { [reservedInputKey]: _, ...input } = JSON.parse(execution?.input ?? item.input) as { [field: string]: Json };
  // A record holds the beginning of an input that is long: see `fitText`.
  if (execution?.input === undefined && input['truncated'] === true && 'full' in input) {
    throw new BunsuiError('SessionError', 'BS3008', `the input of session ${item.session_id} is not kept any more`, {
      context: { session_id: item.session_id },
      hint: 'start a new session with it',
    });
  }
  return (await wholeValues(deps, item)(input, Number.POSITIVE_INFINITY)) as InputObject;
}

/** The input with the defaults of the version that runs. */
function requireInput(
  { session_id }: SessionItem,
  { pipeline, version }: PipelineArtifact,
  input: InputObject,
): InputObject {
  const checked = checkInput(pipeline.input, input);
  if (checked.ok) return checked.value as InputObject;
  const lines = checked.issues.map(({ path, message }) => `${path.join('.') || 'input'} ${message}`).join('; ');
  const message = `the input of session ${session_id} does not fit version ${version} of its pipeline: ${lines}`;
  throw new BunsuiError('ValidationError', 'BS3001', message, {
    context: { session_id, version },
    hint: 'start a new session with another input, or deploy the version that it ran',
  });
}

/** The jobs of a redrive: what has completed is kept. */
function redriven(artifact: PipelineArtifact, view: SessionView): readonly JobPlan[] {
  const isDone = (views: readonly JobView[]) =>
    views.length > 0 && views.every(({ status }) => status === 'completed' || status === 'skipped');
  const viewsOf = (node: string) => view.jobs.filter((job) => job.node === node);
  return placedNodes(artifact.pipeline.body).flatMap(({ node, scope }): readonly JobPlan[] => {
    if (node.kind !== 'job' && node.kind !== 'approval') return [];
    // Iterations that a map has not come to yet have no view of their own.
    const maps = scope.filter(({ part }) => part === 'body').map((step) => step.node);
    const own = viewsOf(node.id);
    const done = maps.every((map) => isDone(viewsOf(map))) && (own.length === 0 ? maps.length > 0 : isDone(own));
    if (!done) return [{ job: node.id, action: 'run', reason: 'has not completed' }];
    const isSkipped = own.length > 0 && own.every(({ status }) => status === 'skipped');
    return [
      isSkipped
        ? { job: node.id, action: 'skip', reason: 'is skipped, as before' }
        : { job: node.id, action: 'reuse', reason: 'has completed' },
    ];
  });
}

interface Grounds {
  readonly item: SessionItem;
  readonly artifact: PipelineArtifact;
  readonly records: JobRecords;
  /** What ran before, and how it went, where its history is kept. */
  readonly old: PipelineArtifact;
  readonly then: SessionView | undefined;
  readonly before: InputObject;
  readonly request: RerunRequest;
}

/** The jobs of a new execution. */
function planned({
  item,
  artifact,
  old,
  records,
  then,
  before,
  request,
}: Grounds): { readonly plans: readonly JobPlan[] } & Pick<PreparedRerun, 'reuse' | 'input'> {
  const selection = selectionOf(request);
  requireJobs(artifact, selection);
  const now = requireInput(item, artifact, { ...before, ...request.input });
  const stored = resultsOf(records, item.generation);
  const results = [...stored.values()].map((result): JobResult => {
    const { job_id: job, input_hash, fingerprint, record_type, kept } = result;
    const known = fingerprint ?? old.fingerprints?.[job.split('/').at(-1) ?? ''];
    const unproven = record_type === 'candidate' || kept === true;
    return {
      job,
      ...(input_hash && { input_hash }),
      ...(known && { fingerprint: known }),
      ...(unproven && { unproven }),
    };
  });
  const statuses = statusesOf(then, records, item.generation);
  const undone = undoneIn(records, item.generation);
  const { beyond } = records;
  const { jobs, reuse, missing } = planJobs({ artifact, results, statuses, undone, beyond, before, now, selection });
  requireWork(item, request, jobs, missing);
  const fingerprints = new Map(results.map(({ job, fingerprint }) => [job, fingerprint]));
  const known = reuse.map((one) => {
    const fingerprint = fingerprints.get(one.job);
    return { ...one, ...(fingerprint && { fingerprint }) };
  });
  return { plans: jobs, reuse: known, input: now };
}

function selectionOf({ from, only, skip, failed }: RerunRequest): Selection {
  return { ...(from && { from }), ...(only && { only }), ...(skip && { skip }), ...(failed && { failed }) };
}

/** @throws {BunsuiError} BS3006 for what is no job of the pipeline, BS3008 for a choice that contradicts itself */
function requireJobs({ pipeline }: PipelineArtifact, { from = [], only, skip = [] }: Selection): void {
  const jobs = placedNodes(pipeline.body).flatMap(({ node }) =>
    node.kind === 'job' || node.kind === 'approval' ? [node.id] : [],
  );
  for (const job of [...from, ...(only ?? []), ...skip]) {
    if (jobs.includes(job)) continue;
    const near = nearest(job, jobs);
    throw new BunsuiError('SessionError', 'BS3006', `pipeline "${pipeline.id}" has no job "${job.slice(0, 100)}"`, {
      context: { pipeline_id: pipeline.id },
      hint: near === undefined ? `its jobs are ${jobs.slice(0, 20).join(', ')}` : `is "${near}" meant?`,
    });
  }
  const twice = [...from, ...(only ?? [])].find((job) => skip.includes(job));
  if (twice === undefined && (only === undefined || from.length === 0)) return;
  const what = twice === undefined ? 'from a job on and only some jobs' : `"${twice}" both to run and to be skipped`;
  throw new BunsuiError('SessionError', 'BS3008', `a rerun cannot be asked for ${what}`, {
    hint: 'give one of the two',
  });
}

/** How far everything has come, by path: by the history, or where that is gone by the records of attempts. */
function statusesOf(
  view: SessionView | undefined,
  { attempts }: JobRecords,
  generation: number,
): ReadonlyMap<string, JobStatus> {
  if (view !== undefined) return new Map(view.jobs.map(({ job, status }) => [job, status]));
  const own = attempts.filter((one) => one.generation === generation).toSorted((a, b) => a.event_id - b.event_id);
  return new Map(own.map(({ job_id, job_status }) => [job_id, job_status]));
}

/** @throws {BunsuiError} BS3008 when jobs are blocked, or nothing is to run */
function requireWork(
  item: SessionItem,
  request: RerunRequest,
  jobs: readonly JobPlan[],
  missing: readonly string[],
): void {
  const { session_id, status } = item;
  const refused = (message: string, hint: string) =>
    new BunsuiError('SessionError', 'BS3008', `session ${session_id} cannot be rerun so: ${message}`, {
      context: { session_id, jobs },
      hint,
    });
  const blocked = jobs.filter(({ action }) => action === 'blocked');
  if (blocked.length > 0) {
    const lines = blocked.map(({ job, reason }) => `${job} is blocked (${reason})`);
    throw refused(lines.slice(0, 5).join('; '), 'skip only jobs that have a result, or whose result nobody reads');
  }
  if (missing.length > 0) {
    const read = `the output of the pipeline reads what ${missing.join(', ')} would give`;
    throw refused(read, 'skip only jobs that have a result, or whose result nobody reads');
  }
  const runs = jobs.filter(({ action }) => action === 'run');
  const isChosen = [request.from, request.only, request.input].some((one) => one !== undefined);
  if (status === 'paused') return;
  if (status === 'completed' && !isChosen && !runs.some(({ reason }) => reason === changed)) throw notFailed(item);
  if (runs.length === 0 && isChosen)
    throw refused('nothing of it would run', 'choose other jobs, or start a new session');
}
