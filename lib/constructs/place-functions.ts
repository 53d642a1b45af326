/** Puts functions into a state machine's definition, where the compiler has left their operations' placeholders. */
import type { PipelineArtifact } from '../ir/artifact.ts';
import { functionPlaceholder } from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';

/**
 * The definition with `functionArns[operation]` as the `FunctionName` of every task that calls the operation. Nothing
 * else is touched: an author's text that happens to look like a placeholder stays a text.
 */
export function placeFunctions(
  definition: PipelineArtifact['definition'],
  functionArns: { readonly [operation: string]: string },
): PipelineArtifact['definition'] {
  const byPlaceholder = new Map(Object.entries(functionArns).map(([id, arn]) => [functionPlaceholder(id), arn]));
  const place = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(place);
    return typeof value === 'object' && value !== null ? placeFields(value as { readonly [key: string]: Json }) : value;
  };
  const placeFields = (fields: { readonly [key: string]: Json }): { readonly [key: string]: Json } =>
    Object.fromEntries(
      Object.entries(fields).map(([name, value]) => {
        const arn = name === 'FunctionName' && typeof value === 'string' ? byPlaceholder.get(value) : undefined;
        return [name, arn ?? place(value)];
      }),
    );
  return placeFields(definition);
}
