/** Sessions and job records in DynamoDB: single-item conditional writes, and reads by the indexes. */
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { BatchWriteCommand, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { BunsuiError } from '../errors.ts';
import type { PipelineArtifact } from '../ir/artifact.ts';
import { mapsOverS3 } from '../ir/map-s3.ts';
import { tables } from '../storage-layout.ts';
import type { StoreDeps } from './deps.ts';
import type {
  AnswerItem,
  AttemptItem,
  CandidateItem,
  CheckpointItem,
  DedupItem,
  ProgressItem,
  SessionItem,
  SkipItem,
} from './items.ts';
import { type SessionStatus, statusesBefore } from './status.ts';

/** Writes an item of the sessions table unless there is one under its key. */
export async function createItem(deps: StoreDeps, item: SessionItem | DedupItem): Promise<'created' | 'exists'> {
  try {
    await deps.db.send(
      new PutCommand({
        TableName: deps.names.sessionsTable,
        Item: item,
        ConditionExpression: 'attribute_not_exists(session_id)',
      }),
    );
    return 'created';
  } catch (thrown) {
    if (thrown instanceof ConditionalCheckFailedException) return 'exists';
    throw thrown;
  }
}

type Patch = Partial<Omit<SessionItem, 'session_id' | 'created_at' | 'status' | 'generation'>>;

/** What says which session is meant, and which run of it. */
export type SessionAt = Pick<SessionItem, 'session_id' | 'created_at' | 'generation' | 'redrive_count'>;

/** `names` and `values` are the placeholders of the condition; the fields to set and to remove get their own. */
interface SessionUpdate {
  readonly set: { readonly [field: string]: unknown };
  readonly remove?: readonly string[];
  readonly condition: string;
  readonly names: { readonly [placeholder: string]: string };
  readonly values: { readonly [placeholder: string]: unknown };
}

/** Changes a session if its condition holds. */
export async function updateSession(
  deps: StoreDeps,
  key: Pick<SessionItem, 'session_id' | 'created_at'>,
  update: SessionUpdate,
): Promise<'ok' | 'stale'> {
  const fields = Object.entries(update.set).filter(([, value]) => value !== undefined);
  const removed = update.remove ?? [];
  const set = fields.map((_, index) => `#f${index} = :f${index}`).join(', ');
  const remove = removed.map((_, index) => `#r${index}`).join(', ');
  try {
    await deps.db.send(
      new UpdateCommand({
        TableName: deps.names.sessionsTable,
        Key: { session_id: key.session_id, created_at: key.created_at },
        UpdateExpression: `SET ${set}${remove === '' ? '' : ` REMOVE ${remove}`}`,
        ConditionExpression: update.condition,
        ExpressionAttributeNames: {
          ...update.names,
          ...Object.fromEntries(fields.map(([name], index) => [`#f${index}`, name])),
          ...Object.fromEntries(removed.map((name, index) => [`#r${index}`, name])),
        },
        ExpressionAttributeValues: {
          ...update.values,
          ...Object.fromEntries(fields.map(([, value], index) => [`:f${index}`, value])),
        },
      }),
    );
    return 'ok';
  } catch (thrown) {
    if (thrown instanceof ConditionalCheckFailedException) return 'stale';
    throw thrown;
  }
}

/**
 * Moves a session to another status within its generation, with whatever else is known then. A terminal status stays
 * within its generation and redrive: a run that was redriven since may move it again, whatever it was.
 *
 * @param remove fields that no longer hold
 * @returns `'stale'` when its status does not lead there (it has ended, or is there already); nothing is written then
 */
export async function advanceSession(
  deps: StoreDeps,
  session: SessionAt,
  to: SessionStatus,
  patch: Patch,
  remove: readonly (keyof Patch)[] = [],
): Promise<'ok' | 'stale'> {
  const from = statusesBefore(to);
  const { redrive_count: redrive = 0, generation } = session;
  const leads = `#status IN (${from.map((_, index) => `:s${index}`).join(', ')})`;
  const run =
    redrive === 0
      ? `(attribute_not_exists(#redrive) OR #redrive = :redrive) AND ${leads}`
      : `(attribute_not_exists(#redrive) OR #redrive < :redrive OR (#redrive = :redrive AND ${leads}))`;
  return updateSession(deps, session, {
    set: { ...patch, status: to, ...(redrive === 0 ? {} : { redrive_count: redrive }) },
    remove,
    condition: `#generation = :generation AND ${run}`,
    names: { '#generation': 'generation', '#status': 'status', '#redrive': 'redrive_count' },
    values: {
      ':generation': generation,
      ':redrive': redrive,
      ...Object.fromEntries(from.map((status, index) => [`:s${index}`, status])),
    },
  });
}

/** A session by its whole id. */
export async function getSession(deps: StoreDeps, sessionId: string): Promise<SessionItem | undefined> {
  if (sessionId === '' || sessionId.includes('#')) return undefined;
  const { partitionKey } = tables.sessions;
  const found = await deps.db.send(
    new QueryCommand({
      TableName: deps.names.sessionsTable,
      KeyConditionExpression: `${partitionKey} = :id`,
      ExpressionAttributeValues: { ':id': sessionId },
      ConsistentRead: true,
      Limit: 1,
    }),
  );
  return found.Items?.[0] as SessionItem | undefined;
}

/** What stands in the table of jobs. */
export type JobItem = AttemptItem | CheckpointItem | AnswerItem | CandidateItem | SkipItem | ProgressItem;

/** What is recorded of a session's jobs. */
export interface JobRecords {
  readonly attempts: readonly AttemptItem[];
  readonly checkpoints: readonly CheckpointItem[];
  readonly answers: readonly AnswerItem[];
  readonly candidates: readonly CandidateItem[];
  readonly progress: readonly ProgressItem[];
  /** Maps over S3 of whose bodies more is recorded than was to be read: nothing of them is here. */
  readonly beyond: readonly string[];
}

/** Of a map over S3 there may be a record for each of millions of bodies. */
export interface BodiesRead {
  /** Ids of maps over S3. */
  readonly maps: readonly string[];
  /** So many records are read of the bodies of each; of a map with more none. */
  readonly most: number;
}

/** Of a map whose bodies have more records, nobody looks for what may be reused or shown. */
export const readBodies = 10_000;

/** What is read of the bodies of a pipeline's maps over S3 where their results matter. */
export function bodiesRead({ pipeline }: Pick<PipelineArtifact, 'pipeline'>, most = readBodies): BodiesRead {
  return { maps: mapsOverS3(pipeline).map(({ id }) => id), most };
}

/**
 * What is recorded of a session's jobs, in order of the keys.
 *
 * @param bodies how much is read of the bodies of maps over S3. @default all
 */
export async function listJobRecords(
  deps: StoreDeps,
  sessionId: string,
  { maps, most }: BodiesRead = { maps: [], most: 0 },
): Promise<JobRecords> {
  const { partitionKey, sortKey } = tables.jobHistory;
  const seen = new Map<string, number>();
  const mapOf = ({ job_timestamp: key }: JobItem) => maps.find((id) => key.startsWith(`${id}[`));
  const isBeyond = (map: string | undefined) => map !== undefined && (seen.get(map) ?? 0) > most;
  const answers: AnswerItem[] = [];
  const attempts: AttemptItem[] = [];
  const checkpoints: CheckpointItem[] = [];
  const candidates: CandidateItem[] = [];
  const progress: ProgressItem[] = [];
  let from: Record<string, unknown> | undefined;
  do {
    const page = await deps.db.send(
      new QueryCommand({
        TableName: deps.names.jobHistoryTable,
        KeyConditionExpression: `${partitionKey} = :id`,
        ExpressionAttributeValues: { ':id': sessionId },
        ExclusiveStartKey: from,
      }),
    );
    const items = (page.Items ?? []) as JobItem[];
    for (const item of items) {
      const map = mapOf(item);
      if (map !== undefined) seen.set(map, (seen.get(map) ?? 0) + 1);
      if (isBeyond(map)) continue;
      if (item.record_type === 'checkpoint') checkpoints.push(item);
      else if (item.record_type === 'attempt') attempts.push(item);
      else if (item.record_type === 'answer') answers.push(item);
      else if (item.record_type === 'candidate') candidates.push(item);
      else if (item.record_type === 'progress') progress.push(item);
    }
    from = page.LastEvaluatedKey;
    const last = items.at(-1);
    const map = last && mapOf(last);
    // The next one of another job: keys of bodies begin with `{map}[`, and `\\` is what comes after `[`.
    if (from !== undefined && isBeyond(map)) from = { [partitionKey]: sessionId, [sortKey]: `${map}\\` };
  } while (from !== undefined);
  const beyond = maps.filter(isBeyond);
  const within = <T extends JobItem>(items: readonly T[]) => items.filter((item) => !isBeyond(mapOf(item)));
  return {
    ...{ attempts: within(attempts), checkpoints: within(checkpoints), answers },
    ...{ candidates: within(candidates), progress: within(progress), beyond },
  };
}

const batchSize = 25;
const maxBatchTries = 10;

/**
 * Writes job records. Their keys are made of what they record, so that writing them again changes nothing.
 * @throws {BunsuiError} BS5001 when the table takes some of them not even after several tries
 */
export async function putJobRecords(
  deps: StoreDeps,
  items: readonly AttemptItem[],
  sleep: (ms: number) => Promise<void> = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
): Promise<void> {
  const table = deps.names.jobHistoryTable;
  for (let start = 0; start < items.length; start += batchSize) {
    let open: NonNullable<BatchWriteCommand['input']['RequestItems']>[string] = items
      .slice(start, start + batchSize)
      .map((item) => ({ PutRequest: { Item: item } }));
    for (let tries = 0; open.length > 0; tries += 1) {
      if (tries === maxBatchTries) {
        throw new BunsuiError('AWSError', 'BS5001', `table ${table} does not take ${open.length} job records`, {
          recoverable: true,
        });
      }
      if (tries > 0) await sleep(20 * 2 ** tries);
      const answer = await deps.db.send(new BatchWriteCommand({ RequestItems: { [table]: open } }));
      open = answer.UnprocessedItems?.[table] ?? [];
    }
  }
}
