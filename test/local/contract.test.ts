import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { openRuntime, type Runtime } from '../../lib/local/runtime.ts';
import { dynamodbContract } from '../contract/dynamodb.ts';
import { s3Contract } from '../contract/s3.ts';
import { snsContract } from '../contract/sns.ts';
import { sqsContract } from '../contract/sqs.ts';
import { stepFunctionsContract } from '../contract/step-functions.ts';
import type { Target } from '../contract/target.ts';

describe('the local endpoint', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bunsui-contract-'));
  let runtime: Runtime | undefined;
  beforeAll(async () => {
    runtime = await openRuntime({ stateDir: join(folder, 'state') });
  });
  afterAll(async () => {
    await runtime?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const target = (): Target => {
    if (runtime === undefined) throw new Error('the runtime is not open');
    return runtime;
  };
  stepFunctionsContract(target);
  s3Contract(target);
  dynamodbContract(target);
  snsContract(target);
  sqsContract(target);
});
