/**
 * Deleting sessions that have ended: logs, report, plans, large values and records of jobs first, the session's own record last, so
 * that one whose deleting was cut off is found and deleted again. The key that it was started with stays used up: a
 * firing that is delivered again starts no other session.
 */
import { DeleteObjectsCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { BatchWriteCommand, DeleteCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { BunsuiError } from '../errors.ts';
import { mapResultsPrefix, objectKeys, type PlatformNames, tables } from '../storage-layout.ts';
import type { StoreDeps } from './deps.ts';
import type { SessionItem } from './items.ts';
import { listSessions, type SessionFilter } from './list-sessions.ts';
import { isTerminal } from './status.ts';
import { getSession } from './store.ts';

export interface DeleteDeps extends StoreDeps {
  readonly s3: Pick<S3Client, 'send'>;
  readonly names: PlatformNames;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Deletes a session that has ended, and all that is kept of it.
 *
 * @throws {BunsuiError} BS3002 when there is no such session, BS3017 when it has not ended
 */
export async function deleteSession(deps: DeleteDeps, session: string): Promise<SessionItem> {
  const item = await getSession(deps, session);
  if (item === undefined) {
    const id = session.slice(0, 100);
    throw new BunsuiError('SessionError', 'BS3002', `no session has the id "${id}"`, { context: { session_id: id } });
  }
  const { session_id, created_at, status } = item;
  if (!isTerminal(status)) {
    throw new BunsuiError('SessionError', 'BS3017', `session ${session_id} is ${status}: it has not ended`, {
      context: { session_id, status },
      hint: 'cancel it first, or wait for its end',
    });
  }
  const at = { createdAt: created_at, session: session_id };
  await deletePrefix(deps, objectKeys.logPrefix(at));
  await deletePrefix(deps, objectKeys.rerunPrefix(at));
  await deletePrefix(deps, objectKeys.report(at));
  await deletePrefix(deps, objectKeys.payload({ ...at, pipeline: item.pipeline_id, object: '' }));
  const execution = item.execution_arn?.split(':').at(-1);
  if (execution !== undefined) await deletePrefix(deps, `${mapResultsPrefix(item.pipeline_id)}${execution}/`);
  await deleteJobRecords(deps, session_id);
  if (item.dedup_id !== undefined) await useUpKey(deps, item.dedup_id);
  if ((await deleteItem(deps, item)) === 'stale') return deleteSession(deps, session);
  return item;
}

export interface PurgeRequest extends Pick<SessionFilter, 'pipeline' | 'status'> {
  /** Sessions that were created before, ISO 8601. */
  readonly before: string;
  /** At most so many, 1 to 1,000. */
  readonly limit: number;
}

/** Sessions that a purge would delete: those that have ended, newest first. */
export async function sessionsToPurge(
  deps: StoreDeps,
  { before, limit, ...filter }: PurgeRequest,
): Promise<readonly SessionItem[]> {
  const found: SessionItem[] = [];
  let cursor: string | undefined;
  do {
    const page = await listSessions(deps, { ...filter, to: before, limit: 1_000, ...(cursor && { cursor }) });
    found.push(...page.sessions.filter(({ status }) => isTerminal(status)));
    ({ cursor } = page);
  } while (cursor !== undefined && found.length < limit);
  return found.slice(0, limit);
}

/** S3 takes no more at a time. */
const maxObjects = 1_000;

/** Deletes every object whose key begins so. */
async function deletePrefix({ s3, names }: DeleteDeps, prefix: string): Promise<void> {
  const Bucket = names.bucket;
  for (;;) {
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: prefix, MaxKeys: maxObjects }));
    if (Contents.length === 0) return;
    const Objects = Contents.map(({ Key = '' }) => ({ Key }));
    const { Errors = [] } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
    const [error] = Errors;
    if (error === undefined) continue;
    throw new BunsuiError('AWSError', 'BS5001', `${error.Key} cannot be deleted: ${error.Code} ${error.Message}`, {
      recoverable: true,
    });
  }
}

const batchSize = 25;

async function deleteJobRecords(deps: DeleteDeps, session: string): Promise<void> {
  const { partitionKey, sortKey } = tables.jobHistory;
  const TableName = deps.names.jobHistoryTable;
  for (;;) {
    const { Items = [] } = await deps.db.send(
      new QueryCommand({
        TableName,
        KeyConditionExpression: `${partitionKey} = :id`,
        ExpressionAttributeValues: { ':id': session },
        ProjectionExpression: `${partitionKey}, ${sortKey}`,
        Limit: batchSize,
      }),
    );
    if (Items.length === 0) return;
    // What is not taken in this batch is found again by the next query.
    await deps.db.send(
      new BatchWriteCommand({ RequestItems: { [TableName]: Items.map((Key) => ({ DeleteRequest: { Key } })) } }),
    );
  }
}

async function useUpKey(deps: DeleteDeps, dedupId: string): Promise<void> {
  try {
    await deps.db.send(
      new UpdateCommand({
        TableName: deps.names.sessionsTable,
        Key: { session_id: dedupId, created_at: '-' },
        UpdateExpression: 'SET deleted_at = :now',
        ConditionExpression: 'attribute_exists(session_id)',
        ExpressionAttributeValues: { ':now': new Date(deps.now()).toISOString() },
      }),
    );
  } catch (thrown) {
    if (!(thrown instanceof ConditionalCheckFailedException)) throw thrown;
  }
}

/** @returns `'stale'` when somebody has rerun it meanwhile */
async function deleteItem(deps: DeleteDeps, item: SessionItem): Promise<'ok' | 'stale'> {
  try {
    await deps.db.send(
      new DeleteCommand({
        TableName: deps.names.sessionsTable,
        Key: { session_id: item.session_id, created_at: item.created_at },
        ConditionExpression: 'attribute_not_exists(session_id) OR (generation = :generation AND #status = :status)',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: { ':generation': item.generation, ':status': item.status },
      }),
    );
    return 'ok';
  } catch (thrown) {
    if (thrown instanceof ConditionalCheckFailedException) return 'stale';
    throw thrown;
  }
}
