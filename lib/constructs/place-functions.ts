/** Puts functions and the table of gates into a definition, where the compiler has left placeholders. */
import { gatesTablePlaceholder } from '../gate-layout.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';

/** A definition as text, with all that is filled in. */
export interface PlacedDefinition {
  readonly text: string;
  /** The operations in the order in which they are called, once for every task. */
  readonly called: readonly string[];
}

/**
 * JSON text that means the same, with no `${…}` left, which CloudFormation would take for one to fill in, and in ASCII:
 * CloudFormation reads the file in whatever character set its own program has.
 */
function inert(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('${', '\\u0024{')
    .replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * The definition with `functions[operation]` as the `FunctionName` of every task that calls the operation, `gatesTable`
 * as the `TableName` of every task at a gate, child machines where they are started, and `comment` at the end of its comment. Nothing else is touched: an
 * author's text that happens to look like a placeholder stays a text, for us and for CloudFormation.
 */
export function placeFunctions(
  definition: PipelineArtifact['definition'],
  functions: { readonly [operation: string]: string },
  options: {
    readonly comment?: string;
    readonly gatesTable?: string;
    /** What stands for a child machine, by its number. */
    readonly machine?: (number: number) => string;
    /** What stands for the machine of a pipeline that is called, by the pipeline's id. */
    readonly pipeline?: (id: string) => string;
    /** What stands in the states of containers and maps over S3, by placeholder. */
    readonly parts?: ReadonlyMap<string, Json>;
  } = {},
): PlacedDefinition {
  const { comment = '', gatesTable, machine, pipeline, parts = new Map() } = options;
  const { Comment: own, ...rest } = definition;
  const functionsCalled: string[] = [];
  // Within a text of the author's the quotation marks would be escaped: what this finds are fields.
  const field = /(?<="FunctionName":)"\\u0024\{operation:([^"}]*)\}"/g;
  const placed = inert(rest).replaceAll(field, (found, id: string) => {
    const name = Object.hasOwn(functions, id) ? functions[id] : undefined;
    if (name === undefined) return found;
    functionsCalled.push(id);
    return JSON.stringify(name);
  });
  // The compiler writes what an author wrote in another way, where it looks like a placeholder.
  const part = /"\\u0024\{(?:operation:[^":}]*:[a-zA-Z]+|platform:bucket)\}"/g;
  const withParts = placed.replaceAll(part, (found) => {
    const value = parts.get(JSON.parse(found));
    return value === undefined ? found : JSON.stringify(value);
  });
  const table = `"TableName":${inert(gatesTablePlaceholder)}`;
  const withTable =
    gatesTable === undefined
      ? withParts
      : withParts.replaceAll(table, () => `"TableName":${JSON.stringify(gatesTable)}`);
  const child = /(?<="StateMachineArn":)"\\u0024\{machine:(\d+)\}"/g;
  const called = /(?<="StateMachineArn":)"\\u0024\{pipeline:([^"}]*)\}"/g;
  const withCalled =
    pipeline === undefined ? withTable : withTable.replaceAll(called, (_, id: string) => JSON.stringify(pipeline(id)));
  const whole =
    machine === undefined
      ? withCalled
      : withCalled.replaceAll(child, (_, number: string) => JSON.stringify(machine(Number(number))));
  const words = [typeof own === 'string' ? inert(own).slice(1, -1) : '', comment].filter((word) => word !== '');
  const text = words.length === 0 ? whole : `{"Comment":"${words.join(' ')}",${whole.slice(1)}`;
  return { text, called: functionsCalled };
}
