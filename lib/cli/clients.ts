/**
 * The one place of the command line where the SDK clients that every command may need are made. Loaded when the first
 * one is needed.
 */
import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient, type SFNClientConfig } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { LogDeps, StoreDeps } from '../sessions/deps.ts';
import type { PlatformNames } from '../storage-layout.ts';

export interface Clients extends LogDeps, StoreDeps {
  readonly names: PlatformNames;
  readonly sfn: SFNClient;
  readonly s3: S3Client;
  readonly region: string;
}

/** Where clients call, and as whom: what every SDK client takes. */
export interface ClientConfig {
  readonly region: string;
  /** Left out where the SDK knows it: AWS's own, or what the environment says. */
  readonly endpoint?: string;
  readonly credentials: NonNullable<SFNClientConfig['credentials']>;
}

/** @param options.pathStyle whether a bucket in the host name would not resolve: on every endpoint but AWS's own. */
export function makeClients(
  { endpoint, region, credentials }: ClientConfig,
  names: PlatformNames,
  options: { readonly pathStyle: boolean },
): Clients {
  const config = { region, credentials, ...(endpoint === undefined ? {} : { endpoint }) };
  return {
    names,
    region,
    db: DynamoDBDocumentClient.from(new DynamoDBClient(config), { marshallOptions: { removeUndefinedValues: true } }),
    sfn: new SFNClient(config),
    s3: new S3Client({ ...config, forcePathStyle: options.pathStyle }),
    logs: new CloudWatchLogsClient(config),
  };
}
