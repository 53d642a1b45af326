/** What a platform keeps: three tables and a bucket, laid out as `storage-layout.ts` says. */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { tables } from '../storage-layout.ts';
import { acknowledgeNoAccessLog } from './acknowledgements.ts';

interface KeyNames {
  readonly partitionKey: string;
  readonly sortKey: string;
}

interface TableLayout extends KeyNames {
  readonly byPipelineIndex?: KeyNames & { readonly name: string };
  readonly byStatusIndex?: KeyNames & { readonly name: string };
  readonly timeToLive?: string;
}

export interface StorageProps {
  readonly removalPolicy: RemovalPolicy;
  readonly encryptionKey?: IKey;
}

function keysOf(names: KeyNames) {
  return {
    partitionKey: { name: names.partitionKey, type: AttributeType.STRING },
    sortKey: { name: names.sortKey, type: AttributeType.STRING },
  };
}

/** A table: on demand, recoverable to any second of the last 35 days, and not to be deleted when its data is kept. */
export function platformTable(
  scope: Construct,
  id: string,
  kind: keyof typeof tables,
  props: StorageProps & { readonly tableName?: string },
): Table {
  const layout: TableLayout = tables[kind];
  const table = new Table(scope, id, {
    ...keysOf(layout),
    ...(props.tableName === undefined ? {} : { tableName: props.tableName }),
    billingMode: BillingMode.PAY_PER_REQUEST,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: props.removalPolicy === RemovalPolicy.RETAIN,
    removalPolicy: props.removalPolicy,
    ...(layout.timeToLive === undefined ? {} : { timeToLiveAttribute: layout.timeToLive }),
    ...(props.encryptionKey === undefined
      ? {}
      : { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey: props.encryptionKey }),
  });
  for (const index of [layout.byPipelineIndex, layout.byStatusIndex]) {
    if (index !== undefined) table.addGlobalSecondaryIndex({ indexName: index.name, ...keysOf(index) });
  }
  return table;
}

/** How long objects live under each prefix that bunsui writes. */
export interface Expirations {
  readonly logs: Duration;
  readonly reports: Duration;
  readonly payloads: Duration;
}

/** The bucket: closed to the public and to plain HTTP, encrypted, its prefixes emptied in time. `configs/` is kept. */
export function platformBucket(
  scope: Construct,
  id: string,
  props: StorageProps & { readonly bucketName?: string; readonly expirations: Expirations },
): Bucket {
  const { logs, reports, payloads } = props.expirations;
  const bucket = new Bucket(scope, id, {
    ...(props.bucketName === undefined ? {} : { bucketName: props.bucketName }),
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    removalPolicy: props.removalPolicy,
    ...(props.encryptionKey === undefined
      ? { encryption: BucketEncryption.S3_MANAGED }
      : { encryption: BucketEncryption.KMS, encryptionKey: props.encryptionKey, bucketKeyEnabled: true }),
    lifecycleRules: [
      { id: 'logs', prefix: 'logs/', expiration: logs },
      { id: 'reports', prefix: 'reports/', expiration: reports },
      { id: 'payloads', prefix: 'payloads/', expiration: payloads },
      { id: 'reruns', prefix: 'reruns/', expiration: reports },
      // Inputs and outputs of containers: of use as long as the session can be redriven.
      { id: 'containers', prefix: 'containers/', expiration: Duration.days(30) },
      // Results of maps over S3: kept as the values of their sessions are.
      { id: 'maps', prefix: 'maps/', expiration: payloads },
      { id: 'unfinished-uploads', abortIncompleteMultipartUploadAfter: Duration.days(7) },
    ],
  });
  acknowledgeNoAccessLog(bucket);
  return bucket;
}
