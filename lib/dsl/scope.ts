/**
 * What authors write a pipeline with, as types: the scope of its body, what is given to each structure, what comes out.
 * `pipeline.ts` records it.
 */
import type * as z from 'zod';
import type { Diagnostic } from '../errors.ts';
import type { PipelineIr, RequiredEnd } from '../ir/nodes.ts';
import type { Approval, ApprovalContract, NoForm } from './approvals.ts';
import type { Undoes } from './compensation.ts';
import type { Duration } from './durations.ts';
import type { FiringOptions } from './firings.ts';
import type { Batch, MapS3Policy, ObjectsSource, RecordsSource, S3Object, Totals } from './map-s3.ts';
import type { Operation, Retry } from './operations/kind.ts';
import type { In, Ref, RefBase } from './refs.ts';
import type { Schema } from './schemas.ts';

/** A job, branch, switch, map, loop, wait or approval: what comes out of it, and how it ended. */
export interface Job<O> {
  readonly id: string;
  /** The output, field by field. Whoever needs it is skipped where it is not there; `orElse` says what to take then. */
  readonly out: Ref<O>;
  /** True when it ran and has not failed. */
  readonly ok: Ref<boolean>;
  /** True when it has failed and the pipeline has gone on. Of a job that tolerates failures. */
  readonly failed: Ref<boolean>;
  /** What it has failed with. There only when it has. */
  readonly failure: Ref<Failure>;
}

/** An error as Step Functions names it; `cause` is text, of a handler's error JSON with `errorType` and `errorMessage`. */
export interface Failure {
  readonly name: string;
  readonly cause: string;
}

/** What must have ended first; `on` how: it ran and has not failed, or it has failed. @default on "done": in any way */
export type After = Job<unknown> | string | { readonly job: Job<unknown> | string; readonly on: 'done' | RequiredEnd };

/** Order and condition of a node. */
export interface OrderOptions {
  /** What must have ended first, beyond what is read: jobs of the same scope, or their ids. */
  readonly after?: After | readonly After[];
  /** Run only if this is true; otherwise it is skipped, and with it what needs its output. */
  readonly when?: RefBase<boolean>;
  /**
   * Gives it a state machine of its own, with a history of its own: 25,000 events that no other job uses up. It shows as a
   * part of the pipeline as before. For jobs, maps, loops and branches of the pipeline itself, not inside of one.
   * @default where the pipeline is too large for one machine
   */
  readonly isolate?: true;
}

/** Policy and order of a job. */
export interface JobOptions extends OrderOptions {
  /** @default the operation's */
  readonly retry?: Retry;
  /** `"never"`: a rerun runs it again although nothing has changed. @default the operation's */
  readonly reuse?: 'never';
  /** One attempt, as Step Functions counts it. @default the operation's timeout */
  readonly timeout?: Duration;
  /**
   * Go on when it fails, with its output absent: after any error, or after those of these names. What retries cannot
   * mend is tolerated after the last one. @default a failure ends the pipeline
   */
  readonly tolerate?: true | readonly string[];
}

/** Policy and order of a job that has an operation of its own, and what undoes it. */
export interface CompensatedOptions<I extends Schema, O extends Schema, U extends Schema> extends JobOptions {
  /**
   * Undoes what the job has done: it runs when the pipeline fails and the job had completed, after the compensations of
   * all that came after the job. It is given `{ input, output }` of the job. Both have functions (`lambda`).
   * @default what it has done stays
   */
  readonly compensate?: Undoes<I, O, U>;
}

/** What a call is given: the child's input, and policy and order as any job has them. A try that has failed is followed by a new session. */
export interface CallOptions<I extends Schema, W extends boolean = true> extends JobOptions {
  readonly input: { [K in keyof z.input<NoInfer<I>>]: In<z.input<NoInfer<I>>[K]> };
  /** `false`: go on at once. @default true */
  readonly wait?: W;
}

/** What a call gives that does not wait: which session it has begun. */
export interface Started {
  readonly session: string;
}

// biome-ignore lint/suspicious/noConfusingVoidType: a side may return its job or nothing
export type Side<O> = (q: Scope) => Job<O> | void;
export type OutputOf<S> = S extends (q: Scope) => infer R ? (R extends Job<infer O> ? O : never) : never;

/** What is done with a record, or a batch of them; `index` counts records from 0, and is that of the first of a batch. */
// biome-ignore lint/suspicious/noConfusingVoidType: a body may return its job or nothing
export type MapS3Body<E> = (given: Ref<E>, q: Scope, index: Ref<number>) => Job<unknown> | void;

/** Order and condition of an approval. */
export type ApprovalOptions<F extends Schema> = ApprovalContract<F> & OrderOptions;

/** What jobs are written into: the pipeline itself, a side of a branch or switch, the body of a map or loop. */
export interface Scope {
  /**
   * Adds a job: one operation with its input.
   * @example const load = p.job('load', loadRows, { key: extract.out.key }, { retry: { max: 3 } });
   */
  job<I extends Schema, O extends Schema, U extends Schema = Schema>(
    id: string,
    operation: Operation<I, O>,
    input: { [K in keyof z.input<NoInfer<I>>]: In<z.input<NoInfer<I>>[K]> },
    options?: CompensatedOptions<NoInfer<I>, NoInfer<O>, U>,
  ): Job<z.output<O>>;

  /**
   * Calls another pipeline, and waits for its end unless that is not wanted. It is a session of its own; its output is the
   * output here, or without waiting which session it is. Its failure fails the job, with `States.TaskFailed`.
   * @example const day = p.call('import', importDay, { input: { date: input.date } });
   */
  call<I extends Schema, O extends Schema, W extends boolean = true>(
    id: string,
    child: Pipeline<I, O>,
    options: CallOptions<I, W>,
  ): Job<W extends false ? Started : z.output<O>>;

  /**
   * Runs one of two sides, by a condition known only at run time. (`if (ref)` cannot work: a ref is always truthy.)
   * The side's returned job is the output of the branch.
   * @example p.branch('any rejects', gt(check.out.rejected, 0), (q) => q.job('quarantine', move, { key: check.out.key }));
   */
  branch<A = undefined, B = never>(
    id: string,
    condition: RefBase<boolean>,
    yes: Side<A>,
    no?: Side<B>,
    options?: OrderOptions,
  ): Job<A | B>;

  /**
   * Runs the case of a text known only at run time; `otherwise` when there is none for it. The case's returned job is
   * the output of the switch.
   * @example p.switch('by kind', list.out.kind, { csv: (q) => q.job('csv', readCsv, {}) }, (q) => q.job('other', skip, {}));
   */
  switch<
    V extends string,
    C extends { readonly [K in V]?: Side<unknown> } & { readonly [K in Exclude<keyof C & string, V>]: never },
    B = never,
  >(
    id: string,
    value: RefBase<V>,
    cases: C,
    otherwise?: Side<B>,
    options?: OrderOptions,
  ): Job<OutputOf<C[keyof C]> | B>;

  /**
   * Runs a body for each item of a list. The output is the list of the bodies' returned jobs' outputs, in the list's order.
   * @example p.map('convert', list.out.files, (file, q) => q.job('one', convertOne, { key: file.key }), { concurrency: 10 });
   */
  map<E, O = undefined>(
    id: string,
    items: RefBase<readonly E[]> | readonly E[],
    // biome-ignore lint/suspicious/noConfusingVoidType: a body may return its job or nothing
    body: (item: Ref<E>, q: Scope, index: Ref<number>) => Job<O> | void,
    options?: OrderOptions & {
      /** Items at once. @default all */
      readonly concurrency?: number;
    },
  ): Job<readonly O[]>;

  /**
   * Runs a body for each record of objects in S3, however many there are: for each object of a listing, each row of CSV,
   * each item of JSON, each line of JSON Lines, each entry of an inventory's manifest; with `batch` for lists of them. Each
   * runs in an execution of its own. The output says how many there were and where the results of the bodies lie.
   * @example
   * const done = p.mapS3('orders', { format: 'jsonl', key: input.key, item: z.object({ id: z.string() }) },
   *   (orders, q) => q.job('load', loadOrders, { orders }), { batch: { items: 500 }, tolerate: { share: 0.01 } });
   * p.job('tell', tell, { text: tpl`${done.out.failed} of ${done.out.total} failed` });
   */
  mapS3(
    id: string,
    source: ObjectsSource,
    body: MapS3Body<S3Object>,
    options?: OrderOptions & MapS3Policy & { readonly batch?: never },
  ): Job<Totals>;
  mapS3(
    id: string,
    source: ObjectsSource,
    body: MapS3Body<readonly S3Object[]>,
    options: OrderOptions & MapS3Policy & { readonly batch: Batch },
  ): Job<Totals>;
  mapS3<S extends Schema>(
    id: string,
    source: RecordsSource<S>,
    body: MapS3Body<z.output<S>>,
    options?: OrderOptions & MapS3Policy & { readonly batch?: never },
  ): Job<Totals>;
  mapS3<S extends Schema>(
    id: string,
    source: RecordsSource<S>,
    body: MapS3Body<readonly z.output<S>[]>,
    options: OrderOptions & MapS3Policy & { readonly batch: Batch },
  ): Job<Totals>;

  /**
   * Waits until a person has answered. Who answered what, when and by which way is the output.
   * @example
   * const signoff = p.approve('signoff', { message: tpl`Ship ${t.out.model}?`, form: z.object({ stage: z.enum(['canary', 'prod']) }) });
   * p.job('deploy', deploy, { model: t.out.model, stage: signoff.out.answer.stage });
   */
  approve<F extends Schema = NoForm>(id: string, options: ApprovalOptions<F>): Job<Approval<z.output<F>>>;

  /**
   * Runs a body again and again, one round after the other: for each item of a list, for each number of a range, while a
   * condition holds or until it does. What the body returns is the state of the next round; the output is the last state.
   * A loop that needs more than `max` rounds fails with `Bunsui.LoopBound`.
   * @example p.loop('pages', { state: z.object({ next: z.string() }), start: { next: '' }, until: (s) => eq(s.next, 'end'), max: 50 },
   *   (s, q) => ({ next: q.job('page', readPage, { from: s.next }).out.next }));
   */
  loop<S extends Schema, E>(
    id: string,
    options: LoopOptions<S> & { readonly over: RefBase<readonly E[]> | readonly E[]; readonly max: number },
    body: (state: Ref<z.output<S>>, q: Scope, round: Round<E>) => In<z.output<NoInfer<S>>>,
  ): Job<z.output<S>>;
  loop<S extends Schema>(
    id: string,
    options: LoopOptions<S> & Rounds<NoInfer<S>>,
    body: (state: Ref<z.output<S>>, q: Scope, round: Round<number>) => In<z.output<NoInfer<S>>>,
  ): Job<z.output<S>>;

  /**
   * Lets time pass: so long, or until a time (ISO 8601 with an offset; one that is past does not wait).
   * @example p.wait('settle', { for: '10m', after: load });
   */
  wait(
    id: string,
    lasts: ({ readonly for: Duration | RefBase<number> } | { readonly until: string | RefBase<string> }) & OrderOptions,
  ): Job<Record<never, never>>;
}

/** The round of a loop: of a list its item, of a range its number; and how many went before it. */
export interface Round<E> {
  readonly item: Ref<E>;
  readonly index: Ref<number>;
}

/** What a loop is given besides its body. */
export interface LoopOptions<S extends Schema> extends OrderOptions {
  /** What is carried from round to round. */
  readonly state: S;
  /** The state of the first round. */
  readonly start: In<z.output<NoInfer<S>>>;
}

/** When a loop goes on. `while` is looked at before each round, `until` after it. */
export type Rounds<S extends Schema> =
  | { readonly while: (state: Ref<z.output<S>>) => RefBase<boolean>; readonly max: number }
  | { readonly until: (state: Ref<z.output<S>>) => RefBase<boolean>; readonly max: number }
  /** A round for each whole number, both ends included. */
  | { readonly from: In<number>; readonly to: In<number>; readonly max: number };

/** The outermost scope: it also says what the pipeline gives back. */
export interface PipelineScope<O extends Schema> extends Scope {
  /** What the pipeline gives back. Called at most once. */
  output(value: In<z.input<NoInfer<O>>>): void;

  /**
   * What runs when a job of the pipeline has failed and nobody has tolerated it; then the pipeline fails, with the same
   * error. It reads the input and the failure. Called at most once.
   * @example p.onFailure((q, failure) => q.job('tell', tell, { text: failure.name }));
   */
  onFailure(body: (q: Scope, failure: Ref<Failure>) => void): void;

  /**
   * What runs at the end, whether the pipeline has failed or not, and after `onFailure`. Called at most once.
   * @example p.finally((q, run) => q.job('close', close, { ok: run.ok }));
   */
  finally(body: (q: Scope, run: Ended) => void): void;
}

/** How a pipeline has ended. */
export type Ended = Pick<Job<never>, 'ok' | 'failed' | 'failure'>;

/** What `pipeline` is given besides its body. */
export interface PipelineOptions<I extends Schema, O extends Schema> extends FiringOptions<z.input<NoInfer<I>>> {
  readonly description?: string;
  /** What a caller gives: an object. Defaults in the schema are filled in. */
  readonly input: I;
  /** What the pipeline gives back (`p.output`). */
  readonly output?: O;
  /** Whole run. @default none */
  readonly timeout?: Duration;
  /**
   * How orders are kept that sequences and parallels, nested, cannot express. `exact`: at gates, so that every job starts
   * when its own inputs are there. `barrier`: by making some jobs wait for more than that, which costs fewer transitions.
   * `auto`: by barriers where the whole takes at most 5 % longer by the recorded `durations`, at gates elsewhere.
   * @default "exact"
   */
  readonly mode?: 'exact' | 'barrier' | 'auto';
  /**
   * Seconds that jobs took, by id, as `bunsui durations` prints them. They say what barriers cost, and choose them.
   * @default none
   */
  readonly durations?: { readonly [job: string]: number };
}

/** A recorded pipeline: what `export default pipeline(…)` exports. */
export interface Pipeline<I extends Schema = Schema, O extends Schema = Schema> {
  readonly kind: 'bunsui.pipeline';
  readonly id: string;
  readonly ir: PipelineIr;
  /** Every mistake found, with its place. The pipeline can be compiled when none is an error. */
  readonly diagnostics: readonly Diagnostic[];
  readonly input: I;
  readonly output: O | undefined;
  /** The contracts of its operations, by id. */
  readonly operations: { readonly [id: string]: Operation<Schema, Schema> };
  /** The forms of its approvals, by their ids. */
  readonly forms: { readonly [approval: string]: Schema };
  /** The pipelines that it calls itself, by their ids. They are deployed with it. */
  readonly calls: { readonly [pipeline: string]: Pipeline };
}
