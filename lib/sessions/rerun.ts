/**
 * Rerunning a session from its failure, by the road that `planRerun` tells.
 *
 *     redrive:        RedriveExecution (at most once per token) → record: running, one redrive more
 *     new execution:  record: created, one generation more (conditional) → results that are reused (`reuse-items.ts`)
 *                     → record: queued → its turn → StartExecution by name → record: running
 *
 * A redrive is recorded after it is made: one whose record is missing is met again as one that was made in the console.
 * Whoever has redriven an execution of a generation that is not the last any more stops it again.
 */
import { RedriveExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { BunsuiError } from '../errors.ts';
import { executionName } from '../storage-layout.ts';
import { readPolicy } from '../ir/policy.ts';
import { type Asker, type PipelineItem, type SessionItem, withAction } from './items.ts';
import { endFields, reopenSession } from './live-store.ts';
import { type Begun, beginQueued, type OverlapDeps, takeTurnToRedrive } from './overlap.ts';
import { requirePipeline } from './pipelines.ts';
import {
  type AskedRerun,
  notFailed,
  type PreparedRerun,
  prepareRerun,
  type RerunDeps,
  type RerunPlan,
} from './plan-rerun.ts';
import { leaveInput, packInput } from './large-input.ts';
import { putPlan, putReused, type ReuseDeps } from './reuse-items.ts';
import { executionArnOf } from './start-queued.ts';
import { advanceSession, getSession, updateSession } from './store.ts';

export interface Rerun extends RerunPlan {
  readonly execution_arn: string;
  readonly generation: number;
  readonly redrive_count: number;
  /** The overlap policy lets it wait, or has dropped it. Absent when it runs. */
  readonly overlap?: 'waiting' | 'skipped';
}

/**
 * Runs a session that has failed again. Of several that ask at once one gets through.
 *
 * @returns what was done: another road than planned where Step Functions refuses the redrive that it has offered, or
 *   another session of the pipeline has begun in the meantime
 * @throws {BunsuiError} as `planRerun` does; BS3008 also when it runs again already; BS3001 when its input does not fit
 *   the version that is deployed now
 */
export async function rerunSession(deps: RerunDeps, request: AskedRerun): Promise<Rerun> {
  const prepared = await prepareRerun(deps, request);
  const action = request.resume ? 'resume' : 'rerun';
  if (prepared.plan.road === 'new-execution') return startGeneration(deps, prepared, request.by, action);
  const refused = (await takeTurn(deps, prepared)) ?? (await redrive(deps, prepared));
  if (refused === undefined) return recordRedrive(deps, prepared, request.by, action);
  if (request.road === 'redrive') {
    throw new BunsuiError('SessionError', 'BS3008', `session ${request.session} cannot be redriven: ${refused}`, {
      context: { session_id: request.session },
      hint: 'rerun it with a new execution, which runs every job',
    });
  }
  const again = await prepareRerun(deps, { ...request, road: 'new-execution' });
  const plan = { ...again.plan, reason: `Step Functions has refused the redrive: ${refused}` };
  return startGeneration(deps, { ...again, plan }, request.by, action);
}

/** @returns why it is another session's turn */
async function takeTurn(deps: RerunDeps, prepared: PreparedRerun): Promise<string | undefined> {
  const { item, pipeline } = prepared;
  const { overlap = 'allow' } = readPolicy(pipeline?.policy);
  if (overlap === 'allow') return undefined;
  const other = await takeTurnToRedrive(deps, item, redriveCountOf(prepared));
  return other && `session ${other.session_id} of its pipeline has begun`;
}

/** Goes on with a session that is paused, as a rerun does: by redrive, or from checkpoints where that is not to be had. */
export function resumeSession(
  deps: RerunDeps,
  request: { readonly session: string; readonly by: Asker },
): Promise<Rerun> {
  return rerunSession(deps, { ...request, resume: true });
}

/** Names of the errors by which a redrive is refused, now and later. */
const refusals = [
  'ExecutionNotRedrivable',
  'ExecutionDoesNotExist',
  'UnknownOperationException',
  'InternalFailure',
  'NotImplementedException',
];

/** @returns why it was refused; `undefined` when the execution runs */
async function redrive(deps: RerunDeps, prepared: PreparedRerun): Promise<string | undefined> {
  const { item, execution } = prepared;
  if (execution?.status === 'RUNNING') return undefined;
  const { session_id: session, generation, execution_arn: executionArn } = item;
  try {
    const clientToken = `${session}-${generation}-${redriveCountOf(prepared)}`;
    await deps.sfn.send(new RedriveExecutionCommand({ executionArn, clientToken }));
    return undefined;
  } catch (thrown) {
    const { name, message, $metadata } = thrown as {
      readonly name?: string;
      readonly message?: string;
      readonly $metadata?: { readonly httpStatusCode?: number };
    };
    const refused = $metadata?.httpStatusCode === 501 || refusals.includes(name ?? '');
    if (!refused) throw thrown;
    return message === undefined || message === '' ? (name ?? 'no reason given') : message;
  }
}

/** How often the execution will have been redriven. */
function redriveCountOf({ item, execution }: PreparedRerun): number {
  const before = execution?.redriveCount ?? item.redrive_count ?? 0;
  return execution?.status === 'RUNNING' ? before : before + 1;
}

async function recordRedrive(
  deps: RerunDeps,
  prepared: PreparedRerun,
  by: Asker,
  action: 'rerun' | 'resume',
): Promise<Rerun> {
  const { plan, item } = prepared;
  const { generation, execution_arn: executionArn = '' } = item;
  const count = redriveCountOf(prepared);
  const redriven = { ...item, redrive_count: count };
  const at = new Date(deps.now()).toISOString();
  const actions = withAction(item, { action, ...by, at, generation, redrive_count: count });
  if ((await reopenSession(deps, redriven, at, actions)) === 'stale') {
    const now = await getSession(deps, item.session_id);
    if (now?.generation !== generation) {
      const cause = 'another generation of the session was started at the same time';
      await deps.sfn.send(new StopExecutionCommand({ executionArn, error: 'Bunsui.Cancelled', cause }));
      throw notFailed(now ?? item);
    }
    // The live feed was faster, or the redriven execution has even ended: it is recorded, but for who has asked.
    await updateSession(deps, item, {
      set: { actions },
      condition: '#generation = :generation',
      names: { '#generation': 'generation' },
      values: { ':generation': generation },
    });
  }
  return { ...plan, execution_arn: executionArn, generation, redrive_count: count };
}

async function startGeneration(
  deps: RerunDeps,
  prepared: PreparedRerun,
  by: Asker,
  action: 'rerun' | 'resume',
): Promise<Rerun> {
  const { plan, item, pipeline, input, reuse, beyond } = prepared;
  // A plan with this road has the pipeline that it runs.
  if (pipeline === undefined) throw notFailed(item);
  const { session_id, created_at } = item;
  const packed = await packInput(pipeline, input);
  await leaveInput(deps, item, packed);
  const generation = item.generation + 1;
  const name = executionName(session_id, generation);
  const at = new Date(deps.now()).toISOString();
  const { version, jobs } = plan;
  const planKey =
    reuse.length === 0
      ? undefined
      : await putPlan(
          deps,
          created_at,
          { planVersion: 1, session_id, generation, version, jobs, reuse, ...(beyond.length > 0 && { beyond }) },
          deps.entropy(),
        );
  const next: SessionItem = {
    session_id,
    created_at,
    pipeline_id: item.pipeline_id,
    pipeline_name: item.pipeline_name,
    pipeline_version: pipeline.version,
    status: planKey === undefined ? 'queued' : 'created',
    total_jobs: pipeline.total_jobs,
    completed_jobs: 0,
    failed_jobs: 0,
    execution_arn: executionArnOf(pipeline.state_machine_arn, name),
    execution_name: name,
    generation,
    ...(planKey === undefined ? {} : { rerun_plan: planKey }),
    input: packed.text,
    trigger: item.trigger,
    actions: withAction(item, { action, ...by, at, generation }),
    region: item.region,
    updated_at: at,
  };
  const { session_id: _, created_at: __, trigger: ___, ...set } = next;
  const gone = [...endFields, 'started_at', 'redrive_count', 'deadline_noticed', 'live_mark'];
  const claimed = await updateSession(deps, item, {
    set,
    remove: planKey === undefined ? [...gone, 'rerun_plan'] : gone,
    condition: '#generation = :was AND #status = :ended AND (attribute_not_exists(#redrive) OR #redrive = :redrive)',
    names: { '#generation': 'generation', '#status': 'status', '#redrive': 'redrive_count' },
    values: { ':was': item.generation, ':ended': item.status, ':redrive': item.redrive_count ?? 0 },
  });
  if (claimed === 'stale') throw notFailed((await getSession(deps, session_id)) ?? item);
  const begun = await goOn(deps, next, pipeline);
  return {
    ...plan,
    execution_arn: next.execution_arn ?? '',
    generation,
    redrive_count: 0,
    ...(begun === 'started' ? {} : { overlap: begun }),
  };
}

/**
 * Goes on with a session that is created or queued, whoever left it so: results that it reuses, its turn, its execution.
 *
 * @throws {BunsuiError} BS3003 when the version that it is to run is not deployed any more
 */
export async function continueStart(deps: ReuseDeps & OverlapDeps, session: SessionItem): Promise<Begun> {
  return goOn(deps, session, await requirePipeline(deps, session.pipeline_id, session.pipeline_version));
}

async function goOn(deps: ReuseDeps & OverlapDeps, session: SessionItem, pipeline: PipelineItem): Promise<Begun> {
  if (session.status !== 'created') return beginQueued(deps, session, pipeline);
  await putReused(deps, session);
  const updatedAt = new Date(deps.now()).toISOString();
  await advanceSession(deps, session, 'queued', { updated_at: updatedAt });
  const now = await getSession(deps, session.session_id);
  // Somebody was faster, or nobody wants it any more.
  if (now?.status !== 'queued' || now.generation !== session.generation) return 'started';
  return beginQueued(deps, now, pipeline);
}
