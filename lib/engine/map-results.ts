/**
 * What the children of a map run give: the result of the state, or files in S3 with a manifest that names them.
 *
 * Keys: `PREFIX/ID/manifest.json` beside `SUCCEEDED_0.json`, `FAILED_0.json`, `PENDING_0.json`, …, of which there are
 * those that would not be empty. A redriven run writes below `Redrive-N/`, and its manifest names the files of what had
 * succeeded before.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
 */
import { type Payload, payloadOfText, payloadOfValue } from '../asl/json.ts';
import type { Fan } from './execution.ts';
import type { ChildExecution, ExportedResults, MapRun, ResultFile, ResultWriting } from './map-run-state.ts';
import type { Json, MapObjects } from './ports.ts';

/** The result of a Map whose run has succeeded. */
export function resultOfRun({ executions }: Fan, run: MapRun): Payload {
  const { writer } = run;
  if (writer.to !== undefined) {
    const details = { Bucket: writer.to.bucket, Key: `${folderOf(run, writer.to.prefix)}manifest.json` };
    return payloadOfValue({ MapRunArn: run.arn, ResultWriterDetails: details });
  }
  const parts = executions.flatMap((child) => (child === undefined ? [] : partsOf(child, writer)));
  return writer.outputType === 'JSON' ? payloadOfText(`[${parts.join(',')}]`) : payloadOfValue(linesOf(parts));
}

function linesOf(parts: readonly string[]): string {
  return parts.map((part) => `${part}\n`).join('');
}

/** What stands for a child among the results, as JSON texts. One that has failed is described, in every format. */
function partsOf(child: ChildExecution, { transformation }: ResultWriting): readonly string[] {
  const { output } = child;
  if (transformation === 'NONE' || child.status !== 'SUCCEEDED' || output === undefined) {
    return [JSON.stringify(describedChild(child))];
  }
  if (transformation === 'FLATTEN' && Array.isArray(output.value)) {
    return (output.value as readonly Json[]).map((part) => JSON.stringify(part));
  }
  return [output.text];
}

/** A child execution as ResultWriter describes it. */
function describedChild(child: ChildExecution): { readonly [field: string]: Json } {
  const { executionArn, name, status, input, output, failure, startedAtMs, stoppedAtMs, redrives } = child;
  const included = { Included: true };
  return {
    ...(failure.cause === undefined ? {} : { Cause: failure.cause }),
    ...(failure.error === undefined ? {} : { Error: failure.error }),
    ExecutionArn: executionArn,
    Input: input.text,
    InputDetails: included,
    Name: name,
    ...(output === undefined ? {} : { Output: output.text, OutputDetails: included }),
    RedriveCount: redrives,
    ...(status === 'SUCCEEDED'
      ? { RedriveStatus: 'NOT_REDRIVABLE', RedriveStatusReason: 'Execution is SUCCEEDED and cannot be redriven' }
      : { RedriveStatus: 'REDRIVABLE_BY_MAP_RUN' }),
    StartDate: new Date(startedAtMs).toISOString(),
    StateMachineArn: child.stateMachineArn,
    Status: status,
    ...(stoppedAtMs === undefined ? {} : { StopDate: new Date(stoppedAtMs).toISOString() }),
  };
}

/** AWS cuts files at 5 GiB, which is more than a text can hold here. */
const maxFileLength = 128 * 1_048_576;

type Status = 'SUCCEEDED' | 'FAILED' | 'PENDING';

/**
 * Writes the files of a run whose children have ended, and at last the manifest. Writing them again does no harm.
 * @param maxLength of a file, in UTF-16 units, unless one result alone is longer
 */
export async function exportResults(
  objects: MapObjects | undefined,
  { executions, inputs }: Pick<Fan, 'executions' | 'inputs'>,
  run: MapRun,
  maxLength = maxFileLength,
): Promise<ExportedResults> {
  const { to } = run.writer;
  if (to === undefined || objects === undefined) return { cause: 'There is no object store to write to.' };
  const folder = folderOf(run, to.prefix);
  const isJson = run.writer.outputType === 'JSON';
  const write = async (status: Status, parts: readonly string[]): Promise<readonly ResultFile[]> => {
    const files: ResultFile[] = [];
    for (const [index, held] of cut(parts, maxLength).entries()) {
      const key = `${folder}${status}_${index}.${isJson ? 'json' : 'jsonl'}`;
      const text = isJson ? `[${held.join(',')}]` : linesOf(held);
      files.push({ key, size: await objects.write(to.bucket, key, text) });
    }
    return files;
  };
  const partsWith = (wanted: (child: ChildExecution) => boolean) =>
    executions.flatMap((child) => (child !== undefined && wanted(child) ? partsOf(child, run.writer) : []));
  const pending = inputs.flatMap((input, index) => (executions[index] === undefined ? [pendingPart(input)] : []));
  try {
    const succeeded = await write(
      'SUCCEEDED',
      partsWith(({ status, exported }) => status === 'SUCCEEDED' && !exported),
    );
    const failed = await write(
      'FAILED',
      partsWith(({ status }) => status !== 'SUCCEEDED'),
    );
    const files = { FAILED: failed, PENDING: await write('PENDING', pending), SUCCEEDED: [...run.kept, ...succeeded] };
    await objects.write(to.bucket, `${folder}manifest.json`, manifestOf(to.bucket, run.arn, files));
    return { succeeded };
  } catch (thrown) {
    return { cause: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

function pendingPart(input: Payload): string {
  return JSON.stringify({ Input: input.text, InputDetails: { Included: true }, Status: 'PENDING' });
}

function manifestOf(bucket: string, arn: string, files: { readonly [S in Status]: readonly ResultFile[] }): string {
  const shown = (list: readonly ResultFile[]) => list.map(({ key, size }) => ({ Key: key, Size: size }));
  const { FAILED, PENDING, SUCCEEDED } = files;
  const ResultFiles = { FAILED: shown(FAILED), PENDING: shown(PENDING), SUCCEEDED: shown(SUCCEEDED) };
  return JSON.stringify({ DestinationBucket: bucket, MapRunArn: arn, ResultFiles });
}

function folderOf({ arn, redrives }: MapRun, prefix: string): string {
  const id = arn.slice(arn.lastIndexOf(':') + 1);
  return `${prefix}${id}/${redrives === 0 ? '' : `Redrive-${redrives}/`}`;
}

/** Runs of parts, each as long as may be. */
function cut(parts: readonly string[], maxLength: number): readonly (readonly string[])[] {
  const made: string[][] = [];
  let length = 0;
  for (const part of parts) {
    const last = made.at(-1);
    if (last !== undefined && length + part.length < maxLength) last.push(part);
    else {
      made.push([part]);
      length = 0;
    }
    length += part.length + 1;
  }
  return made;
}
