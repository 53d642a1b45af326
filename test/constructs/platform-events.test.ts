import { Stack } from 'aws-cdk-lib';
import { beforeAll, describe, expect, it } from 'vitest';
import { Platform, type PlatformProps } from '../../lib/constructs/index.ts';
import { ensureLambdas, newApp, propertiesOf, resourcesOf } from './synth.ts';
import { account, arn, arnOf } from './template-parts.ts';

beforeAll(ensureLambdas);

function resourcesWith(props: PlatformProps = {}) {
  const stack = new Stack(newApp(), 'Test');
  new Platform(stack, 'Platform', props);
  return resourcesOf(stack);
}

const target = (id: string, retryPolicy: object) => [
  {
    Id: 'Target0',
    Arn: arn(id),
    DeadLetterConfig: { Arn: arn('PlatformDeadLetters') },
    RetryPolicy: retryPolicy,
  },
];

describe('the rules of a platform', () => {
  it('tell of every end of an execution of its pipelines, and of every minute', () => {
    expect(propertiesOf(resourcesWith({ prefix: 'night' }), 'AWS::Events::Rule')).toStrictEqual({
      PlatformEnded: {
        Description: 'bunsui: an execution of a pipeline has ended',
        State: 'ENABLED',
        EventPattern: {
          source: ['aws.states'],
          'detail-type': ['Step Functions Execution Status Change'],
          detail: {
            status: ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'],
            stateMachineArn: [{ prefix: arnOf('states', 'stateMachine:night-') }],
          },
        },
        Targets: target('PlatformSessionEndedFunction', {
          MaximumEventAgeInSeconds: 86_400,
          MaximumRetryAttempts: 185,
        }),
      },
      PlatformEveryMinute: {
        Description: 'bunsui: what events did not tell is looked for',
        State: 'ENABLED',
        ScheduleExpression: 'rate(1 minute)',
        Targets: target('PlatformReconcileFunction', { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0 }),
      },
    });
    // Whose first call would otherwise come before there is a place for its log.
    expect(resourcesWith()['PlatformEveryMinute']?.['DependsOn']).toStrictEqual(['PlatformReconcileLogGroup']);
  });
});

describe('the live feed', () => {
  it('takes everything that the state machines of the platform log', () => {
    expect(propertiesOf(resourcesWith(), 'AWS::Logs::SubscriptionFilter')).toStrictEqual({
      PlatformLiveEvents: {
        DestinationArn: arn('PlatformRecordEventsFunction'),
        FilterPattern: '',
        LogGroupName: { Ref: 'PlatformLogGroup' },
      },
    });
  });
});

describe('the functions of a platform', () => {
  it('are invoked by its own rules, log group and API, and by rules that carry its name', () => {
    const permission = (id: string, principal: string, source: unknown) => ({
      Action: 'lambda:InvokeFunction',
      FunctionName: arn(`Platform${id}Function`),
      Principal: `${principal}.amazonaws.com`,
      SourceArn: source,
    });
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
    expect(Object.values(propertiesOf(resourcesWith(), 'AWS::Lambda::Permission'))).toStrictEqual([
      permission('StartSession', 'events', arnOf('events', 'rule/bunsui-*')),
      permission('StartSession', 'events', arnOf('events', 'rule/*/bunsui-*')),
      permission('SessionEnded', 'events', arn('PlatformEnded')),
      permission('Reconcile', 'events', arn('PlatformEveryMinute')),
      permission('RecordEvents', 'logs', arn('PlatformLogGroup')),
      permission('ApiHandler', 'apigateway', method('/*/*')),
      permission('ApiHandler', 'apigateway', method('/*/')),
      permission('ApiHandler', 'apigateway', method('/GET/links')),
      permission('ApiHandler', 'apigateway', method('/POST/links')),
    ]);
  });
});

describe('schedules', () => {
  it('of pipelines have a group, and a role that only this group may take', () => {
    const resources = resourcesWith({ prefix: 'night' });
    expect(propertiesOf(resources, 'AWS::Scheduler::ScheduleGroup')).toStrictEqual({
      PlatformSchedules: { Name: 'night' },
    });
    expect(propertiesOf(resources, 'AWS::IAM::Role')['PlatformSchedulerRole']).toStrictEqual({
      Description: 'bunsui: EventBridge Scheduler starts sessions with it',
      AssumeRolePolicyDocument: {
        Version: '2012-10-17',
        Statement: [
          {
            Action: 'sts:AssumeRole',
            Effect: 'Allow',
            Principal: { Service: 'scheduler.amazonaws.com' },
            Condition: {
              StringEquals: {
                'aws:SourceAccount': account,
                'aws:SourceArn': arnOf('scheduler', 'schedule-group/night'),
              },
            },
          },
        ],
      },
    });
  });
});
