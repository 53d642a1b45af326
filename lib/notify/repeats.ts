/**
 * Quiet for repeats. A pipeline that fails again and again with the same error is told in full once; for six hours each
 * repeat is one line that counts. Every notice is still delivered: what grows less is what people have to read.
 */
import { createHash } from 'node:crypto';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { GetCommand, PutCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { NoticeEvent } from '../ir/nodes.ts';
import { tables } from '../storage-layout.ts';
import type { Notice } from '../sessions/notice.ts';

/** That the same has been told before. */
export interface Repeat {
  /** 2 for the first repeat. */
  readonly count: number;
  /** When it was told in full, ISO 8601 in UTC. */
  readonly since: string;
}

/** The last thing told: table `sessions`, key `told#<channel>#<pipeline>#<event>` + `-`. In no index. */
interface ToldItem {
  readonly session_id: string;
  readonly created_at: '-';
  readonly what: string;
  readonly since: string;
  /** Delivery ids in the order in which they came; the place of one is its count, however often it is delivered. */
  readonly deliveries: readonly string[];
}

export interface RepeatDeps {
  readonly db: Pick<DynamoDBDocumentClient, 'send'>;
  readonly sessionsTable: string;
  readonly now: () => number;
}

const windowMs = 6 * 3_600_000;
/** An item holds at most 400 KB; ids take some 60 bytes. */
const maxDeliveries = 1_000;
const quietEvents: readonly NoticeEvent[] = ['failed', 'retrying', 'deadline'];

/** In words, after a headline. */
export function againText({ count, since }: Repeat): string {
  return `same error, ${count} times since ${since.slice(0, 16).replace('T', ' ')} UTC`;
}

/** What makes two errors the same: numbers and ids in them do not count. */
function fingerprint({ error, job }: Notice): string {
  const message = (error?.error_message ?? '').slice(0, 1_000).replaceAll(/[0-9a-f]*\d[0-9a-f-]*/gi, '#');
  const place = job?.job_id.replaceAll(/\[\d+\]/g, '[#]') ?? '';
  return createHash('sha256').update(`${error?.error_code}\n${place}\n${message}`).digest('hex').slice(0, 32);
}

/**
 * Counts a notice, and says whether the channel was told the same a short while ago. The same notice delivered again
 * keeps its count.
 *
 * @throws {Error} of DynamoDB.
 */
export async function countRepeat(deps: RepeatDeps, channel: string, notice: Notice): Promise<Repeat | undefined> {
  if (!quietEvents.includes(notice.event)) return undefined;
  const { partitionKey, sortKey } = tables.sessions;
  const Key = { [partitionKey]: `told#${channel}#${notice.pipeline_id}#${notice.event}`, [sortKey]: '-' };
  const what = fingerprint(notice);
  const oldest = new Date(deps.now() - windowMs).toISOString();
  const values = { ':what': what, ':oldest': oldest, ':max': maxDeliveries };
  const isSame = '#what = :what AND #since > :oldest AND size(#deliveries) < :max';
  const names = { '#what': 'what', '#since': 'since', '#deliveries': 'deliveries' };
  // Each round somebody else was quicker; the next one sees what he wrote.
  for (let round = 1; round <= 5; round += 1) {
    const added = await unlessRefused(
      deps.db.send(
        new UpdateCommand({
          TableName: deps.sessionsTable,
          Key,
          UpdateExpression: 'SET #deliveries = list_append(#deliveries, :one)',
          ConditionExpression: `${isSame} AND NOT contains(#deliveries, :id)`,
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: { ...values, ':one': [notice.delivery_id], ':id': notice.delivery_id },
          ReturnValues: 'ALL_NEW',
        }),
      ),
    );
    if (added !== undefined) return repeatOf(added.Attributes as ToldItem, notice);
    const { Item } = await deps.db.send(new GetCommand({ TableName: deps.sessionsTable, Key, ConsistentRead: true }));
    const told = Item as ToldItem | undefined;
    if (told?.deliveries.includes(notice.delivery_id)) return repeatOf(told, notice);
    const item = { ...Key, what, since: new Date(deps.now()).toISOString(), deliveries: [notice.delivery_id] };
    const begun = await unlessRefused(
      deps.db.send(
        new PutCommand({
          TableName: deps.sessionsTable,
          Item: item,
          ConditionExpression: `attribute_not_exists(#deliveries) OR NOT (${isSame})`,
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: values,
        }),
      ),
    );
    if (begun !== undefined) return undefined;
  }
  return undefined;
}

function repeatOf({ deliveries, since }: ToldItem, { delivery_id }: Notice): Repeat | undefined {
  const place = deliveries.indexOf(delivery_id);
  return place < 1 ? undefined : { count: place + 1, since };
}

async function unlessRefused<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Error && error.name === 'ConditionalCheckFailedException') return undefined;
    throw error;
  }
}
