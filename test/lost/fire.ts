/** A process that fires: `node fire.ts <request as JSON>` → ids of sessions as a JSON line, one for each delivery. */
import { randomBytes } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { fireSession, type Firing } from '../../lib/sessions/firing.ts';
import { platformNames } from '../../lib/storage-layout.ts';

export interface FireRequest {
  readonly config: {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
  readonly account: string;
  readonly firings: readonly Firing[];
}

const { config, account, firings } = JSON.parse(process.argv[2] ?? '') as FireRequest;
const deps = {
  db: DynamoDBDocumentClient.from(new DynamoDBClient(config), { marshallOptions: { removeUndefinedValues: true } }),
  sfn: new SFNClient(config),
  s3: new S3Client({ ...config, forcePathStyle: true }),
  names: platformNames({ account, region: config.region }),
  region: config.region,
  now: Date.now,
  entropy: () => BigInt(`0x${randomBytes(10).toString('hex')}`),
};
const started = await Promise.all(firings.map((firing) => fireSession(deps, { pipeline: 'flow', firing })));
process.stdout.write(`${JSON.stringify(started.map(({ session_id }) => session_id))}\n`);
