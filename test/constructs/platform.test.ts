import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { beforeAll, describe, expect, it } from 'vitest';
import { Platform, type PlatformProps } from '../../lib/constructs/index.ts';
import { ensureLambdas, newApp, propertiesOf, resourcesOf } from './synth.ts';

beforeAll(ensureLambdas);

function platformStack(props: PlatformProps = {}) {
  const stack = new Stack(newApp(), 'Test');
  return { stack, platform: new Platform(stack, 'Platform', props) };
}

const string = (name: string) => ({ AttributeName: name, AttributeType: 'S' });
const keys = (partition: string, sort: string) => [
  { AttributeName: partition, KeyType: 'HASH' },
  { AttributeName: sort, KeyType: 'RANGE' },
];
const index = (name: string, partition: string, sort: string) => ({
  IndexName: name,
  KeySchema: keys(partition, sort),
  Projection: { ProjectionType: 'ALL' },
});
const kept = {
  BillingMode: 'PAY_PER_REQUEST',
  DeletionProtectionEnabled: true,
  PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
};
const arn = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const under = (id: string, path: string) => ({ 'Fn::Join': ['', [arn(id), path]] });
const statement = (action: string | string[], resource: unknown, more: object = {}) => ({
  Action: action,
  Effect: 'Allow',
  Resource: resource,
  ...more,
});

describe('the tables', () => {
  it('have the keys, indexes and names that runtime and users know, and are hard to lose', () => {
    const { stack } = platformStack();
    const resources = resourcesOf(stack);
    expect(propertiesOf(resources, 'AWS::DynamoDB::Table')).toStrictEqual({
      PlatformSessionsTable: {
        ...kept,
        TableName: 'bunsui-sessions',
        AttributeDefinitions: ['session_id', 'created_at', 'pipeline_id', 'status'].map(string),
        KeySchema: keys('session_id', 'created_at'),
        GlobalSecondaryIndexes: [
          index('sessions-by-pipeline-index', 'pipeline_id', 'created_at'),
          index('sessions-by-status-index', 'status', 'created_at'),
        ],
      },
      PlatformJobHistoryTable: {
        ...kept,
        TableName: 'bunsui-job-history',
        AttributeDefinitions: ['session_id', 'job_timestamp', 'pipeline_id', 'job_status'].map(string),
        KeySchema: keys('session_id', 'job_timestamp'),
        GlobalSecondaryIndexes: [
          index('job-history-by-pipeline-index', 'pipeline_id', 'job_timestamp'),
          index('job-history-by-status-index', 'job_status', 'job_timestamp'),
        ],
      },
      PlatformPipelinesTable: {
        ...kept,
        TableName: 'bunsui-pipelines',
        AttributeDefinitions: ['pipeline_id', 'version'].map(string),
        KeySchema: keys('pipeline_id', 'version'),
      },
    });
    expect(resources['PlatformSessionsTable']?.['DeletionPolicy']).toBe('Retain');
  });

  it('and the bucket take their names from the prefix, or from CloudFormation', () => {
    const names = (props: PlatformProps) => {
      const resources = resourcesOf(platformStack(props).stack);
      const tables = Object.values(propertiesOf(resources, 'AWS::DynamoDB::Table')) as { TableName?: string }[];
      const [bucket] = Object.values(propertiesOf(resources, 'AWS::S3::Bucket')) as { BucketName?: unknown }[];
      return [...tables.map(({ TableName }) => TableName), bucket?.BucketName];
    };
    expect(names({ prefix: 'night' })).toStrictEqual([
      'night-sessions',
      'night-job-history',
      'night-pipelines',
      { 'Fn::Join': ['', ['night-', { Ref: 'AWS::AccountId' }, '-', { Ref: 'AWS::Region' }]] },
    ]);
    expect(names({ generatedNames: true })).toStrictEqual([undefined, undefined, undefined, undefined]);
  });

  it('can be made to go with the stack', () => {
    const resources = resourcesOf(platformStack({ removalPolicy: RemovalPolicy.DESTROY }).stack);
    const policies = Object.values(resources)
      .filter(({ Type }) => ['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::Logs::LogGroup'].includes(Type))
      .map((resource) => resource['DeletionPolicy']);
    expect(policies).toStrictEqual(Array.from({ length: 6 }, () => 'Delete'));
    const tables = Object.values(propertiesOf(resources, 'AWS::DynamoDB::Table')) as {
      DeletionProtectionEnabled: boolean;
    }[];
    expect(tables.map((table) => table.DeletionProtectionEnabled)).toStrictEqual([false, false, false]);
  });
});

describe('the bucket', () => {
  it('is closed, encrypted, and emptied prefix by prefix', () => {
    const { stack } = platformStack({ logsExpiration: Duration.days(7) });
    const resources = resourcesOf(stack);
    expect(propertiesOf(resources, 'AWS::S3::Bucket')).toStrictEqual({
      PlatformBucket: {
        BucketName: { 'Fn::Join': ['', ['bunsui-', { Ref: 'AWS::AccountId' }, '-', { Ref: 'AWS::Region' }]] },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        LifecycleConfiguration: {
          Rules: [
            { Id: 'logs', Prefix: 'logs/', ExpirationInDays: 7, Status: 'Enabled' },
            { Id: 'reports', Prefix: 'reports/', ExpirationInDays: 365, Status: 'Enabled' },
            { Id: 'payloads', Prefix: 'payloads/', ExpirationInDays: 90, Status: 'Enabled' },
            {
              Id: 'unfinished-uploads',
              AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 },
              Status: 'Enabled',
            },
          ],
        },
      },
    });
    const everything = [arn('PlatformBucket'), under('PlatformBucket', '/*')];
    const denied = { Action: 's3:*', Effect: 'Deny', Principal: { AWS: '*' }, Resource: everything };
    expect(propertiesOf(resources, 'AWS::S3::BucketPolicy')).toStrictEqual({
      PlatformBucketPolicy: {
        Bucket: { Ref: 'PlatformBucket' },
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            { ...denied, Condition: { Bool: { 'aws:SecureTransport': 'false' } } },
            { ...denied, Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } } },
          ],
        },
      },
    });
  });
});

describe('the bookkeeping functions', () => {
  it('run Node 24 on arm64 and know tables and bucket', () => {
    const { stack } = platformStack();
    const shared = {
      Architectures: ['arm64'],
      Code: {
        S3Bucket: { 'Fn::Sub': 'cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}' },
        S3Key: '<asset>.zip',
      },
      Environment: {
        Variables: {
          BUNSUI_BUCKET: { Ref: 'PlatformBucket' },
          BUNSUI_JOB_HISTORY_TABLE: { Ref: 'PlatformJobHistoryTable' },
          BUNSUI_MACHINES: {
            'Fn::Join': [
              '',
              [
                'arn:',
                { Ref: 'AWS::Partition' },
                ':states:',
                { Ref: 'AWS::Region' },
                ':',
                { Ref: 'AWS::AccountId' },
                ':stateMachine:',
              ],
            ],
          },
          BUNSUI_PIPELINES_TABLE: { Ref: 'PlatformPipelinesTable' },
          BUNSUI_SESSIONS_TABLE: { Ref: 'PlatformSessionsTable' },
        },
      },
      Handler: 'index.handler',
      Runtime: 'nodejs24.x',
    };
    expect(propertiesOf(resourcesOf(stack), 'AWS::Lambda::Function')).toStrictEqual({
      PlatformStartSessionFunction: {
        ...shared,
        Description: 'bunsui: starts a session, once per key',
        MemorySize: 512,
        Role: arn('PlatformStartSessionRole'),
        Timeout: 30,
      },
      PlatformSessionEndedFunction: {
        ...shared,
        DeadLetterConfig: { TargetArn: arn('PlatformDeadLetters') },
        Description: 'bunsui: records an execution that has ended, with its logs and report',
        MemorySize: 1024,
        Role: arn('PlatformSessionEndedRole'),
        Timeout: 600,
      },
    });
  });

  it('write to log groups with an end, which carry the tag that bookkeeping reads by', () => {
    const { stack, platform } = platformStack({ logRetention: RetentionDays.ONE_WEEK });
    const group = (name: string) => ({
      LogGroupName: { 'Fn::Join': ['', ['/aws/lambda/', { Ref: name }]] },
      RetentionInDays: 7,
      Tags: [{ Key: 'bunsui:platform', Value: platform.tagValue }],
    });
    expect(propertiesOf(resourcesOf(stack), 'AWS::Logs::LogGroup')).toStrictEqual({
      PlatformStartSessionLogGroup: group('PlatformStartSessionFunction'),
      PlatformSessionEndedLogGroup: group('PlatformSessionEndedFunction'),
    });
  });

  it('may do what they do and nothing else', () => {
    const { stack, platform } = platformStack();
    const policies = Object.entries(propertiesOf(resourcesOf(stack), 'AWS::IAM::Policy')).map(([id, properties]) => [
      id,
      (properties as { PolicyDocument: { Statement: unknown } }).PolicyDocument.Statement,
    ]);
    const writes = statement(['dynamodb:PutItem', 'dynamodb:UpdateItem'], arn('PlatformSessionsTable'));
    const pipelines = statement(
      ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:PutItem'],
      arn('PlatformPipelinesTable'),
    );
    const configs = statement('s3:PutObject', under('PlatformBucket', '/configs/*'));
    const logs = (group: string) => [statement(['logs:CreateLogStream', 'logs:PutLogEvents'], arn(group))];
    expect(Object.fromEntries(policies)).toStrictEqual({
      PlatformStartSessionRoleDefaultPolicy: [
        writes,
        pipelines,
        configs,
        statement('dynamodb:GetItem', arn('PlatformSessionsTable')),
      ],
      PlatformStartSessionWriteLogs: logs('PlatformStartSessionLogGroup'),
      PlatformSessionEndedRoleDefaultPolicy: [
        statement('sqs:SendMessage', arn('PlatformDeadLetters')),
        writes,
        pipelines,
        configs,
        statement('dynamodb:Query', arn('PlatformSessionsTable')),
        statement('dynamodb:BatchWriteItem', arn('PlatformJobHistoryTable')),
        statement('s3:GetObject', under('PlatformBucket', '/configs/*')),
        statement('s3:PutObject', [under('PlatformBucket', '/logs/*'), under('PlatformBucket', '/reports/*')]),
        statement(
          'logs:FilterLogEvents',
          {
            'Fn::Join': [
              '',
              [
                'arn:',
                { Ref: 'AWS::Partition' },
                ':logs:',
                { Ref: 'AWS::Region' },
                ':',
                { Ref: 'AWS::AccountId' },
                ':log-group:/aws/lambda/*',
              ],
            ],
          },
          { Condition: { StringEquals: { 'aws:ResourceTag/bunsui:platform': platform.tagValue } } },
        ),
      ],
      PlatformSessionEndedWriteLogs: logs('PlatformSessionEndedLogGroup'),
    });
  });
});

describe('the dead letter queue', () => {
  it('takes events from rules of its account only, over TLS only', () => {
    const resources = resourcesOf(platformStack().stack);
    expect(propertiesOf(resources, 'AWS::SQS::Queue')).toStrictEqual({
      PlatformDeadLetters: { MessageRetentionPeriod: 1_209_600, SqsManagedSseEnabled: true },
    });
    expect(propertiesOf(resources, 'AWS::SQS::QueuePolicy')).toStrictEqual({
      PlatformDeadLettersPolicy: {
        Queues: [{ Ref: 'PlatformDeadLetters' }],
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              Action: 'sqs:*',
              Effect: 'Deny',
              Principal: { AWS: '*' },
              Resource: arn('PlatformDeadLetters'),
              Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            },
            statement('sqs:SendMessage', arn('PlatformDeadLetters'), {
              Principal: { Service: 'events.amazonaws.com' },
              Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
            }),
          ],
        },
      },
    });
  });
});

describe('a key of the customer', () => {
  it('encrypts tables, bucket, queue, log groups and environments', () => {
    const stack = new Stack(newApp(), 'Test');
    const encryptionKey = new Key(stack, 'Key');
    new Platform(stack, 'Platform', { encryptionKey });
    const resources = Object.entries(resourcesOf(stack));
    const encrypted = resources.filter(([, { Properties }]) =>
      JSON.stringify(Properties ?? {}).includes('["Key","Arn"]'),
    );
    const types = [
      'AWS::DynamoDB::Table',
      'AWS::S3::Bucket',
      'AWS::SQS::Queue',
      'AWS::Logs::LogGroup',
      'AWS::Lambda::Function',
    ];
    const expected = resources.filter(([, { Type }]) => types.includes(Type)).map(([id]) => id);
    expect(expected).toHaveLength(9);
    expect(encrypted.map(([id]) => id)).toEqual(expect.arrayContaining(expected));
  });
});

describe('grants', () => {
  const grantedTo = (give: (platform: Platform, role: Role) => void) => {
    const { stack, platform } = platformStack();
    const role = new Role(stack, 'Somebody', { assumedBy: new ServicePrincipal('ecs.amazonaws.com') });
    give(platform, role);
    const policies = propertiesOf(resourcesOf(stack), 'AWS::IAM::Policy');
    const policy = policies['SomebodyDefaultPolicy'] as { PolicyDocument: { Statement: unknown } } | undefined;
    return policy?.PolicyDocument.Statement;
  };

  it('grantStart lets somebody call the function that starts sessions', () => {
    expect(grantedTo((platform, role) => platform.grantStart(role))).toStrictEqual([
      statement('lambda:InvokeFunction', [
        arn('PlatformStartSessionFunction'),
        under('PlatformStartSessionFunction', ':*'),
      ]),
    ]);
  });

  it('grantRead lets somebody read tables with their indexes and what bunsui keeps in the bucket', () => {
    expect(grantedTo((platform, role) => platform.grantRead(role))).toStrictEqual([
      statement(
        ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:Scan'],
        [
          arn('PlatformSessionsTable'),
          under('PlatformSessionsTable', '/index/sessions-by-pipeline-index'),
          under('PlatformSessionsTable', '/index/sessions-by-status-index'),
          arn('PlatformJobHistoryTable'),
          under('PlatformJobHistoryTable', '/index/job-history-by-pipeline-index'),
          under('PlatformJobHistoryTable', '/index/job-history-by-status-index'),
          arn('PlatformPipelinesTable'),
        ],
      ),
      statement(
        's3:GetObject',
        ['/logs/*', '/reports/*', '/configs/*'].map((path) => under('PlatformBucket', path)),
      ),
      statement('s3:ListBucket', arn('PlatformBucket')),
    ]);
  });

  it('grantData opens one folder under data/, and refuses what is no folder', () => {
    expect(grantedTo((platform, role) => platform.grantData(role, 'flights'))).toStrictEqual([
      statement(['s3:GetObject', 's3:PutObject'], under('PlatformBucket', '/data/flights/*')),
    ]);
    for (const folder of ['', '..', '../logs', 'a/b', '*', 'a\0']) {
      expect(() => grantedTo((platform, role) => platform.grantData(role, folder))).toThrow(/is no folder for data/);
    }
  });
});
