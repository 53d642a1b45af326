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
import { machinesArnOf } from './permission.ts';
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

/** Made when it is first asked for: a parameter that nothing reads would be a warning of CDK. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** What the parameters name. */
function namedBy(scope: Construct, prefix: string) {
  const read = (name: PlatformParameter) => readParameter(Stack.of(scope), prefix, name);
  const table = (id: string, name: PlatformParameter) =>
    once((): TableRef => Table.fromTableName(scope, id, read(name)));
  return {
    sessionsTable: table('SessionsTable', 'sessions-table'),
    jobHistoryTable: table('JobHistoryTable', 'job-history-table'),
    pipelinesTable: table('PipelinesTable', 'pipelines-table'),
    gatesTable: table('GatesTable', 'gates-table'),
    bucket: once((): BucketRef => Bucket.fromBucketName(scope, 'Bucket', read('bucket'))),
    startSession: once(() =>
      LambdaFunction.fromFunctionAttributes(scope, 'StartSession', {
        functionArn: read('start-session'),
        sameEnvironment: true,
        skipPermissions: true,
      }),
    ),
    logGroup: once(() => LogGroup.fromLogGroupName(scope, 'LogGroup', read('log-group'))),
    deadLetterQueue: once(() => Queue.fromQueueArn(scope, 'DeadLetters', read('dead-letter-queue'))),
    topic: once(() => Topic.fromTopicArn(scope, 'Notices', read('topic'))),
    scheduleGroupName: once(() => read('schedule-group')),
    schedulerRoleArn: once(() => read('scheduler-role')),
    tagValue: once(() => read('tag-value')),
  };
}

/** See `Platform.fromAttributes`. */
export class ImportedPlatform extends PlatformBase {
  readonly prefix: string;
  readonly machinesArn: string;
  readonly channelNames: readonly string[] | undefined;
  readonly encryptionKey: IKey | undefined;
  readonly removalPolicy: RemovalPolicy;
  readonly logRetention: RetentionDays;
  readonly network: NetworkPlace;
  private readonly named: ReturnType<typeof namedBy>;

  constructor(scope: Construct, id: string, attributes: PlatformAttributes) {
    super(scope, id);
    const { encryptionKey, channelNames, vpc, vpcSubnets, securityGroups } = attributes;
    this.prefix = requirePrefix(attributes.prefix ?? 'bunsui');
    this.named = namedBy(this, this.prefix);
    this.machinesArn = machinesArnOf(this, this.prefix);
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

  get sessionsTable(): TableRef {
    return this.named.sessionsTable();
  }
  get jobHistoryTable(): TableRef {
    return this.named.jobHistoryTable();
  }
  get pipelinesTable(): TableRef {
    return this.named.pipelinesTable();
  }
  get gatesTable(): TableRef {
    return this.named.gatesTable();
  }
  get bucket(): BucketRef {
    return this.named.bucket();
  }
  get startSession(): IFunction {
    return this.named.startSession();
  }
  get logGroup(): ILogGroup {
    return this.named.logGroup();
  }
  get deadLetterQueue(): IQueue {
    return this.named.deadLetterQueue();
  }
  get topic(): ITopic {
    return this.named.topic();
  }
  get scheduleGroupName(): string {
    return this.named.scheduleGroupName();
  }
  get schedulerRoleArn(): string {
    return this.named.schedulerRoleArn();
  }
  get tagValue(): string {
    return this.named.tagValue();
  }
}
