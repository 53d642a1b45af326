/**
 * Generated pipelines: a plan drawn from a seed, the pipeline that an author would write for it, and what must come of
 * it, worked out from the plan alone.
 */
import {
  gt,
  type Job,
  lambda,
  orElse,
  type Pipeline,
  pipeline,
  pluck,
  type RefBase,
  type Scope,
  sum,
} from '../../lib/index.ts';
import * as z from 'zod';
import { hashOf, type Random } from './random.ts';

/** A node of the graph. Values are numbers: a job's own, the sum of a map's, that of the side a branch takes. */
export type Plan =
  | (Common & {
      readonly kind: 'job';
      readonly of: readonly string[];
      readonly when?: Condition;
      readonly retries: number;
    })
  | (Common & {
      readonly kind: 'map';
      readonly over: string;
      readonly body: readonly Plan[];
      readonly concurrency: number;
    })
  | (Common & {
      readonly kind: 'branch';
      readonly on: Condition;
      readonly yes: readonly Plan[];
      readonly no: readonly Plan[];
    });
interface Common {
  readonly id: string;
  /** Nodes of the same scope that come before, for no other reason. */
  readonly after: readonly string[];
}
interface Condition {
  readonly of: string;
  readonly over: number;
}

export interface Program {
  readonly plans: readonly Plan[];
  /** The job that fails whenever it runs. */
  readonly doomed: string | undefined;
}

export const errorOfDoomed = 'Doom';
/** Of jobs that are tried again. Nothing takes that long but what is made to. */
const timeoutOfJobs = '10m';
export const timeoutMs = 600_000;

/** Draws a pipeline. */
export function drawProgram(random: Random): Program {
  let ids = 0;
  const jobs: string[] = [];
  const scope = (outer: readonly string[], depth: number, most: number): readonly Plan[] => {
    const plans: Plan[] = [];
    const own: string[] = [];
    const size = (depth === 0 ? 3 : 1) + random.below(most);
    for (let index = 0; index < size; index += 1) {
      const isLast = index === size - 1;
      const seen = [...outer, ...own];
      const pick = () => seen[random.below(seen.length)] ?? '';
      const some = (from: readonly string[], share: number) => from.filter(() => random.chance(share));
      const after = some(own, 0.15);
      const id = `n${ids++}`;
      const kind = seen.length === 0 || depth >= 2 || isLast ? 0 : random.below(8);
      const jobsSeen = plans.flatMap((plan) => (plan.kind === 'job' ? [plan.id] : []));
      if (kind === 7 && jobsSeen.length > 0) {
        const over = jobsSeen[random.below(jobsSeen.length)] ?? '';
        plans.push({ id, kind: 'map', after, over, body: scope(seen, depth + 1, 3), concurrency: 1 + random.below(3) });
      } else if (kind === 6) {
        const on = { of: pick(), over: random.below(60) };
        const [yes, no] = [scope(seen, depth + 1, 3), random.chance(0.5) ? scope(seen, depth + 1, 2) : []];
        plans.push({ id, kind: 'branch', after, on, yes, no });
      } else {
        jobs.push(id);
        const when =
          seen.length > 0 && !isLast && random.chance(0.15) ? { of: pick(), over: random.below(60) } : undefined;
        const of = some(seen, Math.min(0.4, 2 / Math.max(1, seen.length)));
        plans.push({ id, kind: 'job', after, of, retries: random.below(4), ...(when !== undefined && { when }) });
      }
      own.push(id);
    }
    return plans;
  };
  const plans = scope([], 0, 9);
  const doomed = random.chance(0.15) ? jobs[random.below(jobs.length)] : undefined;
  return { plans, doomed };
}

const work = lambda('work', {
  entry: './plan.ts',
  input: z.object({ of: z.array(z.int()), at: z.int() }),
  output: z.object({ n: z.int(), list: z.array(z.int()) }),
});
export const operation = work;

interface Known {
  readonly value: RefBase<number>;
  readonly list?: RefBase<readonly number[]>;
  readonly job: Job<unknown>;
}

/** The pipeline of a plan, as an author writes it. */
export function pipelineOf({ plans }: Program): Pipeline {
  return pipeline('simulated', { input: z.object({}), output: z.object({ n: z.int() }) }, (p) => {
    const known = new Map<string, Known>();
    const last = build(p, plans, known, 0);
    p.output({ n: last.value as RefBase<number> & { readonly __never?: never } });
  }) as unknown as Pipeline;
}

function build(
  q: Scope,
  plans: readonly Plan[],
  outer: ReadonlyMap<string, Known>,
  at: RefBase<number> | number,
): Known {
  const known = new Map(outer);
  const find = (id: string): Known => {
    const found = known.get(id);
    if (found === undefined) throw new Error(`the plan names ${id}, which is not known there`);
    return found;
  };
  const holds = ({ of, over }: Condition) => gt(find(of).value, over);
  let last: Known | undefined;
  for (const plan of plans) {
    const after = plan.after.map((id) => find(id).job);
    if (plan.kind === 'job') {
      const job = q.job(plan.id, work, { of: plan.of.map((id) => find(id).value), at } as never, {
        after,
        ...(plan.when === undefined ? {} : { when: holds(plan.when) }),
        ...(plan.retries === 0 ? {} : { retry: { max: plan.retries, delay: '1s' }, timeout: timeoutOfJobs }),
      });
      const value = plan.when === undefined ? job.out.n : orElse(job.out.n, 0);
      const list = plan.when === undefined ? job.out.list : orElse(job.out.list, []);
      last = { value, list, job } as unknown as Known;
    } else if (plan.kind === 'map') {
      const list = find(plan.over).list as never;
      const body = (item: RefBase<number>, inner: Scope) => build(inner, plan.body, known, item).job;
      const each = q.map(plan.id, list, body as never, { concurrency: plan.concurrency, after }) as Job<unknown>;
      const items = (each as unknown as { readonly out: never }).out;
      last = { value: sum(pluck(items, 'n' as never)) as RefBase<number>, job: each };
    } else {
      const side = (side: readonly Plan[]) => (inner: Scope) => build(inner, side, known, at).job as Job<{ n: number }>;
      const branch =
        plan.no.length === 0
          ? q.branch(plan.id, holds(plan.on), side(plan.yes), undefined, { after })
          : q.branch(plan.id, holds(plan.on), side(plan.yes), side(plan.no), { after });
      const { n } = (branch as unknown as { readonly out: { readonly n: RefBase<number> } }).out;
      last = { value: plan.no.length === 0 ? (orElse(n as never, 0 as never) as RefBase<number>) : n, job: branch };
    }
    known.set(plan.id, last);
  }
  if (last === undefined) throw new Error('a scope without nodes');
  return last;
}

/** What a job makes of its input: the same in the handler and in the oracle. */
export function workOf(
  path: string,
  of: readonly number[],
  at: number,
): { readonly n: number; readonly list: readonly number[] } {
  const n = (hashOf(path) + of.reduce((total, one) => total + one * 7, at * 13)) % 100;
  return { n, list: Array.from({ length: n % 4 }, (_, index) => n + index) };
}

/** What must come of a program when nothing fails but what is doomed. */
export interface Expected {
  /** Of each job that runs, by path: what it is given and gives. */
  readonly jobs: ReadonlyMap<string, { readonly of: readonly number[]; readonly n: number }>;
  /** Job → jobs that complete before it begins, for all jobs that may run. */
  readonly before: ReadonlyMap<string, readonly string[]>;
  /** The output, or `undefined` when the doomed job is among those that run. */
  readonly output: number | undefined;
}

interface Value {
  readonly n: number;
  readonly list: readonly number[];
  /** Jobs whose completion this stands for. */
  readonly by: readonly string[];
}

/** Works out what must come of a program. A doomed job gives nothing: what needs it is not in the answer. */
export function expectedOf({ plans, doomed }: Program): Expected {
  const jobs = new Map<string, { readonly of: readonly number[]; readonly n: number }>();
  const before = new Map<string, readonly string[]>();
  let fails = false;
  const scope = (
    all: readonly Plan[],
    outer: ReadonlyMap<string, Value>,
    entered: readonly string[],
    path: string,
    at: number,
  ): Value | undefined => {
    const known = new Map(outer);
    let last: Value | undefined;
    for (const plan of all) {
      const get = (id: string) => known.get(id);
      const waits = [...plan.after.map(get)];
      const condition = plan.kind === 'job' ? plan.when : plan.kind === 'branch' ? plan.on : undefined;
      const needed = plan.kind === 'job' ? plan.of : plan.kind === 'map' ? [plan.over] : [];
      waits.push(...needed.map(get), ...(condition === undefined ? [] : [get(condition.of)]));
      // What a doomed job stands before does not happen.
      if (waits.includes(undefined)) {
        last = undefined;
        continue;
      }
      const by = [...new Set([...entered, ...waits.flatMap((one) => one?.by ?? [])])];
      const holds = condition === undefined || (get(condition.of)?.n ?? 0) > condition.over;
      if (plan.kind === 'job') {
        last = job(plan, holds, by, known, path, at);
      } else if (plan.kind === 'map') {
        const items = get(plan.over)?.list ?? [];
        const ended = items.map((item, index) => scope(plan.body, known, by, `${path}${plan.id}[${index}]/`, item));
        last = ended.includes(undefined)
          ? undefined
          : {
              n: ended.reduce((total, one) => total + (one?.n ?? 0), 0),
              list: [],
              by: [...by, ...ended.flatMap((one) => one?.by ?? [])],
            };
      } else {
        const side = holds ? plan.yes : plan.no;
        last = side.length === 0 ? { n: 0, list: [], by } : scope(side, known, by, path, at);
      }
      if (last !== undefined) known.set(plan.id, last);
    }
    const everything = [...new Set(all.flatMap(({ id }) => known.get(id)?.by ?? []))];
    const complete = all.every(({ id }) => known.has(id));
    return complete && last !== undefined ? { ...last, by: everything } : undefined;
  };
  const job = (
    plan: Plan & { readonly kind: 'job' },
    holds: boolean,
    by: readonly string[],
    known: ReadonlyMap<string, Value>,
    path: string,
    at: number,
  ): Value | undefined => {
    if (!holds) return { n: 0, list: [], by };
    const own = `${path}${plan.id}`;
    const of = plan.of.map((id) => known.get(id)?.n ?? 0);
    const made = workOf(own, of, at);
    jobs.set(own, { of, n: made.n });
    before.set(own, by);
    if (plan.id === doomed) {
      fails = true;
      return undefined;
    }
    return { ...made, by: [...by, own] };
  };
  const end = scope(plans, new Map(), [], '', 0);
  return { jobs, before, output: fails ? undefined : end?.n };
}
