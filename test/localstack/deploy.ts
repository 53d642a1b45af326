/** Brings compiled pipelines to LocalStack through its APIs: functions, with the bundles of a deployment, and machine. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateFunctionCommand, LambdaClient, waitUntilFunctionActiveV2 } from '@aws-sdk/client-lambda';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateStateMachineCommand, SFNClient } from '@aws-sdk/client-sfn';
import { bundleOperation } from '../../lib/constructs/bundle-operation.ts';
import { placeFunctions } from '../../lib/constructs/place-functions.ts';
import type { LambdaOperationIr } from '../../lib/ir/nodes.ts';
import { lambdasOf, tasksOf } from '../../lib/ir/operations.ts';
import { withStandIns } from '../../lib/local/stand-ins.ts';
import { environment, gatesTableName, payloadPrefix, platformNames, tables } from '../../lib/storage-layout.ts';
import type { PipelineTarget } from '../contract/pipelines.ts';
import { clientConfig, freshName, type Target } from '../contract/target.ts';

/** LocalStack runs code from a folder when it is said to lie in this bucket. */
const folderBucket = 'hot-reload';

export interface OpenTarget extends PipelineTarget {
  /** Removes the bundles; what was deployed goes with LocalStack. */
  close(): Promise<void>;
}

/** A target with a job history table and a bucket, which is what wrapped handlers need of a platform. */
export async function openTarget(target: Target): Promise<OpenTarget> {
  const config = clientConfig(target);
  const lambda = new LambdaClient(config);
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

  const createFunction = async (operation: LambdaOperationIr): Promise<string> => {
    const FunctionName = freshName(operation.id);
    const code = join(folder, FunctionName);
    for (const [name, text] of Object.entries(bundleOperation(operation))) {
      mkdirSync(dirname(join(code, name)), { recursive: true });
      writeFileSync(join(code, name), text);
    }
    const { FunctionArn = '' } = await lambda.send(
      new CreateFunctionCommand({
        FunctionName,
        Role: role,
        Runtime: 'nodejs24.x',
        Handler: 'index.handler',
        Code: { S3Bucket: folderBucket, S3Key: code },
        Timeout: operation.timeoutSeconds,
        MemorySize: operation.memoryMiB,
        Environment: {
          Variables: {
            ...operation.environment,
            [environment.jobHistoryTable]: names.jobHistoryTable,
            [environment.bucket]: names.bucket,
            [environment.payloads]: payloadPrefix('rows'),
            [environment.gatesTable]: gatesTable,
          },
        },
      }),
    );
    await waitUntilFunctionActiveV2(
      { client: lambda, maxWaitTime: 30, minDelay: 0.1, maxDelay: 0.5 },
      { FunctionName },
    );
    return FunctionArn;
  };
  // The rows share a few operations: the same one is the same function.
  const functions = new Map<string, Promise<string>>();
  const functionOf = (operation: LambdaOperationIr): Promise<string> => {
    const key = JSON.stringify({ ...operation, source: undefined });
    const made = functions.get(key) ?? createFunction(operation);
    functions.set(key, made);
    return made;
  };

  return {
    ...target,
    deploy: async ({ pipeline, definition, shards = [], states }) => {
      const operations = lambdasOf(pipeline);
      const arns = await Promise.all(
        operations.map(async (operation) => [operation.id, await functionOf(operation)] as const),
      );
      const standIns = new Map<string, string>();
      for (const { standIn, ...operation } of tasksOf(pipeline)) {
        if (standIn === undefined) continue;
        const own = {
          ...operation,
          kind: 'lambda',
          entry: standIn,
          timeoutSeconds: 30,
          memoryMiB: 128,
          environment: {},
        };
        standIns.set(operation.id, await functionOf(own as LambdaOperationIr));
      }
      const machines: string[] = [];
      const createMachine = async (name: string, machine: typeof definition): Promise<string> => {
        const placed = { gatesTable, machine: (number: number) => machines[number - 1] ?? '' };
        const { text } = placeFunctions(withStandIns(machine, states, standIns), Object.fromEntries(arns), placed);
        const { stateMachineArn = '' } = await sfn.send(
          new CreateStateMachineCommand({ name: freshName(name), definition: text, roleArn: role }),
        );
        return stateMachineArn;
      };
      // Children first: the root's definition names them.
      for (const shard of shards) machines.push(await createMachine(`child-${pipeline.id}`, shard));
      return createMachine(pipeline.id, definition);
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
