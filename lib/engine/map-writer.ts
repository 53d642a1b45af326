/** A Map's ResultWriter, evaluated: where the results of its run go, and in what form. */
import type { MapState, ResultWriter } from '../asl/definition.ts';
import { QueryEvaluationError } from '../asl/jsonata.ts';
import { PathFailure } from '../asl/payload-template.ts';
import { speaksJsonPath, type Thread } from './execution.ts';
import { filled } from './map-fields.ts';
import type { ResultWriting } from './map-run-state.ts';
import type { Json } from './ports.ts';
import type { Turn } from './turn.ts';

/** @throws {QueryEvaluationError | PathFailure} also when the bucket or the prefix is no text */
export async function writerOf(
  turn: Turn,
  thread: Thread,
  state: MapState,
  writer: ResultWriter,
): Promise<ResultWriting> {
  const exports = writer.Resource !== undefined;
  const { Transformation: transformation = exports ? 'NONE' : 'COMPACT', OutputType: outputType = 'JSON' } =
    writer.WriterConfig ?? {};
  if (!exports) return { transformation, outputType };
  const isPath = speaksJsonPath(turn.execution, state);
  const location = `ResultWriter/${isPath ? 'Parameters' : 'Arguments'}`;
  const place = (await filled(
    turn,
    thread,
    state,
    (isPath ? writer.Parameters : writer.Arguments) ?? {},
    location,
  )) as {
    readonly [name: string]: Json;
  };
  const textOf = (field: string, value: Json | undefined): string => {
    if (typeof value === 'string') return value;
    const message = `The ${field} of the ResultWriter must be a string but was: ${JSON.stringify(value)}`;
    throw isPath ? new PathFailure(message) : new QueryEvaluationError(message, `${location}/${field}`, true);
  };
  const prefix = textOf('Prefix', place['Prefix'] ?? '');
  return {
    transformation,
    outputType,
    to: {
      bucket: textOf('Bucket', place['Bucket']),
      prefix: prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`,
    },
  };
}
