import { Stack } from 'aws-cdk-lib';
import { beforeAll, describe, expect, it } from 'vitest';
import { Pipeline, Platform } from '../../lib/constructs/index.ts';
import type { PipelineIr, ScheduleIr, TriggerIr } from '../../lib/ir/nodes.ts';
import { ensureLambdas, newApp, propertiesOf, resourcesOf } from './synth.ts';
import { twoStep } from './two-step/pipeline.ts';

beforeAll(ensureLambdas);

const { source } = twoStep.ir;
const input = { date: '2026-11-21' };
const arn = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const retry = { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 };

const schedule = (id: string, more: Partial<ScheduleIr> = {}): ScheduleIr => ({
  id,
  expression: 'cron(0 6 * * ? *)',
  timezone: 'Asia/Tokyo',
  enabled: true,
  input,
  catchUp: 'none',
  source,
  ...more,
});
type Kind = TriggerIr extends infer T ? (T extends unknown ? Omit<T, 'id' | 'input' | 'source'> : never) : never;
const trigger = (id: string, kind: Kind): TriggerIr => ({ id, input, source, ...kind });

function synthesised(ir: Partial<PipelineIr>, props: { readonly startsByItself?: boolean } = {}) {
  const stack = new Stack(newApp(), 'Test');
  const platform = new Platform(stack, 'Platform');
  const pipeline = new Pipeline(stack, 'TwoStep', { platform, definition: { ir: { ...twoStep.ir, ...ir } }, ...props });
  return { pipeline, resources: resourcesOf(stack) };
}

/** Rules of triggers, by their logical ids. */
function rulesOf(triggers: readonly TriggerIr[], props: { readonly startsByItself?: boolean } = {}) {
  const rules = Object.entries(propertiesOf(synthesised({ triggers }, props).resources, 'AWS::Events::Rule'));
  return Object.fromEntries(
    rules.filter(([id]) => id.startsWith('TwoStep')).map(([id, rule]) => [id, rule as { [field: string]: unknown }]),
  );
}

const patternOf = (kind: Kind) => rulesOf([trigger('one', kind)])['TwoStepTriggerone']?.['EventPattern'];

describe('a schedule', () => {
  it('starts a session with its id and the scheduled time, for a day if need be', () => {
    const { resources, pipeline } = synthesised({ schedules: [schedule('daily')] });
    expect(resources['TwoStepScheduledaily']).toStrictEqual({
      Type: 'AWS::Scheduler::Schedule',
      DependsOn: ['TwoStepAlias'],
      Properties: {
        Name: 'two-step.daily',
        GroupName: { Ref: 'PlatformSchedules' },
        Description: 'bunsui: starts two-step',
        ScheduleExpression: 'cron(0 6 * * ? *)',
        ScheduleExpressionTimezone: 'Asia/Tokyo',
        FlexibleTimeWindow: { Mode: 'OFF' },
        State: 'ENABLED',
        Target: {
          Arn: arn('PlatformStartSessionFunction'),
          RoleArn: arn('PlatformSchedulerRole'),
          Input: JSON.stringify({
            pipeline: 'two-step',
            firing: { kind: 'schedule', schedule: 'daily', scheduledTime: '<aws.scheduler.scheduled-time>' },
          }),
          RetryPolicy: retry,
          DeadLetterConfig: { Arn: arn('PlatformDeadLetters') },
        },
      },
    });
    expect(Object.keys(pipeline.schedules)).toStrictEqual(['daily']);
  });

  it('has a window, a start and an end, and may be switched off', () => {
    const bounds = { start: '2027-01-01T00:00:00Z', end: '2027-12-31T00:00:00Z' };
    const { resources } = synthesised({
      schedules: [
        schedule('bounded', { expression: 'rate(5 minutes)', flexibleWindowMinutes: 3, ...bounds }),
        schedule('off', { expression: 'at(2027-01-01T00:00:00)', enabled: false }),
      ],
    });
    const schedules = propertiesOf(resources, 'AWS::Scheduler::Schedule');
    expect(schedules['TwoStepSchedulebounded']).toMatchObject({
      ScheduleExpression: 'rate(5 minutes)',
      FlexibleTimeWindow: { Mode: 'FLEXIBLE', MaximumWindowInMinutes: 3 },
      StartDate: bounds.start,
      EndDate: bounds.end,
      State: 'ENABLED',
    });
    expect(schedules['TwoStepScheduleoff']).toMatchObject({
      ScheduleExpression: 'at(2027-01-01T00:00:00)',
      State: 'DISABLED',
    });
  });

  it('has a name that AWS takes, however long the ids, and another for another schedule', () => {
    const long = 'a'.repeat(60);
    const { resources } = synthesised({ id: long, schedules: [schedule(`${long}-1`), schedule(`${long}-2`)] });
    const names = Object.values(propertiesOf(resources, 'AWS::Scheduler::Schedule')).map(
      (made) => (made as { Name: string }).Name,
    );
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^[0-9a-zA-Z-_.]{1,64}$/);
  });
});

describe('a trigger', () => {
  it('starts a session with the whole event', () => {
    const rules = rulesOf([trigger('order', { kind: 'event', pattern: { source: ['shop'] }, bus: 'orders' })]);
    expect(rules).toStrictEqual({
      TwoStepTriggerorder: {
        Name: 'bunsui-two-step.order',
        Description: 'bunsui: starts two-step',
        EventBusName: 'orders',
        EventPattern: { source: ['shop'] },
        State: 'ENABLED',
        Targets: [
          {
            Id: 'StartSession',
            Arn: arn('PlatformStartSessionFunction'),
            InputTransformer: {
              InputTemplate:
                '{"pipeline":"two-step","firing":{"kind":"event","trigger":"order","event":<aws.events.event.json>}}',
            },
            RetryPolicy: retry,
            DeadLetterConfig: { Arn: arn('PlatformDeadLetters') },
          },
        ],
      },
    });
  });

  it.each([
    [{}, {}],
    [{ prefix: 'in/' }, { object: { key: [{ prefix: 'in/' }] } }],
    [{ suffix: '.csv' }, { object: { key: [{ suffix: '.csv' }] } }],
    [{ prefix: 'in/*', suffix: '\\.csv' }, { object: { key: [{ wildcard: 'in/\\**\\\\.csv' }] } }],
  ])('for objects takes those that are meant: %j', (keys, wanted) => {
    expect(patternOf({ kind: 's3', bucket: 'acme-in', ...keys })).toStrictEqual({
      source: ['aws.s3'],
      'detail-type': ['Object Created'],
      detail: { bucket: { name: ['acme-in'] }, ...wanted },
    });
  });

  it('for another pipeline takes the success of its machine on this platform', () => {
    const machine = [
      'arn:',
      { Ref: 'AWS::Partition' },
      ':states:',
      { Ref: 'AWS::Region' },
      ':',
      { Ref: 'AWS::AccountId' },
    ];
    expect(patternOf({ kind: 'pipeline', pipeline: 'other' })).toStrictEqual({
      source: ['aws.states'],
      'detail-type': ['Step Functions Execution Status Change'],
      detail: {
        status: ['SUCCEEDED'],
        stateMachineArn: [{ 'Fn::Join': ['', [...machine, ':stateMachine:bunsui-other']] }],
      },
    });
  });

  it('may start sessions by the permission that the platform gives to all rules of its name', () => {
    const permissions = propertiesOf(synthesised({}).resources, 'AWS::Lambda::Permission');
    const rules = ['', '*/'].map((bus) => ({
      Action: 'lambda:InvokeFunction',
      FunctionName: arn('PlatformStartSessionFunction'),
      Principal: 'events.amazonaws.com',
      SourceArn: {
        'Fn::Join': [
          '',
          [
            'arn:',
            { Ref: 'AWS::Partition' },
            ':events:',
            { Ref: 'AWS::Region' },
            ':',
            { Ref: 'AWS::AccountId' },
            `:rule/${bus}bunsui-*`,
          ],
        ],
      },
    }));
    expect(Object.values(permissions)).toEqual(expect.arrayContaining(rules));
  });
});

describe('a pipeline that people start', () => {
  it('has its schedules and triggers, all of them switched off', () => {
    const ir = {
      schedules: [schedule('daily')],
      triggers: [trigger('after', { kind: 'pipeline', pipeline: 'other' })],
    };
    const { resources, pipeline } = synthesised(ir, { startsByItself: false });
    expect(propertiesOf(resources, 'AWS::Scheduler::Schedule')['TwoStepScheduledaily']).toMatchObject({
      State: 'DISABLED',
    });
    expect(propertiesOf(resources, 'AWS::Events::Rule')['TwoStepTriggerafter']).toMatchObject({ State: 'DISABLED' });
    expect([Object.keys(pipeline.schedules), Object.keys(pipeline.triggers)]).toStrictEqual([['daily'], ['after']]);
  });
});

describe('a notification', () => {
  it('to a channel that the platform does not have is refused, with those it has', () => {
    const notify = [{ on: ['failed' as const], to: ['ops'], source }];
    expect(() => synthesised({ notify })).toThrow(
      `pipeline two-step notifies channel "ops" (${source.file}:${source.line}), and the platform has none`,
    );
  });
});
