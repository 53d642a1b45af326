import { Stack } from 'aws-cdk-lib';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { beforeAll, describe, expect, it } from 'vitest';
import { Platform, type PlatformProps } from '../../lib/constructs/index.ts';
import { ensureLambdas, newApp, propertiesOf, resourcesOf } from './synth.ts';

beforeAll(ensureLambdas);

const channels = {
  ops: { kind: 'slack', secret: 'slack-ops' },
  team: { kind: 'mail', to: ['c@example.com'] },
} as const satisfies PlatformProps['channels'];

const functions = {
  'start-session': 'StartSession',
  'record-events': 'RecordEvents',
  'session-ended': 'SessionEnded',
  reconcile: 'Reconcile',
  api: 'ApiHandler',
  notify: 'Notify',
};

function platformStack(props: (stack: Stack) => PlatformProps = () => ({})) {
  const stack = new Stack(newApp(), 'Test');
  const platform = new Platform(stack, 'Platform', props(stack));
  return { stack, platform };
}

/** The one period of all alarms. */
const minutes = 5;

function alarm(says: string, more: object) {
  return {
    AlarmDescription: `bunsui bunsui: ${says}`,
    ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    EvaluationPeriods: 1,
    Threshold: 1,
    TreatMissingData: 'notBreaching',
    ...more,
  };
}

function metric(namespace: string, name: string, dimension: object, statistic: string) {
  return {
    Dimensions: [dimension],
    MetricName: name,
    Namespace: namespace,
    Period: minutes * 60,
    Statistic: statistic,
  };
}

const depth = (id: string) =>
  metric(
    'AWS/SQS',
    'ApproximateNumberOfMessagesVisible',
    { Name: 'QueueName', Value: { 'Fn::GetAtt': [id, 'QueueName'] } },
    'Maximum',
  );

function errorsOfFunctions() {
  const all = Object.entries(functions);
  return {
    EvaluationPeriods: 3,
    Metrics: [
      {
        Expression: all.map((_, index) => `FILL(m${index}, 0)`).join(' + '),
        Id: 'expr_1',
        Label: 'errors',
        ReturnData: true,
      },
      ...all.map(([name, id], index) => ({
        Id: `m${index}`,
        Label: name,
        MetricStat: {
          Metric: {
            Dimensions: [{ Name: 'FunctionName', Value: { Ref: `Platform${id}Function` } }],
            MetricName: 'Errors',
            Namespace: 'AWS/Lambda',
          },
          Period: minutes * 60,
          Stat: 'Sum',
        },
        ReturnData: false,
      })),
    ],
  };
}

describe('alarms', () => {
  it('say what is wrong with the platform itself, and what to do', () => {
    const { stack, platform } = platformStack(() => ({ channels }));
    expect(propertiesOf(resourcesOf(stack), 'AWS::CloudWatch::Alarm')).toStrictEqual({
      PlatformAlarmsDeadLetters: alarm(
        'events could not be handled: see the dead letters and the logs of the functions; sessions are put right by the reconciler',
        depth('PlatformDeadLetters'),
      ),
      PlatformAlarmsErrors: alarm('functions keep failing: see their logs', errorsOfFunctions()),
      PlatformAlarmsThrottles: alarm('functions of this account want more concurrency than there is', {
        EvaluationPeriods: 3,
        MetricName: 'Throttles',
        Namespace: 'AWS/Lambda',
        Period: minutes * 60,
        Statistic: 'Sum',
      }),
      PlatformAlarmsReconciler: alarm(
        'the reconciler does not run: what events do not tell stays unknown; see the rule that runs every minute',
        {
          ...metric(
            'AWS/Lambda',
            'Invocations',
            { Name: 'FunctionName', Value: { Ref: 'PlatformReconcileFunction' } },
            'Sum',
          ),
          ComparisonOperator: 'LessThanThreshold',
          EvaluationPeriods: 3,
          TreatMissingData: 'breaching',
        },
      ),
      PlatformAlarmsApi: alarm('the HTTP API answers with errors', {
        ...metric('AWS/ApiGateway', '5XXError', { Name: 'ApiName', Value: 'bunsui' }, 'Sum'),
        Threshold: 5,
      }),
      PlatformAlarmsChannelops: alarm(
        'notices could not be delivered to ops: mend the channel, then `bunsui notify redrive ops --platform bunsui`',
        depth('PlatformChannelsopsDeadLetters'),
      ),
    });
    expect(Object.keys(platform.alarms)).toStrictEqual([
      'DeadLetters',
      'Errors',
      'Throttles',
      'Reconciler',
      'Api',
      'Channel-ops',
    ]);
  });

  it('go to a topic, when they begin and when they end', () => {
    const { stack } = platformStack((scope) => ({ alarmTopic: new Topic(scope, 'Pager') }));
    const alarms = Object.values(propertiesOf(resourcesOf(stack), 'AWS::CloudWatch::Alarm')) as {
      AlarmActions: unknown;
      OKActions: unknown;
    }[];
    const pager = [{ Ref: 'Pager' }];
    expect(alarms.map(({ AlarmActions, OKActions }) => [AlarmActions, OKActions])).toStrictEqual(
      Array.from({ length: 5 }, () => [pager, pager]),
    );
  });
});

interface Widget {
  readonly type: string;
  readonly properties: { readonly title?: string; readonly metrics?: readonly unknown[] };
}

/** The dashboard's JSON; what only the deployment knows stands there as its logical id. */
function widgetsOf(stack: Stack): readonly Widget[] {
  const [dashboard] = Object.values(propertiesOf(resourcesOf(stack), 'AWS::CloudWatch::Dashboard')) as {
    DashboardBody: { 'Fn::Join': [string, (string | { Ref?: string; 'Fn::GetAtt'?: string[] })[]] };
  }[];
  const [, parts] = dashboard?.DashboardBody['Fn::Join'] ?? ['', []];
  const text = parts.map((part) => (typeof part === 'string' ? part : (part.Ref ?? part['Fn::GetAtt']?.[0] ?? '')));
  return (JSON.parse(text.join('')) as { readonly widgets: readonly Widget[] }).widgets;
}

describe('the dashboard', () => {
  it('shows the sessions of every pipeline there is, and what carries them', () => {
    const { stack } = platformStack(() => ({ channels }));
    const shown = widgetsOf(stack).map(({ properties: { title, metrics } }) => [title, metrics]);
    const search = (name: string, statistic: string) => [
      [{ expression: `SEARCH('{Bunsui/Pipeline,pipeline} MetricName="${name}"', '${statistic}', 300)` }],
    ];
    const each = (name: string, statistic: string) =>
      Object.entries(functions).map(([label, id]) => [
        'AWS/Lambda',
        name,
        'FunctionName',
        `Platform${id}Function`,
        { label, stat: statistic },
      ]);
    const queue = (name: string, id: string, label: string) => [
      'AWS/SQS',
      name,
      'QueueName',
      id,
      { label, stat: 'Maximum' },
    ];
    const api = ['AWS/ApiGateway'];
    expect(shown).toStrictEqual([
      [undefined, undefined],
      ['Sessions completed', search('SessionSuccess', 'Sum')],
      ['Sessions failed', search('SessionFailure', 'Sum')],
      ['Duration of sessions, p95, ms', search('SessionDuration', 'p95')],
      ['Errors of functions', each('Errors', 'Sum')],
      ['Throttles of functions', each('Throttles', 'Sum')],
      ['Duration of functions, p95, ms', each('Duration', 'p95')],
      [
        'Dead letters',
        [
          queue('ApproximateNumberOfMessagesVisible', 'PlatformDeadLetters', 'events'),
          queue('ApproximateNumberOfMessagesVisible', 'PlatformChannelsopsDeadLetters', 'ops'),
        ],
      ],
      [
        'Oldest notice that waits, seconds',
        [queue('ApproximateAgeOfOldestMessage', 'PlatformChannelsopsQueue', 'ops')],
      ],
      [
        'HTTP API',
        [
          [...api, 'Count', 'ApiName', 'bunsui', { label: 'requests', stat: 'SampleCount' }],
          [...api, '5XXError', 'ApiName', 'bunsui', { label: 'errors', stat: 'Sum' }],
          [...api, 'Latency', 'ApiName', 'bunsui', { label: 'latency p95, ms', stat: 'p95', yAxis: 'right' }],
        ],
      ],
    ]);
  });

  it('need not be made', () => {
    const { stack, platform } = platformStack(() => ({ dashboard: false }));
    expect(propertiesOf(resourcesOf(stack), 'AWS::CloudWatch::Dashboard')).toStrictEqual({});
    expect(platform.dashboard).toBeUndefined();
  });
});

describe('metrics', () => {
  it('are what CloudWatch has of the platform and of the sessions of a pipeline', () => {
    const { stack, platform } = platformStack();
    const metrics = [
      platform.metricDeadLetters(),
      platform.metricSessionsCompleted('flights'),
      platform.metricSessionsFailed('flights'),
      platform.metricSessionDuration('flights', { statistic: 'p50' }),
    ];
    const shown = metrics.map(({ namespace, metricName, dimensions, statistic, period }) => ({
      namespace,
      metricName,
      dimensions: stack.resolve(dimensions) as unknown,
      statistic,
      seconds: period.toSeconds(),
    }));
    const session = (metricName: string, statistic: string) => ({
      namespace: 'Bunsui/Pipeline',
      metricName,
      dimensions: { pipeline: 'flights' },
      statistic,
      seconds: 300,
    });
    expect(shown).toStrictEqual([
      {
        namespace: 'AWS/SQS',
        metricName: 'ApproximateNumberOfMessagesVisible',
        dimensions: { QueueName: { 'Fn::GetAtt': [expect.stringMatching(/^PlatformDeadLetters/), 'QueueName'] } },
        statistic: 'Maximum',
        seconds: 300,
      },
      session('SessionSuccess', 'Sum'),
      session('SessionFailure', 'Sum'),
      session('SessionDuration', 'p50'),
    ]);
    expect(platform.metricErrors().expression).toBe(
      'FILL(m0, 0) + FILL(m1, 0) + FILL(m2, 0) + FILL(m3, 0) + FILL(m4, 0)',
    );
  });
});
