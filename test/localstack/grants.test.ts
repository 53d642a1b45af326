import { describe, expect, it } from 'vitest';
import { allows, type Statement, unused, usesIn } from './grants.ts';

const role = 'arn:aws:iam::000000000000:role/one';
const call = (service: string, operation: string, resources: object, accessKey = 'KEY') =>
  JSON.stringify({ accessKey, service, operation, resources, status: 200 });

describe('recorded calls', () => {
  it('are the actions and resources that IAM would ask for, each once, of functions alone', () => {
    const lines = [
      JSON.stringify({ function: 'arn:aws:lambda:us-east-1:000000000000:function:one', role, accessKey: 'KEY' }),
      call('dynamodb', 'Query', { TableName: 't', IndexName: 'i' }),
      call('dynamodb', 'Query', { TableName: 't', IndexName: 'i' }),
      call('dynamodb', 'BatchWriteItem', { TableNames: ['t', 'u'] }),
      call('s3', 'ListObjectsV2', { Bucket: 'b', Prefix: 'logs/' }),
      call('s3', 'HeadObject', { Bucket: 'b', Key: 'logs/x' }),
      call('stepfunctions', 'StartExecution', { stateMachineArn: 'arn:machine' }),
      call('stepfunctions', 'SendTaskSuccess', {}),
      call('lambda', 'Invoke', { FunctionName: 'two' }),
      call('logs', 'FilterLogEvents', { logGroupName: '/aws/lambda/two' }),
      call('sqs', 'ChangeMessageVisibility', { QueueUrl: 'http://127.0.0.1:4566/000000000000/q' }),
      call('sns', 'Publish', { TopicArn: 'arn:topic' }),
      call('secretsmanager', 'GetSecretValue', { SecretId: 'hook' }),
      call('s3', 'PutObject', { Bucket: 'b', Key: 'by-somebody-else' }, 'test'),
    ];
    expect(usesIn(`${lines.join('\n')}\n`).map(({ action, resource }) => `${action} ${resource}`)).toStrictEqual([
      'dynamodb:Query arn:aws:dynamodb:us-east-1:000000000000:table/t/index/i',
      'dynamodb:BatchWriteItem arn:aws:dynamodb:us-east-1:000000000000:table/t',
      'dynamodb:BatchWriteItem arn:aws:dynamodb:us-east-1:000000000000:table/u',
      's3:ListBucket arn:aws:s3:::b',
      's3:GetObject arn:aws:s3:::b/logs/x',
      'states:StartExecution arn:machine',
      'states:SendTaskSuccess ?',
      'lambda:InvokeFunction arn:aws:lambda:us-east-1:000000000000:function:two',
      'logs:FilterLogEvents arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/two:*',
      'sqs:ChangeMessageVisibility arn:aws:sqs:us-east-1:000000000000:q',
      'sns:Publish arn:topic',
      'secretsmanager:GetSecretValue arn:aws:secretsmanager:us-east-1:000000000000:secret:hook-AbCdEf',
    ]);
  });
});

describe('a statement', () => {
  const statement: Statement = {
    Effect: 'Allow',
    Action: ['s3:GetObject', 'sns:Pub*'],
    Resource: ['arn:aws:s3:::b/logs/*', 'arn:topic'],
  };

  it('allows an action that it names on a resource that it names, with wildcards', () => {
    const use = (action: string, resource: string) => allows(statement, { action, resource });
    expect(use('s3:GetObject', 'arn:aws:s3:::b/logs/2026/x')).toBe(true);
    expect(use('sns:Publish', 'arn:topic')).toBe(true);
    expect(use('sns:Publish', '?')).toBe(true);
    expect(use('sqs:SendMessage', '?')).toBe(false);
    expect(use('s3:GetObject', 'arn:aws:s3:::b/reports/x')).toBe(false);
    expect(use('s3:PutObject', 'arn:aws:s3:::b/logs/x')).toBe(false);
    expect(allows({ ...statement, Effect: 'Deny' }, { action: 'sns:Publish', resource: 'arn:topic' })).toBe(false);
  });

  it('is found to grant what nobody used', () => {
    expect(unused([statement], [{ role, action: 'sns:Publish', resource: 'arn:topic' }])).toStrictEqual([
      's3:GetObject',
    ]);
  });
});
