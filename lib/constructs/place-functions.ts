/** Puts functions into a state machine's definition, where the compiler has left their operations' placeholders. */
import type { PipelineArtifact } from '../ir/artifact.ts';

/** A definition as text, with all that is filled in. */
export interface PlacedDefinition {
  readonly text: string;
  /** The operations in the order in which they are called, once for every task. */
  readonly called: readonly string[];
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
  comment = '',
): PlacedDefinition {
  const { Comment: own, ...rest } = definition;
  const called: string[] = [];
  // Within a text of the author's the quotation marks would be escaped: what this finds are fields.
  const field = /(?<="FunctionName":)"\\u0024\{operation:([^"}]*)\}"/g;
  const placed = inert(rest).replaceAll(field, (found, id: string) => {
    const name = Object.hasOwn(functions, id) ? functions[id] : undefined;
    if (name === undefined) return found;
    called.push(id);
    return JSON.stringify(name);
  });
  const words = [typeof own === 'string' ? inert(own).slice(1, -1) : '', comment].filter((word) => word !== '');
  const text = words.length === 0 ? placed : `{"Comment":"${words.join(' ')}",${placed.slice(1)}`;
  return { text, called };
}
