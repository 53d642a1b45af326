import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type App, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { beforeAll, describe, expect, it } from 'vitest';
import { Pipeline, Platform, type PlatformAttributes } from '../../lib/constructs/index.ts';
import { platformParameters } from '../../lib/storage-layout.ts';
import { ensureLambdas, newApp, propertiesOf, resourcesOf } from './synth.ts';
import { arn, arnOf, statement, statementsByPolicy } from './template-parts.ts';
import { twoStep } from './two-step/pipeline.ts';

beforeAll(ensureLambdas);

function importingStack(attributes: PlatformAttributes = {}, app: App = newApp()) {
  const stack = new Stack(app, 'Other');
  return { stack, platform: Platform.fromAttributes(stack, 'Platform', attributes) };
}

/** The parameter of the template that has a parameter of SSM as its value. */
function parameterRef(stack: Stack, name: string): { readonly Ref: string } {
  const found = Object.entries(stack.resolve(templateOf(stack).Parameters) as object).filter(
    ([, { Default }]: [string, { Default: string }]) => Default === name,
  );
  if (found.length !== 1) throw new Error(`${found.length} parameters have the value of ${name}`);
  return { Ref: found[0]?.[0] ?? '' };
}

function templateOf(stack: Stack): { readonly Parameters: object } {
  const assembly = (stack.node.root as App).synth();
  return assembly.getStackByName(stack.stackName).template as { readonly Parameters: object };
}

describe('a platform', () => {
  it('says what it is made of under its prefix, all that the storage layout knows', () => {
    const stack = new Stack(newApp(), 'Test');
    const channels = { ops: { kind: 'mail', to: ['a@example.com'] } } as const;
    const platform = new Platform(stack, 'Platform', { prefix: 'night', channels });
    const parameters = Object.values(propertiesOf(resourcesOf(stack), 'AWS::SSM::Parameter')) as {
      readonly Name: string;
      readonly Value: unknown;
    }[];
    const values = {
      'api-url': {
        'Fn::Join': [
          '',
          [
            'https://',
            { Ref: 'PlatformApi' },
            '.execute-api.',
            { Ref: 'AWS::Region' },
            '.',
            { Ref: 'AWS::URLSuffix' },
            '/',
            { Ref: 'PlatformApiDeploymentStageapi' },
            '/',
          ],
        ],
      },
      bucket: { Ref: 'PlatformBucket' },
      channels: JSON.stringify(channels),
      'dead-letter-queue': arn('PlatformDeadLetters'),
      'job-history-table': { Ref: 'PlatformJobHistoryTable' },
      'log-group': { Ref: 'PlatformLogGroup' },
      machines: arnOf('states', 'stateMachine:night-'),
      'pipelines-table': { Ref: 'PlatformPipelinesTable' },
      'gates-table': { Ref: 'PlatformGatesTable' },
      'schedule-group': { Ref: 'PlatformSchedules' },
      'scheduler-role': arn('PlatformSchedulerRole'),
      'session-ended': arn('PlatformSessionEndedFunction'),
      'sessions-table': { Ref: 'PlatformSessionsTable' },
      'start-session': arn('PlatformStartSessionFunction'),
      'tag-value': platform.tagValue,
      topic: { Ref: 'PlatformNotices' },
    };
    expect(parameters).toStrictEqual(
      Object.entries(values).map(([name, value]) => ({
        Type: 'String',
        Name: `/bunsui/night/${name}`,
        Description: `bunsui: ${name} of platform night`,
        Value: value,
      })),
    );
    expect(Object.keys(values).sort()).toStrictEqual([...platformParameters].sort());
  });
});

describe('a platform that is deployed elsewhere', () => {
  it('is found by its prefix, and makes nothing', () => {
    const { stack, platform } = importingStack({ prefix: 'night' });
    const { prefix, removalPolicy, logRetention, channelNames, encryptionKey, network } = platform;
    expect({ prefix, removalPolicy, logRetention, channelNames, encryptionKey, network }).toStrictEqual({
      prefix: 'night',
      removalPolicy: RemovalPolicy.RETAIN,
      logRetention: RetentionDays.ONE_MONTH,
      channelNames: undefined,
      encryptionKey: undefined,
      network: {},
    });
    const found = stack.resolve({
      sessions: platform.sessionsTable.tableName,
      jobs: platform.jobHistoryTable.tableName,
      pipelines: platform.pipelinesTable.tableName,
      gates: platform.gatesTable.tableName,
      bucket: platform.bucket.bucketName,
      startSession: platform.startSession.functionArn,
      machines: platform.machinesArn,
      logGroup: platform.logGroup.logGroupName,
      deadLetters: platform.deadLetterQueue.queueArn,
      topic: platform.topic.topicArn,
      scheduleGroup: platform.scheduleGroupName,
      schedulerRole: platform.schedulerRoleArn,
      tagValue: platform.tagValue,
    }) as object;
    const ref = (name: string) => parameterRef(stack, `/bunsui/night/${name}`);
    expect(found).toStrictEqual({
      sessions: ref('sessions-table'),
      jobs: ref('job-history-table'),
      pipelines: ref('pipelines-table'),
      gates: ref('gates-table'),
      bucket: ref('bucket'),
      startSession: ref('start-session'),
      machines: arnOf('states', 'stateMachine:night-'),
      logGroup: ref('log-group'),
      deadLetters: ref('dead-letter-queue'),
      topic: ref('topic'),
      scheduleGroup: ref('schedule-group'),
      schedulerRole: ref('scheduler-role'),
      tagValue: ref('tag-value'),
    });
    expect(templateOf(stack)).not.toHaveProperty('Resources');
  });

  it('takes what SSM does not say from whoever names it', () => {
    const { stack } = importingStack();
    const encryptionKey = new Key(stack, 'Key');
    const platform = Platform.fromAttributes(stack, 'Mine', {
      encryptionKey,
      removalPolicy: RemovalPolicy.DESTROY,
      logRetention: RetentionDays.ONE_WEEK,
      channelNames: ['ops'],
    });
    expect([
      platform.encryptionKey,
      platform.removalPolicy,
      platform.logRetention,
      platform.channelNames,
      platform.prefix,
    ]).toStrictEqual([encryptionKey, RemovalPolicy.DESTROY, RetentionDays.ONE_WEEK, ['ops'], 'bunsui']);
    expect(() => Platform.fromAttributes(stack, 'Wrong', { prefix: 'a-b' })).toThrow(/is no prefix of a platform/);
  });

  it('carries pipelines, of which neither CDK nor cdk-nag has anything to say', () => {
    const app = newApp();
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    const { stack, platform } = importingStack({}, app);
    const pipeline = new Pipeline(stack, 'TwoStep', { platform, definition: twoStep });
    platform.grantData(pipeline.operation('load'), 'two-step');
    const [machine] = Object.values(propertiesOf(resourcesOf(stack), 'AWS::StepFunctions::StateMachine')) as {
      StateMachineName: string;
    }[];
    expect(machine?.StateMachineName).toBe('bunsui-two-step');
    const report = JSON.parse(readFileSync(join(app.outdir, 'validation-report.json'), 'utf8')) as {
      readonly pluginReports: readonly { readonly violations: readonly unknown[] }[];
    };
    expect(report.pluginReports.flatMap(({ violations }) => violations)).toStrictEqual([]);
  });

  it('grants what one that stands here does', () => {
    const { stack, platform } = importingStack();
    const role = new Role(stack, 'Somebody', { assumedBy: new ServicePrincipal('ecs.amazonaws.com') });
    platform.grantStart(role);
    platform.grantRead(role);
    const parameters = statement('ssm:GetParameters', arnOf('ssm', 'parameter/bunsui/bunsui/*'));
    const ref = (name: string) => parameterRef(stack, `/bunsui/bunsui/${name}`);
    const start = ref('start-session');
    const table = (name: string, rest = '') => {
      const [, [, ...parts]] = arnOf('dynamodb', 'table/')['Fn::Join'] as [string, unknown[]];
      return {
        'Fn::Join': ['', ['arn:', ...parts.slice(0, -1), ':table/', ref(name), ...(rest === '' ? [] : [rest])]],
      };
    };
    const object = (path: string) => ({
      'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':s3:::', ref('bucket'), path]],
    });
    expect(statementsByPolicy(resourcesOf(stack))['SomebodyDefaultPolicy']).toStrictEqual([
      statement('lambda:InvokeFunction', [start, { 'Fn::Join': ['', [start, ':*']] }]),
      parameters,
      statement(
        ['dynamodb:GetItem', 'dynamodb:Query'],
        [
          table('sessions-table'),
          table('sessions-table', '/index/sessions-by-pipeline-index'),
          table('sessions-table', '/index/sessions-by-status-index'),
          table('job-history-table'),
          table('pipelines-table'),
        ],
      ),
      statement(
        's3:GetObject',
        ['/logs/*', '/reports/*', '/configs/*', '/payloads/*', '/reruns/*', '/maps/*'].map(object),
      ),
      statement('states:DescribeMapRun', arnOf('states', 'mapRun:bunsui-*/*:*')),
      statement('s3:ListBucket', { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':s3:::', ref('bucket')]] }),
      statement(
        ['states:DescribeExecution', 'states:GetExecutionHistory', 'states:DescribeStateMachineForExecution'],
        arnOf('states', 'execution:bunsui-*:*'),
      ),
      statement(
        ['states:DescribeStateMachine', 'states:ListStateMachineVersions'],
        arnOf('states', 'stateMachine:bunsui-*'),
      ),
      statement(
        'logs:FilterLogEvents',
        [arnOf('logs', 'log-group:/aws/lambda/*'), arnOf('logs', 'log-group:/aws/ecs/*')],
        {
          Condition: { StringEquals: { 'aws:ResourceTag/bunsui:platform': ref('tag-value') } },
        },
      ),
    ]);
  });
});
