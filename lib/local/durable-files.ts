/**
 * Files that are whole or not there: written beside their place, synced, renamed. And names for files made from
 * names that somebody else chose.
 */
import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
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
    if (remade === undefined) await syncFolder(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
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
    throw storageError(path, error, 'read');
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

/** Makes a folder and those above it, durably. Mode 0700. */
export async function makeFolder(path: string): Promise<void> {
  const makeOne = async () => {
    await mkdir(path, { mode: 0o700 });
    return path;
  };
  try {
    const first = await mkdir(path, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      // Node says ENOENT when a read-only file system is in the way; a plain attempt tells the reason.
      if (errnoOf(error) === 'ENOENT') return makeOne();
      throw error;
    });
    if (first === undefined) return;
    const above = dirname(resolve(first));
    for (let at = dirname(resolve(path)); at.length >= above.length; at = dirname(at)) {
      await syncFolder(at);
      if (at === above) return;
    }
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

/** Lines at the end of a file. */
export interface DurableLines {
  /** Resolves when the line is on the disk; lines that come while others are being written go together. */
  append(line: string): Promise<void>;
}

/** Opens a file of lines, which is made with its first line. Mode 0600. */
export function durableLines(path: string): DurableLines {
  let waiting: { readonly line: string; readonly done: () => void; readonly failed: (error: unknown) => void }[] = [];
  let writing = false;
  const write = async () => {
    writing = true;
    while (waiting.length > 0) {
      const taken = waiting;
      waiting = [];
      try {
        await appendDurably(path, taken.map(({ line }) => line).join('\n'));
        for (const { done } of taken) done();
      } catch (cause) {
        for (const { failed } of taken) failed(storageError(path, cause));
      }
    }
    writing = false;
  };
  return {
    append: (line) =>
      new Promise((done, failed) => {
        waiting.push({ line, done, failed });
        if (!writing) void write();
      }),
  };
}

async function appendDurably(path: string, text: string): Promise<void> {
  const file = await open(path, constants.O_CREAT | constants.O_APPEND | constants.O_WRONLY, 0o600);
  try {
    const isNew = (await file.stat()).size === 0;
    // The newline in front ends what a crash or a full disk may have left of an earlier line.
    await file.writeFile(`\n${text}\n`);
    await file.datasync();
    if (isNew) await syncFolder(dirname(path));
  } finally {
    await file.close();
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
export function storageError(path: string, cause: unknown, doing: 'write' | 'read' = 'write'): unknown {
  const errno = errnoOf(cause);
  const known = errno === undefined ? undefined : storageReasons[errno];
  if (errno === undefined || known === undefined) return cause;
  const [reason, hint, recoverable] = known;
  return new BunsuiError('ConfigError', 'BS4001', `cannot ${doing} ${path}: ${reason} (${errno})`, {
    recoverable,
    context: { path, errno },
    hint,
    cause,
  });
}
