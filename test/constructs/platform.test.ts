import { Duration, RemovalPolicy, Stack, Tags } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { beforeAll, describe, expect, it } from 'vitest';
import { Platform, type PlatformProps } from '../../lib/constructs/index.ts';
import { ensureLambdas, newApp, propertiesOf, resourcesOf } from './synth.ts';
import { account, arn, arnOf, statement, statementsByPolicy, under } from './template-parts.ts';

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
        AttributeDefinitions: ['session_id', 'job_timestamp'].map(string),
        KeySchema: keys('session_id', 'job_timestamp'),
      },
      PlatformPipelinesTable: {
        ...kept,
        TableName: 'bunsui-pipelines',
        AttributeDefinitions: ['pipeline_id', 'version'].map(string),
        KeySchema: keys('pipeline_id', 'version'),
      },
      PlatformGatesTable: {
        ...kept,
        TableName: 'bunsui-gates',
        AttributeDefinitions: ['execution_arn', 'gate'].map(string),
        KeySchema: keys('execution_arn', 'gate'),
        TimeToLiveSpecification: { AttributeName: 'expires_at', Enabled: true },
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
      'night-gates',
      { 'Fn::Join': ['', ['night-', { Ref: 'AWS::AccountId' }, '-', { Ref: 'AWS::Region' }]] },
    ]);
    expect(names({ generatedNames: true })).toStrictEqual([undefined, undefined, undefined, undefined, undefined]);
  });

  it('can be made to go with the stack', () => {
    const resources = resourcesOf(platformStack({ removalPolicy: RemovalPolicy.DESTROY }).stack);
    const policies = Object.values(resources)
      .filter(({ Type }) => ['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::Logs::LogGroup'].includes(Type))
      .map((resource) => resource['DeletionPolicy']);
    expect(policies).toStrictEqual(Array.from({ length: 12 }, () => 'Delete'));
    const tables = Object.values(propertiesOf(resources, 'AWS::DynamoDB::Table')) as {
      DeletionProtectionEnabled: boolean;
    }[];
    expect(tables.map((table) => table.DeletionProtectionEnabled)).toStrictEqual([false, false, false, false]);
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
            { Id: 'payloads', Prefix: 'payloads/', ExpirationInDays: 365, Status: 'Enabled' },
            { Id: 'reruns', Prefix: 'reruns/', ExpirationInDays: 365, Status: 'Enabled' },
            { Id: 'containers', Prefix: 'containers/', ExpirationInDays: 30, Status: 'Enabled' },
            { Id: 'maps', Prefix: 'maps/', ExpirationInDays: 365, Status: 'Enabled' },
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

describe('a key of the customer', () => {
  it('encrypts tables, bucket, queue, log groups and environments', () => {
    const stack = new Stack(newApp(), 'Test');
    const encryptionKey = new Key(stack, 'Key');
    const channels = { ops: { kind: 'slack', secret: 'slack-ops' } } as const;
    new Platform(stack, 'Platform', { encryptionKey, channels });
    const resources = Object.entries(resourcesOf(stack));
    const encrypted = resources.filter(([, { Properties }]) =>
      JSON.stringify(Properties ?? {}).includes('["Key","Arn"]'),
    );
    const types = [
      'AWS::DynamoDB::Table',
      'AWS::S3::Bucket',
      'AWS::SNS::Topic',
      'AWS::SQS::Queue',
      'AWS::Logs::LogGroup',
      'AWS::Lambda::Function',
    ];
    const expected = resources.filter(([, { Type }]) => types.includes(Type)).map(([id]) => id);
    expect(expected).toHaveLength(23);
    expect(encrypted.map(([id]) => id)).toEqual(expect.arrayContaining(expected));
  });

  it('lets the services of this account use it for messages and logs, and nobody else', () => {
    const stack = new Stack(newApp(), 'Test');
    new Platform(stack, 'Platform', { encryptionKey: new Key(stack, 'Key') });
    const [key] = Object.values(propertiesOf(resourcesOf(stack), 'AWS::KMS::Key')) as {
      KeyPolicy: { Statement: { Principal: { Service?: unknown } }[] };
    }[];
    expect(key?.KeyPolicy.Statement.filter(({ Principal }) => Principal.Service !== undefined)).toStrictEqual([
      {
        Action: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
        Condition: {
          ArnLike: { 'kms:EncryptionContext:aws:logs:arn': arnOf('logs', 'log-group:*') },
        },
        Effect: 'Allow',
        Principal: { Service: { 'Fn::Join': ['', ['logs.', { Ref: 'AWS::Region' }, '.amazonaws.com']] } },
        Resource: '*',
      },
      {
        Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
        Condition: { StringEquals: { 'aws:SourceAccount': account } },
        Effect: 'Allow',
        Principal: { Service: ['events.amazonaws.com', 'sns.amazonaws.com'] },
        Resource: '*',
      },
    ]);
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

  const parameters = statement('ssm:GetParameters', arnOf('ssm', 'parameter/bunsui/bunsui/*'));
  const executions = (actions: string | string[]) => statement(actions, arnOf('states', 'execution:bunsui-*:*'));
  const machines = (actions: string | string[]) => statement(actions, arnOf('states', 'stateMachine:bunsui-*'));
  const read = [
    statement(
      ['dynamodb:GetItem', 'dynamodb:Query'],
      [
        arn('PlatformSessionsTable'),
        under('PlatformSessionsTable', '/index/sessions-by-pipeline-index'),
        under('PlatformSessionsTable', '/index/sessions-by-status-index'),
        arn('PlatformJobHistoryTable'),
        arn('PlatformPipelinesTable'),
      ],
    ),
    statement(
      's3:GetObject',
      ['/logs/*', '/reports/*', '/configs/*', '/payloads/*', '/reruns/*', '/maps/*'].map((path) =>
        under('PlatformBucket', path),
      ),
    ),
    statement('states:DescribeMapRun', arnOf('states', 'mapRun:bunsui-*/*:*')),
    statement('s3:ListBucket', arn('PlatformBucket')),
    executions(['states:DescribeExecution', 'states:GetExecutionHistory', 'states:DescribeStateMachineForExecution']),
    machines(['states:DescribeStateMachine', 'states:ListStateMachineVersions']),
    statement(
      'logs:FilterLogEvents',
      [arnOf('logs', 'log-group:/aws/lambda/*'), arnOf('logs', 'log-group:/aws/ecs/*')],
      {
        Condition: { StringEquals: { 'aws:ResourceTag/bunsui:platform': expect.stringMatching(/^Test-Platform-/) } },
      },
    ),
    parameters,
  ];

  it('grantStart lets somebody call the function that starts sessions, and find it', () => {
    expect(grantedTo((platform, role) => platform.grantStart(role))).toStrictEqual([
      statement('lambda:InvokeFunction', [
        arn('PlatformStartSessionFunction'),
        under('PlatformStartSessionFunction', ':*'),
      ]),
      parameters,
    ]);
  });

  it('grantRead lets somebody read tables with their indexes, what bunsui keeps in the bucket, executions and logs', () => {
    expect(grantedTo((platform, role) => platform.grantRead(role))).toStrictEqual(read);
  });

  it('grantRerun lets somebody rerun and cancel, too', () => {
    expect(grantedTo((platform, role) => platform.grantRerun(role))).toStrictEqual([
      ...read,
      statement(['dynamodb:PutItem', 'dynamodb:UpdateItem'], arn('PlatformSessionsTable')),
      statement('dynamodb:PutItem', arn('PlatformJobHistoryTable')),
      statement('s3:PutObject', under('PlatformBucket', '/reruns/*')),
      executions(['states:RedriveExecution', 'states:StopExecution']),
      machines('states:StartExecution'),
      statement('s3:PutObject', under('PlatformBucket', '/payloads/*')),
    ]);
  });

  it('grantApprove lets somebody answer approvals, too', () => {
    const leading = { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['approvals'] } };
    expect(grantedTo((platform, role) => platform.grantApprove(role))).toStrictEqual([
      ...read,
      statement(
        ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
        arn('PlatformGatesTable'),
        { Condition: leading },
      ),
      statement(['dynamodb:PutItem', 'dynamodb:DeleteItem'], arn('PlatformJobHistoryTable')),
      machines(['states:SendTaskSuccess', 'states:SendTaskFailure']),
    ]);
  });

  it('grantDelete lets somebody delete sessions, too', () => {
    expect(grantedTo((platform, role) => platform.grantDelete(role))).toStrictEqual([
      ...read,
      statement(['dynamodb:UpdateItem', 'dynamodb:DeleteItem'], arn('PlatformSessionsTable')),
      statement('dynamodb:BatchWriteItem', arn('PlatformJobHistoryTable')),
      statement(
        's3:DeleteObject',
        ['/logs/*', '/reports/*', '/reruns/*', '/payloads/*', '/maps/*'].map((path) => under('PlatformBucket', path)),
      ),
    ]);
  });

  it('opens the key of the customer as far as it is needed', () => {
    const stack = new Stack(newApp(), 'Test');
    const platform = new Platform(stack, 'Platform', { encryptionKey: new Key(stack, 'Key') });
    const assumedBy = new ServicePrincipal('ecs.amazonaws.com');
    const [reader, operator, worker] = ['Reader', 'Operator', 'Worker'].map(
      (name) => new Role(stack, name, { assumedBy }),
    );
    if (reader !== undefined) platform.grantRead(reader);
    if (operator !== undefined) platform.grantRerun(operator);
    if (worker !== undefined) platform.grantData(worker, 'flights');
    const policies = statementsByPolicy(resourcesOf(stack)) as { [id: string]: { Action: string | string[] }[] };
    const ofKey = (name: string) =>
      policies[`${name}DefaultPolicy`]?.flatMap(({ Action }) => Action).filter((action) => action.startsWith('kms:'));
    const both = ['kms:Decrypt', 'kms:Encrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*'];
    expect(['Reader', 'Operator', 'Worker'].map(ofKey)).toStrictEqual([['kms:Decrypt'], both, both]);
  });

  it('grantData opens one folder under data/, and refuses what is no folder', () => {
    expect(grantedTo((platform, role) => platform.grantData(role, 'flights'))).toStrictEqual([
      statement(['s3:GetObject', 's3:PutObject'], under('PlatformBucket', '/data/flights/*')),
    ]);
    for (const folder of ['', '..', '../logs', 'a/b', '*', 'a\0']) {
      expect(() => grantedTo((platform, role) => platform.grantData(role, folder))).toThrow(/is no folder for data/);
    }
  });

  it('grantApi lets somebody call the HTTP API, or a part of it', () => {
    const method = (path: string) => ({
      'Fn::Join': [
        '',
        [
          'arn:',
          { Ref: 'AWS::Partition' },
          ':execute-api:',
          { Ref: 'AWS::Region' },
          ':',
          account,
          ':',
          { Ref: 'PlatformApi' },
          '/',
          { Ref: 'PlatformApiDeploymentStageapi' },
          path,
        ],
      ],
    });
    expect(grantedTo((platform, role) => platform.grantApi(role))).toStrictEqual([
      statement('execute-api:Invoke', method('/*/*')),
    ]);
    expect(grantedTo((platform, role) => platform.grantApi(role, 'GET/v1/*', 'POST/v1/pipelines/*'))).toStrictEqual([
      statement('execute-api:Invoke', [method('/GET/v1/*'), method('/POST/v1/pipelines/*')]),
    ]);
  });
});

describe('a prefix', () => {
  it('is refused when names cannot begin with it, or others would look alike', () => {
    for (const prefix of ['', 'A', '1a', 'bunsui-dev', 'a'.repeat(16), 'a_b', 'a.b', 'ä']) {
      expect(() => platformStack({ prefix })).toThrow(/is no prefix of a platform; give 1 to 15 lower-case letters/);
    }
    expect(platformStack({ prefix: 'a2345678901234z' }).platform.prefix).toBe('a2345678901234z');
  });
});

describe('tags', () => {
  it('of a platform are those of what is in it', () => {
    const { stack, platform } = platformStack();
    Tags.of(platform).add('team', 'data');
    const resources = Object.values(resourcesOf(stack));
    const untagged = resources.filter(({ Properties }) => !JSON.stringify(Properties ?? {}).includes('"team"'));
    const types = new Set(untagged.map(({ Type }) => Type));
    // These take none.
    expect([...types].sort()).toStrictEqual([
      'AWS::ApiGateway::Account',
      'AWS::ApiGateway::Deployment',
      'AWS::ApiGateway::Method',
      'AWS::ApiGateway::RequestValidator',
      'AWS::ApiGateway::Resource',
      'AWS::IAM::Policy',
      'AWS::Lambda::Permission',
      'AWS::Logs::SubscriptionFilter',
      'AWS::S3::BucketPolicy',
      'AWS::SNS::TopicPolicy',
      'AWS::SQS::QueuePolicy',
    ]);
  });
});
