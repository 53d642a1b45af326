/**
 * The DSL: `pipeline(id, options, body)`. The body runs once and records a graph; nothing parses it. In: contracts,
 * refs and constants. Out: the pipeline as data (`ir`) and every mistake found (`diagnostics`).
 */
import type * as z from 'zod';
import type { Diagnostic, SourcePosition } from '../errors.ts';
import { checkPipeline } from '../ir/check.ts';
import type { Expression } from '../ir/expressions.ts';
import { freeze } from '../ir/freeze.ts';
import { irVersion, type NodeIr, type PipelineIr, type ScopeIr } from '../ir/nodes.ts';
import { type Approval, type ApprovalContract, approvalFields, noForm, type NoForm } from './approvals.ts';
import { callSite } from './call-site.ts';
import type { Duration } from './durations.ts';
import type { FiringOptions } from './firings.ts';
import type { Operation, Retry } from './operations/kind.ts';
import { newRecording, type Recording, read, retryOf, schemaOf, secondsOf } from './recording.ts';
import { recordFirings } from './record-firings.ts';
import { recordOperation } from './record-operation.ts';
import { type In, makeRef, type Ref, type RefBase, targetRef } from './refs.ts';
import type { Schema } from './schemas.ts';

/** A job, branch, map or approval: what comes out of it, and whether it ran. */
export interface Job<O> {
  readonly id: string;
  /** The output, field by field. */
  readonly out: Ref<O>;
  /** True when it ran, false when it was skipped. */
  readonly ok: Ref<boolean>;
}

/** Policy and order of a job. */
export interface JobOptions {
  /** What must have ended first, beyond what the input says: jobs, or ids of jobs of the same scope. */
  readonly after?: readonly (Job<unknown> | string)[];
  /** Run only if this is true; otherwise the job is skipped. */
  readonly when?: RefBase<boolean>;
  /** @default the operation's */
  readonly retry?: Retry;
  /** `"never"`: a rerun runs it again although nothing has changed. @default the operation's */
  readonly reuse?: 'never';
  /** One attempt, as Step Functions counts it. @default the operation's timeout */
  readonly timeout?: Duration;
}

/** Order of a branch or map. */
export interface OrderOptions {
  /** What must have ended first, beyond what the condition, list and bodies say. */
  readonly after?: readonly (Job<unknown> | string)[];
}

/** Order and condition of an approval. */
export type ApprovalOptions<F extends Schema> = ApprovalContract<F> & Pick<JobOptions, 'after' | 'when'>;

/** What jobs are written into: the pipeline itself, a side of a branch, the body of a map. */
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
   * Runs one of two sides, by a condition known only at run time. (`if (ref)` cannot work: a ref is always truthy.)
   * The side's returned job is the output of the branch.
   * @example p.branch('any rejects', gt(check.out.rejected, 0), (q) => q.job('quarantine', move, { key: check.out.key }));
   */
  branch<A = undefined, B = undefined>(
    id: string,
    condition: RefBase<boolean>,
    // biome-ignore lint/suspicious/noConfusingVoidType: a side may return its job or nothing
    yes: (q: Scope) => Job<A> | void,
    // biome-ignore lint/suspicious/noConfusingVoidType: a side may return its job or nothing
    no?: (q: Scope) => Job<B> | void,
    options?: OrderOptions,
  ): Job<A | B>;

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
}

/** The outermost scope: it also says what the pipeline gives back. */
export interface PipelineScope<O extends Schema> extends Scope {
  /** What the pipeline gives back. Called at most once. */
  output(value: In<z.input<NoInfer<O>>>): void;
}

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
  const top: PipelineScope<O> = {
    ...scope,
    output(value) {
      const source = callSite();
      if (outputs.length > 0) {
        report('BS1102', 'p.output was called twice', [...at, 'output'], source, 'give all fields in one call');
      }
      outputs.push({ value: read(recording, value, [...at, 'output'], source), source });
    },
  };
  body(top, targetRef({ kind: 'input' }, recording.owner));

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
    ...(output && outputSchema ? { output: { schema: outputSchema, value: output.value } } : {}),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(options.mode === undefined ? {} : { mode: options.mode }),
    ...(options.durations === undefined ? {} : { durations: options.durations }),
    ...firings,
    operations: Object.fromEntries([...recording.operations].map(([key, { ir: operation }]) => [key, operation])),
    body: { nodes },
  });
  const diagnostics = freeze([...recording.diagnostics, ...checkPipeline(ir)]);
  const operations = Object.fromEntries([...recording.operations].map(([key, { operation }]) => [key, operation]));
  return {
    ...{ kind: 'bunsui.pipeline', id, ir, diagnostics, input: options.input, output: options.output, operations },
    forms: Object.fromEntries(recording.forms),
  };
}

function recordScope(
  recording: Recording,
  at: readonly (string | number)[],
): { readonly nodes: NodeIr[]; readonly scope: Scope } {
  const nodes: NodeIr[] = [];
  const handle = (id: string): Job<never> => {
    const target = { kind: 'node', id } as const;
    const out = targetRef(target, recording.owner);
    return { id, out, ok: ok(recording, id) };
  };
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
  const scope: Scope = {
    job(id, operation, input, options = {}) {
      const source = callSite();
      const path = [...at, id];
      recordOperation(recording, operation, path, source);
      nodes.push({
        kind: 'job',
        id,
        source,
        operation: operation.id,
        input: read(recording, input, [...path, 'input'], source),
        after: idsOf(options.after),
        ...(options.when === undefined ? {} : { when: read(recording, options.when, [...path, 'when'], source) }),
        ...(options.retry === undefined
          ? {}
          : { retry: retryOf(recording, options.retry, [...path, 'retry'], source) }),
        ...(options.reuse === undefined ? {} : { reuse: options.reuse }),
        ...(options.timeout === undefined
          ? {}
          : { timeoutSeconds: secondsOf(recording, options.timeout, [...path, 'timeout'], source) }),
      });
      return handle(id);
    },
    branch(id, condition, yes, no, options = {}) {
      const source = callSite();
      const path = [...at, id];
      nodes.push({
        kind: 'branch',
        id,
        source,
        after: idsOf(options.after),
        condition: read(recording, condition, [...path, 'condition'], source),
        yes: side([...path, 'yes'], yes),
        ...(no === undefined ? {} : { no: side([...path, 'no'], no) }),
      });
      return handle(id);
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
        after: idsOf(options.after),
        items: read(recording, items, [...path, 'items'], source),
        body: side(path, (q) => body(item, q, index)),
        concurrency: options.concurrency ?? 0,
      });
      return handle(id);
    },
    approve(id, options) {
      const source = callSite();
      const path = [...at, id];
      recording.forms.set(id, options.form ?? noForm);
      nodes.push({
        ...{ kind: 'approval', id, source, after: idsOf(options.after) },
        ...approvalFields(recording, options as ApprovalContract<Schema>, path, source),
        ...(options.when === undefined ? {} : { when: read(recording, options.when, [...path, 'when'], source) }),
      });
      return handle(id);
    },
  };
  return { nodes, scope };
}

function ok(recording: Recording, id: string): Ref<never> {
  const target: Expression = { kind: 'ref', target: { kind: 'node', id }, path: [] };
  return makeRef({ expression: { kind: 'call', name: 'ok', arguments: [target] }, owners: [recording.owner] });
}

function idsOf(after: readonly (Job<unknown> | string)[] | undefined): readonly string[] {
  return (after ?? []).map((job) => (typeof job === 'string' ? job : job.id));
}
