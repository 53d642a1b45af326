/** The end of what the tests have deployed: everything goes, but for what is to be kept. */
import {
  CloudFormationClient,
  DescribeStackResourcesCommand,
  GetTemplateCommand,
} from '@aws-sdk/client-cloudformation';
import { beforeAll, expect, it } from 'vitest';
import { clientConfig } from '../../contract/target.ts';
import { allowedTypes } from '../allowed-types.ts';
import { app, at, deployApp, deployByCommandLine, target, type } from '../platforms.ts';
import { isAskedFor, type Resource, there } from './there.ts';

const cloudFormation = new CloudFormationClient(clientConfig(target));

interface Stack {
  readonly resources: readonly Resource[];
  /** Those that the template says are kept when it goes. */
  readonly kept: readonly Resource[];
}

interface Templated {
  readonly DeletionPolicy?: string;
  readonly Properties?: { readonly PolicyName?: string; readonly Roles?: readonly { readonly Ref: string }[] };
}

async function stackOf(StackName: string): Promise<Stack> {
  const { TemplateBody = '{}' } = await cloudFormation.send(new GetTemplateCommand({ StackName }));
  const template = JSON.parse(TemplateBody) as { readonly Resources: { readonly [logicalId: string]: Templated } };
  const { StackResources = [] } = await cloudFormation.send(new DescribeStackResourcesCommand({ StackName }));
  const physical = new Map(StackResources.map((one) => [one.LogicalResourceId, one.PhysicalResourceId ?? '']));
  const all = StackResources.filter((one) => !Object.hasOwn(allowedTypes, one.ResourceType ?? '')).map((one) => {
    const { ResourceType = '', LogicalResourceId = '', PhysicalResourceId = '' } = one;
    const { DeletionPolicy = '', Properties: { PolicyName, Roles: [role] = [] } = {} } =
      template.Resources[LogicalResourceId] ?? {};
    const isPolicy = ResourceType === 'AWS::IAM::Policy';
    return {
      type: ResourceType,
      id: isPolicy ? `${physical.get(role?.Ref)}/${PolicyName}` : PhysicalResourceId,
      isKept: DeletionPolicy.startsWith('Retain'),
    };
  });
  const plain = ({ type: one, id }: Resource): Resource => ({ type: one, id });
  return { resources: all.map(plain), kept: all.filter(({ isKept }) => isKept).map(plain) };
}

const byId = (resources: readonly Resource[]) => resources.map(({ type: one, id }) => `${one} ${id}`).toSorted();
const askedFor = (resources: readonly Resource[]) => resources.filter((one) => isAskedFor(one.type));
/** A published version stays as long as its function does. */
const isVersion = (resource: Resource) => resource.type === 'AWS::Lambda::Version';

async function stacksOf(names: readonly string[]): Promise<Stack> {
  const stacks = await Promise.all(names.map(stackOf));
  return { resources: stacks.flatMap((one) => one.resources), kept: stacks.flatMap((one) => one.kept) };
}

beforeAll(async () => {
  await deployApp();
  await deployByCommandLine();
});

it("CDK destroys all that it has deployed but what is retained: tables, bucket, logs and the role of the API's logs", async () => {
  const { resources, kept } = await stacksOf(['Bunsui', 'More']);
  // What is asked is answered: all of it is there before.
  expect(byId(await there(resources))).toStrictEqual(byId(askedFor(resources)));
  await app.destroy();
  const left = await there(resources);
  expect(byId(left)).toStrictEqual(byId(askedFor(kept).filter((one) => !isVersion(one))));
  expect(new Set(left.map((one) => one.type))).toStrictEqual(
    new Set(['AWS::DynamoDB::Table', 'AWS::IAM::Role', 'AWS::Logs::LogGroup', 'AWS::S3::Bucket']),
  );
});

it("the command line destroys a platform whole, with what its bucket holds; only the role of the API's logs stays", async () => {
  const { resources, kept } = await stacksOf(['bunsuicli', 'bunsuicli-shop', 'bunsuicli-doomed']);
  expect(byId(await there(resources))).toStrictEqual(byId(askedFor(resources)));
  const destroyed = await type('stack', 'destroy', 'bunsuicli', '--yes', ...at);
  const listed = await type('stack', 'list', '--json', ...at);
  expect(destroyed.out).toMatch(/^destroyed bunsuicli-(shop, bunsuicli-doomed|doomed, bunsuicli-shop), bunsuicli\n$/);
  expect(destroyed.err).toContain('with all its objects\n');
  expect(listed.out).not.toContain('bunsuicli');
  // It is the account's: other APIs write their logs with it too.
  const left = await there(resources);
  expect(left.map((one) => one.type)).toStrictEqual(['AWS::IAM::Role']);
  expect(byId(kept)).toStrictEqual(expect.arrayContaining(byId(left)));
});
