/**
 * Limits: what Step Functions would refuse, or fail while it runs, said at synth with the number and the remedy. In: a
 * compiled machine. Out: mistakes at the places where their authors can mend them.
 *
 * Refused is what is certain (constants, the machine itself), and what the bounds that schemas give allow: input that
 * is right would fail the run. A list without a bound is worth a note, which `bunsui compile` shows. What only a run can know (a long text, the
 * items of that list) Step Functions itself fails, at a state that has a place in the author's file.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
 */
import type { Diagnostic, SourcePosition } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { Expression } from '../ir/expressions.ts';
import type { JobIr, LoopIr, MapIr, NodeIr, ScopeIr } from '../ir/nodes.ts';
import type { ShapeContext } from '../ir/shapes.ts';
import { innerScopes, nodeIndex, ownExpressions } from '../ir/walk.ts';
import { boundsOf, itemsRange, roundsRange } from './bounds.ts';
import { envelopeBytes, inlineMapLimit } from './inline-bytes.ts';
import { keepsOf } from './keeps.ts';
import { levelsOf } from './levels.ts';
import { constantBytes, deployedBytes } from './sizes.ts';
import { longestDeploymentMark } from '../storage-layout.ts';

/** Largest definition that Step Functions takes, in bytes. */
export const definitionLimitBytes = 1_048_576;
/** Events of one execution; the last one says that it failed for that reason. */
export const historyLimitEvents = 25_000;
/** State data, arguments of a task, and a variable, in bytes of JSON. */
export const dataLimitBytes = 262_144;
/** What of that the envelope of a job and the name of its function may take. */
export const envelopeReserveBytes = 2_048;
/**
 * How deep expressions may be nested, as JSONata counts it (`levels.ts`). AWS publishes no number; it was seen to refuse a
 * sum of 200 terms, one nested in the other, with a full stack.
 */
export const expressionDepthLimit = 100;

type Compiled = Pick<PipelineArtifact, 'definition' | 'states' | 'pipeline'> & {
  readonly shards?: readonly PipelineArtifact['definition'][];
  /** The JSON of each machine. */
  readonly texts: readonly string[];
};

/** Every limit that a compiled pipeline is certain to exceed, or may exceed by what its schemas allow. */
export function limitMistakes(compiled: Compiled): readonly Diagnostic[] {
  const { pipeline } = compiled;
  const context: ShapeContext = { pipeline, nodes: nodeIndex(pipeline), known: [] };
  const { output, id, source } = pipeline;
  return [
    ...sizeMistakes(compiled),
    ...historyMistakes(compiled, context),
    ...(output
      ? expressionMistakes(output.value, { path: [id, 'output'], source, what: `the output of "${id}"` })
      : []),
    ...nodeMistakes(context, pipeline.body),
  ];
}

function sizeMistakes({ pipeline, texts }: Compiled): readonly Diagnostic[] {
  // The first one's comment ends with where its artifact lies.
  const sizes = texts.map((text, at) => deployedBytes(text, pipeline.id) + (at === 0 ? longestDeploymentMark : 0));
  const bytes = Math.max(...sizes);
  if (bytes <= definitionLimitBytes) return [];
  return [
    mistake(
      `a state machine has ${bytes} bytes, and Step Functions takes ${definitionLimitBytes}`,
      [pipeline.id],
      pipeline.source,
      'the jobs of a branch or map stay in one machine: split that in two, or put jobs of one kind into a p.map',
    ),
  ];
}

/** A history that may become too long because of a list whose bound is known. Others have what they have at least. */
function historyMistakes(compiled: Compiled, context: ShapeContext): readonly Diagnostic[] {
  const { pipeline } = compiled;
  const most = Math.max(...boundsOf(compiled, 0).machines.map(({ events }) => events.max));
  if (most <= historyLimitEvents) return [];
  const [largest] = [...context.nodes.values()]
    .flatMap(({ node }): readonly { readonly node: MapIr | LoopIr; readonly items: number }[] => {
      if (node.kind === 'loop') return [{ node, items: roundsRange(context, node).max }];
      return node.kind === 'map' ? [{ node, items: itemsRange(context, node.items).max }] : [];
    })
    .filter(({ items }) => Number.isFinite(items))
    .sort((a, b) => b.items - a.items);
  const message = `a run may have ${most} events, and the history of an execution holds ${historyLimitEvents}`;
  if (largest === undefined) return [mistake(message, [pipeline.id], pipeline.source, 'split the pipeline in two')];
  const { node, items } = largest;
  const [found, hint] =
    node.kind === 'map'
      ? [`map "${node.id}" has up to ${items} items`, 'give its list a smaller .max(n), let one job do several items']
      : [`loop "${node.id}" has up to ${items} rounds`, 'give it a smaller max, let one round do more'];
  return [
    mistake(`${message}: ${found}`, [pipeline.id, node.id], node.source, `${hint}, or split the pipeline in two`),
  ];
}

function nodeMistakes(context: ShapeContext, scope: ScopeIr): readonly Diagnostic[] {
  const { pipeline } = context;
  return scope.nodes.flatMap((node) => {
    const at = (place: string, what: string): Place => ({
      path: [pipeline.id, node.id, place],
      source: node.source,
      what,
      ...(node.kind === 'job' && place === 'input' ? { beside: () => besideInput(context, node) } : {}),
    });
    return [
      ...ownExpressions(node).flatMap(({ place, expression }) =>
        expressionMistakes(expression, at(place, `the ${place} of "${node.id}"`)),
      ),
      ...mapNotes(context, node),
      ...innerScopes(node).flatMap(({ part, scope: inner }) => [
        ...(inner.result ? expressionMistakes(inner.result, at(part, resultOf(node.id, part))) : []),
        ...nodeMistakes(context, inner),
      ]),
    ];
  });
}

/** A scope's result, as messages say it. */
function resultOf(id: string, part: string): string {
  switch (part) {
    case 'body':
      return `the result of the items of "${id}"`;
    case 'yes':
      return `the result of "${id}" where it is true`;
    case 'no':
      return `the result of "${id}" where it is not true`;
    default:
      return `the result of "${id}" (${part})`;
  }
}

/** Where an expression stands, for messages and for who reads them. */
interface Place {
  readonly path: readonly string[];
  readonly source: SourcePosition;
  readonly what: string;
  /** Bytes that stand beside the value. @default none */
  readonly beside?: () => number;
}

function besideInput({ pipeline, nodes }: ShapeContext, job: JobIr): number {
  return envelopeReserveBytes + envelopeBytes(pipeline, job, keepsOf(pipeline, nodes).jobs.get(job.id));
}

function expressionMistakes(expression: Expression, place: Place): readonly Diagnostic[] {
  return [...depthMistakes(expression, place), ...constantMistakes(expression, place)];
}

function depthMistakes(expression: Expression, { path, source, what }: Place): readonly Diagnostic[] {
  const depth = levelsOf(expression);
  if (depth <= expressionDepthLimit) return [];
  return [
    mistake(
      `${what} is nested ${depth} deep, and at most ${expressionDepthLimit} are sure to be evaluated`,
      path,
      source,
      'add up a list with sum(…), join texts in one tpl, or compute it in a job',
    ),
  ];
}

/** Constants alone that are more than a state may be given. */
function constantMistakes(expression: Expression, { path, source, what, beside }: Place): readonly Diagnostic[] {
  const bytes = constantBytes(expression);
  // Few come near it, and what is beside takes time to find out.
  if (bytes <= dataLimitBytes / 2) return [];
  const room = dataLimitBytes - (beside?.() ?? 0);
  if (bytes <= room) return [];
  return [
    mistake(
      `the constants in ${what} have ${bytes} bytes, and there is room for ${room}`,
      path,
      source,
      'put them into a file that the handler imports, or into S3',
    ),
  ];
}

/** Of a map: a list whose length nothing bounds, and more at once than an inline Map runs, which Step Functions takes and does not do. */
function mapNotes(context: ShapeContext, node: NodeIr): readonly Diagnostic[] {
  if (node.kind !== 'map') return [];
  const { id, concurrency, source } = node;
  const told = (severity: Diagnostic['severity'], message: string, place: string, hint: string): Diagnostic => ({
    ...mistake(message, [context.pipeline.id, id, place], source, hint),
    severity,
  });
  const unbounded = `nothing says how many items map "${id}" has, and the history of an execution holds ${historyLimitEvents} events`;
  const most = itemsRange(context, node.items).max;
  const tooMany = `map "${id}" asks for ${concurrency} items at once, and Step Functions runs ${inlineMapLimit}`;
  return [
    ...(most < Number.POSITIVE_INFINITY ? [] : [told('info', unbounded, 'items', 'give its list a .max(n)')]),
    ...(concurrency <= inlineMapLimit
      ? []
      : [told('warning', tooMany, 'concurrency', `give { concurrency: ${inlineMapLimit} } or less`)]),
  ];
}

function mistake(message: string, path: readonly string[], source: SourcePosition, hint: string): Diagnostic {
  return { code: 'BS1113', severity: 'error', message, path, source, hint };
}
