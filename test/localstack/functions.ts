/** Functions of operations, made through Lambda's API with the bundles of a deployment; the same one is made once. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CreateFunctionCommand, LambdaClient, waitUntilFunctionActiveV2 } from '@aws-sdk/client-lambda';
import { bundleOperation } from '../../lib/constructs/bundle-operation.ts';
import type { LambdaOperationIr, PipelineIr } from '../../lib/ir/nodes.ts';
import { lambdasOf, tasksOf } from '../../lib/ir/operations.ts';
import { freshName } from '../contract/target.ts';
import { patientConfig } from './target.ts';

/** LocalStack runs code from a folder when it is said to lie in this bucket. */
const folderBucket = 'hot-reload';

export interface PipelineFunctions {
  /** ARNs by operation. */
  readonly own: { readonly [operation: string]: string };
  /** ARNs of those that stand for services, by operation. */
  readonly standIns: ReadonlyMap<string, string>;
}

/**
 * @param folder where the bundles go
 * @param variables of every function
 * @returns what makes the functions of a pipeline
 */
export function functionMaker(
  folder: string,
  role: string,
  variables: { readonly [name: string]: string },
): (pipeline: PipelineIr) => Promise<PipelineFunctions> {
  const lambda = new LambdaClient(patientConfig());
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
        Environment: { Variables: { ...operation.environment, ...variables } },
      }),
    );
    await waitUntilFunctionActiveV2(
      { client: lambda, maxWaitTime: 180, minDelay: 0.1, maxDelay: 0.5 },
      { FunctionName },
    );
    return FunctionArn;
  };
  const functions = new Map<string, Promise<string>>();
  const functionOf = (operation: LambdaOperationIr): Promise<string> => {
    const key = JSON.stringify({ ...operation, source: undefined });
    const made = functions.get(key) ?? createFunction(operation);
    functions.set(key, made);
    return made;
  };
  return async (pipeline) => {
    const own = await Promise.all(
      lambdasOf(pipeline).map(async (operation) => [operation.id, await functionOf(operation)] as const),
    );
    const standIns = new Map<string, string>();
    for (const { standIn, ...operation } of tasksOf(pipeline)) {
      if (standIn === undefined) continue;
      const called = {
        ...operation,
        kind: 'lambda',
        entry: standIn,
        timeoutSeconds: 30,
        memoryMiB: 128,
        environment: {},
      };
      standIns.set(operation.id, await functionOf(called as LambdaOperationIr));
    }
    return { own: Object.fromEntries(own), standIns };
  };
}
