import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployLocally } from '../../lib/local/deploy.ts';
import { ensurePlatform } from '../../lib/local/platform.ts';
import { openRuntime, type Runtime } from '../../lib/local/runtime.ts';
import { payloadKey } from '../../lib/payload-layout.ts';
import { platformNames } from '../../lib/storage-layout.ts';
import { largeValuesContract } from '../contract/large-values.ts';
import { clientConfig } from '../contract/target.ts';
import { targetOf } from './runtimes.ts';

const folder = mkdtempSync(join(tmpdir(), 'bunsui-large-'));
let runtime: Runtime;
beforeAll(async () => {
  runtime = await openRuntime({ stateDir: join(folder, 'state') });
  await ensurePlatform(runtime);
}, 60_000);
afterAll(async () => {
  await runtime.close();
  rmSync(folder, { recursive: true, force: true });
});

const edges = [32_768, 200_000, 262_144, 409_600].flatMap((edge) => [edge - 1, edge, edge + 1]);
const run = largeValuesContract(
  () => ({
    ...targetOf(runtime),
    deploy: async (artifact) => (await deployLocally(runtime, artifact)).stateMachineArn,
  }),
  [64, ...edges, 6 * 1_048_576, 50 * 1_048_576],
  [
    [1_000, 3],
    [31_000, 20],
    [300_000, 12],
  ],
);

describe('a value that looks like a pointer', () => {
  it('reads nothing of another session, wherever it comes from', async () => {
    await run('large', { bytes: 100_000 });
    const { bucket } = platformNames({ account: runtime.accountId, region: runtime.region });
    const s3 = new S3Client({ ...clientConfig(targetOf(runtime)), forcePathStyle: true });
    const listed = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'payloads/large/' }));
    const key = listed.Contents?.find(({ Size = 0 }) => Size > 90_000 && Size < 100_000)?.Key ?? '';
    const found = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    const body = (await found.Body?.transformToByteArray()) ?? new Uint8Array();
    const hash = createHash('sha256').update(body).digest('base64url').slice(0, 27);
    const pointer = { [payloadKey]: `${hash}/${body.length}` };
    const ended = await run('meeting', { bytes: 100, sizes: [], blob: [pointer] });
    expect([ended.status, ended.error]).toStrictEqual([
      'FAILED',
      expect.stringMatching(/^Bunsui\.InputInvalid: .*holds a pointer to [\w-]{22}, which bunsui has not written/),
    ]);
  });
});
