/**
 * Pipelines that CloudFormation has deployed. It can make a state machine, but no item in a table: the definition ends
 * its comment with a mark that says where its artifact lies, and whoever first needs a version registers it from there.
 *
 *     definition → mark → item of that version? → artifact among the assets → object in our bucket, item
 */
import {
  DescribeStateMachineCommand,
  DescribeStateMachineForExecutionCommand,
  StateMachineDoesNotExist,
} from '@aws-sdk/client-sfn';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { type DeploymentMark, isSafeId, readDeploymentMark } from '../storage-layout.ts';
import type { Deployments, StartDeps } from './deps.ts';
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
  const definition = await currentDefinition(deps, stateMachineArn);
  if (definition === undefined) throw notDeployed(pipeline);
  const current = await registered(deps, deployments, { pipeline, stateMachineArn, definition });
  const wanted = current !== undefined && (version === undefined || version === current.version);
  return wanted ? current : requirePipeline(deps, pipeline, version);
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
  // A state machine is named for its pipeline.
  const pipeline = stateMachineArn.split(':').at(-1) ?? '';
  const { deployments } = deps;
  if (deployments === undefined) return requirePipeline(deps, pipeline);
  const found = await deps.sfn.send(new DescribeStateMachineForExecutionCommand({ executionArn }));
  const { definition = '' } = found;
  return (
    (await registered(deps, deployments, { pipeline, stateMachineArn, definition })) ?? requirePipeline(deps, pipeline)
  );
}

function notDeployed(pipeline: string): BunsuiError {
  return new BunsuiError('PipelineError', 'BS3003', `pipeline "${pipeline}" is not deployed`, {
    context: { pipeline_id: pipeline },
    hint: 'deploy it first, or correct the id',
  });
}

async function currentDefinition(deps: StartDeps, stateMachineArn: string): Promise<string | undefined> {
  try {
    return (await deps.sfn.send(new DescribeStateMachineCommand({ stateMachineArn }))).definition ?? '';
  } catch (thrown) {
    if (thrown instanceof StateMachineDoesNotExist) return undefined;
    throw thrown;
  }
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
