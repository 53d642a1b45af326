import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../local/runtimes.ts';
import { type Disk, type Loss, type Operation, remainsOf, watchDisk } from './disk.ts';
import { arnOf, nothingTold, openFolder, redriveBroken, startOne, type Told, untilEnd } from './executions-workload.ts';
import { goOn } from './go-on.ts';

function watched(folder: string): Disk {
  const disk = watchDisk(folder);
  onTestFinished(disk.release);
  return disk;
}

/** How much had been told when so many operations had been done. */
type Counts = Readonly<Record<Exclude<keyof Told, 'mended'>, number>>;
const countsOf = (told: Told): Counts => ({
  started: told.started.length,
  runs: told.runs.length,
  completed: told.completed.length,
  announced: told.announced.length,
  logged: told.logged.length,
  redriven: told.redriven.length,
});
const upTo = (told: Told, counts: Counts): Told => ({
  started: told.started.slice(0, counts.started),
  runs: told.runs.slice(0, counts.runs),
  completed: told.completed.slice(0, counts.completed),
  announced: told.announced.slice(0, counts.announced),
  logged: [],
  redriven: told.redriven.slice(0, counts.redriven),
});

interface Recorded {
  readonly operations: readonly Operation[];
  readonly told: Told;
  /** Before the operation of that index. */
  readonly counts: readonly Counts[];
}

/** Two executions, one after the other began, and one that fails and is redriven, from an empty folder to its closing. */
async function recordWorkload(): Promise<Recorded> {
  const folder = temporaryFolder();
  const disk = watched(folder);
  const told = nothingTold();
  const counts: Counts[] = [];
  disk.failing = () => {
    counts[disk.operations.length] = countsOf(told);
    return undefined;
  };
  const open = await openFolder(join(folder, 'state'), told);
  await startOne(open, 'a', told);
  await startOne(open, 'b', told);
  await Promise.all(['a', 'b'].map((name) => untilEnd(open, name, told)));
  await startOne(open, 'broken', told);
  expect(await untilEnd(open, 'broken', told)).toBe('FAILED');
  const { length: after = 0 } = (await open.executions.history(arnOf('broken'))) ?? [];
  await redriveBroken(open, told);
  expect(await untilEnd(open, 'broken', told, after)).toBe('SUCCEEDED');
  await open.close();
  counts[disk.operations.length] = countsOf(told);
  disk.release();
  return { operations: disk.operations, told, counts };
}

const describeOperation = (one: Operation | undefined) =>
  one === undefined ? 'the end' : `${one.op} ${one.path}`.replaceAll(/[0-9a-f]{24}|[0-9a-f]{64}/g, '#');

describe('a process that ends at any operation on files', () => {
  it.each(['kill', 'names lost', 'data lost'] as const)('leaves what can be gone on with: %s', async (loss: Loss) => {
    const { operations, told, counts } = await recordWorkload();
    expect(told.started).toStrictEqual(['a', 'b', 'broken']);
    expect(told.completed.length).toBe(18);
    const wrong: string[] = [];
    let known = upTo(told, counts[0] ?? countsOf(nothingTold()));
    let points = 0;
    for (let done = 0; done <= operations.length; done += 1) {
      const next = operations[done];
      const at = counts[done];
      if (at !== undefined) known = upTo(told, at);
      const found = await goOn(remainsOf(operations.slice(0, done), loss), known);
      wrong.push(...found.map((one) => `${done}, before ${describeOperation(next)}: ${one}`));
      points += 1;
      if (loss !== 'kill' || next?.op !== 'write') continue;
      for (const bytes of [1, next.bytes.length >> 1, next.bytes.length - 1]) {
        const part = remainsOf(operations.slice(0, done), loss, { write: next, bytes });
        wrong.push(
          ...(await goOn(part, known)).map((one) => `${done}, ${bytes} bytes of ${describeOperation(next)}: ${one}`),
        );
        points += 1;
      }
    }
    console.log(`${loss}: ${points} points`);
    expect(wrong).toStrictEqual([]);
  });
});
