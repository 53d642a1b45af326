/**
 * What a new generation of a session takes over from the one before. The plan is an object in the bucket, named by the
 * session's record, so that whoever finds the session after a crash goes on with it:
 *
 *     plan's object → record: created, one generation more (conditional) → an item per result → record: queued
 *
 * The items stand in the places of the generation's checkpoints before its execution is started, and each is written
 * where nothing stands: what comes late changes nothing.
 */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { PutCommand } from '@aws-sdk/lib-dynamodb';
import type { Fingerprint } from '../ir/fingerprints.ts';
import { checkpointKey, objectKeys, type PlatformNames, undoableKey } from '../storage-layout.ts';
import type { StoreDeps } from './deps.ts';
import type { CandidateItem, CheckpointItem, SessionItem, SkipItem } from './items.ts';
import type { JobPlan, Reuse } from './plan-jobs.ts';
import { type JobRecords, listJobRecords } from './store.ts';

export interface ReuseDeps extends StoreDeps {
  readonly s3: Pick<S3Client, 'send'>;
  readonly names: PlatformNames;
}

/** The object. */
export interface StoredPlan {
  readonly planVersion: 1;
  readonly session_id: string;
  /** The generation that it is for; results are those of the one before. */
  readonly generation: number;
  /** The version that runs. */
  readonly version: string;
  readonly jobs: readonly JobPlan[];
  readonly reuse: readonly (Reuse & { readonly fingerprint?: Fingerprint })[];
  /** Maps over S3 with more results than anybody looks through. */
  readonly beyond?: readonly string[];
}

/** A result, and its place in the generation that it was recorded in. */
export type ResultItem = CheckpointItem | CandidateItem;

/** What of a generation's records may be reused, by path: also what that generation had not come to. What was undone may not. */
export function resultsOf(
  { checkpoints, candidates }: Pick<JobRecords, 'checkpoints' | 'candidates'>,
  generation: number,
): ReadonlyMap<string, ResultItem> {
  const own = [...candidates, ...checkpoints].filter((item) => item.generation === generation);
  const undone = undoneIn({ checkpoints }, generation);
  return new Map(own.filter(({ job_id: job }) => !undone.has(job)).map((item) => [item.job_id, item]));
}

/** Paths of the jobs that compensations of a generation have undone. */
export function undoneIn({ checkpoints }: Pick<JobRecords, 'checkpoints'>, generation: number): ReadonlySet<string> {
  const own = checkpoints.filter((item) => item.generation === generation);
  return new Set(own.flatMap(({ compensates }) => compensates ?? []));
}

/** The jobs of a generation that gave results of earlier ones instead of running: path → the generation that ran it. */
export function reusedIn(checkpoints: readonly CheckpointItem[], generation: number): ReadonlyMap<string, number> {
  return new Map(
    checkpoints.flatMap((item) =>
      item.generation === generation && item.reused_from !== undefined
        ? [[item.job_id, item.reused_from] as const]
        : [],
    ),
  );
}

/** Writes the plan's object. @returns its key */
export async function putPlan(deps: ReuseDeps, createdAt: string, plan: StoredPlan, entropy: bigint): Promise<string> {
  const key = objectKeys.rerunPlan({
    createdAt,
    session: plan.session_id,
    generation: plan.generation,
    plan: entropy.toString(36),
  });
  const body = JSON.stringify(plan);
  await deps.s3.send(
    new PutObjectCommand({ Bucket: deps.names.bucket, Key: key, Body: body, ContentType: 'application/json' }),
  );
  return key;
}

export async function readPlan(deps: ReuseDeps, key: string): Promise<StoredPlan> {
  const found = await deps.s3.send(new GetObjectCommand({ Bucket: deps.names.bucket, Key: key }));
  // Written by putPlan and by nothing else: its shape is that of the type.
  return JSON.parse((await found.Body?.transformToString()) ?? 'null') as StoredPlan;
}

/** So many at once: each is a write of its own. */
const writesAtOnce = 16;

/** Puts the results that a generation reuses into their places. Changes nothing the second time. */
export async function putReused(deps: ReuseDeps, session: SessionItem): Promise<void> {
  if (session.rerun_plan === undefined) return;
  const plan = await readPlan(deps, session.rerun_plan);
  const records = await listJobRecords(deps, session.session_id, { maps: plan.beyond ?? [], most: 0 });
  const results = resultsOf(records, session.generation - 1);
  const items = plan.reuse.flatMap((one) => itemOf(session, one, results.get(one.job)) ?? []);
  for (let from = 0; from < items.length; from += writesAtOnce) {
    await Promise.all(
      items.slice(from, from + writesAtOnce).map(async (item) => {
        await putUnlessThere(deps, item);
        // What it has done stands, whether or not this generation comes to it: it is to be undone with the rest.
        if ('input' in item) await putUnlessThere(deps, undoableOf(item));
      }),
    );
  }
}

function itemOf(
  { session_id, generation }: SessionItem,
  { job, as, fingerprint, kept }: StoredPlan['reuse'][number],
  result: ResultItem | undefined,
): ResultItem | SkipItem | undefined {
  const at = { session_id, job_timestamp: checkpointKey(job, generation), generation };
  if (as === 'skip') return { ...at, record_type: as, job_id: job, output: 'null' };
  return (
    result && {
      ...result,
      ...at,
      record_type: as,
      reused_from: result.reused_from ?? result.generation,
      ...(fingerprint === undefined ? {} : { fingerprint }),
      kept: kept ?? false,
    }
  );
}

/** Says of a result that is to be undone that it is there, as its function would (`lib/wrapper/undo.ts`). */
function undoableOf({ session_id, job_id, generation }: ResultItem): object {
  const key = undoableKey(generation, job_id, 0);
  return { session_id, job_timestamp: key, record_type: 'undoable', job_id, generation, runs_until_ms: 0 };
}

async function putUnlessThere(deps: StoreDeps, item: object): Promise<void> {
  try {
    await deps.db.send(
      new PutCommand({
        TableName: deps.names.jobHistoryTable,
        Item: item,
        ConditionExpression: 'attribute_not_exists(session_id)',
      }),
    );
  } catch (thrown) {
    if (!(thrown instanceof ConditionalCheckFailedException)) throw thrown;
  }
}
