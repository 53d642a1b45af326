/**
 * Files that are whole or not there: written beside their place, synced, renamed. And names for files made from
 * names that somebody else chose.
 */
import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BunsuiError } from '../errors.ts';

/**
 * Writes a file so that, whatever happens, the old or the new content is there. Mode 0600.
 * `remade`: what a power failure takes can be made again, so the disk is not waited for.
 *
 * @throws {BunsuiError} BS4001 when the disk is full, read-only, or not ours.
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array, remade?: 'remade'): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    const file = await open(temporary, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
    try {
      await file.writeFile(data);
      if (remade === undefined) await file.datasync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw storageError(path, cause);
  }
}

/** A new name in the folder of `path`, for what is renamed to `path` when it is whole. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path).slice(0, 60)}.${randomBytes(6).toString('hex')}.part`);
}

/** The content of a file; `undefined` when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw storageError(path, error);
  }
}

/**
 * Reads back JSON that we wrote.
 *
 * @throws {BunsuiError} BS4003 naming the file when it is not whole.
 */
export function parseStored(path: string, text: string, hint: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw damagedFile(path, 'it is not the JSON that was written', hint, cause);
  }
}

/** A file of the state folder that is not as it was written. */
export function damagedFile(path: string, why: string, hint: string, cause?: unknown): BunsuiError {
  return new BunsuiError('SessionError', 'BS4003', `${path} is damaged: ${why}`, { context: { path }, hint, cause });
}

/** Makes a folder and those above it. Mode 0700. */
export async function makeFolder(path: string): Promise<void> {
  const makeOne = () => mkdir(path, { mode: 0o700 });
  try {
    await mkdir(path, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      // Node says ENOENT when a read-only file system is in the way; a plain attempt tells the reason.
      if (errnoOf(error) === 'ENOENT') return makeOne();
      throw error;
    });
  } catch (cause) {
    throw storageError(path, cause);
  }
}

/** Makes the entries of a folder (new names, renames) durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY);
  try {
    await folder.datasync();
  } finally {
    await folder.close();
  }
}

/**
 * A file name for any name: a readable part and a hash that keeps apart what the readable part does not.
 */
export function safeFileName(name: string): string {
  const readable = name.replaceAll(/[^A-Za-z0-9_-]+/g, '-').slice(0, 48);
  return `${readable}-${createHash('sha256').update(name).digest('hex').slice(0, 24)}`;
}

/** The code of a system error, `ENOENT` say. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

const storageReasons: Readonly<Record<string, readonly [reason: string, hint: string, recoverable: boolean]>> = {
  ENOSPC: ['the disk is full', 'free some space and run again', true],
  EDQUOT: ['the disk quota is used up', 'free some space and run again', true],
  EFBIG: ['the file size limit of this process is reached', 'raise the limit (ulimit -f) and run again', true],
  EROFS: ['the file system is read-only', 'choose another folder with --state-dir', false],
  EACCES: ['permission denied', 'choose another folder with --state-dir, or change the permissions', false],
  EPERM: ['not permitted', 'choose another folder with --state-dir, or change the permissions', false],
  ENOTDIR: ['a part of the path is a file', 'choose another folder with --state-dir', false],
  EEXIST: ['something else has that name', 'choose another folder with --state-dir', false],
  EIO: ['the disk reports an error', 'check the disk', false],
  EMFILE: ['too many files are open', 'raise the limit (ulimit -n) and run again', true],
  ENFILE: ['too many files are open on this machine', 'close some programs and run again', true],
};

/** Turns a system error about a file of the state folder into BS4001 in plain words; other errors pass. */
export function storageError(path: string, cause: unknown): unknown {
  const errno = errnoOf(cause);
  const known = errno === undefined ? undefined : storageReasons[errno];
  if (errno === undefined || known === undefined) return cause;
  const [reason, hint, recoverable] = known;
  return new BunsuiError('ConfigError', 'BS4001', `cannot write ${path}: ${reason} (${errno})`, {
    recoverable,
    context: { path, errno },
    hint,
    cause,
  });
}
