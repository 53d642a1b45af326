import { describe, expect, it } from 'vitest';
import { emitSessionMetrics, maxMeasuredJobs } from '../../lambdas/session-metrics.ts';
import type { SessionItem } from '../../lib/sessions/items.ts';
import type { JobView, SessionView } from '../../lib/sessions/view.ts';

const session = { session_id: 's', pipeline_id: 'flow' } as SessionItem;
const job = (path: string, status: JobView['status'], ms: number): JobView => ({
  job: path,
  kind: 'job',
  node: path.split('/').at(-1) ?? '',
  status,
  attempts: [],
  startedAt: 1_000,
  endedAt: 1_000 + ms,
  source: { file: 'flow.ts', line: 1, column: 1 },
});

interface Emitted {
  readonly _aws: {
    readonly CloudWatchMetrics: readonly {
      readonly Namespace: string;
      readonly Dimensions: readonly (readonly string[])[];
      readonly Metrics: readonly { readonly Name: string; readonly Unit: string }[];
    }[];
  };
  readonly [field: string]: unknown;
}

/** Each line as dimensions, their values, and the values of its metrics. */
function emitted(view: Pick<SessionView, 'status' | 'jobs'>) {
  const lines: Emitted[] = [];
  const full: SessionView = { startedAt: 500, endedAt: 9_500, input: {}, ...view };
  emitSessionMetrics(session, full, { log: (text: string) => lines.push(JSON.parse(text) as Emitted) });
  return lines.map((line) => {
    const [about] = line._aws.CloudWatchMetrics;
    const dimensions = about?.Dimensions.map((names) => names.map((name) => `${name}=${String(line[name])}`).join());
    const metrics = (about?.Metrics ?? []).map(({ Name, Unit }) => [Name, Unit, line[Name]] as const);
    return { namespace: about?.Namespace, dimensions, metrics };
  });
}

describe('the metrics of a session', () => {
  it('are told by pipeline and by job, not by place in a map', () => {
    const jobs = [
      job('load', 'completed', 100),
      { ...job('each', 'completed', 300), kind: 'map' as const },
      job('each[0]/one', 'completed', 10),
      job('each[1]/one', 'timeout', 20),
      job('later', 'skipped', 0),
    ];
    const namespace = 'Bunsui/Pipeline';
    expect(emitted({ status: 'failed', jobs })).toStrictEqual([
      {
        namespace,
        dimensions: ['pipeline=flow'],
        metrics: [
          ['SessionDuration', 'Milliseconds', 9_000],
          ['SessionSuccess', 'Count', 0],
          ['SessionFailure', 'Count', 1],
        ],
      },
      {
        namespace,
        dimensions: ['pipeline=flow,job=load'],
        metrics: [
          ['JobDuration', 'Milliseconds', 100],
          ['JobSuccess', 'Count', 1],
          ['JobFailure', 'Count', 0],
        ],
      },
      {
        namespace,
        dimensions: ['pipeline=flow,job=one'],
        metrics: [
          ['JobDuration', 'Milliseconds', [10, 20]],
          ['JobSuccess', 'Count', [1, 0]],
          ['JobFailure', 'Count', [0, 1]],
        ],
      },
    ]);
  });

  it('count a cancelled session neither way', () => {
    const [line] = emitted({ status: 'cancelled', jobs: [] });
    expect(line?.metrics.slice(1).map(([, , value]) => value)).toStrictEqual([0, 0]);
  });

  it('hold as many values a line as CloudWatch takes', () => {
    const jobs = Array.from({ length: 250 }, (_, index) => job(`each[${index}]/one`, 'completed', index));
    const lines = emitted({ status: 'completed', jobs }).slice(1);
    expect(lines.map(({ dimensions }) => dimensions)).toStrictEqual(Array(3).fill(['pipeline=flow,job=one']));
    expect(lines.flatMap(({ metrics }) => metrics[0]?.[2])).toStrictEqual(jobs.map((_, index) => index));
  });

  it('are of so many jobs: those that failed, then those that took longest', () => {
    const jobs = Array.from({ length: 300 }, (_, index) =>
      job(`j${index}`, index === 7 ? 'failed' : 'completed', index),
    );
    const lines = emitted({ status: 'failed', jobs }).slice(1);
    expect(lines.length).toBe(maxMeasuredJobs);
    expect(lines[0]?.dimensions).toStrictEqual(['pipeline=flow,job=j7']);
    expect(lines.at(-1)?.dimensions).toStrictEqual(['pipeline=flow,job=j201']);
  });
});
