/** What CloudWatch counts of a platform: its own functions and queues, and what bookkeeping emits of sessions. */
import { Duration } from 'aws-cdk-lib';
import type { MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import { MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { metrics } from '../storage-layout.ts';

const usualPeriod = Duration.minutes(5);

/** Functions by a short name. */
export type NamedFunctions = { readonly [name: string]: LambdaFunction };

type SessionMetric = 'sessionDuration' | 'sessionSuccess' | 'sessionFailure';

/** A metric of the sessions of one pipeline. */
export function sessionMetric(kind: SessionMetric, pipeline: string, options: MetricOptions = {}): Metric {
  return new Metric({
    namespace: metrics.namespace,
    metricName: metrics[kind],
    dimensionsMap: { [metrics.pipelineDimension]: pipeline },
    period: usualPeriod,
    statistic: kind === 'sessionDuration' ? 'p95' : 'Sum',
    ...options,
  });
}

/** A metric of the sessions of each pipeline: one line for each that there is when somebody looks. */
export function eachPipeline(kind: SessionMetric): MathExpression {
  const statistic = kind === 'sessionDuration' ? 'p95' : 'Sum';
  const search = `{${metrics.namespace},${metrics.pipelineDimension}} MetricName="${metrics[kind]}"`;
  const period = usualPeriod.toSeconds();
  return new MathExpression({
    expression: `SEARCH('${search}', '${statistic}', ${period})`,
    usingMetrics: {},
    label: '',
    period: usualPeriod,
  });
}

/** The sum of one metric over functions. */
export function overFunctions(
  functions: NamedFunctions,
  of: (one: LambdaFunction) => Metric,
  label: string,
): MathExpression {
  const named = Object.entries(functions).map(([name, one], index) => [`m${index}`, of(one).with({ label: name })]);
  return new MathExpression({
    expression: named.map(([id]) => `FILL(${String(id)}, 0)`).join(' + '),
    usingMetrics: Object.fromEntries(named) as { [id: string]: Metric },
    label,
    period: usualPeriod,
  });
}
