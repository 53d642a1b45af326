/** Sessions that have not ended, whatever their pipeline. */
import { QueryCommand } from '@aws-sdk/lib-dynamodb';
import { tables } from '../storage-layout.ts';
import type { StoreDeps } from './deps.ts';
import type { SessionItem } from './items.ts';
import { isTerminal, type SessionStatus, sessionStatuses } from './status.ts';

const open = sessionStatuses.filter((status) => !isTerminal(status));

/**
 * Sessions that have not ended, as the index has them: what was written a moment ago may be missing.
 *
 * @param maxPages of at most 1 MiB, of each status; oldest sessions first
 */
export async function readOpenSessions(deps: StoreDeps, maxPages: number): Promise<readonly SessionItem[]> {
  const { name, partitionKey } = tables.sessions.byStatusIndex;
  const read = async (status: SessionStatus): Promise<readonly SessionItem[]> => {
    const found: SessionItem[] = [];
    let from: Record<string, unknown> | undefined;
    for (let pages = 0; pages < maxPages; pages += 1) {
      const page = await deps.db.send(
        new QueryCommand({
          TableName: deps.names.sessionsTable,
          IndexName: name,
          KeyConditionExpression: '#status = :status',
          ExpressionAttributeNames: { '#status': partitionKey },
          ExpressionAttributeValues: { ':status': status },
          ExclusiveStartKey: from,
        }),
      );
      found.push(...((page.Items ?? []) as SessionItem[]));
      from = page.LastEvaluatedKey;
      if (from === undefined) break;
    }
    return found;
  };
  return (await Promise.all(open.map(read))).flat();
}
