/** The state machine of a pipeline: its definition as an asset, the role it calls functions with, version and alias. */
import { createHash } from 'node:crypto';
import { ArnFormat, Lazy, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Role, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import {
  CfnStateMachineAlias,
  CfnStateMachineVersion,
  DefinitionBody,
  LogLevel,
  StateMachine,
  StateMachineType,
} from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { definitionLimitBytes } from '../compiler/limits.ts';
import { BunsuiError } from '../errors.ts';
import {
  type ContainerPart,
  containerPlaceholder,
  type PipelineArtifact,
  platformBucketPlaceholder,
} from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';
import { mapsOverS3 } from '../ir/map-s3.ts';
import { callsOf, tasksOf } from '../ir/operations.ts';
import { childMachineName, longestFunctionArn } from '../storage-layout.ts';
import { acknowledgeKeyActions, acknowledgeResources, acknowledgeWildcards } from './acknowledgements.ts';
import type { DeployedContainer } from './container-operation.ts';
import { approvalItems, gateItems } from './gate-permissions.ts';
import { artifactAsset, assemblyFile, markOf } from './deployed-artifact.ts';
import { mapStatements, usesPlatformBucket } from './map-permissions.ts';
import { type PlacedDefinition, placeFunctions } from './place-functions.ts';
import { policyStatement } from './permission.ts';
import type { IPlatform } from './platform-interface.ts';

export interface PipelineMachine {
  readonly stateMachine: StateMachine;
  readonly version: CfnStateMachineVersion;
  readonly alias: CfnStateMachineAlias;
}

/**
 * Makes the state machine, which calls the published versions of the functions.
 *
 * @throws {BunsuiError} BS1113 when the definition is too large as it is deployed.
 */
export function pipelineMachine(
  scope: Construct,
  platform: IPlatform,
  artifact: PipelineArtifact,
  functions: { readonly [operation: string]: LambdaFunction },
  containers: { readonly [operation: string]: DeployedContainer } = {},
): PipelineMachine {
  const { id } = artifact.pipeline;
  const nameOf = (pipeline: string) => `${platform.prefix}-${pipeline}`;
  const calls = calledBy(artifact);
  const keys = Object.fromEntries(Object.keys(functions).map((operation) => [operation, `\${${keyOf(operation)}}`]));
  const versions = Object.entries(functions).map(([operation, { currentVersion }]) => [
    keyOf(operation),
    currentVersion.functionArn,
  ]);
  const named = partsOf(containers);
  const parts = new Map<string, Json>([
    ...named.map(({ placeholder, text }) => [placeholder, text] as const),
    [platformBucketPlaceholder, '${bucket}'],
  ]);
  const common: Substitutions = {
    ...(usesGatesTable(artifact) ? { gates: platform.gatesTable.tableName } : {}),
    ...(usesPlatformBucket(artifact.pipeline) ? { bucket: platform.bucket.bucketName } : {}),
    ...Object.fromEntries(versions),
    ...Object.fromEntries(named.map(({ key, value }) => [key, value])),
    ...Object.fromEntries(calls.map(({ id: called }) => [callKeyOf(called), machineArn(scope, nameOf(called))])),
  };
  // Bookkeeping knows by this name whose execution it is that somebody started in the console.
  const stateMachineName = nameOf(id);
  const children = (artifact.shards ?? []).map((_, index) => childMachineName(`${platform.prefix}-`, id, index + 1));
  const childNames = childPatterns(platform, artifact);
  const statements = [
    ...gateStatements(scope, platform, artifact),
    ...childStatements(scope, childNames),
    ...calls.flatMap(({ id: called, waits }) => startStatements(scope, nameOf(called), waits)),
    ...Object.values(containers).flatMap((one) => one.statements),
    ...mapStatements(scope, platform, artifact.pipeline, [stateMachineName, ...childNames]),
  ];
  const role = machineRole(
    scope,
    [stateMachineName, ...childNames],
    Object.values(functions),
    statements,
    serviceStatements(artifact.pipeline),
    artifact.pipeline,
  );
  const usesKey =
    usesGatesTable(artifact) || Object.keys(containers).length > 0 || usesPlatformBucket(artifact.pipeline);
  if (usesKey && platform.encryptionKey !== undefined) {
    platform.encryptionKey.grantEncryptDecrypt(role);
    acknowledgeKeyActions(role);
  }

  /** One machine with its published version. Substitutions that the text has no place for are left out. */
  const machineOf = (
    at: Construct,
    name: string,
    definition: PipelineArtifact['definition'],
    substitutions: Substitutions,
    comment?: string,
  ) => {
    const machine = (number: number) => `\${machine${number}}`;
    const placed = placeFunctions(definition, keys, {
      ...{ gatesTable: '${gates}', machine, parts, pipeline: (called: string) => `\${${callKeyOf(called)}}` },
      ...(comment === undefined ? {} : { comment }),
    });
    requireRoom(artifact, placed, keys);
    const used = Object.fromEntries(
      Object.entries(substitutions).filter(([key]) => children.length === 0 || placed.text.includes(`\${${key}}`)),
    );
    const stateMachine = new StateMachine(at, 'StateMachine', {
      stateMachineName: name,
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromFile(
        assemblyFile(scope, `${name.slice(platform.prefix.length + 1)}.asl.json`, placed.text),
      ),
      definitionSubstitutions: used,
      role,
      logs: { destination: platform.logGroup, level: LogLevel.ALL, includeExecutionData: true },
      tracingEnabled: true,
    });
    return { stateMachine, version: published(at, stateMachine, artifact, [placed.text, Object.entries(used).sort()]) };
  };

  // The root starts published versions of its children: a session ends on the definitions that it began with.
  const started = (artifact.shards ?? []).map((shard, index) => {
    const at = new Construct(scope, `Part${index + 1}`);
    const { version } = machineOf(at, children[index] ?? '', shard, common);
    return [`machine${index + 1}`, version.attrArn] as const;
  });
  const mark = markOf(artifact, artifactAsset(scope, artifact));
  const root = { artifact: mark, ...common, ...Object.fromEntries(started) };
  const { stateMachine, version } = machineOf(scope, stateMachineName, artifact.definition, root, '${artifact}');
  return { stateMachine, version, alias: liveAlias(scope, version) };
}

/** The parts of containers: what stands in the definition, and what is put in its place while it is deployed. */
function partsOf(containers: { readonly [operation: string]: DeployedContainer }) {
  return Object.entries(containers).flatMap(([operation, { parts }]) =>
    Object.entries(parts).flatMap(([part, value]) => {
      const key = `${keyOf(operation)}_${part}`;
      const placeholder = containerPlaceholder(operation, part as ContainerPart);
      const listed = Array.isArray(value);
      const values = (listed ? value : [value]) as readonly string[];
      const keys = values.map((_, index) => (listed ? `${key}${index}` : key));
      const text: Json = listed ? keys.map((one) => `\${${one}}`) : `\${${key}}`;
      return values.map((one, index) => ({ key: keys[index] ?? '', value: one, placeholder, text }));
    }),
  );
}

/** What is put into a definition while it is deployed, by name. */
type Substitutions = { readonly [key: string]: string };

/** What stands for an operation's function until it is deployed: letters, digits and `_`, another one for each id. */
function keyOf(operation: string): string {
  return `of_${operation.replaceAll('_', '_u').replaceAll('-', '_d')}`;
}

/** What stands for the machine of a pipeline that is called. */
function callKeyOf(pipeline: string): string {
  return keyOf(pipeline).replace(/^of_/, 'call_');
}

/** The pipelines that are called, once each, and whether some job waits for their ends. */
function calledBy({ pipeline }: PipelineArtifact): readonly { readonly id: string; readonly waits: boolean }[] {
  const calls = Object.groupBy(callsOf(pipeline), (call) => call.pipeline);
  return Object.entries(calls).map(([id, of = []]) => ({ id, waits: of.some(({ waits }) => waits) }));
}

/** The compiler has measured the definition without what containers put into it; here is the text that is deployed. */
function requireRoom(
  { pipeline: { id, source } }: PipelineArtifact,
  { text, called }: PlacedDefinition,
  keys: { readonly [operation: string]: string },
): void {
  const grown = called.map((operation) => longestFunctionArn(id, operation) - (keys[operation]?.length ?? 0));
  const bytes = grown.reduce((sum, more) => sum + more, Buffer.byteLength(text));
  if (bytes <= definitionLimitBytes) return;
  throw new BunsuiError(
    'PipelineError',
    'BS1113',
    `the state machine of pipeline ${id} (${source.file}:${source.line}) has up to ${bytes} bytes with its functions, and Step Functions takes ${definitionLimitBytes}; split the pipeline in two, or put jobs of one kind into a p.map`,
  );
}

/** By name, so that roles do not wait for the machine that waits for them. */
function machineArn(scope: Construct, machine: string): string {
  return Stack.of(scope).formatArn({
    service: 'states',
    resource: 'stateMachine',
    resourceName: machine,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

/** So many child machines are named one by one where something is allowed; a role's trust policy holds few names. */
const namedChildren = 4;

/**
 * Names of a pipeline's child machines as policies have them: from some number on one pattern for all whose numbers have
 * as many digits. IAM takes 2,048 characters of a role's trust policy, and 10,240 of all its other policies.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 */
function childPatterns(
  { prefix }: Pick<IPlatform, 'prefix'>,
  { pipeline: { id }, shards = [] }: PipelineArtifact,
): readonly string[] {
  const names = shards.map((_, index) => childMachineName(`${prefix}-`, id, index + 1));
  if (names.length <= namedChildren) return names;
  const digits = Array.from({ length: String(names.length).length }, (_, index) => index + 1);
  return digits.map((count) => {
    const first = childMachineName(`${prefix}-`, id, 10 ** (count - 1));
    return `${prefix}-${'?'.repeat(count)}${first.slice(prefix.length + 1 + count)}`;
  });
}

const usesGatesTable = ({ gates, approvals }: PipelineArtifact): boolean =>
  gates !== undefined || approvals !== undefined;

/** The machines whose states wait at gates, and which tokens therefore belong to. */
export function gatedMachines(
  scope: Construct,
  platform: Pick<IPlatform, 'prefix'>,
  artifact: PipelineArtifact,
): readonly string[] {
  const names = [`${platform.prefix}-${artifact.pipeline.id}`, ...childPatterns(platform, artifact)];
  return names.flatMap((name) => withRuns(artifact.pipeline, machineArn(scope, name)));
}

/** A machine, and where it has maps over S3 what the executions of their runs are of. */
const withRuns = (pipeline: PipelineArtifact['pipeline'], arn: string): readonly string[] =>
  mapsOverS3(pipeline).length === 0 ? [arn] : [arn, `${arn}/*`];

/** What the machine itself does at gates: it waits, reads what stands behind them, opens some; and it asks people. */
function gateStatements(scope: Construct, platform: IPlatform, artifact: PipelineArtifact): readonly PolicyStatement[] {
  const { gates, approvals } = artifact;
  const ask =
    approvals === undefined
      ? []
      : [new PolicyStatement({ ...approvalItems('UpdateItem'), resources: [platform.gatesTable.tableArn] })];
  if (gates === undefined) return ask;
  const table = new PolicyStatement({
    ...gateItems('GetItem', 'UpdateItem'),
    resources: [platform.gatesTable.tableArn],
  });
  const wake = new PolicyStatement({
    actions: ['states:SendTaskSuccess'],
    resources: [...gatedMachines(scope, platform, artifact)],
  });
  return gates.openedByStates ? [...ask, table, wake] : [...ask, table];
}

/**
 * Starting child machines and waiting for their ends, which Step Functions hears of by a rule of its own.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html#sync-async-iam-policies
 */
function childStatements(scope: Construct, children: readonly string[]): readonly PolicyStatement[] {
  if (children.length === 0) return [];
  const arns = children.map((child) => machineArn(scope, child));
  return [
    new PolicyStatement({
      actions: ['states:StartExecution'],
      resources: arns.flatMap((arn) => [arn, `${arn}:*`]),
    }),
    ...waitStatements(scope, children),
  ];
}

/** Starting the machine of a pipeline that is called: it alone, as it was deployed last. */
function startStatements(scope: Construct, machine: string, waits: boolean): readonly PolicyStatement[] {
  const start = new PolicyStatement({ actions: ['states:StartExecution'], resources: [machineArn(scope, machine)] });
  return waits ? [start, ...waitStatements(scope, [machine])] : [start];
}

/** Hearing of the ends of a machine's executions, and stopping them. */
function waitStatements(scope: Construct, machines: readonly string[]): readonly PolicyStatement[] {
  const { partition, region, account } = Stack.of(scope);
  const executions = machines.map((machine) => `arn:${partition}:states:${region}:${account}:execution:${machine}:*`);
  const rule = `arn:${partition}:events:${region}:${account}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule`;
  return [
    new PolicyStatement({ actions: ['states:DescribeExecution', 'states:StopExecution'], resources: executions }),
    new PolicyStatement({ actions: ['events:PutTargets', 'events:PutRule', 'events:DescribeRule'], resources: [rule] }),
  ];
}

/** A statement, and why a wildcard stands in it. */
interface ServiceStatement {
  readonly statement: PolicyStatement;
  readonly reason: string | undefined;
}

/** What operations that call services ask for, each once. */
function serviceStatements(pipeline: PipelineArtifact['pipeline']): readonly ServiceStatement[] {
  const asked = tasksOf(pipeline).flatMap(({ statements }) => statements);
  const once = new Map(asked.map((statement) => [JSON.stringify(statement), statement]));
  return [...once.values()].map((one) => ({ statement: policyStatement(one), reason: one.wildcard }));
}

/** A role that only these machines may take, and that may call exactly these functions and services. */
function machineRole(
  scope: Construct,
  machines: readonly string[],
  functions: readonly LambdaFunction[],
  statements: readonly PolicyStatement[],
  services: readonly ServiceStatement[],
  pipeline: PipelineArtifact['pipeline'],
): Role {
  const stack = Stack.of(scope);
  const arns = machines.map((machine) => machineArn(scope, machine));
  const role = new Role(scope, 'Role', {
    assumedBy: new ServicePrincipal('states.amazonaws.com', {
      conditions: {
        StringEquals: { 'aws:SourceAccount': stack.account },
        ArnLike: {
          'aws:SourceArn': arns.flatMap((arn) =>
            withRuns(pipeline, arn).flatMap((one) => (one === arn ? [one, `${one}:*`] : [one])),
          ),
        },
      },
    }),
  });
  // Every version: executions that began before a deployment, or are redriven after it, call the older ones.
  const invoked = functions.map(({ functionArn }) => `${functionArn}:*`);
  // CDK moves whole statements into another policy when one would grow larger than IAM takes.
  for (let first = 0; first < invoked.length; first += 25) {
    const resources = invoked.slice(first, first + 25);
    role.addToPolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources }));
  }
  for (const statement of statements) {
    role.addToPolicy(statement);
    const wild = statement.resources.filter((resource) => resource.includes('*'));
    if (wild.length > 0) acknowledgeWildcards(role, 'executions', wild);
  }
  for (const { statement, reason } of services) {
    role.addToPolicy(statement);
    if (reason !== undefined) acknowledgeResources(role, reason, statement.resources);
  }
  acknowledgeWildcards(role, 'versions', invoked);
  acknowledgeWildcards(role, 'delivery', ['*']);
  return role;
}

/**
 * The version of what is deployed. Sessions start on versions: one that waits in a
 * queue while the pipeline is deployed anew begins on the definition that its record names. Older versions stay.
 */
function published(scope: Construct, machine: StateMachine, { version: label }: PipelineArtifact, content: unknown) {
  const version = new CfnStateMachineVersion(scope, 'Version', {
    stateMachineArn: machine.stateMachineArn,
    stateMachineRevisionId: machine.stateMachineRevisionId,
    description: label,
  });
  // A version cannot be changed: another content is another resource, and the one before is left where it is. What
  // the content is, is known when everything has been said about the functions. The same content must not be another
  // resource: CloudFormation refuses to publish a revision twice.
  const stack = Stack.of(scope);
  const base = stack.resolve(version.logicalId) as string;
  const hashed = () =>
    createHash('sha256')
      .update(JSON.stringify(stack.resolve(content)))
      .digest('hex')
      .slice(0, 16);
  version.overrideLogicalId(Lazy.uncachedString({ produce: () => `${base}${hashed()}` }));
  version.applyRemovalPolicy(RemovalPolicy.RETAIN);
  return version;
}

/** The alias that names what was deployed last. */
function liveAlias(scope: Construct, version: CfnStateMachineVersion): CfnStateMachineAlias {
  return new CfnStateMachineAlias(scope, 'Alias', {
    name: 'live',
    description: 'the version that was deployed last',
    routingConfiguration: [{ stateMachineVersionArn: version.attrArn, weight: 100 }],
  });
}
