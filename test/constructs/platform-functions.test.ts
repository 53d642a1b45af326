import { Stack } from 'aws-cdk-lib';
import { type IVpc, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { beforeAll, describe, expect, it } from 'vitest';
import { Pipeline, Platform, type PlatformProps } from '../../lib/constructs/index.ts';
import { ensureLambdas, newApp, propertiesOf, resourcesOf } from './synth.ts';
import { account, arn, arnOf, statement, statementsByPolicy, under } from './template-parts.ts';
import { twoStep } from './two-step/pipeline.ts';

beforeAll(ensureLambdas);

function platformStack(props: PlatformProps = {}) {
  const stack = new Stack(newApp(), 'Test');
  const platform = new Platform(stack, 'Platform', props);
  return { stack, platform, resources: resourcesOf(stack) };
}

const channels = {
  ops: { kind: 'slack', secret: 'slack-ops' },
  hook: {
    kind: 'webhook',
    url: 'https://example.com/x',
    secret: ['arn:aws:secretsmanager:us-east-1:123456789012:secret:hook-a1b2c3', 'hook-new'],
  },
  post: { kind: 'email', from: 'Bunsui <a@example.com>', to: ['b@example.com'] },
  team: { kind: 'mail', to: ['c@example.com'] },
} as const satisfies PlatformProps['channels'];

const names = {
  BUNSUI_BUCKET: { Ref: 'PlatformBucket' },
  BUNSUI_CHANNELS: '{}',
  BUNSUI_JOB_HISTORY_TABLE: { Ref: 'PlatformJobHistoryTable' },
  BUNSUI_MACHINES: arnOf('states', 'stateMachine:bunsui-'),
  BUNSUI_GATES_TABLE: { Ref: 'PlatformGatesTable' },
  BUNSUI_PIPELINES_TABLE: { Ref: 'PlatformPipelinesTable' },
  BUNSUI_SESSIONS_TABLE: { Ref: 'PlatformSessionsTable' },
  BUNSUI_TOPIC: { Ref: 'PlatformNotices' },
  POWERTOOLS_LOG_LEVEL: 'INFO',
};
const dead = { DeadLetterConfig: { TargetArn: arn('PlatformDeadLetters') } };

function functionOf(id: string, more: object) {
  return {
    Architectures: ['arm64'],
    Code: {
      S3Bucket: { 'Fn::Sub': 'cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}' },
      S3Key: '<asset>.zip',
    },
    Environment: { Variables: names },
    Handler: 'index.handler',
    Role: arn(`Platform${id}Role`),
    Runtime: 'nodejs24.x',
    ...more,
  };
}

describe('the functions of a platform', () => {
  it('run Node 24 on arm64, know the platform, and leave what they fail on to the dead letters', () => {
    expect(propertiesOf(platformStack().resources, 'AWS::Lambda::Function')).toStrictEqual({
      PlatformStartSessionFunction: functionOf('StartSession', {
        ...dead,
        Description: 'bunsui: starts a session, once per key',
        MemorySize: 512,
        Timeout: 30,
      }),
      PlatformRecordEventsFunction: functionOf('RecordEvents', {
        ...dead,
        Description: 'bunsui: records what running executions do, as they do it',
        MemorySize: 512,
        Timeout: 60,
      }),
      PlatformSessionEndedFunction: functionOf('SessionEnded', {
        ...dead,
        Description: 'bunsui: records an execution that has ended, with its logs and report',
        MemorySize: 1024,
        Timeout: 600,
      }),
      PlatformReconcileFunction: functionOf('Reconcile', {
        ...dead,
        Description: 'bunsui: finds and puts right what events did not tell',
        MemorySize: 1024,
        Timeout: 300,
      }),
      PlatformApiHandlerFunction: functionOf('ApiHandler', {
        Description: 'bunsui: answers requests of the HTTP API',
        MemorySize: 1024,
        Timeout: 29,
      }),
    });
  });

  it('are told the environment, the log level and the channels, and deliver notices when a channel has a queue', () => {
    const { resources } = platformStack({ environmentName: 'dev', logLevel: 'DEBUG', channels });
    const functions = propertiesOf(resources, 'AWS::Lambda::Function') as {
      [id: string]: { Environment: { Variables: object } };
    };
    const told = {
      ...names,
      BUNSUI_CHANNELS: JSON.stringify(channels),
      BUNSUI_ENVIRONMENT: 'dev',
      POWERTOOLS_LOG_LEVEL: 'DEBUG',
    };
    const { PlatformNotifyFunction: notify, ...others } = functions;
    expect(Object.values(others).map(({ Environment }) => Environment.Variables)).toStrictEqual(
      Array.from({ length: 5 }, () => told),
    );
    // It makes links, which the API opens.
    const toldOfApi = { ...told, BUNSUI_API: { 'Fn::Join': ['', expect.arrayContaining([{ Ref: 'PlatformApi' }])] } };
    expect(notify).toStrictEqual(
      functionOf('Notify', {
        Description: 'bunsui: delivers notices to channels',
        Environment: { Variables: toldOfApi },
        MemorySize: 512,
        Timeout: 20,
      }),
    );
  });

  it('write to log groups with an end, which carry the tag that bookkeeping reads by', () => {
    const { resources, platform } = platformStack({ logRetention: RetentionDays.ONE_WEEK });
    const group = (name: string) => ({
      LogGroupName: { 'Fn::Join': ['', ['/aws/lambda/', { Ref: `Platform${name}Function` }]] },
      RetentionInDays: 7,
      Tags: [{ Key: 'bunsui:platform', Value: platform.tagValue }],
    });
    expect(propertiesOf(resources, 'AWS::Logs::LogGroup')).toStrictEqual({
      PlatformLogGroup: {
        LogGroupName: {
          'Fn::Join': [
            '-',
            ['/aws/vendedlogs/states/bunsui', { 'Fn::Select': [2, { 'Fn::Split': ['/', { Ref: 'AWS::StackId' }] }] }],
          ],
        },
        RetentionInDays: 7,
      },
      PlatformApiLogGroup: { RetentionInDays: 7 },
      PlatformStartSessionLogGroup: group('StartSession'),
      PlatformRecordEventsLogGroup: group('RecordEvents'),
      PlatformSessionEndedLogGroup: group('SessionEnded'),
      PlatformReconcileLogGroup: group('Reconcile'),
      PlatformApiHandlerLogGroup: group('ApiHandler'),
    });
  });

  it('have roles that only Lambda may take, on behalf of this account', () => {
    const roles = propertiesOf(platformStack().resources, 'AWS::IAM::Role');
    expect(roles['PlatformStartSessionRole']).toStrictEqual({
      AssumeRolePolicyDocument: {
        Version: '2012-10-17',
        Statement: [
          {
            Action: 'sts:AssumeRole',
            Effect: 'Allow',
            Principal: { Service: 'lambda.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': account } },
          },
        ],
      },
    });
  });

  it('may do what they do and nothing else', () => {
    const { resources, platform } = platformStack({ channels });
    const sessions = (...actions: string[]) => statement(dynamo(actions), arn('PlatformSessionsTable'));
    const dynamo = (actions: readonly string[]) => one(actions.map((action) => `dynamodb:${action}`));
    const one = (actions: string[]): string | string[] => (actions.length === 1 ? String(actions[0]) : actions);
    const jobs = (...actions: string[]) => statement(dynamo(actions), arn('PlatformJobHistoryTable'));
    const objects = (action: string, ...paths: string[]) => {
      const resources = paths.map((path) => under('PlatformBucket', path));
      return statement(action, resources.length === 1 ? resources[0] : resources);
    };
    const states = (actions: string[], resource: string) =>
      statement(one(actions.map((action) => `states:${action}`)), arnOf('states', resource));
    const machines = (...actions: string[]) => states(actions, 'stateMachine:bunsui-*');
    const executions = (...actions: string[]) => states(actions, 'execution:bunsui-*:*');
    const index = (name: string) => under('PlatformSessionsTable', `/index/${name}`);
    const deadLetters = statement('sqs:SendMessage', arn('PlatformDeadLetters'));
    const publish = statement('sns:Publish', { Ref: 'PlatformNotices' });
    const anyMachine = statement('states:ListStateMachines', '*');
    const register = [
      statement(dynamo(['GetItem', 'Query', 'PutItem']), arn('PlatformPipelinesTable')),
      objects('s3:PutObject', '/configs/*'),
      statement('s3:GetObject', {
        'Fn::Join': [
          '',
          [
            'arn:',
            { Ref: 'AWS::Partition' },
            ':s3:::',
            { 'Fn::Sub': 'cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}' },
            '/*.bunsui',
          ],
        ],
      }),
    ];
    const readLogs = statement(
      'logs:FilterLogEvents',
      [arnOf('logs', 'log-group:/aws/lambda/*'), arnOf('logs', 'log-group:/aws/ecs/*')],
      {
        Condition: { StringEquals: { 'aws:ResourceTag/bunsui:platform': platform.tagValue } },
      },
    );
    const turns = [
      sessions('GetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem'),
      publish,
      machines('StartExecution'),
      executions('StopExecution'),
    ];
    const leading = (partition: string, ...actions: string[]) =>
      statement(dynamo(actions), arn('PlatformGatesTable'), {
        Condition: { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [partition] } },
      });
    // Whoever clears approvals away does not see the tokens in them.
    const withoutTokens = (...actions: string[]) =>
      statement(dynamo(actions), arn('PlatformGatesTable'), {
        Condition: {
          'ForAllValues:StringEquals': {
            'dynamodb:LeadingKeys': ['approvals'],
            'dynamodb:Attributes': ['execution_arn', 'gate', 'asked', 'asked_at', 'answered', 'noticed'],
          },
          StringEqualsIfExists: {
            'dynamodb:Select': 'SPECIFIC_ATTRIBUTES',
            'dynamodb:ReturnValues': ['NONE', 'UPDATED_OLD', 'UPDATED_NEW'],
          },
        },
      });
    const end = [
      withoutTokens('Query', 'DeleteItem'),
      ...turns,
      jobs('Query', 'BatchWriteItem'),
      ...register,
      objects('s3:GetObject', '/configs/*'),
      objects('s3:GetObject', '/payloads/*', '/maps/*', '/logs/*'),
      statement('states:DescribeMapRun', arnOf('states', 'mapRun:bunsui-*/*:*')),
      statement('s3:ListBucket', arn('PlatformBucket')),
      objects('s3:PutObject', '/logs/*', '/reports/*'),
      executions('DescribeExecution', 'GetExecutionHistory', 'DescribeStateMachineForExecution'),
      machines('DescribeStateMachine'),
      readLogs,
    ];
    const consume = ['ReceiveMessage', 'ChangeMessageVisibility', 'GetQueueUrl', 'DeleteMessage', 'GetQueueAttributes'];
    const secret = (name: string) => arnOf('secretsmanager', `secret:${name}-??????`);
    const policies = Object.entries(statementsByPolicy(resources)).filter(([id]) => !id.endsWith('WriteLogs'));
    expect(Object.fromEntries(policies)).toStrictEqual({
      PlatformStartSessionRoleDefaultPolicy: [
        deadLetters,
        ...turns,
        ...register,
        objects('s3:PutObject', '/payloads/*'),
        machines('DescribeStateMachine', 'ListStateMachineVersions'),
      ],
      PlatformRecordEventsRoleDefaultPolicy: [
        deadLetters,
        sessions('Query', 'PutItem', 'UpdateItem'),
        jobs('PutItem'),
        withoutTokens('GetItem', 'UpdateItem'),
        ...register,
        objects('s3:GetObject', '/configs/*'),
        executions('DescribeExecution', 'GetExecutionHistory', 'DescribeStateMachineForExecution'),
        publish,
      ],
      PlatformSessionEndedRoleDefaultPolicy: [deadLetters, ...end],
      PlatformReconcileRoleDefaultPolicy: [
        deadLetters,
        ...end,
        objects('s3:GetObject', '/reruns/*'),
        statement('dynamodb:Query', index('sessions-by-status-index')),
        machines('ListExecutions', 'ListStateMachineVersions', 'DeleteStateMachineVersion'),
        leading('approvals', 'GetItem', 'Query', 'UpdateItem', 'DeleteItem'),
        jobs('PutItem'),
        machines('SendTaskSuccess', 'SendTaskFailure'),
        anyMachine,
      ],
      PlatformApiHandlerRoleDefaultPolicy: [
        sessions('GetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem'),
        publish,
        statement('dynamodb:Query', [index('sessions-by-pipeline-index'), index('sessions-by-status-index')]),
        jobs('Query', 'PutItem', 'DeleteItem'),
        leading('approvals', 'GetItem', 'Query', 'UpdateItem', 'DeleteItem'),
        leading('approval-links', 'GetItem', 'PutItem'),
        machines('SendTaskSuccess', 'SendTaskFailure'),
        objects('s3:GetObject', '/reruns/*'),
        jobs('BatchWriteItem'),
        objects('s3:PutObject', '/reruns/*'),
        objects('s3:DeleteObject', '/logs/*', '/reports/*', '/reruns/*', '/payloads/*', '/maps/*'),
        ...register,
        objects('s3:GetObject', '/configs/*'),
        objects('s3:GetObject', '/logs/*', '/reports/*', '/payloads/*'),
        objects('s3:PutObject', '/payloads/*'),
        statement('s3:ListBucket', arn('PlatformBucket')),
        machines('StartExecution', 'DescribeStateMachine', 'ListStateMachineVersions'),
        anyMachine,
        executions('StopExecution', 'DescribeExecution', 'RedriveExecution', 'GetExecutionHistory'),
        executions('DescribeStateMachineForExecution'),
        readLogs,
      ],
      PlatformNotifyRoleDefaultPolicy: [
        sessions('GetItem', 'PutItem', 'UpdateItem'),
        leading('approval-links', 'GetItem', 'PutItem'),
        statement(
          ['sqs:SendMessage', 'sqs:GetQueueUrl'],
          ['ops', 'hook', 'post'].map((channel) => arn(`PlatformChannels${channel}DeadLetters`)),
        ),
        statement('secretsmanager:GetSecretValue', [
          secret('slack-ops'),
          'arn:aws:secretsmanager:us-east-1:123456789012:secret:hook-a1b2c3',
          secret('hook-new'),
        ]),
        statement('ses:SendEmail', [arnOf('ses', 'identity/a@example.com'), arnOf('ses', 'identity/example.com')]),
        ...['ops', 'hook', 'post'].map((channel) =>
          statement(
            consume.map((action) => `sqs:${action}`),
            arn(`PlatformChannels${channel}Queue`),
          ),
        ),
      ],
      PlatformSchedulerRoleDefaultPolicy: [
        statement('lambda:InvokeFunction', arn('PlatformStartSessionFunction')),
        deadLetters,
      ],
    });
  });

  it('and all else of the platform are the same however many pipelines there are', () => {
    // Nobody looks at the code here: nothing is bundled.
    const app = newApp({ 'aws:cdk:bundling-stacks': [] });
    const shared = new Stack(app, 'Test');
    const platform = new Platform(shared, 'Platform');
    const own = new Stack(app, 'Own');
    for (let index = 0; index < 20; index += 1) {
      const definition = { ...twoStep, ir: { ...twoStep.ir, id: `two-step-${index}` } };
      new Pipeline(own, `Pipeline${index}`, { platform, definition });
    }
    expect(resourcesOf(shared)).toStrictEqual(platformStack().resources);
  });
});

describe('a network', () => {
  it('holds the functions of the platform and of its pipelines, in one group', () => {
    const stack = new Stack(newApp(), 'Test');
    const vpc = new Vpc(stack, 'Vpc') as IVpc;
    const platform = new Platform(stack, 'Platform', {
      vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
    });
    new Pipeline(stack, 'TwoStep', { platform, definition: twoStep });
    const resources = resourcesOf(stack);
    expect(propertiesOf(resources, 'AWS::EC2::SecurityGroup')).toStrictEqual({
      PlatformFunctions: {
        GroupDescription: 'bunsui: functions of a platform and its pipelines',
        SecurityGroupEgress: [
          { CidrIp: '0.0.0.0/0', Description: 'Allow all outbound traffic by default', IpProtocol: '-1' },
        ],
        VpcId: { Ref: 'Vpc' },
      },
    });
    const places = Object.values(propertiesOf(resources, 'AWS::Lambda::Function')) as { VpcConfig?: unknown }[];
    expect(new Set(places.map(({ VpcConfig }) => JSON.stringify(VpcConfig)))).toStrictEqual(
      new Set([
        JSON.stringify({
          SecurityGroupIds: [{ 'Fn::GetAtt': ['PlatformFunctions', 'GroupId'] }],
          SubnetIds: [{ Ref: 'VpcPrivateSubnet1Subnet' }, { Ref: 'VpcPrivateSubnet2Subnet' }],
        }),
      ]),
    );
    expect(places).toHaveLength(7);
    expect(statementsByPolicy(resources)['PlatformStartSessionRoleDefaultPolicy']).toContainEqual(
      statement(
        [
          'ec2:CreateNetworkInterface',
          'ec2:DescribeNetworkInterfaces',
          'ec2:DescribeSubnets',
          'ec2:DeleteNetworkInterface',
          'ec2:AssignPrivateIpAddresses',
          'ec2:UnassignPrivateIpAddresses',
        ],
        '*',
      ),
    );
  });
});
