/**
 * Checks an input before anything is started or written: by the schema, and for fields that the pipeline does not
 * have, which the schema of a plain object would pass over.
 */
import type { Diagnostic } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';
import type { JsonSchema, PipelineIr } from '../ir/nodes.ts';
import { checkInput } from '../sessions/input-schema.ts';
import { reservedInputKey } from '../storage-layout.ts';
import { allowedText } from './allowed-values.ts';
import { didYouMean } from './suggest.ts';

/** What is checked against: the input of a pipeline. */
type InputOf = Pick<PipelineIr, 'id' | 'input'>;
type InputObject = { readonly [key: string]: Json };

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function diagnostic(pipeline: InputOf, path: readonly (string | number)[], said: string, hint?: string): Diagnostic {
  return {
    code: 'BS3001',
    severity: 'error',
    message: path.length === 0 ? `the input ${said}` : `input "${path.join('.')}" ${said}`,
    path: [pipeline.id, 'input', ...path],
    ...(hint === undefined ? {} : { hint }),
  };
}

function propertiesOf(schema: JsonSchema): Record<string, unknown> {
  return isRecord(schema['properties']) ? schema['properties'] : {};
}

/** Fields that no property stands for, where the schema does not welcome others. */
function unknownFields(pipeline: InputOf, input: InputObject): readonly Diagnostic[] {
  const { additionalProperties } = pipeline.input;
  if (additionalProperties === true || isRecord(additionalProperties)) return [];
  const known = Object.keys(propertiesOf(pipeline.input));
  return Object.keys(input)
    .filter((key) => !known.includes(key))
    .map((key) => {
      const allowed = known.length === 0 ? 'the pipeline takes no input' : `allowed are ${known.join(', ')}`;
      const said = key === reservedInputKey ? 'is reserved for bunsui' : 'is no field of this pipeline';
      return diagnostic(pipeline, [key], said, didYouMean(key, known) ?? allowed);
    });
}

function valueAt(input: InputObject, path: readonly (string | number)[]): Json | undefined {
  let at: unknown = input;
  for (const step of path) at = typeof at === 'object' && at !== null ? Reflect.get(at, step) : undefined;
  return at as Json | undefined;
}

/** Every reason why a pipeline does not take this input; none when it does. */
export function inputMistakes(pipeline: InputOf, input: InputObject): readonly Diagnostic[] {
  const unknown = unknownFields(pipeline, input);
  const unknownNames = new Set(unknown.map(({ path }) => path[2]));
  const checked = checkInput(pipeline.input, input);
  if (checked.ok) return unknown;
  const misfits = checked.issues
    .filter(({ path }) => !unknownNames.has(path[0] ?? ''))
    .map(({ path, message }) => {
      const allowed = path.length === 0 ? undefined : allowedText(path, pipeline.input, valueAt(input, path));
      return diagnostic(pipeline, path, message, allowed === undefined ? undefined : `allowed is ${allowed}`);
    });
  return [...unknown, ...misfits];
}
