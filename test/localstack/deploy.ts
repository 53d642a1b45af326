/** Brings compiled pipelines to LocalStack through its APIs, without a platform: functions and machine. */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateStateMachineCommand, SFNClient } from '@aws-sdk/client-sfn';
import { placeFunctions } from '../../lib/constructs/place-functions.ts';
import { withStandIns } from '../../lib/local/stand-ins.ts';
import { environment, gatesTableName, payloadPrefix, platformNames, tables } from '../../lib/storage-layout.ts';
import type { PipelineTarget } from '../contract/pipelines.ts';
import { clientConfig, freshName, type Target } from '../contract/target.ts';
import { functionMaker } from './functions.ts';

export interface OpenTarget extends PipelineTarget {
  /** Removes the bundles; what was deployed goes with LocalStack. */
  close(): Promise<void>;
}

/** A target with a job history table and a bucket, which is what wrapped handlers need of a platform. */
export async function openTarget(target: Target): Promise<OpenTarget> {
  const config = clientConfig(target);
  const sfn = new SFNClient(config);
  const prefix = freshName('rows');
  const names = platformNames({ prefix, account: target.accountId, region: target.region });
  const gatesTable = gatesTableName(prefix);
  const createTable = (
    TableName: string,
    { partitionKey, sortKey }: Readonly<Record<'partitionKey' | 'sortKey', string>>,
  ) =>
    new DynamoDBClient(config).send(
      new CreateTableCommand({
        TableName,
        AttributeDefinitions: [partitionKey, sortKey].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
        KeySchema: [
          { AttributeName: partitionKey, KeyType: 'HASH' },
          { AttributeName: sortKey, KeyType: 'RANGE' },
        ],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    );
  await Promise.all([
    new S3Client({ ...config, forcePathStyle: true }).send(new CreateBucketCommand({ Bucket: names.bucket })),
    createTable(names.jobHistoryTable, tables.jobHistory),
    createTable(gatesTable, tables.gates),
  ]);
  const folder = mkdtempSync(join(tmpdir(), 'bunsui-localstack-'));
  const role = `arn:aws:iam::${target.accountId}:role/rows`;
  const functionsOf = functionMaker(folder, role, {
    [environment.jobHistoryTable]: names.jobHistoryTable,
    [environment.bucket]: names.bucket,
    [environment.payloads]: payloadPrefix('rows'),
    [environment.gatesTable]: gatesTable,
  });

  /** Machines by their pipelines: what is called is deployed before who calls it. */
  const made = new Map<string, string>();
  return {
    ...target,
    deploy: async ({ pipeline, definition, shards = [], states }) => {
      const { own, standIns } = await functionsOf(pipeline);
      const machines: string[] = [];
      const createMachine = async (name: string, machine: typeof definition): Promise<string> => {
        const placed = {
          gatesTable,
          machine: (number: number) => machines[number - 1] ?? '',
          pipeline: (id: string) => made.get(id) ?? '',
        };
        const { text } = placeFunctions(withStandIns(machine, states, standIns), own, placed);
        const { stateMachineArn = '' } = await sfn.send(
          new CreateStateMachineCommand({ name: freshName(name), definition: text, roleArn: role }),
        );
        return stateMachineArn;
      };
      // Children first: the root's definition names them.
      for (const shard of shards) machines.push(await createMachine(`child-${pipeline.id}`, shard));
      const arn = await createMachine(pipeline.id, definition);
      made.set(pipeline.id, arn);
      return arn;
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
