/**
 * What a history does not say of maps over S3: how far a run came that has failed, and which records have failed. Their
 * executions have histories of their own, of which nobody keeps count; what has failed stands in a file beside the
 * results, which is read here, as far as somebody would read it.
 */
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { DescribeMapRunCommand, type SFNClient } from '@aws-sdk/client-sfn';
import type { PipelineArtifact } from '../ir/artifact.ts';
import type { Json } from '../ir/expressions.ts';
import { mapsOverS3 } from '../ir/map-s3.ts';
import type { MapS3Ir } from '../ir/nodes.ts';
import { isJobPath, mapResultsPrefix } from '../storage-layout.ts';
import { field, parseJson } from './json-parts.ts';
import type { JobView, SessionView } from './view.ts';

export interface RecordDeps {
  readonly sfn: Pick<SFNClient, 'send'>;
  readonly s3: Pick<S3Client, 'send'>;
  readonly names: { readonly bucket: string };
}

/** So many failed records of a map are named; all of them stand in its files. */
export const namedRecords = 100;
/** Of a file with failed records no more is read, in bytes: a record may have 256 KiB. */
const maxFileBytes = 8 * 1_048_576;

/**
 * The view with the totals of maps over S3, and a row for each record (or batch) that has failed, behind its map. Where
 * the author has chosen a place for the results, bunsui may not read there, and names no records.
 *
 * @param executionArn of the session's execution, which its results are filed under
 */
export async function withFailedRecords(
  deps: RecordDeps,
  artifact: PipelineArtifact,
  view: SessionView,
  executionArn: string | undefined,
): Promise<SessionView> {
  const maps = new Map(mapsOverS3(artifact.pipeline).map((node) => [node.id, node]));
  if (maps.size === 0 || executionArn === undefined) return view;
  const jobs: JobView[] = [];
  for (const job of view.jobs) {
    const node = maps.get(job.node);
    if (node === undefined || job.run === undefined || job.endedAt === undefined) jobs.push(job);
    else {
      const known = job.iterations === undefined ? await totalsOf(deps, job.run.arn) : {};
      jobs.push({ ...job, ...known });
      if (node.results === undefined) jobs.push(...(await failedRecords(deps, artifact, job, node, executionArn)));
    }
  }
  return { ...view, jobs };
}

/** How far a run came. Nothing where Step Functions does not know it any more. */
async function totalsOf({ sfn }: RecordDeps, mapRunArn: string): Promise<Pick<JobView, 'iterations'>> {
  try {
    const { itemCounts } = await sfn.send(new DescribeMapRunCommand({ mapRunArn }));
    const { total = 0, succeeded = 0, failed = 0, timedOut = 0 } = itemCounts ?? {};
    return { iterations: { total, completed: succeeded, failed: failed + timedOut } };
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === 'ResourceNotFound') return {};
    throw thrown;
  }
}

async function failedRecords(
  deps: RecordDeps,
  { pipeline }: PipelineArtifact,
  { run }: JobView,
  node: MapS3Ir,
  executionArn: string,
): Promise<readonly JobView[]> {
  const { arn = '', redrives = 0 } = run ?? {};
  const execution = executionArn.split(':').at(-1) ?? '';
  const again = redrives === 0 ? '' : `Redrive-${redrives}/`;
  const folder = `${mapResultsPrefix(pipeline.id)}${execution}/${node.id}/${arn.split(':').at(-1) ?? ''}/${again}`;
  const manifest = parseJson(await textOf(deps, `${folder}manifest.json`));
  const files = field(field(manifest, 'ResultFiles'), 'FAILED');
  const found: JobView[] = [];
  for (const file of Array.isArray(files) ? (files as readonly Json[]) : []) {
    const key = field(file, 'Key');
    // A file of this run, whatever the manifest says.
    if (typeof key !== 'string' || !key.startsWith(folder)) continue;
    for (const line of ((await textOf(deps, key)) ?? '').split('\n')) {
      if (found.length >= namedRecords) return found;
      const record = recordIn(node, parseJson(line));
      if (record !== undefined) found.push(record);
    }
  }
  return found;
}

/** The beginning of an object; nothing where there is none: a run that was aborted writes no results. */
async function textOf({ s3, names }: RecordDeps, key: string): Promise<string | undefined> {
  try {
    const range = { Range: `bytes=0-${maxFileBytes - 1}` };
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: names.bucket, Key: key, ...range }));
    return await Body?.transformToString();
  } catch (thrown) {
    // To who may not list the bucket, S3 says of what is not there that access is denied.
    if (thrown instanceof Error && ['NoSuchKey', 'AccessDenied'].includes(thrown.name)) return undefined;
    throw thrown;
  }
}

/** A failed execution as ResultWriter describes it, as a row of the session. One that others have ended is none. */
function recordIn(node: MapS3Ir, described: Json | undefined): JobView | undefined {
  const said = (name: string) => {
    const value = field(described, name);
    return typeof value === 'string' ? value : '';
  };
  const status = { FAILED: 'failed', TIMED_OUT: 'timeout' }[said('Status')] as 'failed' | 'timeout' | undefined;
  if (status === undefined) return undefined;
  const input = parseJson(said('Input'));
  const batch = field(input, 'Items');
  const items = Array.isArray(batch) ? (batch as readonly Json[]) : undefined;
  const path = items === undefined ? field(input, 'path') : `${node.id}[${String(field(items[0], 'index'))}]`;
  if (typeof path !== 'string' || !isJobPath(path)) return undefined;
  const given =
    items === undefined ? field(field(input, 'items'), node.id) : items.map((item) => field(item, 'value') ?? null);
  const error = { name: said('Error') || 'States.TaskFailed', cause: said('Cause') };
  const startedAt = Date.parse(said('StartDate')) || 0;
  const endedAt = Date.parse(said('StopDate')) || startedAt;
  const redrives = field(described, 'RedriveCount');
  const number = typeof redrives === 'number' ? redrives + 1 : 1;
  return {
    ...{ job: path, kind: 'record', node: node.id, source: node.source, status, error, startedAt, endedAt },
    ...(given === undefined ? {} : { input: given }),
    attempts: [{ number, startedAt, endedAt, status, error, eventId: 0 }],
  };
}
