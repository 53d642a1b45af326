import { type App, Stack } from 'aws-cdk-lib';
import { type IVpc, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import { beforeAll, describe, expect, it } from 'vitest';
import { Pipeline, Platform } from '../../lib/constructs/index.ts';
import { type Template, weaknessesOf } from './security.ts';
import { ensureLambdas, newApp } from './synth.ts';
import { twoStep } from './two-step/pipeline.ts';

beforeAll(ensureLambdas);

const started: typeof twoStep = {
  ...twoStep,
  ir: {
    ...twoStep.ir,
    schedules: [
      {
        id: 'daily',
        expression: 'rate(1 day)',
        timezone: 'UTC',
        enabled: true,
        input: { date: '2026-01-31' },
        catchUp: 'none',
        source: { file: 'pipeline.ts', line: 1, column: 1 },
      },
    ],
    triggers: [
      {
        id: 'upload',
        kind: 's3',
        bucket: 'uploads',
        input: { date: '2026-01-31' },
        source: { file: 'pipeline.ts', line: 2, column: 1 },
      },
    ],
  },
};

function templatesOf(app: App, ...stacks: readonly Stack[]): readonly Template[] {
  const assembly = app.synth();
  return stacks.map(({ stackName }) => assembly.getStackByName(stackName).template as Template);
}

describe('an app of several stacks', () => {
  it('has no weakness that cdk-nag does not know of, with the keys of the services or with one of its own', () => {
    for (const withKey of [false, true]) {
      const app = newApp();
      const shared = new Stack(app, 'Shared');
      const key = withKey ? { encryptionKey: new Key(shared, 'Key') } : {};
      const platform = new Platform(shared, 'Platform', {
        ...key,
        channels: {
          ops: { kind: 'slack', secret: 'slack-ops' },
          post: { kind: 'email', from: 'a@example.com', to: ['b@example.com'] },
          team: { kind: 'mail', to: ['c@example.com'] },
        },
      });
      const near = new Stack(app, 'Near');
      new Pipeline(near, 'TwoStep', { platform, definition: started });
      const far = new Stack(app, 'Far');
      const imported = Platform.fromAttributes(far, 'Platform', key);
      const other = { ...started, ir: { ...started.ir, id: 'other' } };
      new Pipeline(far, 'Other', { platform: imported, definition: other });
      expect(templatesOf(app, shared, near, far).flatMap(weaknessesOf)).toStrictEqual([]);
    }
  });

  it('has none in a network either', () => {
    const app = newApp();
    const stack = new Stack(app, 'Test');
    const vpc = new Vpc(new Stack(app, 'Network'), 'Vpc', { restrictDefaultSecurityGroup: false }) as IVpc;
    const platform = new Platform(stack, 'Platform', { vpc });
    new Pipeline(stack, 'TwoStep', { platform, definition: started });
    expect(templatesOf(app, stack).flatMap(weaknessesOf)).toStrictEqual([]);
  });
});

describe('each weakness', () => {
  const role = (statement: object) => ({
    Type: 'AWS::IAM::Role',
    Properties: { AssumeRolePolicyDocument: { Statement: [statement] } },
  });
  const policy = (statement: object) => ({
    Type: 'AWS::IAM::Policy',
    Properties: { PolicyDocument: { Statement: [{ Effect: 'Allow', ...statement }] } },
  });
  const handler = {
    Type: 'AWS::Lambda::Function',
    Properties: { Runtime: 'nodejs24.x', Handler: 'index.handler' },
  };
  const trust = (service: string) => ({ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: service } });
  const weak: readonly (readonly [expected: readonly string[], resources: NonNullable<Template['Resources']>])[] = [
    [['T: a topic in the clear', 'T: a topic that takes plain HTTP'], { T: { Type: 'AWS::SNS::Topic' } }],
    [['Q: a queue in the clear', 'Q: a queue that takes plain HTTP'], { Q: { Type: 'AWS::SQS::Queue' } }],
    [['B: a bucket in the clear', 'B: a bucket that takes plain HTTP'], { B: { Type: 'AWS::S3::Bucket' } }],
    [['D: a table that cannot be recovered'], { D: { Type: 'AWS::DynamoDB::Table' } }],
    [['L: logs without an end'], { L: { Type: 'AWS::Logs::LogGroup' } }],
    [
      ['F: what it fails on is lost'],
      {
        F: handler,
        R: { Type: 'AWS::Events::Rule', Properties: { Targets: [{ Arn: { 'Fn::GetAtt': ['F', 'Arn'] } }] } },
      },
    ],
    [
      ['F: what it fails on is lost'],
      {
        F: handler,
        S: { Type: 'AWS::Scheduler::Schedule', Properties: { Target: { Arn: { 'Fn::GetAtt': ['F', 'Arn'] } } } },
      },
    ],
    [
      ['F: what it fails on is lost'],
      {
        F: handler,
        S: { Type: 'AWS::Logs::SubscriptionFilter', Properties: { DestinationArn: { 'Fn::GetAtt': ['F', 'Arn'] } } },
      },
    ],
    [
      ['S: an API that is not throttled'],
      { S: { Type: 'AWS::ApiGateway::Stage', Properties: { MethodSettings: [{ HttpMethod: '*' }] } } },
    ],
    [
      ['M: a method that anybody may call'],
      { M: { Type: 'AWS::ApiGateway::Method', Properties: { AuthorizationType: 'NONE' } } },
    ],
    [['P: may do s3:*'], { P: policy({ Action: 's3:*', Resource: 'arn:aws:s3:::one' }) }],
    [['P: may do s3:GetObject on everything'], { P: policy({ Action: 's3:GetObject', Resource: ['*'] }) }],
    [['R: lambda.amazonaws.com may act for anybody'], { R: role(trust('lambda.amazonaws.com')) }],
    [['R: apigateway.amazonaws.com may act for anybody'], { R: role(trust('apigateway.amazonaws.com')) }],
    [
      ['P: sns.amazonaws.com may act for anybody'],
      { P: { Type: 'AWS::Lambda::Permission', Properties: { Principal: 'sns.amazonaws.com' } } },
    ],
    [['C: a custom resource, Custom::S3AutoDeleteObjects'], { C: { Type: 'Custom::S3AutoDeleteObjects' } }],
    [
      ['F: a function that is none of ours'],
      { F: { Type: 'AWS::Lambda::Function', Properties: { Runtime: 'nodejs22.x', Handler: 'index.handler' } } },
    ],
  ];

  it.each(weak)('is found: %j', (expected, resources) => {
    expect(weaknessesOf({ Resources: resources })).toStrictEqual(expected);
  });
});
