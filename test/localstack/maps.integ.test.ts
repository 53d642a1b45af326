/**
 * Sessions of a pipeline that maps over S3. What LocalStack lacks of a distributed Map (batches, JSON Lines, whole
 * prefixes, what has failed) runs on this machine only.
 */
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import { mapResultsPrefix } from '../../lib/storage-layout.ts';
import { bunsui } from '../cli/command-line.ts';
import { chores } from './app/chores.ts';
import { deployer } from './deployer.ts';
import { at, deployApp, environment, main } from './platforms.ts';

beforeAll(async () => {
  await deployApp();
  await (await deployer())(chores);
});

const put = (Key: string, Body: string) =>
  main.deps.s3.send(new PutObjectCommand({ Bucket: main.deps.names.bucket, Key, Body }));

describe('a session that maps over S3', () => {
  it('runs its bodies in executions of their own, and is on record with their totals', async () => {
    await put('data/chores/rows.csv', 'name,until\nfirst,\nsecond,\nthird,\n');
    await Promise.all(['1', '2'].map((name) => put(`data/chores/objects/${name}`, name)));
    const input = { file: 'data/chores/rows.csv', prefix: 'data/chores/objects/' };
    const { session_id: session, execution_arn: executionArn } = await main.start({ pipeline: 'chores', input });
    const item = await main.ended(session);
    const folder = `${mapResultsPrefix('chores')}${executionArn.split(':').at(-1)}/rows/`;
    expect({ ...item, output: JSON.parse(item.output ?? '') }).toMatchObject({
      status: 'completed',
      output: { rows: 3, objects: 2, said: expect.stringMatching(`^${folder}[-0-9a-f]{36}/manifest\\.json$`) },
    });
    const { attempts, checkpoints } = await main.attemptsOf(session);
    expect(attempts).toStrictEqual(['objects 1 completed', 'rows 1 completed', 'say 1 completed']);
    expect(checkpoints).toStrictEqual([
      ...['objects[0]/object', 'objects[1]/object', 'rows[0]/row', 'rows[1]/row', 'rows[2]/row', 'say'],
    ]);
    const shown = await bunsui(['session', 'show', session, '--platform', 'bunsui', ...at], { environment });
    expect(shown.out).toMatch(/rows.*3 items/);
  });
});
