/**
 * Platform: what all pipelines of a deployment share. Tables and bucket for sessions, the function that starts a
 * session, the function that does the books when an execution has ended, and the queue for what it could not do.
 */
import { ArnFormat, Duration, Names, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { Grant, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { BunsuiError } from '../errors.ts';
import { environment, isSafeId, platformNames, tables } from '../storage-layout.ts';
import { acknowledgeWildcards } from './acknowledgements.ts';
import { bookkeepingCode } from './bookkeeping-code.ts';
import { allowLogEncryption, LoggedFunction, platformTag } from './logged-function.ts';
import { platformBucket, platformTable } from './platform-storage.ts';

/** Properties of a `Platform`. */
export interface PlatformProps {
  /**
   * First part of the names of tables (`{prefix}-sessions`, …) and bucket (`{prefix}-{account}-{region}`).
   *
   * @default 'bunsui'
   */
  readonly prefix?: string;
  /**
   * Let CloudFormation name the tables and the bucket: for several platforms in one account and region.
   *
   * @default false
   */
  readonly generatedNames?: boolean;
  /**
   * One key for tables, bucket, queue, log groups and functions' environments.
   *
   * @default - keys of the services
   */
  readonly encryptionKey?: IKey;
  /**
   * What becomes of tables, bucket and log groups when the stack is deleted. With `RETAIN` tables are also protected
   * against deletion.
   *
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
  /**
   * How long CloudWatch keeps what functions and state machines of the platform write.
   *
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: RetentionDays;
  /**
   * How long the logs of a session stay in the bucket.
   *
   * @default Duration.days(90)
   */
  readonly logsExpiration?: Duration;
  /**
   * How long the reports of sessions stay in the bucket.
   *
   * @default Duration.days(365)
   */
  readonly reportsExpiration?: Duration;
  /**
   * How long large outputs of jobs stay in the bucket.
   *
   * @default Duration.days(90)
   */
  readonly payloadsExpiration?: Duration;
}

/**
 * What the pipelines of a deployment share.
 *
 * @example
 * const platform = new Platform(this, 'Bunsui');
 * new Pipeline(this, 'Flights', { platform, definition: flights });
 */
export class Platform extends Construct {
  readonly sessionsTable: Table;
  readonly jobHistoryTable: Table;
  readonly pipelinesTable: Table;
  readonly bucket: Bucket;
  /** Starts a session: the one way for schedules, events, the API and the command line. */
  readonly startSession: LambdaFunction;
  /** Records an execution that has ended: each pipeline's rule calls it. */
  readonly sessionEnded: LambdaFunction;
  /** Events about executions that could not be recorded. */
  readonly deadLetterQueue: Queue;
  readonly encryptionKey: IKey | undefined;
  /** What pipelines on this platform take over. */
  readonly removalPolicy: RemovalPolicy;
  readonly logRetention: RetentionDays;
  /** Value of the tag `bunsui:platform` on the log groups that this platform's bookkeeping may read. */
  readonly tagValue: string;

  constructor(scope: Construct, id: string, props: PlatformProps = {}) {
    super(scope, id);
    const { account, region } = Stack.of(this);
    const key = props.encryptionKey;
    this.encryptionKey = key;
    this.removalPolicy = props.removalPolicy ?? RemovalPolicy.RETAIN;
    this.logRetention = props.logRetention ?? RetentionDays.ONE_MONTH;
    this.tagValue = Names.uniqueResourceName(this, { maxLength: 200, separator: '-' });

    const prefix = props.prefix ?? 'bunsui';
    const names = props.generatedNames === true ? undefined : platformNames({ prefix, account, region });
    const storage = { removalPolicy: this.removalPolicy, ...(key === undefined ? {} : { encryptionKey: key }) };
    const named = (tableName: string | undefined) => (tableName === undefined ? storage : { ...storage, tableName });
    this.sessionsTable = platformTable(this, 'SessionsTable', 'sessions', named(names?.sessionsTable));
    this.jobHistoryTable = platformTable(this, 'JobHistoryTable', 'jobHistory', named(names?.jobHistoryTable));
    this.pipelinesTable = platformTable(this, 'PipelinesTable', 'pipelines', named(names?.pipelinesTable));
    this.bucket = platformBucket(this, 'Bucket', {
      ...storage,
      ...(names === undefined ? {} : { bucketName: names.bucket }),
      expirations: {
        logs: props.logsExpiration ?? Duration.days(90),
        reports: props.reportsExpiration ?? Duration.days(365),
        payloads: props.payloadsExpiration ?? Duration.days(90),
      },
    });
    if (key !== undefined) allowLogEncryption(this, key);

    this.deadLetterQueue = this.newDeadLetterQueue();
    this.startSession = this.bookkeepingFunction('StartSession', {
      name: 'start-session',
      description: 'bunsui: starts a session, once per key',
      timeout: Duration.seconds(30),
      memorySize: Size.mebibytes(512),
    });
    this.sessionEnded = this.bookkeepingFunction('SessionEnded', {
      name: 'session-ended',
      description: 'bunsui: records an execution that has ended, with its logs and report',
      timeout: Duration.minutes(10),
      memorySize: Size.mebibytes(1024),
      deadLetterQueue: this.deadLetterQueue,
    });
    this.allowBookkeeping();
  }

  /** Lets somebody start sessions of every pipeline on this platform. */
  grantStart(grantee: IGrantable): Grant {
    return this.startSession.grantInvoke(grantee);
  }

  /** Lets somebody read sessions, their jobs, logs and reports, and the pipelines. */
  grantRead(grantee: IGrantable): Grant {
    const grant = (actions: string[], resourceArns: string[]) =>
      Grant.addToPrincipal({ grantee, actions, resourceArns });
    const reads = grant(
      ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:Scan'],
      [
        ...this.withIndexes(this.sessionsTable, [tables.sessions.byPipelineIndex, tables.sessions.byStatusIndex]),
        ...this.withIndexes(this.jobHistoryTable, [tables.jobHistory.byPipelineIndex, tables.jobHistory.byStatusIndex]),
        this.pipelinesTable.tableArn,
      ],
    );
    const objects = grant(['s3:GetObject'], this.objectArns('logs/*', 'reports/*', 'configs/*'));
    const both = reads.combine(objects).combine(grant(['s3:ListBucket'], [this.bucket.bucketArn]));
    return this.encryptionKey === undefined ? both : both.combine(this.encryptionKey.grantDecrypt(grantee));
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
    const resourceArns = this.objectArns(`data/${folder}/*`);
    const { grantPrincipal } = grantee;
    if (Construct.isConstruct(grantPrincipal)) acknowledgeWildcards(grantPrincipal, 'objects', resourceArns);
    const grant = Grant.addToPrincipal({ grantee, actions: ['s3:GetObject', 's3:PutObject'], resourceArns });
    return this.encryptionKey === undefined ? grant : grant.combine(this.encryptionKey.grantEncryptDecrypt(grantee));
  }

  private withIndexes(table: Table, indexes: readonly { readonly name: string }[]): string[] {
    return [table.tableArn, ...indexes.map(({ name }) => `${table.tableArn}/index/${name}`)];
  }

  private objectArns(...patterns: readonly string[]): string[] {
    return patterns.map((pattern) => this.bucket.arnForObjects(pattern));
  }

  private newDeadLetterQueue(): Queue {
    const queue = new Queue(this, 'DeadLetters', {
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
      ...(this.encryptionKey === undefined
        ? { encryption: QueueEncryption.SQS_MANAGED }
        : { encryption: QueueEncryption.KMS, encryptionMasterKey: this.encryptionKey }),
    });
    // Rules stand with the pipelines, maybe in other stacks: the queue trusts every rule of its account, so that no
    // stack has to name the resources of another that depends on it.
    const { account } = Stack.of(this);
    const events = new ServicePrincipal('events.amazonaws.com');
    const conditions = { StringEquals: { 'aws:SourceAccount': account } };
    queue.addToResourcePolicy(
      new PolicyStatement({
        principals: [events],
        actions: ['sqs:SendMessage'],
        resources: [queue.queueArn],
        conditions,
      }),
    );
    this.encryptionKey?.addToResourcePolicy(
      new PolicyStatement({
        principals: [events],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        resources: ['*'],
        conditions,
      }),
    );
    return queue;
  }

  private bookkeepingFunction(
    id: string,
    props: {
      readonly name: 'start-session' | 'session-ended';
      readonly description: string;
      readonly timeout: Duration;
      readonly memorySize: Size;
      readonly deadLetterQueue?: Queue;
    },
  ): LambdaFunction {
    const { name, ...rest } = props;
    return new LoggedFunction(this, id, {
      ...rest,
      code: bookkeepingCode(name),
      environment: {
        [environment.sessionsTable]: this.sessionsTable.tableName,
        [environment.jobHistoryTable]: this.jobHistoryTable.tableName,
        [environment.pipelinesTable]: this.pipelinesTable.tableName,
        [environment.bucket]: this.bucket.bucketName,
        [environment.machines]: Stack.of(this).formatArn({
          service: 'states',
          resource: 'stateMachine',
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          resourceName: '',
        }),
      },
      platformTagValue: this.tagValue,
      logRetention: this.logRetention,
      removalPolicy: this.removalPolicy,
      ...(this.encryptionKey === undefined ? {} : { encryptionKey: this.encryptionKey }),
    }).function;
  }

  /** What the two functions do on tables, bucket and logs; what they do on machines is added by each pipeline. */
  private allowBookkeeping(): void {
    const allow = (to: LambdaFunction, actions: string[], resources: string[]) =>
      to.addToRolePolicy(new PolicyStatement({ actions, resources }));
    const allowObjects = (to: LambdaFunction, action: string, ...patterns: readonly string[]) => {
      allow(to, [action], this.objectArns(...patterns));
      acknowledgeWildcards(to.node.scope ?? to, 'objects', this.objectArns(...patterns));
    };
    const { sessionsTable, jobHistoryTable, pipelinesTable } = this;
    for (const bookkeeper of [this.startSession, this.sessionEnded]) {
      allow(bookkeeper, ['dynamodb:PutItem', 'dynamodb:UpdateItem'], [sessionsTable.tableArn]);
      // Whoever first needs a deployed version registers it: see lib/sessions/deployed.ts.
      allow(bookkeeper, ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:PutItem'], [pipelinesTable.tableArn]);
      allowObjects(bookkeeper, 's3:PutObject', 'configs/*');
      this.encryptionKey?.grantEncryptDecrypt(bookkeeper);
    }
    allow(this.startSession, ['dynamodb:GetItem'], [sessionsTable.tableArn]);
    allow(this.sessionEnded, ['dynamodb:Query'], [sessionsTable.tableArn]);
    allow(this.sessionEnded, ['dynamodb:BatchWriteItem'], [jobHistoryTable.tableArn]);
    allowObjects(this.sessionEnded, 's3:GetObject', 'configs/*');
    allowObjects(this.sessionEnded, 's3:PutObject', 'logs/*', 'reports/*');
    const logGroups = Stack.of(this).formatArn({ service: 'logs', resource: 'log-group:/aws/lambda/*' });
    this.sessionEnded.addToRolePolicy(
      new PolicyStatement({
        actions: ['logs:FilterLogEvents'],
        resources: [logGroups],
        conditions: { StringEquals: { [`aws:ResourceTag/${platformTag}`]: this.tagValue } },
      }),
    );
    acknowledgeWildcards(this.sessionEnded.node.scope ?? this, 'taggedLogs', [logGroups]);
  }
}
