import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { TaskRunner } from '../../lib/engine/ports.ts';
import { type Disk, remainsOf, watchDisk, writeRemains } from '../faults/disk.ts';
import { arnOf, type Folder, nothingTold, openFolder, type Told } from '../faults/executions-workload.ts';
import { withoutOwner } from '../faults/go-on.ts';
import { temporaryFolder } from './runtimes.ts';

const definition = JSON.stringify({
  QueryLanguage: 'JSONata',
  StartAt: 'f',
  States: { f: { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', End: true } },
});
const fails: TaskRunner['run'] = async () => ({ ok: false, error: 'E', cause: '' });
const succeeds: TaskRunner['run'] = async () => ({ ok: true, output: 1 });
const waits: TaskRunner['run'] = () => new Promise(() => {});

interface Watched extends Folder {
  readonly disk: Disk;
  readonly told: Told;
  readonly stateDir: string;
  run: TaskRunner['run'];
}

async function watchedFolder(run: TaskRunner['run'], root = temporaryFolder()): Promise<Watched> {
  const disk = watchDisk(root);
  onTestFinished(disk.release);
  const told = nothingTold();
  const stateDir = join(root, 'state');
  const box = { run };
  const folder = await openFolder(stateDir, told, { definition, run: (...given) => box.run(...given) });
  return Object.assign(box, { ...folder, disk, told, stateDir });
}

/** Starts one and waits until it has ended and is put away. */
async function endedOne(folder: Watched): Promise<void> {
  await folder.executions.start(folder.machine, 'x', '{}');
  await statusOf(folder);
  await untilPutAway(folder);
}

async function untilPutAway({ stateDir }: Watched): Promise<void> {
  while (readdirSync(join(stateDir, 'executions', 'open')).length > 0) await turn();
  for (let still = 0; still < 5; still += 1) await turn();
}

async function statusOf({ executions }: Folder): Promise<string | undefined> {
  for (let after = 0; ; ) {
    const news = await executions.follow(arnOf('x'), after, new AbortController().signal);
    if (news === undefined || news.status !== 'RUNNING') return news?.status;
    after += news.events.length;
  }
}

describe('a redrive', () => {
  it('is gone on with after a power failure, when it was acknowledged', async () => {
    const folder = await watchedFolder(fails);
    await endedOne(folder);
    // That it has ended has reached the disk by itself, as it does in some seconds.
    const away = [...folder.disk.operations, { op: 'sync folder', path: 'state/executions/ended' } as const];
    const before = folder.disk.operations.length;
    folder.run = waits;
    expect(await folder.executions.redrive(arnOf('x'), 'token')).toHaveProperty('atMs');
    const since = folder.disk.operations.slice(before);
    folder.disk.release();
    const root = temporaryFolder();
    writeRemains(withoutOwner(remainsOf([...away, ...since], 'names lost')), root);
    const later = await watchedFolder(succeeds, root);
    expect(await later.executions.resume()).toStrictEqual([arnOf('x')]);
    expect(await statusOf(later)).toBe('SUCCEEDED');
  });

  it('is listed as often as it was made while the execution runs', async () => {
    const folder = await watchedFolder(fails);
    await endedOne(folder);
    folder.run = waits;
    await folder.executions.redrive(arnOf('x'));
    const counts = async () => (await folder.executions.list()).map(({ redriveCount }) => redriveCount);
    expect(await counts()).toStrictEqual([1]);
    await folder.close();
    folder.disk.release();
    const later = await openFolder(folder.stateDir, nothingTold(), { definition });
    expect((await later.executions.list()).map(({ redriveCount }) => redriveCount)).toStrictEqual([1]);
  });

  it.each(['rename', 'write', 'sync'] as const)(
    'that fails leaves what has ended as it was, when nothing can be moved back either: %s',
    async (what) => {
      const folder = await watchedFolder(fails);
      const { executions, disk, told } = folder;
      await endedOne(folder);
      folder.run = succeeds;
      let moved = false;
      disk.failing = (attempted) => {
        if (!moved && attempted === 'rename') {
          moved = true;
          return what === 'rename' ? 'ENOSPC' : undefined;
        }
        return ['write', 'sync', 'rename', 'truncate'].includes(attempted) && (what !== 'sync' || attempted !== 'write')
          ? 'ENOSPC'
          : undefined;
      };
      await expect(executions.redrive(arnOf('x'))).rejects.toThrow('ENOSPC');
      expect((await executions.find(arnOf('x')))?.status).toBe('FAILED');
      expect((await executions.list()).map(({ status }) => status)).toStrictEqual(['FAILED']);
      expect(told.logged.filter((line) => line.includes('can be resumed'))).toStrictEqual([]);
      await expect(executions.start(folder.machine, 'x', '{}')).resolves.toBe('exists');
      disk.failing = undefined;
      expect(await executions.redrive(arnOf('x'))).toHaveProperty('atMs');
      expect(await statusOf(folder)).toBe('SUCCEEDED');
      expect((await executions.history(arnOf('x')))?.filter(({ type }) => type === 'ExecutionRedriven')).toHaveLength(
        1,
      );
    },
  );

  it('of an end that could not be put away is made once there is space again', async () => {
    const folder = await watchedFolder(fails);
    const { executions, disk, told } = folder;
    disk.failing = (what) => (what === 'rename' ? 'ENOSPC' : undefined);
    await executions.start(folder.machine, 'x', '{}');
    await statusOf(folder);
    while (told.logged.length === 0) await turn();
    await expect(executions.redrive(arnOf('x'))).rejects.toThrow('ENOSPC');
    disk.failing = undefined;
    folder.run = succeeds;
    expect(await executions.redrive(arnOf('x'))).toHaveProperty('atMs');
    expect(await statusOf(folder)).toBe('SUCCEEDED');
    expect(told.announced).toStrictEqual(['x', 'x']);
  });
});

describe('two starts of one name', () => {
  it('are both refused while the disk is full', async () => {
    const { executions, machine, disk } = await watchedFolder(succeeds);
    disk.failing = (what) => (['create', 'write', 'sync'].includes(what) ? 'ENOSPC' : undefined);
    const first = executions.start(machine, 'x', '{}');
    await turn();
    const both = await Promise.allSettled([first, executions.start(machine, 'x', '{}')]);
    expect(both.map(({ status }) => status)).toStrictEqual(['rejected', 'rejected']);
    expect(await executions.find(arnOf('x'))).toBeUndefined();
  });

  it('are one start when they come at one moment', async () => {
    const folder = await watchedFolder(succeeds);
    const { executions, machine } = folder;
    const both = await Promise.all([executions.start(machine, 'x', '{}'), executions.start(machine, 'x', '{}')]);
    expect(both.map((one) => (one === 'exists' ? one : one.executionArn))).toStrictEqual([arnOf('x'), arnOf('x')]);
    expect(await statusOf(folder)).toBe('SUCCEEDED');
  });

  it('do not take the journal of the other away, when what was refused is removed late', async () => {
    const folder = await watchedFolder(succeeds);
    const { executions, machine, disk } = folder;
    disk.failing = (what, path) =>
      path.includes('open/') && ['sync', 'truncate', 'remove'].includes(what) ? 'EIO' : undefined;
    await expect(executions.start(machine, 'x', '{}')).rejects.toThrow('EIO');
    disk.failing = undefined;
    const began = await Promise.allSettled(['y', 'x', 'z'].map((name) => executions.start(machine, name, '{}')));
    expect(began.map(({ status }) => status)).toStrictEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    expect(await statusOf(folder)).toBe('SUCCEEDED');
    await untilPutAway(folder);
    expect((await executions.list()).map(({ name }) => name).sort()).toStrictEqual(['x', 'y', 'z']);
  });
});
