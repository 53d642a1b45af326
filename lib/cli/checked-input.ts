/**
 * Checks an input before anything is started or written: by the schema, and for fields that the pipeline does not
 * have, which the schema of a plain object would pass over.
 */
import type { Diagnostic } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';
import type { JsonSchema, PipelineIr } from '../ir/nodes.ts';
import { checkInput } from '../sessions/input-schema.ts';
import { reservedInputKey } from '../storage-layout.ts';
import { didYouMean } from './suggest.ts';

type InputObject = { readonly [key: string]: Json };

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function diagnostic(pipeline: PipelineIr, path: readonly (string | number)[], said: string, hint?: string): Diagnostic {
  return {
    code: 'BS3001',
    severity: 'error',
    message: path.length === 0 ? `the input ${said}` : `input "${path.join('.')}" ${said}`,
    path: [pipeline.id, 'input', ...path],
    ...(hint === undefined ? {} : { hint }),
  };
}

/** What a field may be, in few words: `integer, 1 to 40`. */
function allowedText(schema: unknown): string | undefined {
  if (!isRecord(schema)) return undefined;
  const { type, enum: values, minimum, maximum, description } = schema;
  if (Array.isArray(values)) return `one of ${values.map((value) => JSON.stringify(value)).join(', ')}`;
  const range = typeof minimum === 'number' && typeof maximum === 'number' ? `, ${minimum} to ${maximum}` : '';
  const about = typeof description === 'string' ? `: ${description}` : '';
  return typeof type === 'string' ? `${type}${range}${about}` : undefined;
}

function propertiesOf(schema: JsonSchema): Record<string, unknown> {
  return isRecord(schema['properties']) ? schema['properties'] : {};
}

/** Fields that no property stands for, where the schema does not welcome others. */
function unknownFields(pipeline: PipelineIr, input: InputObject): readonly Diagnostic[] {
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

/** Every reason why a pipeline does not take this input; none when it does. */
export function inputMistakes(pipeline: PipelineIr, input: InputObject): readonly Diagnostic[] {
  const unknown = unknownFields(pipeline, input);
  const unknownNames = new Set(unknown.map(({ path }) => path[2]));
  const checked = checkInput(pipeline.input, input);
  if (checked.ok) return unknown;
  const properties = propertiesOf(pipeline.input);
  const misfits = checked.issues
    .filter(({ path }) => !unknownNames.has(path[0] ?? ''))
    .map(({ path, message }) => {
      const allowed = path.length === 1 ? allowedText(properties[String(path[0])]) : undefined;
      return diagnostic(pipeline, path, message, allowed === undefined ? undefined : `allowed is ${allowed}`);
    });
  return [...unknown, ...misfits];
}
