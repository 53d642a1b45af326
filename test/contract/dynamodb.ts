/** What sessions need of DynamoDB, for any endpoint: single-item conditional writes, queries by index, paging. */
import {
  ConditionalCheckFailedException,
  CreateTableCommand,
  DynamoDBClient,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { beforeAll, describe, expect, it } from 'vitest';
import { clientConfig, freshName, refusal, type Target } from './target.ts';

export function dynamodbContract(target: () => Target): void {
  describe('DynamoDB', () => {
    let db: DynamoDBDocumentClient;
    const TableName = freshName('contract');
    beforeAll(async () => {
      const client = new DynamoDBClient(clientConfig(target()));
      db = DynamoDBDocumentClient.from(client);
      await client.send(
        new CreateTableCommand({
          TableName,
          AttributeDefinitions: ['id', 'at', 'kind'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
          KeySchema: [
            { AttributeName: 'id', KeyType: 'HASH' },
            { AttributeName: 'at', KeyType: 'RANGE' },
          ],
          GlobalSecondaryIndexes: [
            {
              IndexName: 'by-kind',
              KeySchema: [
                { AttributeName: 'kind', KeyType: 'HASH' },
                { AttributeName: 'at', KeyType: 'RANGE' },
              ],
              Projection: { ProjectionType: 'ALL' },
            },
          ],
          BillingMode: 'PAY_PER_REQUEST',
        }),
      );
      await waitUntilTableExists({ client, maxWaitTime: 30, minDelay: 1 }, { TableName });
    });

    it('writes an item under a condition once', async () => {
      const put = () =>
        db.send(
          new PutCommand({
            TableName,
            Item: { id: 'once', at: '1', n: 1 },
            ConditionExpression: 'attribute_not_exists(id)',
          }),
        );
      await put();
      await expect(put()).rejects.toBeInstanceOf(ConditionalCheckFailedException);
      const { Item } = await db.send(new GetCommand({ TableName, Key: { id: 'once', at: '1' }, ConsistentRead: true }));
      expect(Item).toStrictEqual({ id: 'once', at: '1', n: 1 });
    });

    it('lets one of many conditional updates through', async () => {
      await db.send(new PutCommand({ TableName, Item: { id: 'race', at: '1', status: 'queued' } }));
      const updates = Array.from({ length: 10 }, (_, index) =>
        refusal(
          db.send(
            new UpdateCommand({
              TableName,
              Key: { id: 'race', at: '1' },
              UpdateExpression: 'SET #s = :to, winner = :w',
              ConditionExpression: '#s = :from',
              ExpressionAttributeNames: { '#s': 'status' },
              ExpressionAttributeValues: { ':from': 'queued', ':to': 'running', ':w': index },
            }),
          ),
        ),
      );
      const results = await Promise.all(updates);
      expect(results.toSorted()).toStrictEqual([
        ...Array.from({ length: 9 }, () => 'ConditionalCheckFailedException'),
        'it was not refused',
      ]);
    });

    it('queries an index backwards and in pages', async () => {
      for (const at of ['1', '2', '3', '4', '5']) {
        await db.send(new PutCommand({ TableName, Item: { id: `q${at}`, at, kind: 'q' } }));
      }
      const found: unknown[] = [];
      let from: Record<string, unknown> | undefined;
      do {
        const page = await db.send(
          new QueryCommand({
            TableName,
            IndexName: 'by-kind',
            KeyConditionExpression: 'kind = :k',
            ExpressionAttributeValues: { ':k': 'q' },
            ScanIndexForward: false,
            Limit: 2,
            ExclusiveStartKey: from,
          }),
        );
        found.push(...(page.Items ?? []).map(({ id }) => id));
        from = page.LastEvaluatedKey;
      } while (from !== undefined);
      expect(found).toStrictEqual(['q5', 'q4', 'q3', 'q2', 'q1']);
    });

    it('refuses in AWS’s words', async () => {
      const absent = db.send(new GetCommand({ TableName: freshName('absent'), Key: { id: 'x', at: '1' } }));
      expect(await refusal(absent)).toBe('ResourceNotFoundException');
      expect(await refusal(db.send(new GetCommand({ TableName, Key: { id: 'x' } })))).toBe('ValidationException');
    });
  });
}
