/** Maps over records in S3: what their bodies are given, what they give, and the names that they go by. */
import type { Expression } from './expressions.ts';
import type { JsonSchema, MapS3Ir, PipelineIr } from './nodes.ts';
import { placedNodes } from './walk.ts';

const whole: JsonSchema = { type: 'integer', minimum: 0 };
const text: JsonSchema = { type: 'string' };
const objectOf = (properties: { readonly [name: string]: JsonSchema }): JsonSchema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});

/** What a map over S3 gives: how many records there were, what became of them, and the manifest of the results. */
export const totalsSchema: JsonSchema = objectOf({
  total: whole,
  succeeded: whole,
  failed: whole,
  results: objectOf({ bucket: text, key: text }),
});

/** What the body is given: a record, or a batch of them. */
export function givenSchema({ item, batch }: Pick<MapS3Ir, 'item' | 'batch'>): JsonSchema {
  if (batch === undefined) return item;
  const { $defs, ...record } = item;
  return { type: 'array', items: record, ...($defs === undefined ? {} : { $defs }) };
}

/** The maps over S3 of a pipeline, in the order written. */
export function mapsOverS3({ body }: Pick<PipelineIr, 'body'>): readonly MapS3Ir[] {
  return placedNodes(body).flatMap(({ node }) => (node.kind === 'mapS3' ? [node] : []));
}

/** Longest label of a Map that Step Functions takes. */
const longestLabel = 40;

/** The label of a map's run, which stands in the ARNs of its executions: its id, or as much of it as keeps it apart. */
export function labelOf(pipeline: Pick<PipelineIr, 'body'>, { id }: Pick<MapS3Ir, 'id'>): string {
  if (id.length <= longestLabel) return id;
  const place = mapsOverS3(pipeline).findIndex((other) => other.id === id);
  // Ids have no dot.
  const end = `.${place + 1}`;
  return `${id.slice(0, longestLabel - end.length)}${end}`;
}

/** What is known at synth of how a text begins; the whole of a constant. */
export function knownBeginning(expression: Expression): { readonly text: string; readonly isWhole: boolean } {
  if (expression.kind === 'literal') return { text: String(expression.value), isWhole: true };
  if (expression.kind !== 'call' || expression.name !== 'text') return { text: '', isWhole: false };
  let known = '';
  for (const part of expression.arguments) {
    const { text: begins, isWhole } = knownBeginning(part);
    known += begins;
    if (!isWhole) return { text: known, isWhole };
  }
  return { text: known, isWhole: true };
}
