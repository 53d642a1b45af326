/**
 * The DSL: `pipeline(id, options, body)`. The body runs once and records a graph; nothing parses it. In: contracts,
 * refs and constants. Out: the pipeline as data (`ir`) and every mistake found (`diagnostics`).
 */
import type * as z from 'zod';
import type { Diagnostic, SourcePosition } from '../errors.ts';
import { checkPipeline } from '../ir/check.ts';
import type { Expression } from '../ir/expressions.ts';
import { freeze } from '../ir/freeze.ts';
import { irVersion, type NodeIr, type PipelineIr, type RequiredEnd, type RoundsIr, type ScopeIr } from '../ir/nodes.ts';
import { placedNodes } from '../ir/walk.ts';
import { type Approval, type ApprovalContract, approvalFields, noForm, type NoForm } from './approvals.ts';
import { callSite } from './call-site.ts';
import { recordCall } from './calls.ts';
import type { Duration } from './durations.ts';
import type { FiringOptions } from './firings.ts';
import { not } from './functions.ts';
import type { Operation, Retry } from './operations/kind.ts';
import { newRecording, type Recording, read, retryOf, schemaOf, secondsOf } from './recording.ts';
import { recordFirings } from './record-firings.ts';
import { recordOperation } from './record-operation.ts';
import { type In, makeRef, type Ref, type RefBase, targetRef } from './refs.ts';
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
type Side<O> = (q: Scope) => Job<O> | void;
type OutputOf<S> = S extends (q: Scope) => infer R ? (R extends Job<infer O> ? O : never) : never;

/** Order and condition of an approval. */
export type ApprovalOptions<F extends Schema> = ApprovalContract<F> & OrderOptions;

/** What jobs are written into: the pipeline itself, a side of a branch or switch, the body of a map or loop. */
export interface Scope {
  /**
   * Adds a job: one operation with its input.
   * @example const load = p.job('load', loadRows, { key: extract.out.key }, { retry: { max: 3 } });
   */
  job<I extends Schema, O extends Schema>(
    id: string,
    operation: Operation<I, O>,
    input: { [K in keyof z.input<NoInfer<I>>]: In<z.input<NoInfer<I>>[K]> },
    options?: JobOptions,
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

/**
 * Records a pipeline.
 *
 * @example
 * export default pipeline('daily', { input: z.object({ date: z.iso.date() }) }, (p, input) => {
 *   const e = p.job('extract', extract, { date: input.date });
 *   p.job('load', load, { key: e.out.key });
 * });
 */
export function pipeline<I extends Schema, O extends Schema>(
  id: string,
  options: PipelineOptions<I, O>,
  body: (p: PipelineScope<O>, input: Ref<z.output<I>>) => void,
): Pipeline<I, O> {
  const recording = newRecording(callSite());
  const { report } = recording;
  const at = [id];
  const input = schemaOf(recording, options.input, 'input', [...at, 'input'], recording.source);
  const outputSchema =
    options.output && schemaOf(recording, options.output, 'input', [...at, 'output'], recording.source);
  const timeoutSeconds =
    options.timeout === undefined
      ? undefined
      : secondsOf(recording, options.timeout, [...at, 'timeout'], recording.source);
  const firings = recordFirings(recording, at, options);

  const outputs: { readonly value: Expression; readonly source: SourcePosition }[] = [];
  const { nodes, scope } = recordScope(recording, at);
  const handlers: Handler[] = [];
  const handled = (on: Handler['on'], handler: Handler['body']): void => {
    const source = callSite();
    const name = on === 'failure' ? 'onFailure' : 'finally';
    if (handlers.some((other) => other.on === on))
      report('BS1102', `p.${name} was called twice`, [...at, name], source, 'put the jobs of both into one');
    handlers.push({ on, source, body: handler });
  };
  const top: PipelineScope<O> = {
    ...scope,
    output(value) {
      const source = callSite();
      if (outputs.length > 0) {
        report('BS1102', 'p.output was called twice', [...at, 'output'], source, 'give all fields in one call');
      }
      outputs.push({ value: read(recording, value, [...at, 'output'], source), source });
    },
    onFailure: (handler) => handled('failure', (q, { failure }) => handler(q, failure)),
    finally: (handler) => handled('end', handler),
  };
  body(top, targetRef({ kind: 'input' }, recording.owner));
  const { scope: recorded, output: value } = guarded(recording, at, { nodes }, handlers, outputs[0]?.value);

  const [output] = outputs;
  if (output && !outputSchema) {
    report(
      'BS1105',
      'p.output was called, but the pipeline declares no output schema',
      [...at, 'output'],
      output.source,
      'add `output: z.object({ … })` to the options of the pipeline',
    );
  }
  if (!output && outputSchema) {
    report(
      'BS1105',
      'the pipeline declares an output schema, but p.output was never called',
      [...at, 'output'],
      recording.source,
      'call p.output({ … }) at the end of the body',
    );
  }
  const ir: PipelineIr = freeze({
    irVersion,
    id,
    ...(options.description === undefined ? {} : { description: options.description }),
    source: recording.source,
    input,
    ...(output && outputSchema ? { output: { schema: outputSchema, value: value ?? output.value } } : {}),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(options.mode === undefined ? {} : { mode: options.mode }),
    ...(options.durations === undefined ? {} : { durations: options.durations }),
    ...firings,
    operations: Object.fromEntries([...recording.operations].map(([key, { ir: operation }]) => [key, operation])),
    body: recorded,
  });
  const diagnostics = freeze([...recording.diagnostics, ...checkPipeline(ir)]);
  const operations = Object.fromEntries([...recording.operations].map(([key, { operation }]) => [key, operation]));
  return {
    ...{ kind: 'bunsui.pipeline', id, ir, diagnostics, input: options.input, output: options.output, operations },
    forms: Object.fromEntries(recording.forms),
    calls: Object.fromEntries([...recording.called].map((key) => [key, recording.calls.get(key) as Pipeline])),
  };
}

function recordScope(
  recording: Recording,
  at: readonly (string | number)[],
): { readonly nodes: NodeIr[]; readonly scope: Scope } {
  const nodes: NodeIr[] = [];
  const side = (
    path: readonly (string | number)[],
    // biome-ignore lint/suspicious/noConfusingVoidType: a side may return its job or nothing
    body: (q: Scope) => Job<unknown> | void,
  ): ScopeIr => {
    const inner = recordScope(recording, path);
    const job = body(inner.scope);
    if (!job) return { nodes: inner.nodes };
    return { nodes: inner.nodes, result: { kind: 'ref', target: { kind: 'node', id: job.id }, path: [] } };
  };
  const order = (options: OrderOptions, path: readonly (string | number)[], source: SourcePosition) => ({
    ...orderOf(options.after),
    ...(options.when === undefined ? {} : { when: read(recording, options.when, [...path, 'when'], source) }),
    ...(options.isolate === undefined ? {} : { isolate: options.isolate }),
  });
  const addJob = (
    id: string,
    operation: string,
    input: unknown,
    options: JobOptions,
    path: readonly (string | number)[],
    source: SourcePosition,
  ): void => {
    const { retry, timeout, tolerate } = options;
    nodes.push({
      kind: 'job',
      id,
      source,
      operation,
      input: read(recording, input, [...path, 'input'], source),
      ...order(options, path, source),
      ...(retry === undefined ? {} : { retry: retryOf(recording, retry, [...path, 'retry'], source) }),
      ...(timeout === undefined ? {} : { timeoutSeconds: secondsOf(recording, timeout, [...path, 'timeout'], source) }),
      ...(tolerate === undefined ? {} : { tolerate: tolerate === true ? ['States.ALL'] : tolerate }),
      ...(options.reuse === undefined ? {} : { reuse: options.reuse }),
    });
  };
  const scope: Scope = {
    job(id, operation, input, options = {}) {
      const source = callSite();
      const path = [...at, id];
      recordOperation(recording, operation, path, source);
      addJob(id, operation.id, input, options, path, source);
      return handle(recording, id);
    },
    call(id, child, { input, wait, ...options }) {
      const source = callSite();
      const path = [...at, id];
      const operation = recordCall(recording, String(at[0]), child, wait !== false, path, source);
      if (operation !== undefined) {
        recordOperation(recording, operation, path, source);
        addJob(id, operation.id, input, options, path, source);
      }
      return handle(recording, id);
    },
    branch(id, condition, yes, no, options = {}) {
      const source = callSite();
      const path = [...at, id];
      nodes.push({
        kind: 'branch',
        id,
        source,
        ...order(options, path, source),
        condition: read(recording, condition, [...path, 'condition'], source),
        yes: side([...path, 'yes'], yes),
        ...(no === undefined ? {} : { no: side([...path, 'no'], no) }),
      });
      return handle(recording, id);
    },
    switch(id, value, cases, otherwise, options = {}) {
      const source = callSite();
      const path = [...at, id];
      const written = Object.entries(cases).flatMap(([is, one]) => (one === undefined ? [] : [[is, one] as const]));
      nodes.push({
        kind: 'switch',
        id,
        source,
        ...order(options, path, source),
        value: read(recording, value, [...path, 'value'], source),
        cases: written.map(([is, one]) => ({ is, scope: side([...path, is], one as Side<unknown>) })),
        ...(otherwise === undefined ? {} : { otherwise: side([...path, 'otherwise'], otherwise) }),
      });
      return handle(recording, id);
    },
    map(id, items, body, options = {}) {
      const source = callSite();
      const path = [...at, id];
      const item = targetRef({ kind: 'item', map: id }, recording.owner);
      const index = targetRef({ kind: 'index', map: id }, recording.owner);
      nodes.push({
        kind: 'map',
        id,
        source,
        ...order(options, path, source),
        items: read(recording, items, [...path, 'items'], source),
        body: side(path, (q) => body(item, q, index)),
        concurrency: options.concurrency ?? 0,
      });
      return handle(recording, id);
    },
    loop(id: string, options: LoopOptions<Schema> & AnyRounds, body: LoopBody) {
      const source = callSite();
      const path = [...at, id];
      const refTo = (kind: 'state' | 'item' | 'index') => targetRef({ kind, map: id }, recording.owner);
      const inner = recordScope(recording, path);
      const next = body(refTo('state'), inner.scope, { item: refTo('item'), index: refTo('index') });
      nodes.push({
        kind: 'loop',
        id,
        source,
        ...order(options, path, source),
        state: schemaOf(recording, options.state, 'output', [...path, 'state'], source),
        start: read(recording, options.start, [...path, 'start'], source),
        rounds: roundsOf(recording, options, refTo('state'), path, source),
        max: options.max,
        body: {
          nodes: inner.nodes,
          ...(next === undefined ? {} : { result: read(recording, next, [...path, 'next'], source) }),
        },
      });
      return handle(recording, id);
    },
    wait(id, options) {
      const source = callSite();
      const path = [...at, id];
      nodes.push({
        kind: 'wait',
        id,
        source,
        ...order(options, path, source),
        lasts:
          'for' in options
            ? { kind: 'for', seconds: secondsRead(recording, options.for, [...path, 'for'], source) }
            : { kind: 'until', time: read(recording, options.until, [...path, 'until'], source) },
      });
      return handle(recording, id);
    },
    approve(id, options) {
      const source = callSite();
      const path = [...at, id];
      recording.forms.set(id, options.form ?? noForm);
      nodes.push({
        ...{ kind: 'approval', id, source, ...order(options, path, source) },
        ...approvalFields(recording, options as ApprovalContract<Schema>, path, source),
      });
      return handle(recording, id);
    },
  };
  return { nodes, scope };
}

/** What runs when the pipeline has failed, or has ended. */
interface Handler {
  readonly on: 'failure' | 'end';
  readonly source: SourcePosition;
  readonly body: (q: Scope, run: Ended) => void;
}

/** The scope with its handlers around it: each in a node of its own, whose name nobody has taken. */
function guarded(
  recording: Recording,
  at: readonly (string | number)[],
  scope: ScopeIr,
  handlers: readonly Handler[],
  output: Expression | undefined,
): { readonly scope: ScopeIr; readonly output: Expression | undefined } {
  const ordered = (['failure', 'end'] as const).flatMap((on) => handlers.find((one) => one.on === on) ?? []);
  return ordered.reduce<ReturnType<typeof guarded>>(
    (inside, { on, source, body }) => {
      const taken = new Set(placedNodes(inside.scope).map(({ node }) => node.id));
      const names = ['run', ...Array.from(taken, (_, index) => `run-${index + 2}`)];
      const id = names.find((name) => !taken.has(name)) ?? 'run';
      const { failed, failure } = handle(recording, id);
      const ok = not(failed) as Ref<never>;
      const handler = recordScope(recording, [...at, on]);
      body(handler.scope, { ok, failed, failure });
      const result = inside.output;
      const guard: NodeIr = {
        kind: 'guard',
        id,
        source,
        after: [],
        body: { ...inside.scope, ...(result && { result }) },
        handler: { on, scope: { nodes: handler.nodes } },
      };
      return {
        scope: { nodes: [guard] },
        output: result && { kind: 'ref', target: { kind: 'node', id }, path: [] },
      };
    },
    { scope, output },
  );
}

type AnyRounds = { readonly max: number } & Partial<
  Record<'while' | 'until', (state: Ref<never>) => RefBase<boolean>> & Record<'over' | 'from' | 'to', unknown>
>;
type LoopBody = (state: Ref<never>, q: Scope, round: Round<never>) => unknown;

function roundsOf(
  recording: Recording,
  options: AnyRounds,
  state: Ref<never>,
  path: readonly (string | number)[],
  source: SourcePosition,
): RoundsIr {
  const given = (place: 'over' | 'from' | 'to') => read(recording, options[place], [...path, place], source);
  const condition = (place: 'while' | 'until') => {
    const told = options[place]?.(state);
    return { kind: place, condition: read(recording, told, [...path, place], source) };
  };
  if (options.while) return condition('while');
  if (options.until) return condition('until');
  if (options.over === undefined) return { kind: 'range', from: given('from'), to: given('to') };
  return { kind: 'list', items: given('over') };
}

/** Seconds as an expression: a ref, or a duration. */
function secondsRead(
  recording: Recording,
  value: Duration | RefBase<number>,
  path: readonly (string | number)[],
  source: SourcePosition,
): Expression {
  if (typeof value === 'object') return read(recording, value, path, source);
  return { kind: 'literal', value: secondsOf(recording, value, path, source) };
}

function handle(recording: Recording, id: string): Job<never> {
  const refOf = (kind: 'node' | 'failure') => targetRef({ kind, id }, recording.owner);
  const isThere = (kind: 'node' | 'failure'): Ref<never> => {
    const target: Expression = { kind: 'ref', target: { kind, id }, path: [] };
    return makeRef({ expression: { kind: 'call', name: 'ok', arguments: [target] }, owners: [recording.owner] });
  };
  return { id, out: refOf('node'), ok: isThere('node'), failed: isThere('failure'), failure: refOf('failure') };
}

/** What is waited for, and how it must have ended. */
function orderOf(given: OrderOptions['after']): Pick<NodeIr, 'after' | 'requires'> {
  const list: readonly After[] = given === undefined ? [] : isList(given) ? given : [given];
  const ends = list.map((one) => (typeof one === 'object' && 'job' in one ? one : { job: one, on: 'done' as const }));
  const after = ends.map(({ job }) => (typeof job === 'string' ? job : job.id));
  const required = ends.flatMap(({ on }, index) => (on === 'done' ? [] : [[after[index] ?? '', on] as const]));
  return { after, ...(required.length === 0 ? {} : { requires: Object.fromEntries(required) }) };
}

const isList = (given: After | readonly After[]): given is readonly After[] => Array.isArray(given);
