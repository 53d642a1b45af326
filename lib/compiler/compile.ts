/**
 * The compiler: IR → Amazon States Language. Passes: check → skeleton → data → emit → limits. Deterministic: the same
 * IR gives the same bytes. In: the pipeline as data. Out: the artifact, or every reason why there is none.
 */
import type { Diagnostic } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { checkPipeline } from '../ir/check.ts';
import { freeze } from '../ir/freeze.ts';
import type { PipelineIr } from '../ir/nodes.ts';
import { isLambda } from '../ir/operations.ts';
import { policyOf } from '../ir/policy.ts';
import { withSkips } from '../ir/skips.ts';
import { placedNodes } from '../ir/walk.ts';
import { type Emitted, emitMachine } from './emit.ts';
import type { ScopeBarriers } from './emit-context.ts';
import { groundworkOf } from './groundwork.ts';
import { limitMistakes } from './limits.ts';
import { shardBudget, shardSkeleton, type Weight } from './shards.ts';
import { type WeighedStates, weighNodes } from './weights.ts';

export type CompileResult =
  | { readonly ok: true; readonly artifact: PipelineArtifact; readonly diagnostics: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** What the compiler is handed: hexadecimal SHA-256 of a text. */
export interface CompileOptions {
  readonly sha256: (text: string) => string;
  /** What one machine may come to before it is cut into several. @default 900 KB and 20,000 events */
  readonly budget?: Weight;
}

/**
 * Compiles a pipeline.
 *
 * @returns the artifact with notes (such as barriers that were added), or the mistakes that stand in its way.
 */
export function compilePipeline(written: PipelineIr, options: CompileOptions): CompileResult {
  const mistakes = checkPipeline(written);
  if (mistakes.some(({ severity }) => severity === 'error')) return { ok: false, diagnostics: mistakes };
  const pipeline = withSkips(written);
  const { definition, shards, states, barriers, estimated, gates, approvals, input } = emitWithin(
    pipeline,
    options.budget ?? shardBudget,
  );
  const texts = [definition, ...(shards ?? [])].map((machine) => JSON.stringify(machine));
  const limits = limitMistakes({ pipeline, definition, states, ...(shards && { shards }), texts });
  const notes = [...mistakes, ...modeNotes(pipeline, barriers, estimated), ...limits];
  if (limits.some(({ severity }) => severity === 'error')) return { ok: false, diagnostics: notes };
  const contracts = Object.values(pipeline.operations).map((operation) => {
    const { id, input, output } = operation;
    if (!isLambda(operation)) return { id, input, output };
    const { timeoutSeconds, memoryMiB, environment } = operation;
    return { id, input, output, timeoutSeconds, memoryMiB, environment };
  });
  // Absent where there is none, which JSON leaves out.
  const policy = policyOf(pipeline);
  const [text, ...children] = texts;
  const others = children.map(options.sha256);
  const content = {
    text,
    ...(others.length === 0 ? {} : { others }),
    ...{ input: pipeline.input, contracts, policy },
    ...(approvals && { approvals: approvalsOf(pipeline) }),
  };
  const version = options.sha256(JSON.stringify(content)).slice(0, 12);
  return {
    ok: true,
    artifact: freeze({
      ...{ artifactVersion: 1, pipeline, version, definition, input },
      ...(shards && { shards }),
      states,
      ...(gates && { gates }),
      ...(approvals && { approvals }),
    }),
    diagnostics: notes,
  };
}

/** What is said of approvals and does not stand in the machine: it is part of what the version is a hash of. */
function approvalsOf({ body }: PipelineIr): readonly unknown[] {
  return placedNodes(body).flatMap(({ node }) =>
    node.kind === 'approval' ? [[node.id, node.form, node.onReject, node.onTimeout]] : [],
  );
}

/** One machine; or several where one would exceed the budget or nodes ask for it, cut by what its nodes have come to in the one. */
function emitWithin(pipeline: PipelineIr, budget: Weight): Emitted {
  const groundwork = groundworkOf(pipeline);
  const whole = emitMachine(groundwork);
  const weights = weighNodes(whole.definition['States'] as WeighedStates, whole.states, pipeline);
  const asked = new Set(placedNodes(pipeline.body).flatMap(({ node }) => (node.isolate ? [node.id] : [])));
  const fits = weights.whole.bytes <= budget.bytes && weights.whole.events <= budget.events;
  if (fits && asked.size === 0) return whole;
  return emitMachine(groundwork, (skeleton) => shardSkeleton(skeleton, weights.of, budget, (id) => asked.has(id)));
}

/** What the pipeline's mode comes to, where its author should know. */
function modeNotes(pipeline: PipelineIr, scopes: readonly ScopeBarriers[], estimated: boolean): readonly Diagnostic[] {
  if (pipeline.mode !== 'auto' || estimated) return scopes.map((scope) => barrierNote(pipeline, scope, estimated));
  return [
    {
      code: 'BS1201',
      severity: 'info',
      message:
        'no durations are recorded, so mode "auto" puts no barriers: every job starts when its own inputs are there',
      path: [pipeline.id],
      source: pipeline.source,
      hint: `write them with "bunsui durations ${pipeline.id} > durations.json" and give the pipeline { durations }`,
    },
  ];
}

const shownBarriers = 3;

/** What barriers cost: which jobs wait for what they do not need, and by how much the longest path grows. */
function barrierNote(
  pipeline: PipelineIr,
  { scope, barriers, criticalPath, makespan }: ScopeBarriers,
  estimated: boolean,
): Diagnostic {
  const worst = barriers.toSorted((a, b) => b.delay - a.delay || b.addedCount - a.addedCount).slice(0, shownBarriers);
  const shown = worst.map(({ added: [order], addedCount, delay }) => {
    const more = addedCount > 1 ? ` and ${addedCount - 1} more` : '';
    return `"${order?.[0]}" waits for "${order?.[1]}"${more} (${seconds(delay)})`;
  });
  const others = barriers.length > worst.length ? `, and ${barriers.length - worst.length} that cost less` : '';
  const count = barriers.length === 1 ? 'a barrier was' : `${barriers.length} barriers were`;
  const by = estimated ? 'by the recorded durations' : 'with one second for each job, for want of recorded durations,';
  return {
    code: 'BS1201',
    severity: 'info',
    message:
      `the graph${scope === '' ? '' : ` of "${scope}"`} is not series-parallel, so ${count} added: ${shown.join('; ')}${others}; ` +
      `${by} the longest path of ${seconds(criticalPath)} becomes ${seconds(makespan)}`,
    path: scope === '' ? [pipeline.id] : [pipeline.id, scope],
    source: pipeline.source,
    hint: 'nothing has to be changed; the result is right, only some jobs start later than they could',
  };
}

function seconds(value: number): string {
  return `${Number(value.toFixed(value < 10 ? 2 : value < 1_000 ? 1 : 0))} s`;
}
