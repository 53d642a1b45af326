/**
 * The DSL: `pipeline(id, options, body)`. The body runs once and records a graph; nothing parses it. In: contracts,
 * refs and constants. Out: the pipeline as data (`ir`) and every mistake found (`diagnostics`).
 */
import type * as z from 'zod';
import type { SourcePosition } from '../errors.ts';
import { checkPipeline } from '../ir/check.ts';
import type { Expression } from '../ir/expressions.ts';
import { freeze } from '../ir/freeze.ts';
import { type GuardIr, irVersion, type NodeIr, type PipelineIr, type RoundsIr, type ScopeIr } from '../ir/nodes.ts';
import { placedNodes } from '../ir/walk.ts';
import { type ApprovalContract, approvalFields, noForm } from './approvals.ts';
import { callSite } from './call-site.ts';
import { recordCall } from './calls.ts';
import { recordCompensation, recordUndo } from './compensation.ts';
import type { Duration } from './durations.ts';
import { not } from './functions.ts';
import { type Batch, mapS3Fields, type MapS3Policy, type ObjectsSource, type RecordsSource } from './map-s3.ts';
import { newRecording, type Recording, read, retryOf, schemaOf, secondsOf } from './recording.ts';
import { recordFirings } from './record-firings.ts';
import { recordOperation } from './record-operation.ts';
import { makeRef, type Ref, type RefBase, targetRef } from './refs.ts';
import type { Schema } from './schemas.ts';
import type {
  After,
  Ended,
  Job,
  JobOptions,
  LoopOptions,
  MapS3Body,
  OrderOptions,
  Pipeline,
  PipelineOptions,
  PipelineScope,
  Round,
  Scope,
  Side,
} from './scope.ts';

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
    undo: { readonly compensate?: string } = {},
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
      ...undo,
    });
  };
  const scope: Scope = {
    job(id, operation, input, { compensate, ...options } = {}) {
      const source = callSite();
      const path = [...at, id];
      recordOperation(recording, operation, path, source);
      addJob(id, operation.id, input, options, path, source, recordUndo(recording, compensate, path, source));
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
    mapS3(
      id: string,
      from: ObjectsSource | RecordsSource<Schema>,
      body: MapS3Body<never>,
      options: OrderOptions & MapS3Policy & { readonly batch?: Batch | undefined } = {},
    ) {
      const source = callSite();
      const path = [...at, id];
      const given = targetRef({ kind: 'item', map: id }, recording.owner);
      const index = targetRef({ kind: 'index', map: id }, recording.owner);
      nodes.push({
        ...{ kind: 'mapS3', id, source, ...order(options, path, source) },
        ...mapS3Fields(recording, from, options, path, source),
        body: side(path, (q) => body(given, q, index)),
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
  const taken = new Set(placedNodes(scope).map(({ node }) => node.id));
  const freeId = (): string => {
    const names = ['run', ...Array.from(taken, (_, index) => `run-${index + 2}`)];
    const id = names.find((name) => !taken.has(name)) ?? 'run';
    taken.add(id);
    return id;
  };
  const guards = ordered.map(({ on, source, body }): GuardAround => {
    const id = freeId();
    const { failed, failure } = handle(recording, id);
    const ok = not(failed) as Ref<never>;
    const handler = recordScope(recording, [...at, on]);
    body(handler.scope, { ok, failed, failure });
    for (const { node } of placedNodes({ nodes: handler.nodes })) taken.add(node.id);
    return { id, source, handler: { on, scope: { nodes: handler.nodes } } };
  });
  // What has been done is undone before anybody is told.
  const others = guards.map(({ handler }) => handler.scope);
  const compensation = recordCompensation(recording, scope, others);
  const first: readonly GuardAround[] = compensation ? [{ id: freeId(), ...compensation }] : [];
  return [...first, ...guards].reduce<ReturnType<typeof guarded>>(
    (inside, { id, source, handler }) => {
      const result = inside.output;
      const body = { ...inside.scope, ...(result && { result }) };
      return {
        scope: { nodes: [{ kind: 'guard', id, source, after: [], body, handler }] },
        output: result && { kind: 'ref', target: { kind: 'node', id }, path: [] },
      };
    },
    { scope, output },
  );
}

type GuardAround = Pick<GuardIr, 'id' | 'source' | 'handler'>;

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
