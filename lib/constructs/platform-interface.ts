/**
 * What a pipeline needs of its platform, whether that stands in the same stack, in another one of the app, or was
 * deployed long ago (`Platform.fromAttributes`), and what all of them can grant.
 */
import type { RemovalPolicy } from 'aws-cdk-lib';
import { Stack } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { Grant } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IConstruct } from 'constructs';
import { Construct } from 'constructs';
import { BunsuiError } from '../errors.ts';
import { isSafeId, parameterPath, tables } from '../storage-layout.ts';
import { acknowledgeWildcards } from './acknowledgements.ts';
import { approvalItems } from './gate-permissions.ts';
import type { Permission } from './permission.ts';
import { executionsArnOf, mapRunsArnOf, logsPermission } from './permission.ts';

/** Where functions stand in a network. */
export interface NetworkPlace {
  /** @default - no network of one's own */
  readonly vpc?: IVpc;
  /** @default - the private subnets of `vpc` */
  readonly vpcSubnets?: SubnetSelection;
  /** @default - one group for all functions of the platform, which may call out and not be called */
  readonly securityGroups?: readonly ISecurityGroup[];
}

/** A table, whether it is made here or stands elsewhere. */
export type TableRef = Pick<ITable, 'tableName' | 'tableArn'>;
/** A bucket, whether it is made here or stands elsewhere. */
export type BucketRef = Pick<IBucket, 'bucketName' | 'bucketArn' | 'arnForObjects'>;

/** A platform, as pipelines see it. */
export interface IPlatform extends IConstruct {
  /** First part of all names: state machines are `{prefix}-{pipeline id}`. At most 15 characters. */
  readonly prefix: string;
  readonly sessionsTable: TableRef;
  readonly jobHistoryTable: TableRef;
  readonly pipelinesTable: TableRef;
  /** Where jobs wait for jobs that no sequence of states puts before them. */
  readonly gatesTable: TableRef;
  readonly bucket: BucketRef;
  /** Starts a session: the one way for schedules, events, the API and the command line. */
  readonly startSession: IFunction;
  /** ARN of the platform's state machines up to the pipeline's id: `arn:…:stateMachine:{prefix}-`. */
  readonly machinesArn: string;
  /** Where the platform's state machines write their events. */
  readonly logGroup: ILogGroup;
  /** Events that nobody could do anything with. Rules of this account may send here. */
  readonly deadLetterQueue: IQueue;
  /** Where notices are published. */
  readonly topic: ITopic;
  /** The group in EventBridge Scheduler that schedules of pipelines belong to. */
  readonly scheduleGroupName: string;
  /** The role that schedules invoke `startSession` and send to `deadLetterQueue` with. */
  readonly schedulerRoleArn: string;
  /** Value of the tag `bunsui:platform` on the log groups that this platform's bookkeeping may read. */
  readonly tagValue: string;
  /** Names of the channels that notices can go to; `undefined` when it is not known at synth. */
  readonly channelNames: readonly string[] | undefined;
  readonly encryptionKey: IKey | undefined;
  /** What pipelines on this platform take over. */
  readonly removalPolicy: RemovalPolicy;
  readonly logRetention: RetentionDays;
  /** Where the functions of pipelines stand when the pipeline does not say. */
  readonly network: NetworkPlace;
  grantStart(grantee: IGrantable): Grant;
  grantRead(grantee: IGrantable): Grant;
  grantRerun(grantee: IGrantable): Grant;
  grantApprove(grantee: IGrantable): Grant;
  grantDelete(grantee: IGrantable): Grant;
  grantData(grantee: IGrantable, folder: string): Grant;
}

/** What a deployed platform and one that is deployed elsewhere have in common. */
export abstract class PlatformBase extends Construct implements IPlatform {
  abstract readonly prefix: string;
  abstract readonly sessionsTable: TableRef;
  abstract readonly jobHistoryTable: TableRef;
  abstract readonly pipelinesTable: TableRef;
  abstract readonly gatesTable: TableRef;
  abstract readonly bucket: BucketRef;
  abstract readonly startSession: IFunction;
  abstract readonly machinesArn: string;
  abstract readonly logGroup: ILogGroup;
  abstract readonly deadLetterQueue: IQueue;
  abstract readonly topic: ITopic;
  abstract readonly scheduleGroupName: string;
  abstract readonly schedulerRoleArn: string;
  abstract readonly tagValue: string;
  abstract readonly channelNames: readonly string[] | undefined;
  abstract readonly encryptionKey: IKey | undefined;
  abstract readonly removalPolicy: RemovalPolicy;
  abstract readonly logRetention: RetentionDays;
  abstract readonly network: NetworkPlace;

  /** Lets somebody start sessions of every pipeline on this platform. */
  grantStart(grantee: IGrantable): Grant {
    return this.startSession.grantInvoke(grantee).combine(this.grant(grantee, [this.parameters()]));
  }

  /** Lets somebody read sessions, their jobs, logs and reports, and the pipelines: as the command line does. */
  grantRead(grantee: IGrantable): Grant {
    const granted = this.grant(grantee, [
      {
        actions: ['dynamodb:GetItem', 'dynamodb:Query'],
        resources: [
          ...withIndexes(this.sessionsTable, [tables.sessions.byPipelineIndex, tables.sessions.byStatusIndex]),
          this.jobHistoryTable.tableArn,
          this.pipelinesTable.tableArn,
        ],
      },
      {
        actions: ['s3:GetObject'],
        resources: this.objectArns('logs/*', 'reports/*', 'configs/*', 'payloads/*', 'reruns/*', 'maps/*'),
        wildcard: 'objects',
      },
      {
        actions: ['states:DescribeMapRun'],
        resources: [mapRunsArnOf(this, this.prefix)],
        wildcard: 'executions',
      },
      { actions: ['s3:ListBucket'], resources: [this.bucket.bucketArn] },
      {
        actions: ['states:DescribeExecution', 'states:GetExecutionHistory', 'states:DescribeStateMachineForExecution'],
        resources: [executionsArnOf(this, this.prefix)],
        wildcard: 'executions',
      },
      {
        actions: ['states:DescribeStateMachine', 'states:ListStateMachineVersions'],
        resources: [`${this.machinesArn}*`],
        wildcard: 'executions',
      },
      logsPermission(this, this.tagValue),
      this.parameters(),
    ]);
    return this.encryptionKey === undefined ? granted : granted.combine(this.encryptionKey.grantDecrypt(grantee));
  }

  /** Lets somebody read, and rerun, cancel or tag sessions. */
  grantRerun(grantee: IGrantable): Grant {
    const granted = this.grantRead(grantee).combine(
      this.grant(grantee, [
        { actions: ['dynamodb:PutItem', 'dynamodb:UpdateItem'], resources: [this.sessionsTable.tableArn] },
        // What a rerun takes over: see lib/sessions/reuse-items.ts.
        { actions: ['dynamodb:PutItem'], resources: [this.jobHistoryTable.tableArn] },
        { actions: ['s3:PutObject'], resources: this.objectArns('reruns/*'), wildcard: 'objects' },
        {
          actions: ['states:RedriveExecution', 'states:StopExecution'],
          resources: [executionsArnOf(this, this.prefix)],
          wildcard: 'executions',
        },
        { actions: ['states:StartExecution'], resources: [`${this.machinesArn}*`], wildcard: 'executions' },
        // Of an input that is large.
        { actions: ['s3:PutObject'], resources: this.objectArns('payloads/*'), wildcard: 'objects' },
      ]),
    );
    return this.encryptionKey === undefined ? granted : granted.combine(this.encryptionKey.grantEncrypt(grantee));
  }

  /** Lets somebody read, and answer approvals as the command line does. By the API: `grantApi`. */
  grantApprove(grantee: IGrantable): Grant {
    const waiting = { resources: [this.gatesTable.tableArn] };
    const granted = this.grantRead(grantee).combine(
      this.grant(grantee, [
        { ...approvalItems('GetItem', 'Query', 'UpdateItem', 'DeleteItem'), ...waiting },
        { actions: ['dynamodb:PutItem', 'dynamodb:DeleteItem'], resources: [this.jobHistoryTable.tableArn] },
        {
          actions: ['states:SendTaskSuccess', 'states:SendTaskFailure'],
          resources: [`${this.machinesArn}*`],
          wildcard: 'executions',
        },
      ]),
    );
    return this.encryptionKey === undefined ? granted : granted.combine(this.encryptionKey.grantEncrypt(grantee));
  }

  /** Lets somebody read, and delete sessions that have ended. */
  grantDelete(grantee: IGrantable): Grant {
    const { sessionsTable, jobHistoryTable } = this;
    return this.grantRead(grantee).combine(
      this.grant(grantee, [
        { actions: ['dynamodb:UpdateItem', 'dynamodb:DeleteItem'], resources: [sessionsTable.tableArn] },
        { actions: ['dynamodb:BatchWriteItem'], resources: [jobHistoryTable.tableArn] },
        {
          actions: ['s3:DeleteObject'],
          resources: this.objectArns('logs/*', 'reports/*', 'reruns/*', 'payloads/*', 'maps/*'),
          wildcard: 'objects',
        },
      ]),
    );
  }

  /**
   * Lets a pipeline's function read and write objects under `data/{folder}/` in the bucket: the place for what passes
   * from job to job. The function finds the bucket's name in `BUNSUI_BUCKET`.
   *
   * @throws {BunsuiError} BS1101 when `folder` is no plain name.
   */
  grantData(grantee: IGrantable, folder: string): Grant {
    if (!isSafeId(folder)) {
      throw new BunsuiError(
        'ConfigError',
        'BS1101',
        `"${folder}" is no folder for data; give letters, digits, "-" and "_", beginning with a letter or digit`,
      );
    }
    const actions = ['s3:GetObject', 's3:PutObject'];
    const granted = this.grant(grantee, [
      { actions, resources: this.objectArns(`data/${folder}/*`), wildcard: 'objects' },
    ]);
    return this.encryptionKey === undefined
      ? granted
      : granted.combine(this.encryptionKey.grantEncryptDecrypt(grantee));
  }

  /** Where the command line finds what the platform is made of. */
  private parameters(): Permission {
    const resourceName = `${parameterPath(this.prefix).slice(1)}/*`;
    return {
      actions: ['ssm:GetParameters'],
      resources: [Stack.of(this).formatArn({ service: 'ssm', resource: 'parameter', resourceName })],
      wildcard: 'objects',
    };
  }

  private grant(grantee: IGrantable, permissions: readonly Permission[]): Grant {
    const { grantPrincipal } = grantee;
    const grants = permissions.map(({ actions, resources, conditions, wildcard }) => {
      if (wildcard !== undefined && Construct.isConstruct(grantPrincipal)) {
        acknowledgeWildcards(grantPrincipal, wildcard, resources);
      }
      return Grant.addToPrincipal({
        grantee,
        actions: [...actions],
        resourceArns: [...resources],
        ...(conditions === undefined ? {} : { conditions }),
      });
    });
    return grants.reduce((all, one) => all.combine(one));
  }

  protected objectArns(...patterns: readonly string[]): string[] {
    return patterns.map((pattern) => this.bucket.arnForObjects(pattern));
  }
}

function withIndexes(table: TableRef, indexes: readonly { readonly name: string }[]): string[] {
  return [table.tableArn, ...indexes.map(({ name }) => `${table.tableArn}/index/${name}`)];
}
