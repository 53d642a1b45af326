/** What tells people that a platform is not well: alarms, and a dashboard. */
import { Duration } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import type { IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  PeriodOverride,
  TextWidget,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { ChannelQueues } from './platform-channels.ts';
import type { NamedFunctions } from './platform-metrics.ts';
import { eachPipeline, overFunctions } from './platform-metrics.ts';

/** What is watched. */
export interface WatchedParts {
  readonly prefix: string;
  /** At most ten: CloudWatch takes no more metrics in an alarm. */
  readonly functions: NamedFunctions;
  readonly reconcile: LambdaFunction;
  readonly deadLetterQueue: Queue;
  readonly channelQueues: { readonly [channel: string]: ChannelQueues };
  readonly api: RestApi;
}

interface AlarmRule {
  readonly metric: IMetric;
  readonly says: string;
  /** Alarm when the metric is this or more; with `below`, when it is less. */
  readonly threshold: number;
  readonly below?: boolean;
  readonly periods?: number;
}

const period = Duration.minutes(5);

function depth(queue: Queue): IMetric {
  return queue.metricApproximateNumberOfMessagesVisible({ period, statistic: 'Maximum' });
}

function alarmRules(parts: WatchedParts): readonly (readonly [id: string, rule: AlarmRule])[] {
  const { prefix, functions, channelQueues } = parts;
  const errors = overFunctions(functions, (one) => one.metricErrors({ period }), 'errors');
  // Of the whole account: its functions share what there is, and one metric costs a sixth of six.
  const throttles = LambdaFunction.metricAllThrottles({ period });
  return [
    [
      'DeadLetters',
      {
        metric: depth(parts.deadLetterQueue),
        threshold: 1,
        says: 'events could not be handled: see the dead letters and the logs of the functions; sessions are put right by the reconciler',
      },
    ],
    ['Errors', { metric: errors, threshold: 1, periods: 3, says: 'functions keep failing: see their logs' }],
    [
      'Throttles',
      {
        metric: throttles,
        threshold: 1,
        periods: 3,
        says: 'functions of this account want more concurrency than there is',
      },
    ],
    [
      'Reconciler',
      {
        metric: parts.reconcile.metricInvocations({ period }),
        threshold: 1,
        below: true,
        periods: 3,
        says: 'the reconciler does not run: what events do not tell stays unknown; see the rule that runs every minute',
      },
    ],
    [
      'Api',
      { metric: parts.api.metricServerError({ period }), threshold: 5, says: 'the HTTP API answers with errors' },
    ],
    ...Object.entries(channelQueues).map(([channel, { deadLetters }]): [string, AlarmRule] => [
      `Channel-${channel}`,
      {
        metric: depth(deadLetters),
        threshold: 1,
        says: `notices could not be delivered to ${channel}: mend the channel, then \`bunsui notify redrive ${channel} --platform ${prefix}\``,
      },
    ]),
  ];
}

/** Makes the alarms; by name: `DeadLetters`, `Errors`, `Throttles`, `Reconciler`, `Api`, `Channel-{channel}`. */
export function platformAlarms(
  scope: Construct,
  parts: WatchedParts,
  alarmTopic: ITopic | undefined,
): { readonly [name: string]: Alarm } {
  const alarms = new Construct(scope, 'Alarms');
  const made = alarmRules(parts).map(([id, { metric, says, threshold, below = false, periods = 1 }]) => {
    const alarm = new Alarm(alarms, id, {
      metric,
      threshold,
      alarmDescription: `bunsui ${parts.prefix}: ${says}`,
      comparisonOperator: below
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: periods,
      treatMissingData: below ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    });
    if (alarmTopic !== undefined) {
      alarm.addAlarmAction(new SnsAction(alarmTopic));
      alarm.addOkAction(new SnsAction(alarmTopic));
    }
    return [id, alarm] as const;
  });
  return Object.fromEntries(made);
}

/** Makes the dashboard: sessions by pipeline first, then what carries them. */
export function platformDashboard(scope: Construct, parts: WatchedParts): Dashboard {
  const { prefix, functions, deadLetterQueue, channelQueues, api } = parts;
  const dashboard = new Dashboard(scope, 'Dashboard', {
    defaultInterval: Duration.days(1),
    periodOverride: PeriodOverride.AUTO,
  });
  const each = (of: (one: LambdaFunction) => IMetric & { with(props: { label: string }): IMetric }) =>
    Object.entries(functions).map(([label, one]) => of(one).with({ label }));
  const graph = (title: string, left: IMetric[], right: IMetric[] = []) =>
    new GraphWidget({ title, left, right, width: 8, height: 6, leftYAxis: { min: 0 } });
  dashboard.addWidgets(
    new TextWidget({
      markdown: `# bunsui: ${prefix}\nSessions by pipeline, and what carries them.`,
      width: 24,
      height: 2,
    }),
  );
  dashboard.addWidgets(
    graph('Sessions completed', [eachPipeline('sessionSuccess')]),
    graph('Sessions failed', [eachPipeline('sessionFailure')]),
    graph('Duration of sessions, p95, ms', [eachPipeline('sessionDuration')]),
  );
  dashboard.addWidgets(
    graph(
      'Errors of functions',
      each((one) => one.metricErrors({ period })),
    ),
    graph(
      'Throttles of functions',
      each((one) => one.metricThrottles({ period })),
    ),
    graph(
      'Duration of functions, p95, ms',
      each((one) => one.metricDuration({ period, statistic: 'p95' })),
    ),
  );
  const channels = Object.entries(channelQueues);
  dashboard.addWidgets(
    graph('Dead letters', [
      deadLetterQueue.metricApproximateNumberOfMessagesVisible({ period, label: 'events' }),
      ...channels.map(([label, queues]) =>
        queues.deadLetters.metricApproximateNumberOfMessagesVisible({ period, label }),
      ),
    ]),
    graph(
      'Oldest notice that waits, seconds',
      channels.map(([label, { queue }]) => queue.metricApproximateAgeOfOldestMessage({ period, label })),
    ),
    graph(
      'HTTP API',
      [api.metricCount({ period, label: 'requests' }), api.metricServerError({ period, label: 'errors' })],
      [api.metricLatency({ period, statistic: 'p95', label: 'latency p95, ms' })],
    ),
  );
  return dashboard;
}
