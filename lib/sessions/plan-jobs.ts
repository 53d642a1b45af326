/**
 * Which jobs a rerun runs: a decision per job, made of what is going to run, of the results that are there, and of what
 * is asked for. Pure.
 *
 *     reuse    its result is there, and nothing that it depends on has changed
 *     run      it has no result, or has changed, or is asked for. With `unless_same_input` its wrapper has the last
 *              word: it does not run where it is given what it was given before
 *     skip     is not to run, and nobody reads its result
 *     blocked  reads the result of a job that is skipped and has none
 */
import { isDeepStrictEqual } from 'node:util';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { refsOf } from '../ir/expressions.ts';
import type { Fingerprint } from '../ir/fingerprints.ts';
import type { JobIr, NodeIr, ScopeIr } from '../ir/nodes.ts';
import { isLambda } from '../ir/operations.ts';
import { dependenciesOf, innerScopes, inOrder, ownExpressions, placedNodes } from '../ir/walk.ts';
import type { JobStatus } from './status.ts';

export type JobAction = 'reuse' | 'run' | 'skip' | 'blocked';

/** What becomes of a job. Of one in a map, of all its iterations together. */
export interface JobPlan {
  /** Id of its node. */
  readonly job: string;
  readonly action: JobAction;
  /** For a person. */
  readonly reason: string;
  /** It runs only where its input is not what it was. */
  readonly unless_same_input?: true;
  /** In a map: iterations whose results are reused although others run. */
  readonly reused_iterations?: number;
}

/** A result that is there. */
export interface JobResult {
  /** Path. */
  readonly job: string;
  /** Of the input that gave it; absent where an earlier version of the wrapper has recorded it. */
  readonly input_hash?: string;
  /** What it depends on, as far as that is known. */
  readonly fingerprint?: Fingerprint;
  /** The generation before has only handed it on: whether it counts for the input of that one was not found out. */
  readonly unproven?: true;
}

/** What is asked for, by ids of jobs. */
export interface Selection {
  /** These, and all that comes after them. */
  readonly from?: readonly string[];
  /** These and no others. */
  readonly only?: readonly string[];
  /** Not these. */
  readonly skip?: readonly string[];
  /** Only what has no result: results are reused whatever has changed. */
  readonly failed?: true;
}

export interface JobsToPlan {
  /** What is going to run. */
  readonly artifact: PipelineArtifact;
  readonly results: readonly JobResult[];
  /** How far each job and map has come, by path; what is not known is left out. */
  readonly statuses: ReadonlyMap<string, JobStatus>;
  /** What had completed and was undone, by path. @default nothing */
  readonly undone?: ReadonlySet<string>;
  /** The input of the generation before, and the one that is given now. */
  readonly before: unknown;
  readonly now: unknown;
  readonly selection: Selection;
  /** Maps over S3 with more results than anybody looks through. */
  readonly beyond?: readonly string[];
}

/** What the generation finds in the place of a job's checkpoint. */
export interface Reuse {
  /** Path. */
  readonly job: string;
  readonly as: 'checkpoint' | 'candidate' | 'skip';
  /** It is kept by choice, whatever has changed. */
  readonly kept?: true;
}

export interface PlannedJobs {
  /** In the order of the pipeline's text. */
  readonly jobs: readonly JobPlan[];
  readonly reuse: readonly Reuse[];
  /** The pipeline's output reads a result that is not there: the jobs. */
  readonly missing: readonly string[];
}

/** What of a node concerns whoever comes after it, in words. */
interface Standing {
  /** Why its value may be another one than before; absent when it cannot. */
  readonly changes?: string;
  /** The job that is asked for with all that comes after it. */
  readonly from?: string;
  /** The job whose result is not there and will not be. */
  readonly lacks?: string;
}

/** What concerns a node: of those before it, and of what stands around it. */
interface Before extends Standing {
  /** What runs before it, for whose sake it runs whatever its own input is. */
  readonly order?: string;
}

interface Place {
  readonly before: Before;
  /** Ids of the maps around it. */
  readonly maps: readonly string[];
}

interface Decision {
  readonly plan: JobPlan;
  /** What stands for its results in the new generation. */
  readonly as?: Reuse['as'];
  readonly kept?: true;
}

/** The reason of a job whose contract, code or expressions are others than those of its result. */
export const changed = 'it has changed';

const nodeOf = (path: string) => path.split('/').at(-1) ?? '';

/** @see JobPlan */
export function planJobs(given: JobsToPlan): PlannedJobs {
  const { pipeline } = given.artifact;
  const results = Map.groupBy(given.results, ({ job }) => nodeOf(job));
  const standings = new Map<string, Standing>();
  const plans: JobPlan[] = [];
  const reuse: Reuse[] = [];

  const visit = (scope: ScopeIr, { before: around, maps }: Place): readonly Standing[] => {
    const dependencies = dependenciesOf(scope);
    return inOrder(scope).map((node) => {
      const before = merged(around, beforeOf(given, node, dependencies.get(node.id) ?? new Set(), standings));
      const standing = node.kind === 'job' ? decide(node, { before, maps }) : within(node, { before, maps });
      standings.set(node.id, standing);
      return standing;
    });
  };
  const within = (node: NodeIr, { before, maps }: Place): Standing => {
    const { order, changes = order, from, lacks } = before;
    if (node.kind === 'approval') {
      // A generation asks anew: an answer is given to what is asked then.
      const isBlocked = lacks !== undefined;
      const reason = isBlocked ? `${lacks} before it has no result, and gets none` : 'it is asked again';
      plans.push({ job: node.id, action: isBlocked ? 'blocked' : 'run', reason });
      return defined({ changes: `${node.id} is asked again`, from, lacks: isBlocked ? node.id : undefined });
    }
    if (node.kind === 'loop') {
      // Through what is carried on every job of a round may depend on every job of the rounds before.
      const isBlocked = lacks !== undefined;
      const reason = isBlocked
        ? `${lacks} before it has no result, and gets none`
        : `it is in loop ${node.id}, whose rounds build on each other`;
      for (const { node: inside } of placedNodes(node.body))
        if (inside.kind === 'job' || inside.kind === 'approval')
          plans.push({ job: inside.id, action: isBlocked ? 'blocked' : 'run', reason });
      return defined({ changes: `${node.id} runs anew`, from, lacks: isBlocked ? node.id : undefined });
    }
    // What the records of a map over S3 are nobody has compared: each job is asked by its input.
    const records = node.kind === 'mapS3' ? `the records of ${node.id} may be others` : undefined;
    const own: Standing = defined({ changes: changes ?? records, from, lacks });
    if (node.kind === 'guard') {
      // What sees to the end of a run sees to the end of each.
      const ended = visit(node.body, { before, maps }).reduce(merged, own);
      const reason = 'it runs at the end of every run that asks for it';
      for (const { node: inside } of placedNodes(node.handler.scope))
        if (inside.kind === 'job' || inside.kind === 'approval') plans.push({ job: inside.id, action: 'run', reason });
      return ended;
    }
    const inner = innerScopes(node).flatMap(({ part, scope }) =>
      visit(scope, {
        before: records === undefined ? before : merged(before, { changes: records }),
        maps: part === 'body' ? [...maps, node.id] : maps,
      }),
    );
    return inner.reduce(merged, own);
  };
  const decide = (node: JobIr, place: Place): Standing => {
    const own = results.get(node.id) ?? [];
    const { plan, as, kept } = decisionOf(given, node, place, own);
    plans.push(plan);
    if (as === 'skip') reuse.push({ job: node.id, as });
    else if (as !== undefined) reuse.push(...own.map(({ job }) => ({ job, as, ...(kept && { kept }) })));
    const from = given.selection.from?.includes(node.id) ? node.id : place.before.from;
    return defined({
      changes: plan.action === 'run' ? `${node.id} runs` : undefined,
      from,
      // Whoever reads what may be skipped anyway can do without it.
      lacks: plan.action === 'blocked' || (as === 'skip' && node.when === undefined) ? node.id : undefined,
    });
  };

  visit(pipeline.body, { before: {}, maps: [] });
  const read = pipeline.output === undefined ? [] : refsOf(pipeline.output.value);
  const missing = read.flatMap(({ target }) => (target.kind === 'node' ? [standings.get(target.id)?.lacks] : []));
  const order = new Map(placedNodes(pipeline.body).map(({ node }, index) => [node.id, index]));
  const jobs = plans.toSorted((a, b) => (order.get(a.job) ?? 0) - (order.get(b.job) ?? 0));
  return { jobs, reuse, missing: [...new Set(missing.filter((job) => job !== undefined))] };
}

/** Without the fields that say nothing. */
function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as never;
}

/** Of each the first that says something. */
function merged(a: Before, b: Before): Before {
  return defined({
    order: a.order ?? b.order,
    changes: a.changes ?? b.changes,
    from: a.from ?? b.from,
    lacks: a.lacks ?? b.lacks,
  });
}

/** What of a node's own expressions, and of those before it in its scope, concerns it. */
function beforeOf(
  given: JobsToPlan,
  node: NodeIr,
  dependencies: ReadonlySet<string>,
  standings: ReadonlyMap<string, Standing>,
): Before {
  const read = ownExpressions(node).flatMap(({ expression }) => refsOf(expression));
  const other = read.find(
    ({ target, path }) =>
      target.kind === 'input' && !isDeepStrictEqual(valueAt(given.before, path), valueAt(given.now, path)),
  );
  const input = other === undefined ? {} : { changes: `the input ${JSON.stringify(other.path.join('.'))} has changed` };
  return [...dependencies].reduce<Before>((before, id) => {
    const { changes, from, lacks } = standings.get(id) ?? {};
    const isOrder = node.after.includes(id);
    // What only comes before it may be missing.
    const isRead = !isOrder || read.some(({ target }) => target.kind === 'node' && target.id === id);
    return merged(
      before,
      defined({ order: isOrder ? changes : undefined, changes, from, lacks: isRead ? lacks : undefined }),
    );
  }, input);
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  let inner = value;
  for (const step of path) {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, step)) return undefined;
    inner = (inner as { readonly [key: string | number]: unknown })[step];
  }
  return inner;
}

function decisionOf(given: JobsToPlan, node: JobIr, { before, maps }: Place, results: readonly JobResult[]): Decision {
  const { artifact, selection } = given;
  const job = node.id;
  const is = (action: JobAction, reason: string, as?: Reuse['as']): Decision => ({
    plan: { job, action, reason },
    ...(as === undefined ? {} : { as }),
  });
  if (before.lacks !== undefined) return is('blocked', `${before.lacks} before it has no result, and gets none`);
  const hasResult = results.length > 0;
  if (selection.skip?.includes(job) || (selection.only !== undefined && !selection.only.includes(job))) {
    if (hasResult) return { ...is('reuse', 'its result is kept, as asked for', 'checkpoint'), kept: true };
    if (maps.length > 0)
      return is('blocked', `it has no result, and is in the map ${maps.at(-1)}: it cannot be skipped`);
    return is('skip', 'as asked for', 'skip');
  }
  if (selection.only !== undefined || selection.from?.includes(job)) return is('run', 'as asked for');
  if (before.from !== undefined) return is('run', `comes after ${before.from}`);
  const open = openPaths(given, job, maps, results);
  if (!hasResult) return withoutResult(given, job, before, maps, is);
  const operation = artifact.pipeline.operations[node.operation];
  if (operation === undefined || !isLambda(operation)) return is('run', 'nothing of what it does can be reused');
  if (selection.failed !== true) {
    if ((node.reuse ?? operation.reuse) === 'never') return is('run', 'its result is never reused');
    const change = changeOf(artifact.fingerprints?.[job], results);
    if (change !== undefined) return is('run', change);
    if (before.order !== undefined) return is('run', `${before.order}, and it comes after that`);
    const all = artifact.fingerprints?.[job]?.all;
    const isCertain = results.every(({ fingerprint, unproven }) => fingerprint?.all === all && !unproven);
    const doubt = before.changes ?? (isCertain ? undefined : 'something before it has changed');
    if (doubt !== undefined) {
      if (results.some(({ input_hash }) => input_hash === undefined)) return is('run', doubt);
      return { plan: { job, action: 'run', reason: doubt, unless_same_input: true }, as: 'candidate' };
    }
  }
  const isKept = selection.failed === true ? { kept: true as const } : {};
  if (open === 0) return { ...is('reuse', 'its result is valid', 'checkpoint'), ...isKept };
  const { length } = results;
  const plan: JobPlan = { job, action: 'run', reason: `not all of its items have a result`, reused_iterations: length };
  return { plan, as: 'checkpoint', ...isKept };
}

/** How many of a job's iterations are known to have no result, or 1 when its maps have not come to their ends. */
function openPaths(given: JobsToPlan, job: string, maps: readonly string[], results: readonly JobResult[]): number {
  if (maps.length === 0) return results.length === 0 ? 1 : 0;
  const there = new Set(results.map((result) => result.job));
  const isDone = (path: string, status: JobStatus) => status === 'skipped' || there.has(path);
  const open = [...given.statuses].filter(([path, status]) => nodeOf(path) === job && !isDone(path, status)).length;
  const ofMaps = [...given.statuses].filter(([path]) => maps.includes(nodeOf(path)));
  const seen = new Set(ofMaps.map(([path]) => nodeOf(path)));
  const isOver =
    seen.size === maps.length && ofMaps.every(([, status]) => status === 'completed' || status === 'skipped');
  return isOver ? open : Math.max(1, open);
}

const unfinished: { readonly [status in JobStatus]?: string } = {
  failed: 'has failed',
  timeout: 'has timed out',
  cancelled: 'has not completed',
  running: 'has not completed',
  waiting: 'has not completed',
  retrying: 'has not completed',
  skipped: 'was skipped',
  completed: 'its result is not kept',
};
/** Of several iterations the one that failed says why. */
const gravest: readonly JobStatus[] = [
  'failed',
  'timeout',
  'running',
  'waiting',
  'retrying',
  'cancelled',
  'completed',
  'skipped',
];

function withoutResult(
  given: JobsToPlan,
  job: string,
  before: Before,
  maps: readonly string[],
  is: (action: JobAction, reason: string) => Decision,
): Decision {
  const beyond = maps.find((map) => given.beyond?.includes(map));
  if (beyond !== undefined) return is('run', `${beyond} has more results than are looked through`);
  const own = [...given.statuses].filter(([path]) => nodeOf(path) === job).map(([, status]) => status);
  const isOver = openPaths(given, job, maps, []) === 0;
  const isSkipped = own.length > 0 ? own.every((status) => status === 'skipped') : maps.length > 0 && isOver;
  // What decides about it is as it was.
  if (isSkipped && before.changes === undefined)
    return is('skip', own.length > 0 ? 'is skipped, as before' : 'its map has no items');
  if ([...(given.undone ?? [])].some((path) => nodeOf(path) === job)) return is('run', 'was undone');
  const worst = gravest.find((status) => own.includes(status));
  return is('run', (worst && unfinished[worst]) ?? 'was not reached');
}

/** What of a job itself is not as it was when its results were made. */
function changeOf(fingerprint: Fingerprint | undefined, results: readonly JobResult[]): string | undefined {
  if (fingerprint === undefined || results.some((result) => result.fingerprint === undefined))
    return 'what its result depends on is not known';
  return results.every((result) => result.fingerprint?.own === fingerprint.own) ? undefined : changed;
}
