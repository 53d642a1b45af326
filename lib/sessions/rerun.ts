/**
 * Rerunning a session from its failure, by the road that `planRerun` tells.
 *
 *     redrive:        RedriveExecution (at most once per token) → record: running, one redrive more
 *     new execution:  record: queued, one generation more (conditional) → StartExecution by name → record: running
 *
 * A redrive is recorded after it is made: one whose record is missing is met again as one that was made in the console.
 * Whoever has redriven an execution of a generation that is not the last any more stops it again.
 */
import { RedriveExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { BunsuiError } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';
import type { JsonSchema } from '../ir/nodes.ts';
import type { Packed } from '../payload-layout.ts';
import { executionName, reservedInputKey } from '../storage-layout.ts';
import { machineToStart } from './deployed.ts';
import { checkInput } from './input-schema.ts';
import type { PipelineItem, SessionItem } from './items.ts';
import { endFields, reopenSession } from './live-store.ts';
import {
  notFailed,
  type PreparedRerun,
  prepareRerun,
  type RerunDeps,
  type RerunPlan,
  type RerunRequest,
} from './plan-rerun.ts';
import { leaveInput, packInput } from './large-input.ts';
import { executionArnOf, startQueued } from './start-queued.ts';
import { getSession, updateSession } from './store.ts';
import { wholeValues } from './whole-values.ts';

export interface Rerun extends RerunPlan {
  readonly execution_arn: string;
  readonly generation: number;
  readonly redrive_count: number;
}

/**
 * Runs a session that has failed again. Of several that ask at once one gets through.
 *
 * @returns what was done: another road than planned where Step Functions refuses the redrive that it has offered
 * @throws {BunsuiError} as `planRerun` does; BS3008 also when it runs again already; BS3001 when its input does not fit
 *   the version that is deployed now
 */
export async function rerunSession(deps: RerunDeps, request: RerunRequest): Promise<Rerun> {
  const prepared = await prepareRerun(deps, request);
  if (prepared.plan.road === 'new-execution') return startGeneration(deps, prepared);
  const refused = await redrive(deps, prepared);
  if (refused === undefined) return recordRedrive(deps, prepared);
  if (request.road === 'redrive') {
    throw new BunsuiError('SessionError', 'BS3008', `session ${request.session} cannot be redriven: ${refused}`, {
      context: { session_id: request.session },
      hint: 'rerun it with a new execution, which runs every job',
    });
  }
  const again = await prepareRerun(deps, { ...request, road: 'new-execution' });
  const plan = { ...again.plan, reason: `Step Functions has refused the redrive: ${refused}` };
  return startGeneration(deps, { ...again, plan });
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

async function recordRedrive(deps: RerunDeps, prepared: PreparedRerun): Promise<Rerun> {
  const { plan, item } = prepared;
  const { generation, execution_arn: executionArn = '' } = item;
  const count = redriveCountOf(prepared);
  const redriven = { ...item, redrive_count: count };
  if ((await reopenSession(deps, redriven, new Date(deps.now()).toISOString())) === 'stale') {
    const now = await getSession(deps, item.session_id);
    if (now?.generation !== generation) {
      const cause = 'another generation of the session was started at the same time';
      await deps.sfn.send(new StopExecutionCommand({ executionArn, error: 'Bunsui.Cancelled', cause }));
      throw notFailed(now ?? item);
    }
    // The live feed was faster, or the redriven execution has even ended: it is recorded, which was the aim.
  }
  return { ...plan, execution_arn: executionArn, generation, redrive_count: count };
}

async function startGeneration(deps: RerunDeps, prepared: PreparedRerun): Promise<Rerun> {
  const { plan, item, pipeline } = prepared;
  // A plan with this road has the pipeline that it runs.
  if (pipeline === undefined) throw notFailed(item);
  const input = await requireInput(deps, prepared, pipeline);
  const generation = item.generation + 1;
  const name = executionName(item.session_id, generation);
  const queued: SessionItem = {
    session_id: item.session_id,
    created_at: item.created_at,
    pipeline_id: item.pipeline_id,
    pipeline_name: item.pipeline_name,
    pipeline_version: pipeline.version,
    status: 'queued',
    total_jobs: pipeline.total_jobs,
    completed_jobs: 0,
    failed_jobs: 0,
    execution_arn: executionArnOf(pipeline.state_machine_arn, name),
    execution_name: name,
    generation,
    input: input.text,
    trigger: item.trigger,
    region: item.region,
    updated_at: new Date(deps.now()).toISOString(),
  };
  const { session_id: _, created_at: __, trigger: ___, ...set } = queued;
  const claimed = await updateSession(deps, item, {
    set,
    remove: [...endFields, 'started_at', 'redrive_count', 'deadline_noticed', 'live_mark'],
    condition: '#generation = :was AND #status = :failed AND (attribute_not_exists(#redrive) OR #redrive = :redrive)',
    names: { '#generation': 'generation', '#status': 'status', '#redrive': 'redrive_count' },
    values: { ':was': item.generation, ':failed': item.status, ':redrive': item.redrive_count ?? 0 },
  });
  if (claimed === 'stale') throw notFailed((await getSession(deps, item.session_id)) ?? item);
  const executionArn = await startQueued(deps, queued, machineToStart(pipeline));
  return { ...plan, execution_arn: executionArn, generation, redrive_count: 0 };
}

/** The whole input of the generation before, with the defaults of the version that runs now. */
async function requireInput(
  deps: RerunDeps,
  { item, execution }: PreparedRerun,
  pipeline: PipelineItem,
): Promise<Packed> {
  const { [reservedInputKey]: _, ...input } = JSON.parse(execution?.input ?? item.input) as { [field: string]: Json };
  // A record holds the beginning of an input that is long: see `fitText`.
  if (execution?.input === undefined && input['truncated'] === true && 'full' in input) {
    throw new BunsuiError('SessionError', 'BS3008', `the input of session ${item.session_id} is not kept any more`, {
      context: { session_id: item.session_id },
      hint: 'start a new session with it',
    });
  }
  const whole = await wholeValues(deps, item)(input, Number.POSITIVE_INFINITY);
  const checked = checkInput(JSON.parse(pipeline.input_schema) as JsonSchema, whole);
  if (checked.ok) {
    const packed = await packInput(pipeline, checked.value as object);
    await leaveInput(deps, item, packed);
    return packed;
  }
  const lines = checked.issues.map(({ path, message }) => `${path.join('.') || 'input'} ${message}`).join('; ');
  const message = `the input of session ${item.session_id} does not fit version ${pipeline.version} of its pipeline: ${lines}`;
  throw new BunsuiError('ValidationError', 'BS3001', message, {
    context: { session_id: item.session_id, version: pipeline.version },
    hint: 'start a new session with another input, or deploy the version that it ran',
  });
}
