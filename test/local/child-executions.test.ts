import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Json, TaskOutcome } from '../../lib/engine/ports.ts';
import { runChildExecution } from '../../lib/local/child-executions.ts';
import type { Machine } from '../../lib/local/machines.ts';
import { type Disk, remainsOf, watchDisk, writeRemains } from '../faults/disk.ts';
import { arnOf, type Folder, nothingTold, openFolder, type Told } from '../faults/executions-workload.ts';
import { withoutOwner } from '../faults/go-on.ts';
import { temporaryFolder } from './runtimes.ts';

const childArn = 'arn:aws:states:us-east-1:000000000000:stateMachine:child';
const startChild = {
  Type: 'Task',
  Resource: 'arn:aws:states:::states:startExecution.sync:2',
  Arguments: { StateMachineArn: childArn, Input: { same: true } },
};
const one = { QueryLanguage: 'JSONata', StartAt: 'c', States: { c: { ...startChild, End: true } } };
const three = {
  QueryLanguage: 'JSONata',
  StartAt: 'each',
  States: {
    each: {
      Type: 'Map',
      Items: [1, 1, 1],
      ItemProcessor: {
        StartAt: 'c',
        States: { c: { ...startChild, Output: '{% $states.result.Output %}', End: true } },
      },
      End: true,
    },
  },
};
const work = {
  QueryLanguage: 'JSONata',
  StartAt: 'w',
  States: { w: { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', End: true } },
};

interface Family extends Folder {
  readonly disk: Disk;
  readonly told: Told;
  readonly stateDir: string;
  /** Executions whose job was run, in order. */
  readonly jobs: string[];
}

/** The machine `m` has children of the machine `child`, whose one job `run` answers. */
async function family(
  parent: object,
  run: (executionArn: string, count: number) => Promise<TaskOutcome> | TaskOutcome,
  root = temporaryFolder(),
): Promise<Family> {
  const disk = watchDisk(root);
  onTestFinished(disk.release);
  const told = nothingTold();
  const stateDir = join(root, 'state');
  const jobs: string[] = [];
  const folder: Folder = await openFolder(stateDir, told, {
    definition: JSON.stringify(parent),
    run: async (task, signal, progress) => {
      if (task.resource.endsWith('.sync:2')) return runChildExecution(folder, task, signal, progress);
      jobs.push(task.executionArn);
      return run(task.executionArn, jobs.length);
    },
  });
  const definition = await folder.machines.saveDefinition(JSON.stringify(work));
  const machine: Machine = { ...folder.machine, name: 'child', arn: childArn, definition };
  await folder.machines.save(machine);
  return { ...folder, disk, told, stateDir, jobs };
}

const never = () => new Promise<TaskOutcome>(() => {});

async function endOf({ executions }: Folder, executionArn = arnOf('x')): Promise<string | undefined> {
  for (let after = 0; ; ) {
    const news = await executions.follow(executionArn, after, new AbortController().signal);
    if (news === undefined || news.status !== 'RUNNING') return news?.status;
    after += news.events.length;
  }
}

const until = async (met: () => boolean): Promise<void> => {
  while (!met()) await turn();
};

async function childrenOf({ executions }: Folder): Promise<readonly string[]> {
  const all = await executions.list();
  return all.filter(({ stateMachineArn }) => stateMachineArn === childArn).map(({ status }) => status);
}

/** What a killed process leaves is opened anew. */
async function afterKill(before: Family, parent: object, run: Parameters<typeof family>[1]): Promise<Family> {
  const remains = withoutOwner(remainsOf(before.disk.operations, 'kill'));
  before.disk.release();
  const root = temporaryFolder();
  writeRemains(remains, root);
  return family(parent, run, root);
}

describe('a child execution', () => {
  it('is stopped with its parent', async () => {
    const folder = await family(one, never);
    await folder.executions.start(folder.machine, 'x', '{}');
    await until(() => folder.jobs.length === 1);
    await folder.executions.stop(arnOf('x'));
    expect(await endOf(folder, folder.jobs[0])).toBe('ABORTED');
  });

  it('goes on when the journal of its parent could not be written', async () => {
    let finish: (outcome: TaskOutcome) => void = () => {};
    const folder = await family(three, () => new Promise((resolve) => (finish = resolve)));
    const { executions, disk, told } = folder;
    await executions.start(folder.machine, 'x', '{}');
    await until(() => folder.jobs.length === 3);
    const parents = (path: string) => path.includes('/open/m-x-');
    disk.failing = (what, path) => (what === 'write' && parents(path) ? 'ENOSPC' : undefined);
    finish({ ok: true, output: 1 });
    await until(() => told.logged.some((line) => line.includes('x halts')));
    for (let still = 0; still < 20; still += 1) await turn();
    disk.failing = undefined;
    expect((await childrenOf(folder)).toSorted()).toStrictEqual(['RUNNING', 'RUNNING', 'SUCCEEDED']);
    expect(folder.jobs).toHaveLength(3);
  });

  it('is found again after a restart, each iteration its own', async () => {
    const before = await family(three, (_arn, count) => (count === 1 ? { ok: true, output: 'first' } : never()));
    await before.executions.start(before.machine, 'x', '{}');
    await until(() => before.jobs.length === 3);
    expect(new Set(before.jobs).size).toBe(3);
    await until(() => readdirSync(join(before.stateDir, 'executions', 'ended')).length === 1);
    await before.close();
    before.disk.release();
    const later = await family(three, (arn) => ({ ok: true, output: arn }), join(before.stateDir, '..'));
    await later.executions.resume();
    expect(await endOf(later)).toBe('SUCCEEDED');
    expect(later.jobs.toSorted()).toStrictEqual(before.jobs.slice(1).toSorted());
    const outputs = JSON.parse((await later.executions.find(arnOf('x')))?.output ?? '') as Json[];
    expect(outputs.toSorted()).toStrictEqual([...before.jobs.slice(1), 'first'].toSorted());
  });

  it('is another one after a redrive of its parent', async () => {
    const folder = await family(one, (_arn, count) =>
      count === 1 ? { ok: false, error: 'E', cause: '' } : { ok: true, output: 1 },
    );
    await folder.executions.start(folder.machine, 'x', '{}');
    expect(await endOf(folder)).toBe('FAILED');
    await folder.executions.redrive(arnOf('x'));
    expect(await endOf(folder)).toBe('SUCCEEDED');
    expect(new Set(folder.jobs).size).toBe(2);
  });

  it.each(['resumed', 'only opened'])('does not outlast a parent that was stopped before a crash: %s', async (how) => {
    const before = await family(one, never);
    const { disk } = before;
    await before.executions.start(before.machine, 'x', '{}');
    await until(() => before.jobs.length === 1);
    // The process is killed when the parent has been stopped, and its child has not.
    let killedAt: number | undefined;
    disk.failing = (what, path) => {
      if (what === 'write' && path.includes('/open/child-part')) killedAt ??= disk.operations.length;
      return undefined;
    };
    await before.executions.stop(arnOf('x'));
    await until(() => killedAt !== undefined);
    const cut = { ...before, disk: { ...disk, operations: disk.operations.slice(0, killedAt) } };
    const later = await afterKill(cut, one, () => ({ ok: true, output: 1 }));
    if (how === 'resumed') await later.executions.resume();
    expect((await later.executions.find(arnOf('x')))?.status).toBe('ABORTED');
    expect(await childrenOf(later)).toStrictEqual(['ABORTED']);
    expect(later.jobs).toStrictEqual([]);
  });
});
