/**
 * Metrics of a session that has ended, in CloudWatch's embedded format: lines of the function's log, no calls. Jobs are
 * told apart by their id, not by their place in a map, and only so many of a session: each is billed.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { SessionItem } from '../lib/sessions/items.ts';
import type { JobView, SessionView } from '../lib/sessions/view.ts';
import { metrics as names } from '../lib/storage-layout.ts';

/** Most jobs of one session that have metrics of their own: those that failed, then those that took longest. */
export const maxMeasuredJobs = 100;
/** The format takes 100 values of a metric in one line; at that many Powertools writes the line by itself, and forgets what it is about. */
const maxValues = 99;

type Line = Pick<Console, 'log'>;
type Values = { readonly [metric: string]: readonly number[] };
interface Measured {
  readonly durations: number[];
  readonly successes: number[];
  readonly failures: number[];
}

/** @param console where the lines go */
export function emitSessionMetrics(session: SessionItem, view: SessionView, console?: Line): void {
  const pipeline = { [names.pipelineDimension]: session.pipeline_id };
  const { startedAt, endedAt, status } = view;
  const failed = status === 'failed' || status === 'timeout';
  emit(
    pipeline,
    {
      [names.sessionDuration]:
        startedAt === undefined || endedAt === undefined ? [] : [Math.max(0, endedAt - startedAt)],
      [names.sessionSuccess]: [status === 'completed' ? 1 : 0],
      [names.sessionFailure]: [failed ? 1 : 0],
    },
    console,
  );
  for (const [job, { durations, successes, failures }] of measuredJobs(view.jobs)) {
    const values = { [names.jobDuration]: durations, [names.jobSuccess]: successes, [names.jobFailure]: failures };
    emit({ ...pipeline, [names.jobDimension]: job }, values, console);
  }
}

function measuredJobs(jobs: readonly JobView[]): readonly (readonly [string, Measured])[] {
  const byNode = new Map<string, Measured>();
  for (const { kind, node, status, startedAt, endedAt } of jobs) {
    const failed = status === 'failed' || status === 'timeout';
    if (kind !== 'job' || (status !== 'completed' && !failed)) continue;
    const measured = byNode.get(node) ?? { durations: [], successes: [], failures: [] };
    byNode.set(node, measured);
    if (startedAt !== undefined && endedAt !== undefined) measured.durations.push(Math.max(0, endedAt - startedAt));
    measured.successes.push(failed ? 0 : 1);
    measured.failures.push(failed ? 1 : 0);
  }
  if (byNode.size <= maxMeasuredJobs) return [...byNode];
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return [...byNode]
    .sort(([, a], [, b]) => sum(b.failures) - sum(a.failures) || sum(b.durations) - sum(a.durations))
    .slice(0, maxMeasuredJobs);
}

function emit(dimensions: { readonly [name: string]: string }, values: Values, console?: Line): void {
  const longest = Math.max(...Object.values(values).map(({ length }) => length));
  for (let from = 0; from < longest; from += maxValues) {
    const metrics = new Metrics({ namespace: names.namespace });
    // Not by service: dashboards and alarms ask for exactly the dimensions that the layout names.
    metrics.clearDefaultDimensions();
    metrics.addDimensions({ ...dimensions });
    for (const [name, all] of Object.entries(values)) {
      const unit =
        name === names.sessionDuration || name === names.jobDuration ? MetricUnit.Milliseconds : MetricUnit.Count;
      for (const value of all.slice(from, from + maxValues)) metrics.addMetric(name, unit, value);
    }
    if (console === undefined) metrics.publishStoredMetrics();
    else console.log(JSON.stringify(metrics.serializeMetrics()));
  }
}
