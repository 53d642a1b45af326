/**
 * Pipeline: one pipeline on AWS. Its definition is compiled as the command line compiles it; each operation becomes a
 * function, the graph a state machine that may call exactly those, its schedules and triggers what starts it.
 */
import { Annotations, ArnFormat, Aspects, Duration, Size, Stack } from 'aws-cdk-lib';
import type { Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { FargateTaskDefinition } from 'aws-cdk-lib/aws-ecs';
import type { CfnRule } from 'aws-cdk-lib/aws-events';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { Grant, ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import type { CfnStateMachineAlias, CfnStateMachineVersion, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { secretsOf } from '../ir/expressions.ts';
import type { LambdaOperationIr, PipelineIr } from '../ir/nodes.ts';
import { callsOf, containersOf, lambdasOf, yieldsRecords } from '../ir/operations.ts';
import { placedNodes } from '../ir/walk.ts';
import { environment, payloadPrefix } from '../storage-layout.ts';
import { acknowledgeResources, acknowledgeWildcards } from './acknowledgements.ts';
import type { PipelineDefinition } from './artifact-of.ts';
import { artifactOf, diagnosticLine, fingerprinted } from './artifact-of.ts';
import { operationCode } from './bundle-operation.ts';
import { containerOperation, ContainerPlace } from './container-operation.ts';
import { gateItems } from './gate-permissions.ts';
import { functionName } from './function-name.ts';
import { LoggedFunction } from './logged-function.ts';
import { pipelineSchedule, pipelineTrigger } from './pipeline-firings.ts';
import { requireRoom } from './pipeline-limits.ts';
import { policyStatement } from './permission.ts';
import { gatedMachines, pipelineMachine } from './pipeline-machine.ts';
import type { IPlatform, NetworkPlace } from './platform-interface.ts';

/** Properties of a `Pipeline`. `vpc`, `vpcSubnets` and `securityGroups` say where its functions stand. */
export interface PipelineProps extends NetworkPlace {
  /** Where its sessions are kept: a `Platform`, or one that is deployed elsewhere (`Platform.fromAttributes`). */
  readonly platform: IPlatform;
  /** What the pipeline's file exports by default. */
  readonly definition: PipelineDefinition;
  /**
   * Whether its schedules and triggers start it. They are made in any case; `false` is for a stage where people start it.
   *
   * @default true
   */
  readonly startsByItself?: boolean;
}

/**
 * A pipeline on AWS.
 *
 * @example
 * import flights from './pipelines/flights/pipeline.ts';
 *
 * const pipeline = new Pipeline(this, 'Flights', { platform, definition: flights });
 * lookupTable.grantReadData(pipeline.operation('enrich'));
 */
export class Pipeline extends Construct {
  /** What was compiled, with its version. */
  readonly artifact: PipelineArtifact;
  readonly stateMachine: StateMachine;
  /** What was published of the state machine. Those of earlier deployments stay, for the sessions that began on them. */
  readonly stateMachineVersion: CfnStateMachineVersion;
  /** `live`: the version that was deployed last. */
  readonly stateMachineAlias: CfnStateMachineAlias;
  /** The functions, by operation. */
  readonly operations: { readonly [operation: string]: LambdaFunction };
  /** The task definitions of operations that are containers: grant their `taskRole` what they use. */
  readonly containers: { readonly [operation: string]: FargateTaskDefinition };
  /** The schedules, by their ids in the pipeline. */
  readonly schedules: { readonly [schedule: string]: CfnSchedule };
  /** The rules of the triggers, by their ids in the pipeline. */
  readonly triggers: { readonly [trigger: string]: CfnRule };
  /** Of the platform. */
  private readonly prefix: string;

  constructor(scope: Construct, id: string, props: PipelineProps) {
    super(scope, id);
    const { platform, startsByItself = true } = props;
    const { artifact: compiled, notes } = artifactOf(props.definition);
    const { pipeline } = compiled;
    this.artifact = compiled;
    this.prefix = platform.prefix;
    for (const note of notes) Annotations.of(this).addInfo(diagnosticLine(note));
    requireRoom(compiled, platform);
    requireChannels(pipeline, platform);
    const shared = this.newSharedPolicy(platform);
    this.operations = byId(lambdasOf(pipeline), (operation) => this.newOperation(operation, shared, props));
    const { vpc, vpcSubnets, securityGroups } = props;
    const network =
      vpc === undefined
        ? platform.network
        : { vpc, ...(vpcSubnets && { vpcSubnets }), ...(securityGroups && { securityGroups }) };
    const containers = containersOf(pipeline);
    const place = containers.length === 0 ? undefined : new ContainerPlace(this, network);
    const deployed = byId(containers, (operation) =>
      containerOperation(this, place as ContainerPlace, platform, pipeline, operation),
    );
    this.containers = Object.fromEntries(Object.entries(deployed).map(([id, one]) => [id, one.taskDefinition]));
    // Commands that need no code (`cdk ls`) look at none.
    if (Stack.of(this).bundlingRequired) this.artifact = fingerprinted(compiled, props.definition.calls);
    const { stateMachine, version, alias } = pipelineMachine(this, platform, this.artifact, this.operations, deployed);
    this.stateMachine = stateMachine;
    this.stateMachineVersion = version;
    this.stateMachineAlias = alias;
    this.schedules = byId(pipeline.schedules ?? [], (schedule) =>
      pipelineSchedule(this, platform, pipeline, schedule, startsByItself),
    );
    this.triggers = byId(pipeline.triggers ?? [], (trigger) =>
      pipelineTrigger(this, platform, pipeline, trigger, startsByItself),
    );
    if (callsOf(pipeline).length > 0) Aspects.of(this).add({ visit: (node) => node === this && this.followCalls() });
    // A schedule may be due at once: what it starts must be there.
    for (const firing of [...Object.values(this.schedules), ...Object.values(this.triggers)]) {
      firing.node.addDependency(alias);
    }
  }

  /**
   * The function of an operation: grant it what its handler uses.
   *
   * @throws {BunsuiError} BS1105 when the pipeline has no such operation.
   */
  operation(id: string): LambdaFunction {
    const found = Object.hasOwn(this.operations, id) ? this.operations[id] : undefined;
    if (found === undefined) {
      const known = Object.keys(this.operations).join(', ');
      throw new BunsuiError(
        'PipelineError',
        'BS1105',
        `pipeline ${this.artifact.pipeline.id} has no operation "${id}"; it has ${known}`,
      );
    }
    return found;
  }

  /**
   * Lets somebody start executions of this pipeline by Step Functions itself, which are adopted as sessions. For
   * sessions with a key: `platform.grantStart`.
   */
  grantStart(grantee: IGrantable): Grant {
    return this.grant(grantee, this.machineArns(), 'StartExecution');
  }

  /** Lets somebody see the executions of this pipeline and their histories. For sessions and logs: `platform.grantRead`. */
  grantRead(grantee: IGrantable): Grant {
    const executions = this.grant(grantee, [this.executionArns()], 'DescribeExecution', 'GetExecutionHistory');
    return executions.combine(
      this.grant(grantee, this.machineArns(), 'DescribeStateMachine', 'ListStateMachineVersions', 'ListExecutions'),
    );
  }

  /** Lets somebody see, redrive and stop the executions of this pipeline, and start new ones. */
  grantRerun(grantee: IGrantable): Grant {
    return this.grantStart(grantee)
      .combine(this.grantRead(grantee))
      .combine(this.grant(grantee, [this.executionArns()], 'RedriveExecution', 'StopExecution'));
  }

  /** Executions started. @default - sum over five minutes */
  metricStarted(options?: MetricOptions): Metric {
    return this.stateMachine.metricStarted(options);
  }

  /** Executions that succeeded. @default - sum over five minutes */
  metricSucceeded(options?: MetricOptions): Metric {
    return this.stateMachine.metricSucceeded(options);
  }

  /** Executions that failed. @default - sum over five minutes */
  metricFailed(options?: MetricOptions): Metric {
    return this.stateMachine.metricFailed(options);
  }

  /** Executions that ran out of time. @default - sum over five minutes */
  metricTimedOut(options?: MetricOptions): Metric {
    return this.stateMachine.metricTimedOut(options);
  }

  /** Executions that were stopped. @default - sum over five minutes */
  metricAborted(options?: MetricOptions): Metric {
    return this.stateMachine.metricAborted(options);
  }

  /** From start to end of an execution, milliseconds. @default - average over five minutes */
  metricTime(options?: MetricOptions): Metric {
    return this.stateMachine.metricTime(options);
  }

  /** Pipelines of the app that this one calls are deployed before it; one that is not in the app is worth a warning. */
  private followCalls(): void {
    const deployed = this.node.root.node.findAll().filter((one): one is Pipeline => one instanceof Pipeline);
    for (const id of new Set(callsOf(this.artifact.pipeline).map((call) => call.pipeline))) {
      const child = deployed.find((one) => one.artifact.pipeline.id === id && one.prefix === this.prefix);
      if (child === undefined) Annotations.of(this).addWarningV2('bunsui:called', missingChild(this, id));
      else this.node.addDependency(child.stateMachine);
    }
  }

  /** What the function of every operation does. Said once: in each role it would fill the template of a large pipeline. */
  private newSharedPolicy(platform: IPlatform): ManagedPolicy {
    const payloads = platform.bucket.arnForObjects(`${payloadPrefix(this.artifact.pipeline.id)}/*`);
    const inParts = lambdasOf(this.artifact.pipeline).some(yieldsRecords);
    const policy = new ManagedPolicy(this, 'OperationsPolicy', {
      description: `bunsui: operations of ${this.artifact.pipeline.id}`,
      statements: [
        // The wrapper's checkpoint.
        new PolicyStatement({
          actions: ['dynamodb:GetItem', 'dynamodb:PutItem'],
          resources: [platform.jobHistoryTable.tableArn],
        }),
        // Values that are too large for the state machine, and records.
        new PolicyStatement({
          actions: ['s3:GetObject', 's3:PutObject', ...(inParts ? ['s3:AbortMultipartUpload'] : [])],
          resources: [payloads],
        }),
      ],
    });
    acknowledgeWildcards(policy, 'objects', [payloads]);
    return policy;
  }

  private newOperation(
    operation: LambdaOperationIr,
    shared: ManagedPolicy,
    { platform, vpc, ...network }: PipelineProps,
  ): LambdaFunction {
    const { vpcSubnets, securityGroups } = network;
    const { encryptionKey } = platform;
    const asked = (operation.statements ?? []).map((one) => ({ ...one, statement: policyStatement(one) }));
    const opens = this.artifact.gates?.openedBy.includes(operation.id) === true;
    const { function: made, role } = new LoggedFunction(this, `Operation-${operation.id}`, {
      code: operationCode(operation),
      description: `bunsui: ${this.artifact.pipeline.id}/${operation.id}`,
      timeout: Duration.seconds(operation.timeoutSeconds),
      memorySize: Size.mebibytes(operation.memoryMiB),
      environment: {
        // Failures name the author's lines, not the bundle's.
        NODE_OPTIONS: '--enable-source-maps',
        ...operation.environment,
        [environment.jobHistoryTable]: platform.jobHistoryTable.tableName,
        [environment.bucket]: platform.bucket.bucketName,
        [environment.payloads]: payloadPrefix(this.artifact.pipeline.id),
        ...(opens ? { [environment.gatesTable]: platform.gatesTable.tableName } : {}),
      },
      platformTagValue: platform.tagValue,
      logRetention: platform.logRetention,
      removalPolicy: platform.removalPolicy,
      network:
        vpc === undefined
          ? platform.network
          : {
              vpc,
              ...(vpcSubnets === undefined ? {} : { vpcSubnets }),
              ...(securityGroups === undefined ? {} : { securityGroups }),
            },
      ...(encryptionKey === undefined ? {} : { encryptionKey }),
      named: {
        functionName: functionName(this, this.artifact.pipeline.id, operation.id),
        policy: shared,
        statements: [
          ...(opens ? this.gateStatements(platform) : []),
          ...(operation.looksThroughJobs
            ? [new PolicyStatement({ actions: ['dynamodb:Query'], resources: [platform.jobHistoryTable.tableArn] })]
            : []),
          ...this.secretStatements(operation.id),
          ...asked.map(({ statement }) => statement),
        ],
      },
    });
    for (const { statement, wildcard } of asked)
      if (wildcard !== undefined) acknowledgeResources(role, wildcard, statement.resources);
    encryptionKey?.grantEncryptDecrypt(made);
    return made;
  }

  /** The secrets that jobs of an operation are given, and no others. */
  private secretStatements(operation: string): PolicyStatement[] {
    const given = placedNodes(this.artifact.pipeline.body).flatMap(({ node }) =>
      node.kind === 'job' && node.operation === operation ? secretsOf(node.input) : [],
    );
    const names = [...new Set(given.map(({ name }) => name))].sort();
    if (names.length === 0) return [];
    // Secrets Manager ends every ARN with six characters of its own.
    const arns = names.map((name) =>
      Stack.of(this).formatArn({
        service: 'secretsmanager',
        resource: 'secret',
        resourceName: `${name}-??????`,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
    );
    return [new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: arns })];
  }

  /** What a function does whose jobs open gates. */
  private gateStatements(platform: IPlatform): PolicyStatement[] {
    const machines = [...gatedMachines(this, platform, this.artifact)];
    return [
      new PolicyStatement({ ...gateItems('UpdateItem'), resources: [platform.gatesTable.tableArn] }),
      new PolicyStatement({ actions: ['states:SendTaskSuccess'], resources: machines }),
    ];
  }

  private grant(grantee: IGrantable, resourceArns: string[], ...actions: readonly string[]): Grant {
    return Grant.addToPrincipal({ grantee, actions: actions.map((action) => `states:${action}`), resourceArns });
  }

  /** The machine with its versions and aliases. */
  private machineArns(): string[] {
    const { stateMachineArn } = this.stateMachine;
    return [stateMachineArn, `${stateMachineArn}:*`];
  }

  private executionArns(): string {
    return Stack.of(this).formatArn({
      service: 'states',
      resource: 'execution',
      resourceName: `${this.stateMachine.stateMachineName}:*`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  }
}

function byId<T extends { readonly id: string }, R>(things: readonly T[], make: (thing: T) => R) {
  return Object.fromEntries(things.map((thing) => [thing.id, make(thing)])) as { readonly [id: string]: R };
}

function missingChild({ artifact }: Pipeline, id: string): string {
  return `pipeline ${artifact.pipeline.id} calls ${id}, which this app does not deploy to its platform: make a Pipeline of it, or see to it that another app does`;
}

/** @throws {BunsuiError} BS1118 when a notice would go to a channel that the platform does not have */
function requireChannels({ id, notify = [] }: PipelineIr, { channelNames }: IPlatform): void {
  if (channelNames === undefined) return;
  for (const { to, source } of notify) {
    const missing = to.find((channel) => !channelNames.includes(channel));
    if (missing === undefined) continue;
    const known = channelNames.length === 0 ? 'none' : channelNames.join(', ');
    throw new BunsuiError(
      'PipelineError',
      'BS1118',
      `pipeline ${id} notifies channel "${missing}" (${source.file}:${source.line}), and the platform has ${known}; declare it in the platform's channels`,
    );
  }
}
