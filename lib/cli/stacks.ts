/** Stacks of CloudFormation that `bunsui deploy` has made, and their templates. */
import {
  CloudFormationClient,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
  GetTemplateCommand,
  type Stack,
} from '@aws-sdk/client-cloudformation';
import { DeleteObjectsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { BunsuiError } from '../errors.ts';
import { stackTags } from './deploy-app-spec.ts';
import type { Template } from './stack-changes.ts';

/** A stack, as lists show it. */
export interface DeployedStack {
  readonly name: string;
  readonly kind: 'platform' | 'pipeline';
  readonly platform: string;
  readonly pipeline?: string;
  /** `CREATE_COMPLETE`, … */
  readonly status: string;
  /** ISO 8601. */
  readonly deployedAt: string;
}

export interface StackTarget {
  readonly profile?: string;
  readonly region?: string;
  readonly endpointUrl?: string;
}

export function stackClient({ profile, region, endpointUrl }: StackTarget): CloudFormationClient {
  return new CloudFormationClient({
    ...(profile === undefined ? {} : { profile }),
    ...(region === undefined ? {} : { region }),
    ...(endpointUrl === undefined ? {} : { endpoint: endpointUrl }),
  });
}

/** CloudFormation has no name of its own for this error. */
const isAbsent = (thrown: unknown) =>
  thrown instanceof Error && thrown.name === 'ValidationError' && thrown.message.includes('does not exist');

function asDeployed({ StackName = '', StackStatus, Tags = [], ...at }: Stack): DeployedStack | undefined {
  const tag = (key: string) => Tags.find(({ Key }) => Key === key)?.Value;
  const kind = tag(stackTags.kind);
  const pipeline = tag(stackTags.pipeline);
  if (kind !== 'platform' && kind !== 'pipeline') return undefined;
  return {
    name: StackName,
    kind,
    platform: tag(stackTags.platform) ?? '',
    ...(pipeline === undefined ? {} : { pipeline }),
    status: StackStatus ?? 'UNKNOWN',
    deployedAt: (at.LastUpdatedTime ?? at.CreationTime ?? new Date(0)).toISOString(),
  };
}

/** The stacks of all platforms of the account and region, platforms before their pipelines. */
export async function listStacks(client: CloudFormationClient): Promise<readonly DeployedStack[]> {
  const found: DeployedStack[] = [];
  let from: string | undefined;
  do {
    const page = await client.send(new DescribeStacksCommand(from === undefined ? {} : { NextToken: from }));
    for (const stack of page.Stacks ?? []) {
      const deployed = stack.StackStatus === 'DELETE_COMPLETE' ? undefined : asDeployed(stack);
      if (deployed !== undefined) found.push(deployed);
    }
    from = page.NextToken;
  } while (from !== undefined);
  return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The status of a stack, whoever has made it; `undefined` when there is none. */
export async function stackStatus(client: CloudFormationClient, name: string): Promise<string | undefined> {
  try {
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: name }));
    const status = Stacks[0]?.StackStatus;
    return status === 'DELETE_COMPLETE' ? undefined : status;
  } catch (thrown) {
    if (isAbsent(thrown)) return undefined;
    throw thrown;
  }
}

/** The template that is deployed; `undefined` when there is none, or one that was never carried out. */
export async function deployedTemplate(client: CloudFormationClient, name: string): Promise<Template | undefined> {
  const status = await stackStatus(client, name);
  if (status === undefined || status === 'REVIEW_IN_PROGRESS' || status === 'ROLLBACK_COMPLETE') return undefined;
  const { TemplateBody = '{}' } = await client.send(
    new GetTemplateCommand({ StackName: name, TemplateStage: 'Original' }),
  );
  // Our apps write JSON; a stack of that name in YAML was made by somebody else.
  return JSON.parse(TemplateBody) as Template;
}

/** Published versions go with their function or state machine, whatever the template says of them. */
const isVersion = (type: string) =>
  type === 'AWS::Lambda::Version' || type === 'AWS::StepFunctions::StateMachineVersion';

/** What becomes of a stack's things when it is destroyed. */
export interface Fate {
  /** What stays: `AWS::DynamoDB::Table bunsui-sessions`. */
  readonly retained: readonly string[];
  /** Buckets that go: CloudFormation refuses to delete one that holds anything. */
  readonly buckets: readonly string[];
}

export async function fateOf(client: CloudFormationClient, name: string): Promise<Fate> {
  const [template, { StackResources = [] }] = await Promise.all([
    deployedTemplate(client, name),
    client.send(new DescribeStackResourcesCommand({ StackName: name })),
  ]);
  const physical = (id: string) =>
    StackResources.find(({ LogicalResourceId }) => LogicalResourceId === id)?.PhysicalResourceId ?? id;
  const resources = Object.entries(template?.Resources ?? {});
  return {
    retained: resources
      .filter(([, { Type: type, DeletionPolicy: policy }]) => policy === 'Retain' && !isVersion(type))
      .map(([id, { Type: type }]) => `${type} ${physical(id)}`)
      .toSorted(),
    buckets: resources
      .filter(([, { Type: type, DeletionPolicy: policy }]) => type === 'AWS::S3::Bucket' && policy === 'Delete')
      .map(([id]) => physical(id)),
  };
}

/** Removes every object of a bucket, a page at a time. */
export async function emptyBucket(target: StackTarget, Bucket: string): Promise<void> {
  const { profile, region, endpointUrl } = target;
  const s3 = new S3Client({
    ...(profile === undefined ? {} : { profile }),
    ...(region === undefined ? {} : { region }),
    ...(endpointUrl === undefined ? {} : { endpoint: endpointUrl, forcePathStyle: true }),
  });
  for (;;) {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    const Objects = Contents.flatMap(({ Key }) => (Key === undefined ? [] : [{ Key }]));
    if (Objects.length === 0) return;
    const { Errors: [first] = [] } = await s3.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }),
    );
    if (first !== undefined) {
      throw new BunsuiError('AWSError', 'BS5001', `s3://${Bucket}/${first.Key} cannot be deleted: ${first.Message}`);
    }
  }
}
