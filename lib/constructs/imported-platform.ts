/** A platform that another stack, or another app, has deployed. */
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { PlatformParameter } from '../storage-layout.ts';
import type { BucketRef, NetworkPlace, TableRef } from './platform-interface.ts';
import { PlatformBase } from './platform-interface.ts';
import { readParameter } from './platform-parameters.ts';
import { machinesArnOf } from './platform-permissions.ts';
import { requirePrefix } from './platform-props.ts';

/** What has to be known of a platform that stands elsewhere; the rest is found by its prefix. */
export interface PlatformAttributes extends NetworkPlace {
  /**
   * The prefix that it was deployed with.
   *
   * @default 'bunsui'
   */
  readonly prefix?: string;
  /**
   * The key that it was deployed with. Without it functions can neither read nor write what that key encrypts.
   *
   * @default - keys of the services
   */
  readonly encryptionKey?: IKey;
  /**
   * What becomes of log groups when the stack is deleted.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
  /**
   * How long CloudWatch keeps what functions of pipelines write.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;
  /**
   * Names of its channels, so that a pipeline that names another one is refused at synth.
   *
   * @default - names are not checked
   */
  readonly channelNames?: readonly string[];
}

/** See `Platform.fromAttributes`. */
export class ImportedPlatform extends PlatformBase {
  readonly prefix: string;
  readonly sessionsTable: TableRef;
  readonly jobHistoryTable: TableRef;
  readonly pipelinesTable: TableRef;
  readonly bucket: BucketRef;
  readonly startSession: IFunction;
  readonly machinesArn: string;
  readonly logGroup: ILogGroup;
  readonly deadLetterQueue: IQueue;
  readonly topic: ITopic;
  readonly scheduleGroupName: string;
  readonly schedulerRoleArn: string;
  readonly tagValue: string;
  readonly channelNames: readonly string[] | undefined;
  readonly encryptionKey: IKey | undefined;
  readonly removalPolicy: RemovalPolicy;
  readonly logRetention: RetentionDays;
  readonly network: NetworkPlace;

  constructor(scope: Construct, id: string, attributes: PlatformAttributes) {
    super(scope, id);
    const { encryptionKey, channelNames, vpc, vpcSubnets, securityGroups } = attributes;
    this.prefix = requirePrefix(attributes.prefix ?? 'bunsui');
    const stack = Stack.of(this);
    const read = (name: PlatformParameter) => readParameter(stack, this.prefix, name);
    const table = (id: string, name: PlatformParameter) => Table.fromTableName(this, id, read(name));
    this.sessionsTable = table('SessionsTable', 'sessions-table');
    this.jobHistoryTable = table('JobHistoryTable', 'job-history-table');
    this.pipelinesTable = table('PipelinesTable', 'pipelines-table');
    this.bucket = Bucket.fromBucketName(this, 'Bucket', read('bucket'));
    this.startSession = LambdaFunction.fromFunctionAttributes(this, 'StartSession', {
      functionArn: read('start-session'),
      sameEnvironment: true,
      skipPermissions: true,
    });
    this.machinesArn = machinesArnOf(this, this.prefix);
    this.logGroup = LogGroup.fromLogGroupName(this, 'LogGroup', read('log-group'));
    this.deadLetterQueue = Queue.fromQueueArn(this, 'DeadLetters', read('dead-letter-queue'));
    this.topic = Topic.fromTopicArn(this, 'Notices', read('topic'));
    this.scheduleGroupName = read('schedule-group');
    this.schedulerRoleArn = read('scheduler-role');
    this.tagValue = read('tag-value');
    this.channelNames = channelNames;
    this.encryptionKey = encryptionKey;
    this.removalPolicy = attributes.removalPolicy ?? RemovalPolicy.RETAIN;
    this.logRetention = attributes.logRetention ?? RetentionDays.ONE_MONTH;
    this.network = {
      ...(vpc === undefined ? {} : { vpc }),
      ...(vpcSubnets === undefined ? {} : { vpcSubnets }),
      ...(securityGroups === undefined ? {} : { securityGroups }),
    };
  }
}
