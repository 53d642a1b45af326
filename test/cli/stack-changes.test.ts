import { describe, expect, it } from 'vitest';
import { planJson, planLines } from '../../lib/cli/plan-page.ts';
import { changesOf, hasChanges, type Template } from '../../lib/cli/stack-changes.ts';
import { recordedOutput } from './outputs.ts';

const at = (path: string) => ({ 'aws:cdk:path': `stack/${path}/Resource` });
const statement = (Action: string | readonly string[], Resource: unknown) => ({ Effect: 'Allow', Action, Resource });
const policy = (...Statement: readonly unknown[]) => ({
  Type: 'AWS::IAM::Policy',
  Properties: { PolicyDocument: { Statement } },
  Metadata: at('Pipeline/Role/DefaultPolicy'),
});
const role = {
  Type: 'AWS::IAM::Role',
  Properties: {
    AssumeRolePolicyDocument: {
      Statement: [
        {
          Effect: 'Allow',
          Principal: { Service: 'states.amazonaws.com' },
          Action: 'sts:AssumeRole',
          Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
        },
      ],
    },
    ManagedPolicyArns: [{ 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':iam::aws:policy/Some']] }],
    Policies: [{ PolicyDocument: { Statement: [{ Effect: 'Deny', NotAction: 's3:GetObject', Resource: '*' }] } }],
  },
  Metadata: at('Pipeline/Role'),
};
const table = (TableName: string) => ({
  Type: 'AWS::DynamoDB::Table',
  Properties: { TableName, BillingMode: 'PAY_PER_REQUEST' },
  DeletionPolicy: 'Retain',
  Metadata: at('Table'),
});
const handler = (key: string) => ({ Type: 'AWS::Lambda::Function', Properties: { Code: { S3Key: key } } });
const bucket = { 'Fn::GetAtt': ['Bucket', 'Arn'] };

describe('the changes of a stack', () => {
  it('that is new are all that it has, permissions in words', () => {
    const template: Template = {
      Parameters: { Bucket5: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/bunsui/dev/bucket' } },
      Resources: {
        Role: role,
        Policy: policy(
          statement(
            ['s3:GetObject', 's3:PutObject'],
            [{ 'Fn::Join': ['', ['arn:aws:s3:::', { Ref: 'Bucket5' }, '/*']] }],
          ),
          statement('lambda:InvokeFunction', { 'Fn::Join': ['', [{ 'Fn::GetAtt': ['Handler', 'Arn'] }, ':*']] }),
        ),
        Handler: handler('a'),
        Permission: {
          Type: 'AWS::Lambda::Permission',
          Properties: {
            Action: 'lambda:InvokeFunction',
            Principal: 'events.amazonaws.com',
            SourceArn: { 'Fn::Sub': 'arn:${AWS::Partition}:events:x' },
          },
        },
      },
    };
    const changes = changesOf('stack', undefined, template);
    expect(changes).toStrictEqual({
      stack: 'stack',
      isNew: true,
      other: false,
      resources: [
        { change: 'add', type: 'AWS::Lambda::Function', path: 'Handler', properties: [] },
        { change: 'add', type: 'AWS::Lambda::Permission', path: 'Permission', properties: [] },
        { change: 'add', type: 'AWS::IAM::Role', path: 'Pipeline/Role', properties: [] },
        { change: 'add', type: 'AWS::IAM::Policy', path: 'Pipeline/Role/DefaultPolicy', properties: [] },
      ],
      permissions: [
        {
          change: 'add',
          at: 'Permission',
          text: 'events.amazonaws.com may lambda:InvokeFunction from arn:{Partition}:events:x',
        },
        {
          change: 'add',
          at: 'Pipeline/Role',
          text: 'Service states.amazonaws.com may sts:AssumeRole if StringEquals aws:SourceAccount {AccountId}',
        },
        { change: 'add', at: 'Pipeline/Role', text: 'has arn:{Partition}:iam::aws:policy/Some' },
        { change: 'add', at: 'Pipeline/Role', text: 'may lambda:InvokeFunction on {Handler}:*' },
        {
          change: 'add',
          at: 'Pipeline/Role',
          text: 'may s3:GetObject, s3:PutObject on arn:aws:s3:::{/bunsui/dev/bucket}/*',
        },
        { change: 'add', at: 'Pipeline/Role', text: 'must not do all but s3:GetObject on *' },
      ],
    });
    expect(hasChanges(changes)).toBe(true);
  });

  it('are told by what happens to each resource, the worst first', () => {
    const before: Template = {
      Description: 'old',
      Resources: {
        Table: table('one'),
        Kept: { ...table('kept'), Metadata: at('Kept') },
        Gone: handler('gone'),
        Handler: handler('a'),
        Policy: policy(statement('s3:GetObject', bucket), statement('s3:ListBucket', bucket)),
      },
    };
    const after: Template = {
      Description: 'new',
      Resources: {
        Table: table('two'),
        Handler: { ...handler('b'), Metadata: at('Handler') },
        Policy: policy(statement('s3:GetObject', bucket), statement('s3:PutObject', bucket)),
        Fresh: handler('fresh'),
      },
    };
    const changes = changesOf('stack', before, after);
    expect(planLines([changes], recordedOutput())).toStrictEqual([
      'stack  changed',
      '  Permissions',
      '  - Pipeline/Role may s3:ListBucket on {Bucket}',
      '  + Pipeline/Role may s3:PutObject on {Bucket}',
      '  Resources',
      '  ± AWS::DynamoDB::Table Table: made anew: what it holds is lost; TableName',
      '  - AWS::Lambda::Function Gone: removed',
      '  - AWS::DynamoDB::Table Kept: given up, but kept',
      '  ~ AWS::Lambda::Function Handler: Code',
      '  ~ AWS::IAM::Policy Pipeline/Role/DefaultPolicy: PolicyDocument',
      '  + AWS::Lambda::Function',
      '  ~ parameters, outputs or description',
      '',
    ]);
    expect(JSON.parse(planJson(changes))).toMatchObject({ type: 'plan', stack: 'stack', changes: true, other: true });
  });

  it('are none for the same template, whatever the order of its fields and its metadata', () => {
    const one: Template = { Resources: { A: { Type: 'X', Properties: { a: 1, b: 2 }, Metadata: at('A') } } };
    const same: Template = { Resources: { A: { Properties: { b: 2, a: 1 }, Type: 'X' } } };
    const changes = changesOf('stack', one, same);
    expect([hasChanges(changes), planLines([changes], recordedOutput())]).toStrictEqual([
      false,
      ['stack  no changes', ''],
    ]);
  });

  it('with many permissions are told by their holders', () => {
    const many = Array.from({ length: 50 }, (_, index) => statement(`s3:Get${index}`, `arn:${index}`));
    const changes = changesOf('stack', undefined, {
      Resources: {
        Policy: policy(...many),
        Other: { ...policy(statement('sns:Publish', '*')), Metadata: at('Other') },
      },
    });
    expect(planLines([changes], recordedOutput()).slice(1, 5)).toStrictEqual([
      '  Permissions',
      '  + Other: sns',
      '  + Pipeline/Role: s3, 50 statements',
      '    each of them is in --json',
    ]);
  });

  it('fit the line of a terminal, and hold nothing that acts on it', () => {
    const output = { ...recordedOutput({ columns: 40 }), live: true };
    const changes = changesOf('stack', undefined, {
      Resources: { Policy: policy(statement('s3:\u001b[2JGetObject', 'arn:aws:s3:::a-very-long-name-of-a-bucket')) },
    });
    const lines = planLines([changes], output);
    expect([lines.every((line) => line.length < 40), lines.join('').includes('\u001b')]).toStrictEqual([true, false]);
  });
});
