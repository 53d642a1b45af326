/** What a crash has left is opened and gone on with, by the real parts. */
import { join } from 'node:path';
import { temporaryFolder } from '../local/runtimes.ts';
import { type Remains, watchDisk, writeRemains } from './disk.ts';
import { arnOf, nothingTold, openFolder, redriveBroken, startOne, type Told, untilEnd } from './executions-workload.ts';

/** A lock names a process, and the one of a crash has gone. */
export function withoutOwner(remains: Remains): Remains {
  const changed = [...remains].map(([path, content]) => {
    if (!/lock\.\d+$/.test(path) || content === undefined) return [path, content] as const;
    return [path, Buffer.from(content.toString().replace(`"pid":${process.pid}`, '"pid":4194304'))] as const;
  });
  return new Map(changed);
}

const jobs = ['first', 'left', 'right', 'one0', 'one1', 'last'];

/** What a crash has left is opened and gone on with. @returns what is not as it must be. */
export async function goOn(remains: Remains, before: Told): Promise<readonly string[]> {
  const folder = temporaryFolder();
  writeRemains(withoutOwner(remains), folder);
  const disk = watchDisk(folder);
  try {
    const told: Told = { ...nothingTold(), mended: true };
    const open = await openFolder(join(folder, 'state'), told);
    await open.executions.resume();
    const wrong: string[] = [];
    const listed = (await open.executions.list()).map(({ name }) => name);
    for (const name of new Set([...before.started, ...listed])) {
      let status = await untilEnd(open, name, told);
      if (status === 'FAILED' && name === 'broken' && !before.redriven.includes(name)) {
        const { length: after = 0 } = (await open.executions.history(arnOf(name))) ?? [];
        await redriveBroken(open, told);
        status = await untilEnd(open, name, told, after);
      }
      if (status !== 'SUCCEEDED') wrong.push(`${name} ${status}`);
      if (before.completed.length === 0) continue;
      const completed = before.completed.filter((one) => one.startsWith(`${name} `));
      const again = told.runs.filter(({ execution, job }) => completed.includes(`${execution} ${job}`));
      wrong.push(...again.map(({ execution, job }) => `${execution} ${job} ran again`));
    }
    const runs = [...before.runs, ...told.runs].map(({ execution, job, number }) => `${execution} ${job} ${number}`);
    wrong.push(...runs.filter((run, index) => runs.indexOf(run) !== index).map((run) => `${run} twice`));
    await startOne(open, 'next', told);
    const next = await untilEnd(open, 'next', told);
    if (next !== 'SUCCEEDED') wrong.push(`next ${next}`);
    const nextJobs = told.runs.filter(({ execution, number }) => execution === 'next' && number === 0);
    if (nextJobs.length !== jobs.length) wrong.push(`next ran ${nextJobs.map(({ job }) => job).join()}`);
    await open.close();
    const toldLast = nothingTold();
    const ended = await openFolder(join(folder, 'state'), toldLast);
    const names = (await ended.executions.list()).map(({ name, status }) => `${name} ${status}`).sort();
    const wanted = [...new Set([...before.started, ...listed, 'next'])].map((name) => `${name} SUCCEEDED`).sort();
    if (names.join() !== wanted.join()) wrong.push(`listed ${names.join()}, not ${wanted.join()}`);
    for (const name of before.started) {
      if (!before.announced.includes(name) && !told.announced.includes(name)) wrong.push(`${name} is not announced`);
    }
    await ended.close();
    wrong.push(...told.logged, ...toldLast.logged);
    wrong.push(...disk.open.map((path) => `${path} stays open`));
    return wrong;
  } catch (error) {
    return [`it does not open: ${String(error)}`];
  } finally {
    disk.release();
  }
}
