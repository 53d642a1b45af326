/**
 * One process owns a state folder. The lock is a file `lock.<n>` that names a process; the highest number counts, and
 * it is only ever superseded by the next number, never removed by others. So nobody can delete a lock that somebody
 * else took a moment ago:
 *
 *     A finds lock.4 stale          B finds lock.4 stale
 *     A links lock.5 (exclusive)    B fails to link lock.5, and looks again: A is alive
 *     A removes lock.4
 *
 * Somebody slow may link a number that was superseded and removed meanwhile; he looks again after linking, finds the
 * higher one, and withdraws.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, storageError, temporaryBeside, writeFileAtomic } from './durable-files.ts';

/** Who holds a lock. A pid is reused sooner or later, so the process's start (and the boot) belongs to it. */
export interface Holder {
  readonly pid: number;
  /** Opaque; `undefined` where the system does not tell. */
  readonly started?: string;
  /** Said by the holder when it has let go. */
  readonly released?: true;
}

export interface OwnerLock {
  readonly number: number;
  release(): Promise<void>;
}

/** Takes the lock of a folder, or says which living process has it. */
export async function takeOwnerLock(
  folder: string,
): Promise<{ readonly ok: true; readonly lock: OwnerLock } | { readonly ok: false; readonly holder: Holder }> {
  for (;;) {
    const last = await lastLock(folder);
    if (last !== undefined && isAlive(last.holder)) return { ok: false, holder: last.holder };
    const number = (last?.number ?? 0) + 1;
    if (!(await linkLock(folder, number))) continue;
    const numbers = await lockNumbers(folder);
    if (Math.max(...numbers) > number) {
      await rm(join(folder, `lock.${number}`), { force: true }).catch(() => {});
      continue;
    }
    for (const older of numbers) {
      // It is superseded whether it is there or not.
      if (older < number) await rm(join(folder, `lock.${older}`), { force: true }).catch(() => {});
    }
    const release = () =>
      writeFileAtomic(join(folder, `lock.${number}`), JSON.stringify({ ...self(), released: true }));
    return { ok: true, lock: { number, release } };
  }
}

/** The living process that holds a folder's lock. */
export async function ownerOf(folder: string): Promise<Holder | undefined> {
  const last = await lastLock(folder);
  return last !== undefined && isAlive(last.holder) ? last.holder : undefined;
}

async function linkLock(folder: string, number: number): Promise<boolean> {
  const path = join(folder, `lock.${number}`);
  const temporary = temporaryBeside(path);
  try {
    await writeFile(temporary, JSON.stringify(self()), { flag: 'wx', mode: 0o600 });
    await link(temporary, path);
    return true;
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST') return false;
    throw storageError(path, cause);
  } finally {
    // What cannot be removed is in nobody's way.
    await rm(temporary, { force: true }).catch(() => {});
  }
}

async function lockNumbers(folder: string): Promise<readonly number[]> {
  const names = await readdir(folder);
  return names.flatMap((name) => /^lock\.(\d{1,15})$/.exec(name)?.[1] ?? []).map(Number);
}

async function lastLock(folder: string): Promise<{ readonly number: number; readonly holder: Holder } | undefined> {
  const numbers = await lockNumbers(folder);
  if (numbers.length === 0) return undefined;
  const number = Math.max(...numbers);
  try {
    return { number, holder: parseHolder(await readFile(join(folder, `lock.${number}`), 'utf8')) };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return lastLock(folder);
    throw storageError(folder, error);
  }
}

// What does not read as a holder was damaged, and holds nothing: a lock appears only with its whole content.
function parseHolder(text: string): Holder {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'pid' in value && Number.isSafeInteger(value.pid)) {
      const started = 'started' in value && typeof value.started === 'string' ? value.started : undefined;
      const released = 'released' in value && value.released === true;
      return { pid: Number(value.pid), ...(started && { started }), ...(released && { released: true as const }) };
    }
  } catch {}
  return { pid: 0, released: true };
}

function self(): Holder {
  const started = startOf(process.pid);
  return { pid: process.pid, ...(started !== undefined && { started }) };
}

function isAlive(holder: Holder): boolean {
  if (holder.released || holder.pid <= 0) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: there is one, of another user.
    if (errnoOf(error) !== 'EPERM') return false;
  }
  const started = startOf(holder.pid);
  return holder.started === undefined || started === undefined || holder.started === started;
}

/** When a process started, as the system has it. */
function startOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The command's name, in parentheses, may hold anything; field 22 is counted from behind it.
      return `${boot}/${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
    }
    if (process.platform !== 'win32') {
      return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    }
  } catch {}
  return undefined;
}
