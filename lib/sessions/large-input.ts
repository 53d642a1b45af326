/** A pipeline's input that is too large for a state machine: moved to S3 before the session is there, as jobs' outputs are. */
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { pack, type Packed } from '../payload-layout.ts';
import { objectKeys } from '../storage-layout.ts';
import type { PipelineItem } from './items.ts';
import type { PayloadStore, ValueOwner } from './whole-values.ts';

/**
 * The input as its execution gets it.
 *
 * @throws {BunsuiError} BS3001 when expressions of the pipeline read more of it than a state machine takes, or something
 *   that has bunsui's own key
 */
export async function packInput(pipeline: PipelineItem, input: object): Promise<Packed> {
  const text = JSON.stringify(input);
  if (pipeline.input_size === undefined) return { value: input, text };
  const { keep, inline } = JSON.parse(pipeline.input_size) as NonNullable<PipelineArtifact['input']>;
  const packed = await pack(input, text, keep, inline);
  if (!('reason' in packed)) return packed;
  const parts = 'kept' in packed ? packed.kept.map(({ path, bytes }) => `${path} (${bytes} bytes)`).join(', ') : '';
  const message =
    packed.reason === 'reserved'
      ? `the input has the key "bunsui:payload" in ${packed.path}`
      : `the input is too large: its pipeline computes with ${parts || 'its fields'}, and ${packed.bytes} bytes of JSON of it have to go through the state machine, which takes ${inline}`;
  throw new BunsuiError('ValidationError', 'BS3001', `input of pipeline "${pipeline.pipeline_id}": ${message}`, {
    context: { pipeline_id: pipeline.pipeline_id },
    hint: packed.reason === 'reserved' ? 'rename it' : 'write the data to S3 and give its key',
  });
}

/** Writes what was moved out of the input. The same again writes the same object. */
export async function leaveInput({ s3, names }: PayloadStore, of: ValueOwner, { object }: Packed): Promise<void> {
  if (object === undefined) return;
  const { pipeline_id: pipeline, session_id: session, created_at: createdAt } = of;
  await s3.send(
    new PutObjectCommand({
      Bucket: names.bucket,
      Key: objectKeys.payload({ pipeline, session, createdAt, object: object.name }),
      Body: object.body,
      ContentType: 'application/json',
    }),
  );
}
