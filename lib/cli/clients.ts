/**
 * The one place of the command line where SDK clients are made. Loaded when the first one is needed.
 */
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { LogDeps, StoreDeps } from '../sessions/deps.ts';
import type { PlatformNames } from '../storage-layout.ts';

export interface Clients extends LogDeps, StoreDeps {
  readonly names: PlatformNames;
  readonly sfn: SFNClient;
  readonly s3: S3Client;
  readonly region: string;
}

/** Where the clients call, and as whom. */
export interface ClientTarget {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

export function makeClients(target: ClientTarget, names: PlatformNames): Clients {
  const { endpoint, region, credentials } = target;
  const config = { endpoint, region, credentials };
  return {
    names,
    region,
    db: DynamoDBDocumentClient.from(new DynamoDBClient(config), { marshallOptions: { removeUndefinedValues: true } }),
    sfn: new SFNClient(config),
    // A bucket in the host name would not resolve on the loopback interface.
    s3: new S3Client({ ...config, forcePathStyle: true }),
    logs: new CloudWatchLogsClient(config),
  };
}
