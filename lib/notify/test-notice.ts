/**
 * Notices that somebody sends to see whether a channel works. What came of the last one of each channel is noted, so that
 * whoever sent it need not guess it from the counts of queues, which come late.
 */
import { type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { tables } from '../storage-layout.ts';
import type { TakenMessage } from './take-messages.ts';

/** What came of the last test of a channel: table `sessions`, key `tested#<channel>` + `-`. In no index. */
export interface TestedItem {
  readonly delivery_id: string;
  readonly outcome: TakenMessage['outcome'];
  readonly reason?: string;
  /** When it is tried again. */
  readonly after_seconds?: number;
}

interface TestDeps {
  readonly db: Pick<DynamoDBDocumentClient, 'send'>;
  readonly sessionsTable: string;
}

const testPrefix = 'test/';

/** @param unique of the characters of ids */
export function testDeliveryId(unique: string): string {
  return `${testPrefix}${unique}`;
}

export function isTest(deliveryId: string): boolean {
  return deliveryId.startsWith(testPrefix);
}

function keyOf(channel: string): { readonly [name: string]: string } {
  return { [tables.sessions.partitionKey]: `tested#${channel}`, [tables.sessions.sortKey]: '-' };
}

/** Notes what came of a test. @throws {Error} of DynamoDB */
export async function noteTest(deps: TestDeps, taken: TakenMessage): Promise<void> {
  const { channel, delivery_id = '', outcome, reason, afterSeconds } = taken;
  const tested: TestedItem = {
    delivery_id,
    outcome,
    ...(reason === undefined ? {} : { reason }),
    ...(afterSeconds === undefined ? {} : { after_seconds: afterSeconds }),
  };
  await deps.db.send(new PutCommand({ TableName: deps.sessionsTable, Item: { ...keyOf(channel), ...tested } }));
}

/** What came of a test; `undefined` while nobody has tried to deliver it. */
export async function testedOf(deps: TestDeps, channel: string, deliveryId: string): Promise<TestedItem | undefined> {
  const found = await deps.db.send(
    new GetCommand({ TableName: deps.sessionsTable, Key: keyOf(channel), ConsistentRead: true }),
  );
  const tested = found.Item as TestedItem | undefined;
  return tested?.delivery_id === deliveryId ? tested : undefined;
}
