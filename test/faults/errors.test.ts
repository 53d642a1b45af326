import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BunsuiError } from '../../lib/errors.ts';
import { temporaryFolder } from '../local/runtimes.ts';
import { type Attempted, type Disk, remainsOf, watchDisk } from './disk.ts';
import {
  type Folder,
  nothingTold,
  openFolder,
  startOne,
  statusOf,
  type Told,
  untilEnd,
} from './executions-workload.ts';
import { goOn } from './go-on.ts';

/** What a code can happen to. A disk that is full takes no content when it is synced either. */
const happensTo: Readonly<Record<string, readonly Attempted[]>> = {
  ENOSPC: ['create', 'write', 'sync', 'rename', 'link', 'make folder'],
  EIO: ['open', 'create', 'write', 'truncate', 'sync', 'sync folder', 'rename', 'link', 'remove', 'make folder'],
  EROFS: ['create', 'write', 'truncate', 'rename', 'link', 'remove', 'make folder'],
  EMFILE: ['open', 'create'],
};

/** Lets everything happen that can while the disk fails. */
async function untilStill(folder: Folder, names: readonly string[]): Promise<void> {
  for (let still = 0; still < 20; still += 1) {
    await turn();
    for (const name of names) {
      // A journal that cannot be read runs no more.
      const now = await statusOf(folder, name).catch(() => undefined);
      if (now !== undefined && now.status === 'RUNNING' && now.driven) still = 0;
    }
  }
}

/** Two executions on a disk that fails from its `from`th fit attempt on. @returns what is not as it must be. */
async function onFailingDisk(code: string, from: number, once: boolean): Promise<readonly string[] | 'no failure'> {
  const stateFolder = temporaryFolder();
  const stateDir = join(stateFolder, 'state');
  const disk = watchDisk(stateFolder);
  try {
    return await withDisk(disk, stateDir, code, from, once);
  } finally {
    disk.release();
  }
}

async function withDisk(disk: Disk, stateDir: string, code: string, from: number, once: boolean) {
  const wrong: string[] = [];
  const told = nothingTold();
  let attempts = 0;
  let failures = 0;
  disk.failing = (what) => {
    if (happensTo[code]?.includes(what) !== true || attempts++ < from || (once && failures > 0)) return undefined;
    failures += 1;
    return code;
  };
  const refused = (what: string, error: unknown): void => {
    const clear =
      error instanceof BunsuiError &&
      error.code === 'BS4001' &&
      error.message.includes(code) &&
      error.hint !== undefined;
    if (!clear) wrong.push(`${what}: ${String(error)}`);
  };
  let folder: Folder;
  try {
    folder = await openFolder(stateDir, told);
  } catch (error) {
    refused('opening', error);
    disk.release();
    return [...wrong, ...(await goOn(remainsOf(disk.operations, 'kill'), told))];
  }
  for (const name of ['a', 'b']) {
    try {
      await startOne(folder, name, told);
    } catch (error) {
      refused(`starting ${name}`, error);
      if ((await statusOf(folder, name).catch(() => undefined)) !== undefined)
        wrong.push(`${name} was refused and is there`);
    }
  }
  await untilStill(folder, told.started);
  if (failures === 0) return 'no failure';
  disk.failing = undefined;
  for (const name of ['a', 'b']) if (!told.started.includes(name)) await startOne(folder, name, told);
  await folder.executions.resume();
  for (const name of ['a', 'b']) {
    const status = await untilEnd(folder, name, told);
    if (status !== 'SUCCEEDED') wrong.push(`${name} ${status}`);
  }
  wrong.push(...asToldWrong(told));
  await folder.executions.suspend();
  const left = readdirSync(join(stateDir, 'executions', 'open'));
  if (left.length > 0) wrong.push(`${left.join()} is left`);
  if (told.announced.toSorted().join() !== 'a,b') wrong.push(`announced ${told.announced.join()}`);
  await folder.lock.release();
  wrong.push(...disk.open.map((path) => `${path} stays open`));
  return once ? [...wrong, ...(await goOn(remainsOf(disk.operations, 'kill'), told))] : wrong;
}

/** What happened twice though it may happen once. */
function asToldWrong({ runs, completed }: Told): readonly string[] {
  const keys = runs.map(({ execution, job, number }) => `${execution} ${job} ${number}`);
  return [keys, completed].flatMap((list) => list.filter((one, index) => list.indexOf(one) !== index));
}

describe('a disk that fails and is mended', () => {
  it.each([...Object.keys(happensTo).map((code) => [code, 'until it is mended'] as const), ['EIO', 'once'] as const])(
    '%s %s: says so, leaves no half state, and all goes on afterwards',
    async (code, how) => {
      const wrong: string[] = [];
      let from = 0;
      for (; ; from += 1) {
        const found = await onFailingDisk(code, from, how === 'once');
        if (found === 'no failure') break;
        wrong.push(...found.map((one) => `from attempt ${from}: ${one}`));
      }
      console.log(`${code} ${how}: ${from} points`);
      expect(wrong).toStrictEqual([]);
      expect(from).toBeGreaterThan(10);
    },
  );
});
