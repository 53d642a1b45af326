import {
  DescribeStateMachineCommand,
  ListStateMachinesCommand,
  ListStateMachineVersionsCommand,
  StateMachineDoesNotExist,
} from '@aws-sdk/client-sfn';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StartDeps } from '../../lib/sessions/deps.ts';
import { listPipelines } from '../../lib/sessions/list-pipelines.ts';
import { registerPipeline } from '../../lib/sessions/pipelines.ts';
import { deploymentMark } from '../../lib/storage-layout.ts';
import { type Cloud, cloudOn } from './cloud.ts';
import { artifact } from './history-fixture.ts';
import { type LocalTables, startTables } from './local-tables.ts';

const machines = 'arn:aws:states:us-east-1:000000000000:stateMachine:ops-';
let tables: LocalTables;
let cloud: Cloud;
/** Definitions' comments by the machine's name behind the platform's prefix. */
let deployed: Map<string, string>;
let deps: StartDeps;

beforeEach(async () => {
  tables = await startTables();
  cloud = cloudOn(tables);
  deployed = new Map();
  const send = async (command: unknown): Promise<unknown> => {
    if (command instanceof ListStateMachinesCommand) {
      const own = [...deployed.keys(), 'gone'].map((name) => `${machines}${name}`);
      const others = ['arn:aws:states:us-east-1:000000000000:stateMachine:other-a'];
      const all = [...own, ...others].map((stateMachineArn) => ({ stateMachineArn, type: 'STANDARD' }));
      const from = Number(command.input.nextToken ?? 0);
      const next = from + 2 < all.length ? { nextToken: String(from + 2) } : {};
      return { stateMachines: all.slice(from, from + 2), ...next };
    }
    if (command instanceof ListStateMachineVersionsCommand) return { stateMachineVersions: [] };
    if (!(command instanceof DescribeStateMachineCommand)) return cloud.deps.sfn.send(command as never);
    const comment = deployed.get(command.input.stateMachineArn?.slice(machines.length) ?? '');
    if (comment === undefined) throw new StateMachineDoesNotExist({ message: 'none', $metadata: {} });
    return { definition: JSON.stringify({ Comment: comment }) };
  };
  deps = {
    ...cloud.deps,
    now: () => cloud.deps.nowMs,
    sfn: { send: send as StartDeps['sfn']['send'] },
    deployments: { machines, s3: cloud.deps.s3, bucket: 'b' },
  };
});
afterEach(() => tables.close());

/** Puts a version among the assets, and its machine beside them. */
function deploy(id: string, version: string): void {
  const key = `${version}.json`;
  cloud.objects.set(key, JSON.stringify({ ...artifact, version, pipeline: { ...artifact.pipeline, id } }));
  deployed.set(id, deploymentMark({ version, bucket: 'cdk-assets', key }));
}

const shown = async (limit: number, after?: string) => {
  const { pipelines, last } = await listPipelines(deps, { limit, ...(after === undefined ? {} : { after }) });
  return [pipelines.map(({ pipeline_id, version }) => `${pipeline_id} ${version}`), last];
};

describe('pipelines that CloudFormation has deployed', () => {
  it('are listed though nobody has started one, in the version that is deployed now', async () => {
    deploy('b', 'bbbbbbbbbbbb');
    deploy('a', 'aaaaaaaaaaaa');
    deployed.set('by-hand', 'a machine that is none of ours');
    // Registered by a start, and deployed anew since; and one whose machine was deleted.
    const old = { ...artifact, version: '000000000000', pipeline: { ...artifact.pipeline, id: 'b' } };
    await registerPipeline(cloud.deps, { artifact: old, stateMachineArn: `${machines}b` });
    expect(await shown(10)).toStrictEqual([['a aaaaaaaaaaaa', 'b bbbbbbbbbbbb'], undefined]);
  });

  it('come in pages, by id', async () => {
    for (const id of ['e', 'c', 'a', 'd', 'b']) deploy(id, `${id.repeat(12)}`);
    expect(await shown(2)).toStrictEqual([['a aaaaaaaaaaaa', 'b bbbbbbbbbbbb'], 'b']);
    expect(await shown(2, 'b')).toStrictEqual([['c cccccccccccc', 'd dddddddddddd'], 'd']);
    expect(await shown(2, 'd')).toStrictEqual([['e eeeeeeeeeeee'], undefined]);
  });
});
