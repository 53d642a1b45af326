/**
 * The platform on a laptop: the tables and the bucket that a deployment's stack would hold, the platform's own
 * functions, and who hears that an execution has ended.
 */
import { BunsuiError } from '../errors.ts';
import { gatesTableName, platformNames, tables } from '../storage-layout.ts';
import { type LocalClient, localClient } from './client.ts';
import { platformEnvironment } from './deploy.ts';
import type { Runtime } from './runtime.ts';

/** A function of the platform: a bundled module that exports `handler`. */
export interface PlatformFunction {
  readonly name: string;
  /** Absolute path. */
  readonly handlerFile: string;
  /** Beside the names of tables and bucket, which every function gets. */
  readonly environment?: Readonly<Record<string, string>>;
  /** @default 60 */
  readonly timeoutSeconds?: number;
  /** @default 512 */
  readonly memoryMiB?: number;
}

export interface PlatformOptions {
  readonly functions?: readonly PlatformFunction[];
  /** The name of one of the functions: it gets a status-change event when an execution has ended. */
  readonly statusChangeTarget?: string;
}

/**
 * Makes what is missing; quick when all is there.
 *
 * @throws {BunsuiError} BS5001 when the runtime refuses.
 */
export async function ensurePlatform(runtime: Runtime, options: PlatformOptions = {}): Promise<void> {
  const client = localClient(runtime);
  const names = platformNames({ account: runtime.accountId, region: runtime.region });
  const { sessions, jobHistory, pipelines } = tables;
  await Promise.all([
    ensureTable(client, names.sessionsTable, sessions, [sessions.byPipelineIndex, sessions.byStatusIndex]),
    ensureTable(client, names.jobHistoryTable, jobHistory, []),
    ensureTable(client, names.pipelinesTable, pipelines, []),
    ensureTable(client, gatesTableName(), tables.gates, []),
    ensureBucket(client, names.bucket),
    ensureFunctions(client, runtime, options),
  ]);
}

interface Keys {
  readonly partitionKey: string;
  readonly sortKey: string;
}

async function ensureTable(
  client: LocalClient,
  name: string,
  keys: Keys,
  indexes: readonly (Keys & { readonly name: string })[],
): Promise<void> {
  const described = await client.json('dynamodb', 'DynamoDB_20120810.DescribeTable', { TableName: name });
  if (described.ok) return;
  if (described.code !== 'ResourceNotFoundException') throw refusal(`table ${name}`, described.code, described.message);
  const attributes = new Set([keys, ...indexes].flatMap(({ partitionKey, sortKey }) => [partitionKey, sortKey]));
  const created = await client.json('dynamodb', 'DynamoDB_20120810.CreateTable', {
    TableName: name,
    AttributeDefinitions: [...attributes].map((attribute) => ({ AttributeName: attribute, AttributeType: 'S' })),
    KeySchema: keySchema(keys),
    BillingMode: 'PAY_PER_REQUEST',
    ...(indexes.length > 0 && {
      GlobalSecondaryIndexes: indexes.map((index) => ({
        IndexName: index.name,
        KeySchema: keySchema(index),
        Projection: { ProjectionType: 'ALL' },
      })),
    }),
  });
  // Another process may be a moment ahead.
  if (!created.ok && created.code !== 'ResourceInUseException') {
    throw refusal(`table ${name}`, created.code, created.message);
  }
  await untilActive(client, name);
}

async function untilActive(client: LocalClient, name: string): Promise<void> {
  for (let asked = 0; asked < 1000; asked += 1) {
    const described = await client.json('dynamodb', 'DynamoDB_20120810.DescribeTable', { TableName: name });
    const table = described.ok ? (described.value['Table'] as { readonly TableStatus: string }) : undefined;
    if (table?.TableStatus === 'ACTIVE') return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw refusal(`table ${name}`, 'ResourceInUseException', 'it does not become active');
}

function keySchema({ partitionKey, sortKey }: Keys): readonly object[] {
  return [
    { AttributeName: partitionKey, KeyType: 'HASH' },
    { AttributeName: sortKey, KeyType: 'RANGE' },
  ];
}

async function ensureBucket(client: LocalClient, bucket: string): Promise<void> {
  const there = await client.send('s3', 'HEAD', `/${bucket}`);
  if (there.status === 200) return;
  const created = await client.send('s3', 'PUT', `/${bucket}`);
  if (created.status !== 200 && created.status !== 409)
    throw refusal(`bucket ${bucket}`, String(created.status), created.body);
}

async function ensureFunctions(client: LocalClient, runtime: Runtime, options: PlatformOptions): Promise<void> {
  const { functions = [], statusChangeTarget } = options;
  await Promise.all(
    functions.map(({ name, handlerFile, environment = {}, timeoutSeconds = 60, memoryMiB = 512 }) =>
      client.private('PUT', `functions/${encodeURIComponent(name)}`, {
        handlerFile,
        handler: 'handler',
        timeoutSeconds,
        memoryMiB,
        environment: { ...platformEnvironment(runtime), ...environment },
      }),
    ),
  );
  if (statusChangeTarget !== undefined) {
    await client.private('PUT', 'targets/status-change', { functionName: statusChangeTarget });
  }
}

function refusal(what: string, code: string, message: string): BunsuiError {
  return new BunsuiError('AWSError', 'BS5001', `the local runtime refused the ${what}: ${code}: ${message}`);
}
