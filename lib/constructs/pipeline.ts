/**
 * Pipeline: one pipeline on AWS. Its definition is compiled as the command line compiles it; each operation becomes a
 * function, the graph a state machine that may call exactly those, and a rule tells the platform when a run has ended.
 */
import { Annotations, Aws, Duration, Fn, Names, Size, Stack } from 'aws-cdk-lib';
import type { Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnRule } from 'aws-cdk-lib/aws-events';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { Grant, Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction, Version } from 'aws-cdk-lib/aws-lambda';
import { CfnPermission } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { LambdaOperationIr } from '../ir/nodes.ts';
import { environment } from '../storage-layout.ts';
import { acknowledgeWildcards } from './acknowledgements.ts';
import type { PipelineDefinition } from './artifact-of.ts';
import { artifactOf, diagnosticLine } from './artifact-of.ts';
import { operationCode } from './bundle-operation.ts';
import { artifactAsset, markDefinition } from './deployed-artifact.ts';
import { LoggedFunction } from './logged-function.ts';
import { placeFunctions } from './place-functions.ts';
import type { Platform } from './platform.ts';

/** Properties of a `Pipeline`. */
export interface PipelineProps {
  /** Where its sessions are kept. */
  readonly platform: Platform;
  /** What the pipeline's file exports by default. */
  readonly definition: PipelineDefinition;
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
  /** The functions, by operation. */
  readonly operations: { readonly [operation: string]: LambdaFunction };
  /** Where the state machine writes its events. */
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, props: PipelineProps) {
    super(scope, id);
    const { platform } = props;
    const { artifact, notes } = artifactOf(props.definition);
    this.artifact = artifact;
    for (const note of notes) Annotations.of(this).addInfo(diagnosticLine(note));
    const made = Object.values(artifact.pipeline.operations).map((operation) => ({
      id: operation.id,
      logged: this.newOperation(operation, platform),
    }));
    this.operations = Object.fromEntries(made.map(({ id: operation, logged }) => [operation, logged.function]));
    this.logGroup = new LogGroup(this, 'LogGroup', {
      // Step Functions keeps one resource policy for all groups under this prefix; others use up a quota of policies.
      // The end of the stack's id makes the name new when a stack is made again and the old group was retained.
      logGroupName: Fn.join('-', [
        `/aws/vendedlogs/states/${Names.uniqueResourceName(this, { maxLength: 120, separator: '-' })}`,
        Fn.select(2, Fn.split('/', Aws.STACK_ID)),
      ]),
      retention: platform.logRetention,
      removalPolicy: platform.removalPolicy,
      ...(platform.encryptionKey === undefined ? {} : { encryptionKey: platform.encryptionKey }),
    });
    const asset = artifactAsset(this, artifact);
    this.stateMachine = this.newStateMachine(markDefinition(artifact, asset));
    // A function that ran before its log group is there would make one without an end, and the deployment would fail.
    this.stateMachine.node.addDependency(...made.map(({ logged }) => logged));
    this.allowBookkeeping(platform, asset);
    this.announceEnds(platform);
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

  /** Lets somebody start executions of this pipeline by Step Functions itself. For sessions with a key: `platform.grantStart`. */
  grantStart(grantee: IGrantable): Grant {
    return Grant.addToPrincipal({
      grantee,
      actions: ['states:StartExecution'],
      resourceArns: [this.stateMachine.stateMachineArn],
    });
  }

  /** Lets somebody see the executions of this pipeline and their histories. */
  grantRead(grantee: IGrantable): Grant {
    const executions = Grant.addToPrincipal({
      grantee,
      actions: ['states:DescribeExecution', 'states:GetExecutionHistory'],
      resourceArns: [this.executionArns()],
    });
    return executions.combine(
      Grant.addToPrincipal({
        grantee,
        actions: ['states:DescribeStateMachine', 'states:ListExecutions'],
        resourceArns: [this.stateMachine.stateMachineArn],
      }),
    );
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

  /** From start to end of an execution, milliseconds. @default - average over five minutes */
  metricTime(options?: MetricOptions): Metric {
    return this.stateMachine.metricTime(options);
  }

  private newOperation(operation: LambdaOperationIr, platform: Platform): LoggedFunction {
    const logged = new LoggedFunction(this, `Operation-${operation.id}`, {
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
      },
      platformTagValue: platform.tagValue,
      logRetention: platform.logRetention,
      removalPolicy: platform.removalPolicy,
      ...(platform.encryptionKey === undefined ? {} : { encryptionKey: platform.encryptionKey }),
    });
    logged.function.addToRolePolicy(
      new PolicyStatement({
        actions: ['dynamodb:GetItem', 'dynamodb:PutItem'],
        resources: [platform.jobHistoryTable.tableArn],
      }),
    );
    platform.encryptionKey?.grantEncryptDecrypt(logged.function);
    return logged;
  }

  private newStateMachine(definition: PipelineArtifact['definition']): StateMachine {
    const { account } = Stack.of(this);
    const functions = Object.values(this.operations);
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('states.amazonaws.com', {
        conditions: {
          StringEquals: { 'aws:SourceAccount': account },
          ArnLike: {
            'aws:SourceArn': Stack.of(this).formatArn({
              service: 'states',
              resource: 'stateMachine',
              resourceName: '*',
            }),
          },
        },
      }),
    });
    // Every version: executions that began before a deployment, or are redriven after it, call the older ones.
    const invoked = functions.map(({ functionArn }) => `${functionArn}:*`);
    role.addToPolicy(new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: invoked }));
    acknowledgeWildcards(role, 'versions', invoked);
    acknowledgeWildcards(role, 'delivery', ['*']);
    const versions: { readonly [operation: string]: Version } = Object.fromEntries(
      Object.entries(this.operations).map(([id, made]) => [id, made.currentVersion]),
    );
    const arns = Object.fromEntries(Object.entries(versions).map(([id, version]) => [id, version.functionArn]));
    return new StateMachine(this, 'StateMachine', {
      // Bookkeeping knows by this name whose execution it is that somebody started in the console.
      stateMachineName: this.artifact.pipeline.id,
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromString(Stack.of(this).toJsonString(placeFunctions(definition, arns))),
      comment: this.artifact.pipeline.description ?? this.artifact.pipeline.id,
      role,
      logs: { destination: this.logGroup, level: LogLevel.ALL, includeExecutionData: true },
      tracingEnabled: true,
    });
  }

  private executionArns(): string {
    return Stack.of(this).formatArn({
      service: 'states',
      resource: `execution:${this.stateMachine.stateMachineName}:*`,
    });
  }

  /** Stands here and not with the platform, which may be in a stack that this one depends on. */
  private allowBookkeeping(platform: Platform, asset: Asset): void {
    const { startSession, sessionEnded } = platform;
    const readArtifact = new PolicyStatement({
      actions: ['s3:GetObject'],
      resources: [asset.bucket.arnForObjects(asset.s3ObjectKey)],
    });
    new Policy(this, 'StartSession', {
      roles: [startSession.role].filter((role) => role !== undefined),
      statements: [
        new PolicyStatement({
          actions: ['states:StartExecution', 'states:DescribeStateMachine'],
          resources: [this.stateMachine.stateMachineArn],
        }),
        readArtifact,
      ],
    });
    const policy = new Policy(this, 'SessionEnded', {
      roles: [sessionEnded.role].filter((role) => role !== undefined),
      statements: [
        new PolicyStatement({
          actions: [
            'states:DescribeExecution',
            'states:GetExecutionHistory',
            'states:DescribeStateMachineForExecution',
          ],
          resources: [this.executionArns()],
        }),
        readArtifact,
      ],
    });
    acknowledgeWildcards(policy, 'executions', [this.executionArns()]);
  }

  /** Low-level resources, because the permission belongs here too, for the same reason. */
  private announceEnds(platform: Platform): void {
    const { sessionEnded, deadLetterQueue } = platform;
    const rule = new CfnRule(this, 'Ended', {
      description: `bunsui: an execution of ${this.artifact.pipeline.id} has ended`,
      state: 'ENABLED',
      eventPattern: {
        source: ['aws.states'],
        'detail-type': ['Step Functions Execution Status Change'],
        detail: {
          status: ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'],
          stateMachineArn: [this.stateMachine.stateMachineArn],
        },
      },
      targets: [
        {
          id: 'SessionEnded',
          arn: sessionEnded.functionArn,
          deadLetterConfig: { arn: deadLetterQueue.queueArn },
          retryPolicy: { maximumEventAgeInSeconds: 86_400, maximumRetryAttempts: 185 },
        },
      ],
    });
    rule.node.addDependency(platform);
    new CfnPermission(this, 'EndedPermission', {
      action: 'lambda:InvokeFunction',
      functionName: sessionEnded.functionArn,
      principal: 'events.amazonaws.com',
      sourceArn: rule.attrArn,
    });
  }
}
