/**
 * Platform: what all pipelines of a deployment share. Tables and bucket for sessions, the functions that start sessions
 * and do their books, what tells these that something has happened, and the queue for what they could not do.
 */
import { Aws, Duration, Fn, Names, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import type { Alarm, Dashboard, MathExpression, Metric, MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import type { Rule } from 'aws-cdk-lib/aws-events';
import type { IGrantable, Role } from 'aws-cdk-lib/aws-iam';
import { Grant } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { CfnScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import type { Topic } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { type Channels, channelQueue } from '../notify/channels.ts';
import { environment, gatesTableName, platformNames } from '../storage-layout.ts';
import { assetsBucketName } from './bookkeeping-code.ts';
import type { PlatformSetting } from './bookkeeping-function.ts';
import { bookkeepingFunction } from './bookkeeping-function.ts';
import { ImportedPlatform, type PlatformAttributes } from './imported-platform.ts';
import { allowLogEncryption } from './logged-function.ts';
import type { Permission } from './permission.ts';
import { machinesArnOf } from './permission.ts';
import { platformApi } from './platform-api.ts';
import type { ChannelQueues } from './platform-channels.ts';
import { channelPermissions, channelQueues, deliverFrom } from './platform-channels.ts';
import { allowTriggers, endsOfExecutions, everyMinute, liveEvents } from './platform-events.ts';
import type { IPlatform, NetworkPlace } from './platform-interface.ts';
import { PlatformBase } from './platform-interface.ts';
import { allowMessageEncryption, deadLetters, noticeTopic } from './platform-messages.ts';
import type { NamedFunctions } from './platform-metrics.ts';
import { overFunctions, sessionMetric } from './platform-metrics.ts';
import { writeParameters } from './platform-parameters.ts';
import { platformFunctions } from './platform-functions.ts';
import { platformPermissions } from './platform-permissions.ts';
import type { PlatformProps } from './platform-props.ts';
import { requireChannels, requirePrefix } from './platform-props.ts';
import { platformSchedules } from './platform-schedules.ts';
import { platformBucket, platformTable } from './platform-storage.ts';
import type { WatchedParts } from './platform-watch.ts';
import { platformAlarms, platformDashboard } from './platform-watch.ts';

/**
 * What the pipelines of a deployment share.
 *
 * @example
 * const platform = new Platform(this, 'Bunsui');
 * new Pipeline(this, 'Flights', { platform, definition: flights });
 */
export class Platform extends PlatformBase {
  readonly prefix: string;
  readonly sessionsTable: Table;
  readonly jobHistoryTable: Table;
  readonly pipelinesTable: Table;
  readonly gatesTable: Table;
  readonly bucket: Bucket;
  /** Starts a session: the one way for schedules, events, the API and the command line. */
  readonly startSession: LambdaFunction;
  /** Records an execution that has ended. */
  readonly sessionEnded: LambdaFunction;
  /** Records what running executions do, from their log: best effort, `sessionEnded` has the last word. */
  readonly recordEvents: LambdaFunction;
  /** Invokes `sessionEnded` when an execution of a pipeline on this platform has ended. */
  readonly endedRule: Rule;
  /** Finds what no event has told: ends, executions started elsewhere, notices, deadlines. */
  readonly reconcile: LambdaFunction;
  readonly reconcileRule: Rule;
  readonly machinesArn: string;
  readonly logGroup: LogGroup;
  /** Events about executions that could not be recorded, and firings that started no session. */
  readonly deadLetterQueue: Queue;
  readonly topic: Topic;
  readonly scheduleGroup: CfnScheduleGroup;
  readonly scheduleGroupName: string;
  readonly schedulerRole: Role;
  readonly schedulerRoleArn: string;
  readonly encryptionKey: IKey | undefined;
  readonly removalPolicy: RemovalPolicy;
  readonly logRetention: RetentionDays;
  readonly tagValue: string;
  readonly channelNames: readonly string[];
  /** The queues of channels that have one, by channel. */
  readonly channelQueues: { readonly [channel: string]: ChannelQueues };
  /** Delivers notices to channels; there is none without channels that have a queue. */
  readonly notify: LambdaFunction | undefined;
  /** Answers requests of the HTTP API. */
  readonly apiHandler: LambdaFunction;
  readonly api: RestApi;
  /** By name: `DeadLetters`, `Errors`, `Throttles`, `Reconciler`, `Api`, and `Channel-{channel}` for each with a queue. */
  readonly alarms: { readonly [name: string]: Alarm };
  readonly dashboard: Dashboard | undefined;
  readonly network: NetworkPlace;

  constructor(scope: Construct, id: string, props: PlatformProps = {}) {
    super(scope, id);
    const { account, region } = Stack.of(this);
    const key = props.encryptionKey;
    this.prefix = requirePrefix(props.prefix ?? 'bunsui');
    this.encryptionKey = key;
    this.removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    this.logRetention = props.logRetention ?? RetentionDays.ONE_MONTH;
    this.tagValue = Names.uniqueResourceName(this, { maxLength: 200, separator: '-' });
    this.machinesArn = machinesArnOf(this, this.prefix);
    const channels = requireChannels(props.channels ?? {});
    this.channelNames = Object.keys(channels);
    this.network = networkOf(this, props);

    const names = props.generatedNames === true ? undefined : platformNames({ prefix: this.prefix, account, region });
    const storage = { removalPolicy: this.removalPolicy, ...(key === undefined ? {} : { encryptionKey: key }) };
    const named = (tableName: string | undefined) => (tableName === undefined ? storage : { ...storage, tableName });
    this.sessionsTable = platformTable(this, 'SessionsTable', 'sessions', named(names?.sessionsTable));
    this.jobHistoryTable = platformTable(this, 'JobHistoryTable', 'jobHistory', named(names?.jobHistoryTable));
    this.pipelinesTable = platformTable(this, 'PipelinesTable', 'pipelines', named(names?.pipelinesTable));
    const gatesName = names === undefined ? undefined : gatesTableName(props.prefix);
    this.gatesTable = platformTable(this, 'GatesTable', 'gates', named(gatesName));
    this.bucket = platformBucket(this, 'Bucket', {
      ...storage,
      ...(names === undefined ? {} : { bucketName: names.bucket }),
      expirations: {
        logs: props.logsExpiration ?? Duration.days(90),
        reports: props.reportsExpiration ?? Duration.days(365),
        payloads: props.payloadsExpiration ?? Duration.days(365),
      },
    });
    this.logGroup = new LogGroup(this, 'LogGroup', {
      // Step Functions keeps one resource policy for all groups under this prefix; others use up a quota of policies.
      // The end of the stack's id makes the name new when a stack is made again and the old group was retained.
      logGroupName: Fn.join('-', [`/aws/vendedlogs/states/${this.prefix}`, Fn.select(2, Fn.split('/', Aws.STACK_ID))]),
      retention: this.logRetention,
      removalPolicy: this.removalPolicy,
      ...(key === undefined ? {} : { encryptionKey: key }),
    });
    if (key !== undefined) {
      allowLogEncryption(this, key);
      allowMessageEncryption(this, key);
    }
    this.topic = noticeTopic(this, key);
    this.deadLetterQueue = deadLetters(this, key);

    this.channelQueues = channelQueues(this, { prefix: this.prefix, channels, topic: this.topic, encryptionKey: key });

    const setting = this.setting(props);
    const permissions = platformPermissions(this, { ...this.parts(), assetsBucketName: assetsBucketName(this) });
    const made = platformFunctions(this, setting, permissions, this.deadLetterQueue);
    this.startSession = made.startSession;
    this.recordEvents = made.recordEvents;
    this.sessionEnded = made.sessionEnded;
    this.reconcile = made.reconcile;
    this.apiHandler = made.apiHandler;
    allowTriggers(this.startSession, this.prefix);
    liveEvents(this, { logGroup: this.logGroup, target: this.recordEvents });
    this.endedRule = endsOfExecutions(this, {
      machinesArn: this.machinesArn,
      target: this.sessionEnded,
      deadLetterQueue: this.deadLetterQueue,
    });
    this.reconcileRule = everyMinute(this, {
      target: this.reconcile,
      logGroup: made.reconcileLogs,
      deadLetterQueue: this.deadLetterQueue,
    });
    const schedules = platformSchedules(this, {
      prefix: this.prefix,
      startSession: this.startSession,
      deadLetterQueue: this.deadLetterQueue,
      encryptionKey: key,
    });
    this.scheduleGroup = schedules.group;
    // Not the group's name as given: who uses it waits for the group.
    this.scheduleGroupName = schedules.group.ref;
    this.schedulerRole = schedules.role;
    this.schedulerRoleArn = schedules.role.roleArn;
    this.notify = this.newNotify(setting, channels, permissions.notify);
    this.api = platformApi(this, {
      prefix: this.prefix,
      handler: this.apiHandler,
      logRetention: this.logRetention,
      removalPolicy: this.removalPolicy,
      encryptionKey: key,
      rateLimit: props.apiRateLimit ?? 50,
      burstLimit: props.apiBurstLimit ?? 100,
      logRole: props.apiLogRole ?? true,
    });
    this.notify?.addEnvironment(environment.api, this.api.url);
    const parts = this.watchedParts();
    this.alarms = platformAlarms(this, parts, props.alarmTopic);
    this.dashboard = props.dashboard === false ? undefined : platformDashboard(this, parts);
    writeParameters(this, this.prefix, {
      'api-url': this.api.url,
      bucket: this.bucket.bucketName,
      channels: JSON.stringify(channels),
      'dead-letter-queue': this.deadLetterQueue.queueArn,
      'job-history-table': this.jobHistoryTable.tableName,
      'log-group': this.logGroup.logGroupName,
      machines: this.machinesArn,
      'pipelines-table': this.pipelinesTable.tableName,
      'gates-table': this.gatesTable.tableName,
      'schedule-group': this.scheduleGroupName,
      'scheduler-role': this.schedulerRoleArn,
      'session-ended': this.sessionEnded.functionArn,
      'sessions-table': this.sessionsTable.tableName,
      'start-session': this.startSession.functionArn,
      'tag-value': this.tagValue,
      topic: this.topic.topicArn,
    });
  }

  /**
   * A platform that another stack, or another app, has deployed: found by its prefix, in the same account and region.
   * Pipelines on it are deployed with the same CDK bootstrap as the platform.
   */
  static fromAttributes(scope: Construct, id: string, attributes: PlatformAttributes = {}): IPlatform {
    return new ImportedPlatform(scope, id, attributes);
  }

  private newNotify(
    setting: PlatformSetting,
    channels: Channels,
    permissions: readonly Permission[],
  ): LambdaFunction | undefined {
    if (Object.keys(this.channelQueues).length === 0) return undefined;
    const notify = bookkeepingFunction(this, 'Notify', setting, {
      name: 'notify',
      description: 'bunsui: delivers notices to channels',
      timeout: Duration.seconds(channelQueue.functionTimeoutSeconds),
      memorySize: Size.mebibytes(512),
      permissions: [...permissions, ...channelPermissions(this, channels, this.channelQueues)],
    }).function;
    deliverFrom(notify, this.channelQueues);
    return notify;
  }

  /**
   * Lets somebody call the HTTP API.
   *
   * @param paths method and path as API Gateway writes them: `GET/v1/sessions/*`
   */
  grantApi(grantee: IGrantable, ...paths: readonly string[]): Grant {
    const wanted = paths.length === 0 ? ['*/*'] : paths;
    const stage = this.api.deploymentStage.stageName;
    return Grant.addToPrincipal({
      grantee,
      actions: ['execute-api:Invoke'],
      resourceArns: wanted.map((path) =>
        Stack.of(this).formatArn({
          service: 'execute-api',
          resource: this.api.restApiId,
          resourceName: `${stage}/${path}`,
        }),
      ),
    });
  }

  /** Events that nobody could do anything with, waiting among the dead letters. @default - maximum over five minutes */
  metricDeadLetters(options?: MetricOptions): Metric {
    return this.deadLetterQueue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', ...options });
  }

  /** Failures of the platform's own functions, all together, over five minutes. */
  metricErrors(): MathExpression {
    return overFunctions(this.functions(), (one) => one.metricErrors(), 'errors');
  }

  /** Sessions of a pipeline that completed. @default - sum over five minutes */
  metricSessionsCompleted(pipeline: string, options?: MetricOptions): Metric {
    return sessionMetric('sessionSuccess', pipeline, options);
  }

  /** Sessions of a pipeline that failed. @default - sum over five minutes */
  metricSessionsFailed(pipeline: string, options?: MetricOptions): Metric {
    return sessionMetric('sessionFailure', pipeline, options);
  }

  /** From start to end of a pipeline's sessions, milliseconds. @default - p95 over five minutes */
  metricSessionDuration(pipeline: string, options?: MetricOptions): Metric {
    return sessionMetric('sessionDuration', pipeline, options);
  }

  private functions(): NamedFunctions {
    return {
      'start-session': this.startSession,
      'record-events': this.recordEvents,
      'session-ended': this.sessionEnded,
      reconcile: this.reconcile,
      api: this.apiHandler,
      ...(this.notify === undefined ? {} : { notify: this.notify }),
    };
  }

  private watchedParts(): WatchedParts {
    const { prefix, reconcile, deadLetterQueue, channelQueues, api } = this;
    return { prefix, reconcile, deadLetterQueue, channelQueues, api, functions: this.functions() };
  }

  private parts() {
    const { prefix, sessionsTable, jobHistoryTable, pipelinesTable, gatesTable, bucket, tagValue } = this;
    const named = { prefix, bucket, tagValue, topicArn: this.topic.topicArn };
    return { ...named, sessionsTable, jobHistoryTable, pipelinesTable, gatesTable };
  }

  private setting({ channels, environmentName, logLevel }: PlatformProps): PlatformSetting {
    return {
      environment: {
        [environment.sessionsTable]: this.sessionsTable.tableName,
        [environment.jobHistoryTable]: this.jobHistoryTable.tableName,
        [environment.pipelinesTable]: this.pipelinesTable.tableName,
        [environment.gatesTable]: this.gatesTable.tableName,
        [environment.bucket]: this.bucket.bucketName,
        [environment.machines]: this.machinesArn,
        [environment.topic]: this.topic.topicArn,
        [environment.channels]: JSON.stringify(channels ?? {}),
        [environment.logLevel]: logLevel ?? 'INFO',
        ...(environmentName === undefined ? {} : { [environment.environment]: environmentName }),
      },
      tagValue: this.tagValue,
      logRetention: this.logRetention,
      removalPolicy: this.removalPolicy,
      encryptionKey: this.encryptionKey,
      network: this.network,
    };
  }
}

/** One group for all functions: CDK would make one for each. */
function networkOf(scope: Construct, { vpc, vpcSubnets, securityGroups }: NetworkPlace): NetworkPlace {
  if (vpc === undefined) return {};
  return {
    vpc,
    ...(vpcSubnets === undefined ? {} : { vpcSubnets }),
    securityGroups: securityGroups ?? [
      new SecurityGroup(scope, 'Functions', { vpc, description: 'bunsui: functions of a platform and its pipelines' }),
    ],
  };
}
