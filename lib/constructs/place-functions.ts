/** Puts functions into a state machine's definition, where the compiler has left their operations' placeholders. */
import type { PipelineArtifact } from '../ir/artifact.ts';

/** Longest ARN of a published function: a partition, a region, 64 characters of name, a version. */
const longestFunctionArn = 140;

/** A definition as text, with all that is filled in. */
export interface PlacedDefinition {
  readonly text: string;
  /** Bytes that it may have once ARNs stand in it. */
  readonly bytesAtMost: number;
}

/** JSON text in which no `${…}` is left, though it means the same: CloudFormation would take it for one to fill in. */
function inert(value: unknown): string {
  return JSON.stringify(value).replaceAll('${', '\\u0024{');
}

/**
 * The definition with `functions[operation]` as the `FunctionName` of every task that calls the operation, and
 * `comment` at the end of its comment. Nothing else is touched: an author's text that happens to look like a
 * placeholder stays a text, for us and for CloudFormation.
 */
export function placeFunctions(
  definition: PipelineArtifact['definition'],
  functions: { readonly [operation: string]: string },
  comment?: string,
): PlacedDefinition {
  const { Comment: own, ...rest } = definition;
  const words = [typeof own === 'string' ? inert(own).slice(1, -1) : '', comment ?? ''].filter((word) => word !== '');
  let bytesAtMost = 0;
  // Within a text of the author's the quotation marks would be escaped: what this finds are fields.
  const placed = inert(rest).replaceAll(/(?<="FunctionName":)"\\u0024\{operation:([^"}]*)\}"/g, (found, id: string) => {
    const arn = Object.hasOwn(functions, id) ? functions[id] : undefined;
    if (arn === undefined) return found;
    bytesAtMost += Math.max(0, longestFunctionArn - arn.length);
    return JSON.stringify(arn);
  });
  const text = words.length === 0 ? placed : `{"Comment":"${words.join(' ')}",${placed.slice(1)}`;
  return { text, bytesAtMost: bytesAtMost + Buffer.byteLength(text) };
}
