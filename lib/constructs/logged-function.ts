/** A Lambda function as every function of bunsui is: Node 24 on arm64, a role of its own, a log group with an end. */
import type { Duration, Size } from 'aws-cdk-lib';
import { RemovalPolicy, Stack, Tags } from 'aws-cdk-lib';
import {
  type IManagedPolicy,
  Policy,
  PolicyDocument,
  PolicyStatement,
  Role,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import { Architecture, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { USE_CDK_MANAGED_LAMBDA_LOGGROUP } from 'aws-cdk-lib/cx-api';
import { Construct } from 'constructs';
import { acknowledgeKeyActions, acknowledgeWildcards } from './acknowledgements.ts';
import { platformTag } from './permission.ts';
import type { NetworkPlace } from './platform-interface.ts';

export interface LoggedFunctionProps {
  readonly code: Code;
  readonly description: string;
  readonly timeout: Duration;
  readonly memorySize: Size;
  readonly environment: { readonly [name: string]: string };
  /** What the log group carries as `bunsui:platform`. */
  readonly platformTagValue: string;
  readonly logRetention: RetentionDays;
  readonly removalPolicy: RemovalPolicy;
  readonly encryptionKey?: IKey;
  /** Where asynchronous events go that the function failed on. */
  readonly deadLetterQueue?: IQueue;
  /** @default - in no network of one's own */
  readonly network?: NetworkPlace;
  /**
   * With a name the log group is there before the function, and so all that the function may do can stand in its role:
   * two resources less, where there are many functions. `policy` is what it shares with others.
   *
   * @default - CloudFormation's name, and policies beside the role
   */
  readonly named?: {
    readonly functionName: string;
    readonly statements: readonly PolicyStatement[];
    readonly policy: IManagedPolicy;
  };
}

/** A function with its role and log group. */
export class LoggedFunction extends Construct {
  readonly function: LambdaFunction;
  readonly role: Role;
  readonly logGroup: LogGroup;

  constructor(scope: Construct, id: string, props: LoggedFunctionProps) {
    super(scope, id);
    // With this flag CDK makes a log group too, of the same name and without these properties.
    this.node.setContext(USE_CDK_MANAGED_LAMBDA_LOGGROUP, false);
    const { vpc, vpcSubnets, securityGroups } = props.network ?? {};
    const { functionName, statements = [], policy } = props.named ?? {};
    // Where Lambda writes by itself, and where bookkeeping looks.
    const logGroup = (of: string) => this.newLogGroup(`/aws/lambda/${of}`, props);
    const early = functionName === undefined ? undefined : logGroup(functionName);
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
      ...(policy === undefined ? {} : { managedPolicies: [policy] }),
      ...(early === undefined
        ? {}
        : {
            inlinePolicies: {
              Work: new PolicyDocument({
                statements: [...statements, writing(early), ...(vpc === undefined ? [] : [networking()])],
              }),
            },
          }),
    });
    if (vpc !== undefined) acknowledgeWildcards(this.role, 'delivery', ['*']);
    if (vpc !== undefined && early === undefined) this.role.addToPolicy(networking());
    this.function = new LambdaFunction(this, 'Function', {
      code: props.code,
      handler: 'index.handler',
      description: props.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      role: this.role,
      timeout: props.timeout,
      memorySize: props.memorySize.toMebibytes(),
      environment: { ...props.environment },
      // Versions stay after they are replaced, so that a session ends on the code it began with.
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN },
      ...(functionName === undefined ? {} : { functionName }),
      ...(props.encryptionKey === undefined ? {} : { environmentEncryption: props.encryptionKey }),
      ...(props.deadLetterQueue === undefined ? {} : { deadLetterQueue: props.deadLetterQueue }),
      ...(vpc === undefined ? {} : { vpc }),
      ...(vpc === undefined || vpcSubnets === undefined ? {} : { vpcSubnets }),
      ...(vpc === undefined || securityGroups === undefined ? {} : { securityGroups: [...securityGroups] }),
    });
    if (props.encryptionKey !== undefined) acknowledgeKeyActions(this);
    this.logGroup = early ?? logGroup(this.function.functionName);
    // Not in the role's own policy: the function waits for that one, and the log group's name waits for the function.
    if (early === undefined)
      new Policy(this, 'WriteLogs', { roles: [this.role], statements: [writing(this.logGroup)] });
  }

  private newLogGroup(logGroupName: string, props: LoggedFunctionProps): LogGroup {
    const made = new LogGroup(this, 'LogGroup', {
      logGroupName,
      retention: props.logRetention,
      removalPolicy: props.removalPolicy,
      ...(props.encryptionKey === undefined ? {} : { encryptionKey: props.encryptionKey }),
    });
    Tags.of(made).add(platformTag, props.platformTagValue);
    return made;
  }
}

/**
 * What Lambda does on behalf of a function in a network. The managed policy for it also writes any log group.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
 */
function networking(): PolicyStatement {
  return new PolicyStatement({
    actions: [
      'ec2:CreateNetworkInterface',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSubnets',
      'ec2:DeleteNetworkInterface',
      'ec2:AssignPrivateIpAddresses',
      'ec2:UnassignPrivateIpAddresses',
    ],
    resources: ['*'],
  });
}

function writing({ logGroupArn }: LogGroup): PolicyStatement {
  return new PolicyStatement({ actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [logGroupArn] });
}

/**
 * Lets CloudWatch Logs use a key for the log groups of this account and region, and nothing else.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
 */
export function allowLogEncryption(scope: Construct, key: IKey): void {
  const { partition, region, account } = Stack.of(scope);
  key.addToResourcePolicy(
    new PolicyStatement({
      actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
      principals: [new ServicePrincipal(`logs.${region}.amazonaws.com`)],
      resources: ['*'],
      conditions: {
        ArnLike: { 'kms:EncryptionContext:aws:logs:arn': `arn:${partition}:logs:${region}:${account}:log-group:*` },
      },
    }),
  );
}
