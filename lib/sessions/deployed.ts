/**
 * Pipelines that CloudFormation has deployed. It can make a state machine, but no item in a table: the definition ends
 * its comment with a mark that says where its artifact lies, and whoever first needs a version registers it from there.
 *
 *     definition → mark → item of that version? → artifact among the assets → object in our bucket, item
 *
 * Each deployment publishes its machine. The item also names the published version, so that a session which waits, or
 * is asked for in an older version, starts on the definition that its record names.
 */
import {
  DescribeStateMachineCommand,
  DescribeStateMachineForExecutionCommand,
  ListStateMachineVersionsCommand,
  StateMachineDoesNotExist,
} from '@aws-sdk/client-sfn';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { type DeploymentMark, isChildMachine, isSafeId, readDeploymentMark } from '../storage-layout.ts';
import type { Deployments, KnownMachine, StartDeps } from './deps.ts';
import type { PipelineItem } from './items.ts';
import { findPipeline, registerPipeline, requirePipeline } from './pipelines.ts';

/**
 * The version of a pipeline to start: the one asked for, or the one that its state machine has now. Asked for anew at
 * every start, because what was current a moment ago may have been deployed over; Step Functions answers twenty such
 * questions a second, and two hundred at once.
 *
 * @throws {BunsuiError} BS3003 when the pipeline or that version of it is not deployed
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 */
export async function pipelineToStart(deps: StartDeps, pipeline: string, version?: string): Promise<PipelineItem> {
  const { deployments } = deps;
  if (deployments === undefined || !isSafeId(pipeline)) return requirePipeline(deps, pipeline, version);
  const known = version === undefined ? undefined : await findPipeline(deps, pipeline, version);
  if (known !== undefined) return known;
  const stateMachineArn = `${deployments.machines}${pipeline}`;
  const machine = await describeMachine(deps, stateMachineArn);
  if (machine === undefined) throw notDeployed(pipeline);
  const current = knownAs(deps, stateMachineArn, machine);
  if (current !== undefined && (version === undefined || version === current.version)) return current;
  const { definition } = machine;
  const found = await registered(deps, deployments, { pipeline, stateMachineArn, definition });
  if (found === undefined || (version !== undefined && version !== found.version)) {
    return requirePipeline(deps, pipeline, version);
  }
  const item = await withPublished(deps, found, machine);
  const before = deployments.known?.get(stateMachineArn);
  const believedMs = isOf(before, machine) ? Math.min(2 * before.believedMs, longestUnpublishedMs) : unpublishedMs;
  deployments.known?.set(stateMachineArn, { ...machine, item, atMs: deps.now(), believedMs });
  return item;
}

/**
 * How long it is believed that nobody publishes a machine: CloudFormation does it a moment after it has made it. Twice as
 * long each time that still nobody has, because then it is likely that nobody will.
 */
const unpublishedMs = 10_000;
const longestUnpublishedMs = 600_000;

/** A machine that was removed and made again begins with the same revision. */
function isOf(known: KnownMachine | undefined, { definition, revision }: Machine): known is KnownMachine {
  return known?.revision === revision && known.definition === definition;
}

/** What this process knows of the very machine that was described: the same definition, in the same revision. */
function knownAs({ deployments, now }: StartDeps, stateMachineArn: string, machine: Machine): PipelineItem | undefined {
  const known = deployments?.known?.get(stateMachineArn);
  if (!isOf(known, machine)) return undefined;
  const { item, atMs, believedMs } = known;
  return item.machine_version_arn !== undefined || now() - atMs < believedMs ? item : undefined;
}

/** ARN of what starts the executions of a version: its published version where there are such, the machine itself elsewhere. */
export function machineToStart({ machine_version_arn, state_machine_arn }: PipelineItem): string {
  return machine_version_arn ?? state_machine_arn;
}

/**
 * The version that an execution runs, which need not be the current one.
 *
 * @throws {BunsuiError} BS3003 when the execution is of no deployed pipeline
 */
export async function pipelineOfExecution(
  deps: StartDeps,
  execution: { readonly executionArn: string; readonly stateMachineArn: string },
): Promise<PipelineItem> {
  const { executionArn, stateMachineArn } = execution;
  const { deployments } = deps;
  // A state machine is named for its pipeline, on a deployed platform behind the platform's prefix.
  if (deployments === undefined) return requirePipeline(deps, stateMachineArn.split(':').at(-1) ?? '');
  if (!stateMachineArn.startsWith(deployments.machines)) throw notDeployed(stateMachineArn);
  const pipeline = stateMachineArn.slice(deployments.machines.length);
  const found = await deps.sfn.send(new DescribeStateMachineForExecutionCommand({ executionArn }));
  const { definition = '' } = found;
  return (
    (await registered(deps, deployments, { pipeline, stateMachineArn, definition })) ?? requirePipeline(deps, pipeline)
  );
}

/** Whether an execution is that of a child machine, or one of a map over S3: the execution that has started it tells of it. */
export function isOfChildMachine(
  { deployments }: Pick<StartDeps, 'deployments'>,
  { stateMachineArn }: { readonly stateMachineArn: string },
): boolean {
  const name =
    deployments === undefined ? stateMachineArn.split(':').at(-1) : stateMachineArn.slice(deployments.machines.length);
  return isChildMachine(name ?? '') || name?.includes('/') === true;
}

function notDeployed(pipeline: string): BunsuiError {
  return new BunsuiError('PipelineError', 'BS3003', `pipeline "${pipeline}" is not deployed`, {
    context: { pipeline_id: pipeline },
    hint: 'deploy it first, or correct the id',
  });
}

interface Machine {
  readonly definition: string;
  /** Another one after each change of definition or role. */
  readonly revision: string;
}

/** What Step Functions calls a revision that has no id yet: that of a machine which was never changed. */
const firstRevision = 'INITIAL';

async function describeMachine(deps: StartDeps, stateMachineArn: string): Promise<Machine | undefined> {
  try {
    const { definition = '', revisionId } = await deps.sfn.send(new DescribeStateMachineCommand({ stateMachineArn }));
    return { definition, revision: revisionId ?? firstRevision };
  } catch (thrown) {
    if (thrown instanceof StateMachineDoesNotExist) return undefined;
    throw thrown;
  }
}

/**
 * The item with the published version of the machine's revision. Functions may have been deployed anew under the same
 * definition: then the item of that version names the newer one from now on. Asked once per revision: Step Functions
 * answers DescribeStateMachine twenty times a second, and what asks for versions and aliases less often than starts come.
 *
 * @returns without a published version where there is none: before CloudFormation has come to it, and where it
 *   publishes none. The machine itself has the same definition then.
 */
async function withPublished(deps: StartDeps, item: PipelineItem, { revision }: Machine): Promise<PipelineItem> {
  const { machine_revision: known, machine_version_arn: arn, ...rest } = item;
  if (revision === known && arn !== undefined) return item;
  const published = await publishedVersion(deps, item.state_machine_arn, revision);
  const updated: PipelineItem = {
    ...rest,
    machine_revision: revision,
    ...(published === undefined ? {} : { machine_version_arn: published }),
  };
  if (revision === known && published === undefined) return updated;
  // The version deployed last is the one registered last.
  const current = { ...updated, created_at: new Date(deps.now()).toISOString() };
  await deps.db.send(new PutCommand({ TableName: deps.names.pipelinesTable, Item: current }));
  return current;
}

/** A deployment publishes what it has made at once: the version of a machine's revision is among the latest. */
const latestVersions = 3;

async function publishedVersion(deps: StartDeps, stateMachineArn: string, revision: string) {
  const { stateMachineVersions = [] } = await deps.sfn.send(
    new ListStateMachineVersionsCommand({ stateMachineArn, maxResults: latestVersions }),
  );
  for (const { stateMachineVersionArn: arn = '' } of stateMachineVersions) {
    if ((await describeMachine(deps, arn))?.revision === revision) return arn;
  }
  return undefined;
}

interface Deployed {
  readonly pipeline: string;
  readonly stateMachineArn: string;
  readonly definition: string;
}

/** The item of the version that a definition is; `undefined` when the definition was not deployed by our constructs. */
async function registered(
  deps: StartDeps,
  deployments: Deployments,
  { pipeline, stateMachineArn, definition }: Deployed,
): Promise<PipelineItem | undefined> {
  const mark = readDeploymentMark(commentOf(definition));
  if (mark === undefined) return undefined;
  const known = await findPipeline(deps, pipeline, mark.version);
  if (known !== undefined) return known;
  const artifact = await readAsset(deployments, pipeline, mark);
  // Two that come at once write the same.
  const { s3, bucket } = deployments;
  return registerPipeline({ ...deps, s3, names: { ...deps.names, bucket } }, { artifact, stateMachineArn });
}

function commentOf(definition: string): string {
  try {
    const { Comment: comment } = JSON.parse(definition) as { readonly Comment?: unknown };
    return typeof comment === 'string' ? comment : '';
  } catch {
    return '';
  }
}

async function readAsset(deployments: Deployments, pipeline: string, mark: DeploymentMark): Promise<PipelineArtifact> {
  const { version, bucket, key } = mark;
  const found = await deployments.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const artifact = JSON.parse((await found.Body?.transformToString()) ?? 'null') as PipelineArtifact | null;
  if (artifact?.artifactVersion === 1 && artifact.pipeline.id === pipeline && artifact.version === version)
    return artifact;
  throw new BunsuiError(
    'PipelineError',
    'BS3003',
    `s3://${bucket}/${key} is not version ${version} of pipeline "${pipeline}", as its state machine says`,
    { context: { pipeline_id: pipeline, version }, hint: 'deploy the pipeline again' },
  );
}
