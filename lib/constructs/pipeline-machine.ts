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
import type { Construct } from 'constructs';
import { definitionLimitBytes } from '../compiler/compile.ts';
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { acknowledgeWildcards } from './acknowledgements.ts';
import { artifactAsset, assemblyFile, markOf } from './deployed-artifact.ts';
import { longestFunctionArn } from './function-name.ts';
import { type PlacedDefinition, placeFunctions } from './place-functions.ts';
import type { IPlatform } from './platform-interface.ts';

export interface PipelineMachine {
  readonly stateMachine: StateMachine;
  readonly version: CfnStateMachineVersion;
  readonly alias: CfnStateMachineAlias;
}

/**
 * Makes the state machine, which calls the published versions of the functions.
 *
 * @throws {BunsuiError} BS1113 when the definition is too large once the functions' ARNs stand in it.
 */
export function pipelineMachine(
  scope: Construct,
  platform: IPlatform,
  artifact: PipelineArtifact,
  functions: { readonly [operation: string]: LambdaFunction },
): PipelineMachine {
  const { id } = artifact.pipeline;
  const keys = Object.fromEntries(Object.keys(functions).map((operation) => [operation, `\${${keyOf(operation)}}`]));
  const placed = placeFunctions(artifact.definition, keys, { comment: '${artifact}', gatesTable: '${gates}' });
  requireRoom(artifact, placed, keys);
  const versions = Object.entries(functions).map(([operation, { currentVersion }]) => [
    keyOf(operation),
    currentVersion.functionArn,
  ]);
  const substitutions: { readonly [key: string]: string } = {
    artifact: markOf(artifact, artifactAsset(scope, artifact)),
    ...(artifact.gates === undefined ? {} : { gates: platform.gatesTable.tableName }),
    ...Object.fromEntries(versions),
  };
  // Bookkeeping knows by this name whose execution it is that somebody started in the console.
  const stateMachineName = `${platform.prefix}-${id}`;
  const role = machineRole(
    scope,
    stateMachineName,
    Object.values(functions),
    gateStatements(scope, platform, artifact),
  );
  if (artifact.gates !== undefined) platform.encryptionKey?.grantEncryptDecrypt(role);
  const stateMachine = new StateMachine(scope, 'StateMachine', {
    stateMachineName,
    stateMachineType: StateMachineType.STANDARD,
    definitionBody: DefinitionBody.fromFile(assemblyFile(scope, `${id}.asl.json`, placed.text)),
    definitionSubstitutions: substitutions,
    role,
    logs: { destination: platform.logGroup, level: LogLevel.ALL, includeExecutionData: true },
    tracingEnabled: true,
  });
  return {
    stateMachine,
    ...published(scope, stateMachine, artifact, [placed.text, Object.entries(substitutions).sort()]),
  };
}

/** What stands for an operation's function until it is deployed: letters, digits and `_`, another one for each id. */
function keyOf(operation: string): string {
  return `of_${operation.replaceAll('_', '_u').replaceAll('-', '_d')}`;
}

/** The compiler has measured the definition without the ARNs. */
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
export function machineArn(scope: Construct, machine: string): string {
  return Stack.of(scope).formatArn({
    service: 'states',
    resource: 'stateMachine',
    resourceName: machine,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

/** What the machine itself does at gates: it waits, reads what stands behind them, and opens some. */
function gateStatements(scope: Construct, platform: IPlatform, artifact: PipelineArtifact): readonly PolicyStatement[] {
  const { gates, pipeline } = artifact;
  if (gates === undefined) return [];
  const table = new PolicyStatement({
    actions: ['dynamodb:GetItem', 'dynamodb:UpdateItem'],
    resources: [platform.gatesTable.tableArn],
  });
  const arn = machineArn(scope, `${platform.prefix}-${pipeline.id}`);
  const wake = new PolicyStatement({ actions: ['states:SendTaskSuccess'], resources: [arn] });
  return gates.openedByStates ? [table, wake] : [table];
}

/** A role that only this machine may take, and that may call exactly these functions. */
function machineRole(
  scope: Construct,
  machine: string,
  functions: readonly LambdaFunction[],
  statements: readonly PolicyStatement[],
): Role {
  const stack = Stack.of(scope);
  const arn = machineArn(scope, machine);
  const role = new Role(scope, 'Role', {
    assumedBy: new ServicePrincipal('states.amazonaws.com', {
      conditions: {
        StringEquals: { 'aws:SourceAccount': stack.account },
        ArnLike: { 'aws:SourceArn': [arn, `${arn}:*`] },
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
  for (const statement of statements) role.addToPolicy(statement);
  acknowledgeWildcards(role, 'versions', invoked);
  acknowledgeWildcards(role, 'delivery', ['*']);
  return role;
}

/**
 * The version of what is deployed, and the alias `live` that names it. Sessions start on versions: one that waits in a
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
  const alias = new CfnStateMachineAlias(scope, 'Alias', {
    name: 'live',
    description: 'the version that was deployed last',
    routingConfiguration: [{ stateMachineVersionArn: version.attrArn, weight: 100 }],
  });
  return { version, alias };
}
