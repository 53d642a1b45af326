import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { deployLocally } from '../../lib/local/deploy.ts';
import { ensurePlatform } from '../../lib/local/platform.ts';
import { openRuntime, type Runtime } from '../../lib/local/runtime.ts';
import { pipelinesContract } from '../contract/pipelines.ts';

const folder = mkdtempSync(join(tmpdir(), 'bunsui-rows-'));
let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ stateDir: join(folder, 'state') });
  await ensurePlatform(runtime);
});
afterAll(async () => {
  await runtime.close();
  rmSync(folder, { recursive: true, force: true });
});

pipelinesContract(() => ({
  endpoint: runtime.endpoint,
  region: runtime.region,
  accountId: runtime.accountId,
  credentials: runtime.credentials,
  deploy: async (artifact) => (await deployLocally(runtime, artifact)).stateMachineArn,
}));
