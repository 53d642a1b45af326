/**
 * What a pipeline's machines may do for its maps over S3: read the records, run an execution of themselves for each,
 * write the results, ask for the totals. Buckets and keys are named as far as the pipeline says them.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
 */
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { Expression } from '../ir/expressions.ts';
import { knownBeginning, labelOf, mapsOverS3 } from '../ir/map-s3.ts';
import type { MapS3Ir, PipelineIr } from '../ir/nodes.ts';
import { mapResultsPrefix } from '../storage-layout.ts';
import type { IPlatform } from './platform-interface.ts';

/** Whether a map over S3 reads from the platform's bucket, or leaves its results there. */
export function usesPlatformBucket(pipeline: PipelineIr): boolean {
  return mapsOverS3(pipeline).some(({ reader, results }) => reader.bucket === undefined || results === undefined);
}

/** The ARNs of the buckets that a place may be in. */
function bucketArns(
  scope: Construct,
  platform: IPlatform,
  { bucket, buckets = [] }: { readonly bucket?: Expression; readonly buckets?: readonly string[] },
): readonly string[] {
  if (bucket === undefined) return [platform.bucket.bucketArn];
  const { partition } = Stack.of(scope);
  const names = bucket.kind === 'literal' ? [String(bucket.value)] : buckets;
  return names.map((name) => `arn:${partition}:s3:::${name}`);
}

/** Keys that begin as the text does, or are it: a pattern of a policy. */
function keysOf(at: Expression, by: 'key' | 'prefix'): string {
  const { text, isWhole } = knownBeginning(at);
  return isWhole && by === 'key' ? text : `${text}*`;
}

function readStatements(scope: Construct, platform: IPlatform, { reader }: MapS3Ir): readonly PolicyStatement[] {
  const { at, by, format } = reader;
  const buckets = bucketArns(scope, platform, reader);
  const keys = keysOf(at, by);
  const get = new PolicyStatement({
    actions: ['s3:GetObject'],
    // The manifest of an inventory names the files beside it, wherever those lie.
    resources: buckets.map((arn) => `${arn}/${format === 'manifest' ? '*' : keys}`),
  });
  const list = new PolicyStatement({
    actions: ['s3:ListBucket'],
    resources: [...buckets],
    conditions: { StringLike: { 's3:prefix': [keys] } },
  });
  if (by === 'key') return [get];
  return format === 'objects' ? [list] : [list, get];
}

/** A result writer uploads in parts, and looks at what it has written. */
function writeStatement(scope: Construct, platform: IPlatform, pipeline: PipelineIr, node: MapS3Ir): PolicyStatement {
  const { results } = node;
  const keys = results === undefined ? `${mapResultsPrefix(pipeline.id)}*` : keysOf(results.prefix, 'prefix');
  return new PolicyStatement({
    actions: ['s3:PutObject', 's3:GetObject', 's3:ListMultipartUploadParts', 's3:AbortMultipartUpload'],
    resources: bucketArns(scope, platform, results ?? {}).map((arn) => `${arn}/${keys}`),
  });
}

/**
 * The statements of all maps over S3 of a pipeline, each once.
 *
 * @param machines names of the pipeline's machines, which may be patterns
 */
export function mapStatements(
  scope: Construct,
  platform: IPlatform,
  pipeline: PipelineIr,
  machines: readonly string[],
): readonly PolicyStatement[] {
  const nodes = mapsOverS3(pipeline);
  if (nodes.length === 0) return [];
  const arnOf = (resource: string, resourceName: string) =>
    Stack.of(scope).formatArn({ service: 'states', resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
  const labels = nodes.map((node) => labelOf(pipeline, node));
  const ofRuns = (resource: string) =>
    machines.flatMap((machine) => labels.map((label) => arnOf(resource, `${machine}/${label}:*`)));
  const own = machines.map((machine) => arnOf('stateMachine', machine));
  const statements = [
    // A version runs its executions by its own ARN.
    new PolicyStatement({ actions: ['states:StartExecution'], resources: own.flatMap((arn) => [arn, `${arn}:*`]) }),
    new PolicyStatement({
      actions: ['states:DescribeExecution', 'states:StopExecution', 'states:RedriveExecution'],
      // AWS documents these for executions of the machine itself; those of runs have the label in their names.
      resources: [...machines.map((machine) => arnOf('execution', `${machine}:*`)), ...ofRuns('execution')],
    }),
    new PolicyStatement({ actions: ['states:DescribeMapRun'], resources: ofRuns('mapRun') }),
    ...nodes.flatMap((node) => [
      ...readStatements(scope, platform, node),
      writeStatement(scope, platform, pipeline, node),
    ]),
  ];
  const stack = Stack.of(scope);
  const once = new Map(statements.map((one) => [JSON.stringify(stack.resolve(one.toStatementJson())), one]));
  return [...once.values()];
}
