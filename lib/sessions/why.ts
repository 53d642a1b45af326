/** Why a job ran, waits, was skipped or failed, from what is on record of its session. Pure. */
import type { PipelineArtifact } from '../ir/artifact.ts';
import { dependenciesOf, innerScopes, placedNodes } from '../ir/walk.ts';
import type { ScopeIr } from '../ir/nodes.ts';
import type { JobPlan } from './plan-jobs.ts';
import type { JobStatus } from './status.ts';
import type { JobView, SessionView } from './view.ts';

export interface WhyRequest {
  readonly artifact: PipelineArtifact;
  readonly view: SessionView;
  /** What the rerun that opened this generation has decided, if one has. */
  readonly plan?: readonly JobPlan[];
  /** Path → the generation whose result it gave. */
  readonly reused?: ReadonlyMap<string, number>;
  /** Path. */
  readonly job: string;
}

/** A node that comes before another. */
export interface BeforeView {
  readonly id: string;
  readonly status: JobStatus;
  readonly ended_at?: number;
}

export interface Why {
  readonly job: string;
  readonly status: JobStatus;
  /** Sentences, the one that tells most first. */
  readonly reasons: readonly string[];
  /** What it waits for, or has waited for; what ended last is the last. */
  readonly before: readonly BeforeView[];
}

/** @returns undefined when the session has no such job */
export function whyJob(request: WhyRequest): Why | undefined {
  const { artifact, view, job } = request;
  const seen = view.jobs.find((one) => one.job === job);
  if (seen === undefined) return undefined;
  const before = beforeOf(artifact, view, seen);
  const rerun = request.plan?.find((plan) => plan.job === seen.node);
  const from = request.reused?.get(job);
  const decision =
    rerun === undefined
      ? []
      : [
          `the rerun decided: ${rerun.action}${rerun.unless_same_input ? ' if its input changes' : ''}, ${rerun.reason}`,
        ];
  const reuse = from === undefined ? [] : [`it did not run: it gave its result of generation ${from}`];
  return {
    job,
    status: seen.status,
    reasons: [...(from === undefined ? statusReasons(request, seen, before) : reuse), ...decision],
    before,
  };
}

function statusReasons(
  { artifact, view }: WhyRequest,
  seen: JobView,
  before: readonly BeforeView[],
): readonly string[] {
  const tries = seen.attempts.length;
  const last = before.at(-1);
  const begun =
    last?.ended_at === undefined
      ? 'it began with the session: nothing comes before it'
      : `it began when ${last.id} had ended, the last of what comes before it`;
  switch (seen.status) {
    case 'completed':
      return [tries > 1 ? `it completed at try ${tries}: ${failuresOf(seen)}` : 'it completed at its first try', begun];
    case 'failed':
    case 'timeout':
      return [
        `it ${seen.status === 'timeout' ? 'ran out of time' : 'failed'} with ${seen.error?.name ?? 'no error'} ${tries > 1 ? `after ${tries} tries` : 'at its only try'}`,
        begun,
      ];
    case 'running':
      return [tries > 1 ? `it runs, at try ${tries}: ${failuresOf(seen)}` : 'it runs', begun];
    case 'waiting':
      return ["it waits for a person's answer", begun];
    case 'retrying':
      return [`it waits for its next try after ${tries}: ${failuresOf(seen)}`, begun];
    case 'skipped':
      return [skipReason(artifact, seen)];
    case 'pending': {
      const open = before.filter(({ status }) => status !== 'completed' && status !== 'skipped');
      if (view.status === 'paused') return ['the session is paused'];
      return open.length === 0
        ? ['it is about to begin: all that comes before it has ended']
        : [`it waits for ${open.map(({ id, status }) => `${id} (${status})`).join(', ')}`];
    }
    case 'cancelled': {
      const why = view.error?.job === undefined ? `the session ended as ${view.status}` : `${view.error.job} failed`;
      return [tries === 0 ? `it never began: ${why} before` : `it was stopped: ${why} while it ran`];
    }
  }
}

function failuresOf({ attempts }: JobView): string {
  const names = attempts.flatMap(({ error }) => (error === undefined ? [] : [error.name]));
  return names.length === 0 ? 'earlier ones were cut off' : `before, ${[...new Set(names)].join(', ')}`;
}

/** Why a job was passed by: its own condition, or the side of a branch around it. */
function skipReason({ pipeline }: PipelineArtifact, { node }: JobView): string {
  const placed = placedNodes(pipeline.body).find((one) => one.node.id === node);
  if (placed?.node.kind === 'job' && placed.node.compensates !== undefined)
    return `there was nothing to undo: ${placed.node.compensates.job} had not completed, or the pipeline has not failed`;
  if (placed?.node.kind === 'job' && placed.node.when !== undefined) return 'its condition ("when") was not true';
  const around = placed?.scope.findLast(({ part }) => part !== 'body');
  return around === undefined
    ? 'the map around it had no items'
    : `it is on the ${around.part} side of ${around.node}, which took the other`;
}

/** What comes before a job, in its own scope or else in the nearest one around it that has something before it. */
function beforeOf(artifact: PipelineArtifact, view: SessionView, seen: JobView): readonly BeforeView[] {
  const ids = before(artifact.pipeline.body, seen.node);
  return ids
    .flatMap((id): readonly BeforeView[] => {
      const own = view.jobs.filter(({ node }) => node === id || insideOf(artifact, id).has(node));
      const ended = own.flatMap(({ endedAt }) => (endedAt === undefined ? [] : [endedAt]));
      const open = own.find(({ status }) => ['running', 'waiting', 'retrying', 'pending'].includes(status));
      const failed = own.find(({ status }) => ['failed', 'timeout', 'cancelled'].includes(status));
      const status =
        open?.status ?? failed?.status ?? own.find((one) => one.status === 'completed')?.status ?? 'skipped';
      return [{ id, status, ...(open !== undefined || ended.length === 0 ? {} : { ended_at: Math.max(...ended) }) }];
    })
    .sort((a, b) => (a.ended_at ?? 0) - (b.ended_at ?? 0));
}

function before(scope: ScopeIr, id: string): readonly string[] {
  const dependencies = dependenciesOf(scope);
  for (const node of scope.nodes) {
    if (node.id === id) return [...(dependencies.get(id) ?? [])];
    const inner = innerScopes(node);
    if (!inner.some(({ scope: inside }) => placedNodes(inside).some((one) => one.node.id === id))) continue;
    const own = inner.flatMap(({ scope: inside }) => before(inside, id));
    return own.length > 0 ? own : [...(dependencies.get(node.id) ?? [])];
  }
  return [];
}

function insideOf({ pipeline }: PipelineArtifact, id: string): ReadonlySet<string> {
  const placed = placedNodes(pipeline.body).filter(({ scope }) => scope.some(({ node }) => node === id));
  return new Set(placed.map(({ node }) => node.id));
}
