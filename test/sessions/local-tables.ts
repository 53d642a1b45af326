/** The platform's tables on a DynamoDB in this process, and a way to spoil calls to it. */
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { CreateTableCommand, DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { tables } from '../../lib/storage-layout.ts';

// dynalite brings no types.
const dynalite = createRequire(import.meta.url)('dynalite') as (options: object) => Server;

export const tableNames = {
  sessionsTable: 't-sessions',
  jobHistoryTable: 't-job-history',
  pipelinesTable: 't-pipelines',
} as const;

/** What the front does with a call: pass it on, answer in its place, or pass it on and lose the answer. */
export type Spoil = (call: {
  readonly operation: string;
  readonly number: number;
}) => undefined | 'lose-answer' | { readonly status: number; readonly body: string };

export interface LocalTables {
  readonly endpoint: string;
  readonly client: DynamoDBClient;
  /** Operations in order of arrival, those that were spoilt too. */
  readonly calls: string[];
  spoil: Spoil | undefined;
  close(): Promise<void>;
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

type Key = { readonly partitionKey: string; readonly sortKey: string };
type TableKeys = Key & {
  readonly byPipelineIndex?: Key & { name: string };
  readonly byStatusIndex?: Key & { name: string };
};

function createTable(name: string, keys: TableKeys): CreateTableCommand {
  const schema = (key: Key) => [
    { AttributeName: key.partitionKey, KeyType: 'HASH' as const },
    { AttributeName: key.sortKey, KeyType: 'RANGE' as const },
  ];
  const indexes = [keys.byPipelineIndex, keys.byStatusIndex].filter((index) => index !== undefined);
  const attributes = new Set([keys, ...indexes].flatMap((key) => [key.partitionKey, key.sortKey]));
  return new CreateTableCommand({
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: schema(keys),
    AttributeDefinitions: [...attributes].map((attribute) => ({ AttributeName: attribute, AttributeType: 'S' })),
    ...(indexes.length === 0
      ? {}
      : {
          GlobalSecondaryIndexes: indexes.map((index) => ({
            IndexName: index.name,
            KeySchema: schema(index),
            Projection: { ProjectionType: 'ALL' },
          })),
        }),
  });
}

/** Starts the tables, empty. */
export async function startTables(): Promise<LocalTables> {
  const database = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  const calls: string[] = [];
  const state: { spoil: Spoil | undefined } = { spoil: undefined };

  const front = createServer((request, response) => {
    const operation = String(request.headers['x-amz-target']).split('.').at(-1) ?? '';
    calls.push(operation);
    const spoilt = state.spoil?.({ operation, number: calls.length });
    if (typeof spoilt === 'object') {
      request.resume().on('end', () => {
        response.writeHead(spoilt.status, { 'content-type': 'application/x-amz-json-1.0' }).end(spoilt.body);
      });
      return;
    }
    if (spoilt === 'lose-answer') {
      response.end = () => {
        request.socket.destroy();
        return response;
      };
    }
    // Handed on within the process: it listens to no port of its own.
    database.emit('request', request, response);
  });
  // On a busy machine a client may send on a connection in the moment in which it is closed.
  front.keepAliveTimeout = 0;
  const endpoint = `http://127.0.0.1:${await listening(front)}`;
  const client = new DynamoDBClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDTEST', secretAccessKey: 'secret' },
    maxAttempts: 1,
  });
  await client.send(createTable(tableNames.sessionsTable, tables.sessions));
  await client.send(createTable(tableNames.jobHistoryTable, tables.jobHistory));
  await client.send(createTable(tableNames.pipelinesTable, tables.pipelines));
  for (const name of Object.values(tableNames)) {
    let active = false;
    while (!active) {
      const { Table: table } = await client.send(new DescribeTableCommand({ TableName: name }));
      active =
        table?.TableStatus === 'ACTIVE' &&
        (table.GlobalSecondaryIndexes ?? []).every((index) => index.IndexStatus === 'ACTIVE');
    }
  }
  calls.length = 0;

  return {
    endpoint,
    client,
    calls,
    get spoil() {
      return state.spoil;
    },
    set spoil(spoil) {
      state.spoil = spoil;
    },
    async close() {
      client.destroy();
      await closed(front);
      await new Promise((resolve) => database.close(resolve));
    },
  };
}
