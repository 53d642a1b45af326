/** What a rerun will take, in time and money, by what its jobs took before. Pure; estimates, by AWS's list prices. */
import type { PipelineIr, ScopeIr } from '../ir/nodes.ts';
import { isLambda } from '../ir/operations.ts';
import { dependenciesOf, innerScopes, inOrder } from '../ir/walk.ts';
import { price } from '../prices.ts';
import type { AttemptItem } from './items.ts';
import type { JobPlan } from './plan-jobs.ts';
import type { RerunRoad } from './rerun-road.ts';

export interface JobEstimate extends JobPlan {
  /** Of one run of it, milliseconds; absent where it has never completed, or does not run. */
  readonly expected_ms?: number;
  /** US dollars: state transitions, and the time of its function as far as that is known. */
  readonly cost_usd: number;
}

export interface RerunEstimate {
  readonly jobs: readonly JobEstimate[];
  /** Along the longest way through what runs, milliseconds. Jobs that have never completed count nothing. */
  readonly expected_ms: number;
  readonly cost_usd: number;
}

const nodeOf = (path: string) => path.split('/').at(-1) ?? '';
const msPerSecond = 1_000;
const mibPerGib = 1_024;

/**
 * @param attempts of the session, of all its generations
 * @param road on which what is kept costs nothing (a redrive), or a transition and a call
 */
export function estimateRerun(
  pipeline: PipelineIr,
  plans: readonly JobPlan[],
  attempts: readonly AttemptItem[],
  road: RerunRoad,
): RerunEstimate {
  // A result that was reused took no time.
  const ran = attempts.filter((one) => one.job_status === 'completed' && one.reused_from === undefined);
  const byNode = Map.groupBy(ran, ({ job_id }) => nodeOf(job_id));
  const operations = new Map(jobsOf(pipeline.body).map(({ id, operation }) => [id, operation]));
  const jobs = plans.map((plan): JobEstimate => {
    const own = byNode.get(plan.job) ?? [];
    const paths = Math.max(1, new Set(own.map(({ job_id }) => job_id)).size);
    const took = own.map(({ duration_ms = 0 }) => duration_ms);
    const mean = took.length === 0 ? undefined : took.reduce((sum, ms) => sum + ms, 0) / took.length;
    const runs = plan.action === 'run' ? Math.max(0, paths - (plan.reused_iterations ?? 0)) : 0;
    const operation = pipeline.operations[operations.get(plan.job) ?? ''];
    const gib = (operation !== undefined && isLambda(operation) ? operation.memoryMiB : 0) / mibPerGib;
    const isKept = plan.action === 'reuse' || plan.action === 'skip';
    const calls = plan.action === 'blocked' || (road === 'redrive' && isKept) ? 0 : paths;
    const cost_usd =
      calls * (price.transition + price.lambdaRequest) +
      runs * gib * ((mean ?? 0) / msPerSecond) * price.lambdaGbSecond;
    return { ...plan, ...(mean === undefined || runs === 0 ? {} : { expected_ms: Math.round(mean) }), cost_usd };
  });
  const expected = new Map(jobs.map(({ job, expected_ms = 0 }) => [job, expected_ms]));
  return {
    jobs,
    expected_ms: longest(pipeline.body, expected),
    cost_usd: jobs.reduce((sum, { cost_usd }) => sum + cost_usd, 0),
  };
}

function jobsOf(scope: ScopeIr): readonly { readonly id: string; readonly operation: string }[] {
  return scope.nodes.flatMap((node) =>
    node.kind === 'job' ? [node] : innerScopes(node).flatMap(({ scope: inner }) => jobsOf(inner)),
  );
}

function longest(scope: ScopeIr, expected: ReadonlyMap<string, number>): number {
  const dependencies = dependenciesOf(scope);
  const ends = new Map<string, number>();
  for (const node of inOrder(scope)) {
    const begin = Math.max(0, ...[...(dependencies.get(node.id) ?? [])].map((id) => ends.get(id) ?? 0));
    const inner = innerScopes(node).map(({ scope: inside }) => longest(inside, expected));
    ends.set(node.id, begin + Math.max(expected.get(node.id) ?? 0, ...inner));
  }
  return Math.max(0, ...ends.values());
}
