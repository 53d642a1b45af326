/** Deployed pipelines as sessions know them: an item per version, and the artifact in the bucket. */
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { ScopeIr } from '../ir/nodes.ts';
import { policyOf } from '../ir/policy.ts';
import { innerScopes } from '../ir/walk.ts';
import { isSafeId, objectKeys } from '../storage-layout.ts';
import type { StoreDeps } from './deps.ts';
import type { PipelineItem } from './items.ts';

export interface ArtifactDeps {
  readonly s3: Pick<S3Client, 'send'>;
  readonly names: { readonly bucket: string };
}

function jobsOutsideMaps(scope: ScopeIr): number {
  let count = 0;
  for (const node of scope.nodes) {
    if (node.kind === 'job' || node.kind === 'approval') count += 1;
    if (node.kind !== 'map' && node.kind !== 'mapS3' && node.kind !== 'loop')
      for (const { scope: side } of innerScopes(node)) count += jobsOutsideMaps(side);
  }
  return count;
}

/**
 * Makes a deployed version known: its artifact as an object, then its item. The same again changes only `created_at`,
 * which makes it the current version.
 */
export async function registerPipeline(
  deps: StoreDeps & ArtifactDeps & { readonly now: () => number },
  deployed: { readonly artifact: PipelineArtifact; readonly stateMachineArn: string },
): Promise<PipelineItem> {
  const { artifact, stateMachineArn } = deployed;
  const { pipeline, version } = artifact;
  const key = objectKeys.pipelineArtifact({ pipeline: pipeline.id, version });
  const body = JSON.stringify(artifact);
  const policy = policyOf(pipeline);
  await deps.s3.send(
    new PutObjectCommand({ Bucket: deps.names.bucket, Key: key, Body: body, ContentType: 'application/json' }),
  );
  const item: PipelineItem = {
    pipeline_id: pipeline.id,
    version,
    created_at: new Date(deps.now()).toISOString(),
    artifact_key: key,
    input_schema: JSON.stringify(pipeline.input),
    ...(artifact.input === undefined ? {} : { input_size: JSON.stringify(artifact.input) }),
    total_jobs: jobsOutsideMaps(pipeline.body),
    state_machine_arn: stateMachineArn,
    ...(policy === undefined ? {} : { policy: JSON.stringify(policy) }),
  };
  await deps.db.send(new PutCommand({ TableName: deps.names.pipelinesTable, Item: item }));
  return item;
}

/** A version of a pipeline, or the one deployed last. */
export async function findPipeline(
  deps: StoreDeps,
  pipeline: string,
  version?: string,
): Promise<PipelineItem | undefined> {
  if (!isSafeId(pipeline) || (version !== undefined && !isSafeId(version))) return undefined;
  const table = deps.names.pipelinesTable;
  if (version !== undefined) {
    const found = await deps.db.send(new GetCommand({ TableName: table, Key: { pipeline_id: pipeline, version } }));
    return found.Item as PipelineItem | undefined;
  }
  let newest: PipelineItem | undefined;
  let from: Record<string, unknown> | undefined;
  do {
    const page = await deps.db.send(
      new QueryCommand({
        TableName: table,
        KeyConditionExpression: 'pipeline_id = :pipeline',
        ExpressionAttributeValues: { ':pipeline': pipeline },
        ExclusiveStartKey: from,
      }),
    );
    for (const item of (page.Items ?? []) as PipelineItem[]) {
      if (newest === undefined || item.created_at > newest.created_at) newest = item;
    }
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  return newest;
}

/** @throws {BunsuiError} BS3003 when the pipeline or that version of it is not deployed */
export async function requirePipeline(deps: StoreDeps, pipeline: string, version?: string): Promise<PipelineItem> {
  const found = await findPipeline(deps, pipeline, version);
  if (found !== undefined) return found;
  const what = version === undefined ? `pipeline "${pipeline}"` : `version "${version}" of pipeline "${pipeline}"`;
  throw new BunsuiError('PipelineError', 'BS3003', `${what} is not deployed`, {
    context: { pipeline_id: pipeline, ...(version === undefined ? {} : { version }) },
    hint: 'deploy it first, or correct the id',
  });
}

/** Reads the artifact of a deployed version. */
export async function readArtifact(deps: ArtifactDeps, pipeline: string, version: string): Promise<PipelineArtifact> {
  const key = objectKeys.pipelineArtifact({ pipeline, version });
  const found = await deps.s3.send(new GetObjectCommand({ Bucket: deps.names.bucket, Key: key }));
  // Written by registerPipeline and by nothing else: its shape is that of the type.
  return JSON.parse((await found.Body?.transformToString()) ?? 'null') as PipelineArtifact;
}
