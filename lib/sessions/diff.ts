/** What is different between two sessions: versions, inputs, outputs, and how their jobs went. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Json } from '../ir/expressions.ts';
import type { JobStatus } from './status.ts';
import type { JobView, SessionView } from './view.ts';

/** A place in a value, and what stands there on each side; left out where nothing does. */
export interface ValueChange {
  readonly path: string;
  readonly a?: Json;
  readonly b?: Json;
}

export interface JobSide {
  readonly status: JobStatus;
  readonly attempts: number;
  readonly duration_ms?: number;
}

export interface JobChange {
  readonly job: string;
  readonly a?: JobSide;
  readonly b?: JobSide;
  /** Both have completed, with other outputs. */
  readonly other_output?: true;
}

export interface DiffSide {
  readonly session: string;
  readonly pipeline: string;
  readonly version: string;
  readonly view: SessionView;
}

export interface SessionDiff {
  readonly facts: readonly ValueChange[];
  readonly input: readonly ValueChange[];
  readonly output: readonly ValueChange[];
  /** Every job, in the order of the pipelines; those of maps by their paths. */
  readonly jobs: readonly JobChange[];
}

/** Changes of one value at most; what comes after is left out. */
const maxChanges = 100;

export function diffSessions(a: DiffSide, b: DiffSide): SessionDiff {
  const factsOf = ({ pipeline, version, view }: DiffSide) => ({
    pipeline,
    version,
    status: view.status,
    ...(durationOf(view) === undefined ? {} : { duration_ms: durationOf(view) ?? 0 }),
  });
  return {
    facts: changesOf(factsOf(a), factsOf(b)),
    input: changesOf(a.view.input, b.view.input),
    output: changesOf(a.view.output, b.view.output),
    jobs: jobChanges(a.view.jobs, b.view.jobs),
  };
}

const durationOf = (of: { readonly startedAt?: number; readonly endedAt?: number }) =>
  of.startedAt === undefined || of.endedAt === undefined ? undefined : Math.max(0, of.endedAt - of.startedAt);

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Where two values differ, as deep as both are objects or lists. */
export function changesOf(a: Json | undefined, b: Json | undefined, path = ''): readonly ValueChange[] {
  if (isDeepStrictEqual(a, b)) return [];
  const at = (key: string) => (path === '' ? key : `${path}.${key}`);
  if (isObject(a) && isObject(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    const own = (of: { readonly [key: string]: Json }, key: string) => (Object.hasOwn(of, key) ? of[key] : undefined);
    return keys.flatMap((key) => changesOf(own(a, key), own(b, key), at(key))).slice(0, maxChanges);
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    const length = Math.max(a.length, b.length);
    const changes: ValueChange[] = [];
    for (let index = 0; index < length && changes.length < maxChanges; index += 1)
      changes.push(...changesOf(a[index] as Json | undefined, b[index] as Json | undefined, `${path}[${index}]`));
    return changes.slice(0, maxChanges);
  }
  return [{ path, ...(a === undefined ? {} : { a }), ...(b === undefined ? {} : { b }) }];
}

function jobChanges(a: readonly JobView[], b: readonly JobView[]): readonly JobChange[] {
  const [ofA, ofB] = [a, b].map((jobs) => new Map(jobs.map((job) => [job.job, job])));
  const paths = [...new Set([...a, ...b].map(({ job }) => job))];
  return paths.map((job): JobChange => {
    const [one, other] = [ofA?.get(job), ofB?.get(job)];
    const areBoth = one?.status === 'completed' && other?.status === 'completed';
    return {
      job,
      ...(one === undefined ? {} : { a: sideOf(one) }),
      ...(other === undefined ? {} : { b: sideOf(other) }),
      ...(areBoth && !isDeepStrictEqual(one.output, other.output) ? { other_output: true as const } : {}),
    };
  });
}

function sideOf(job: JobView): JobSide {
  const ms = durationOf(job);
  return { status: job.status, attempts: job.attempts.length, ...(ms === undefined ? {} : { duration_ms: ms }) };
}
