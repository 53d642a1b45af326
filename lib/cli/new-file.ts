/** A file that a command makes: it is there when it is whole, and nothing that was there is written over. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, copyFile, link, open, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BunsuiError } from '../errors.ts';
import { harmlessLine } from './harmless.ts';

const codeOf = (thrown: unknown) => (thrown instanceof Error ? (thrown as NodeJS.ErrnoException).code : undefined);

function alreadyThere(path: string, hint: string): BunsuiError {
  return new BunsuiError('ConfigError', 'BS2006', `"${harmlessLine(path)}" is there already, and is not written over`, {
    context: { path },
    hint,
  });
}

function notWritten(path: string, thrown: unknown): unknown {
  const code = codeOf(thrown);
  const why =
    code === 'ENOENT'
      ? 'its folder is not there'
      : code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
        ? 'that is not allowed'
        : code === 'ENOSPC' || code === 'EDQUOT'
          ? 'the disk is full'
          : code === 'ENOTDIR'
            ? 'its folder is a file'
            : undefined;
  if (why === undefined) return thrown;
  return new BunsuiError('ConfigError', 'BS2002', `"${harmlessLine(path)}" cannot be written: ${why}`, {
    context: { path },
    hint: 'give another file with --output',
    cause: thrown,
  });
}

/** Whether there is a folder of that name. */
export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/**
 * Writes a file piece by piece. What has been written of one that fails is taken away.
 *
 * @param write is given what takes the pieces
 * @param hint what to do where there is a file of that name
 * @throws {BunsuiError} BS2006 when there is one, BS2002 when it cannot be written
 */
export async function writeNewFile<T>(
  path: string,
  hint: string,
  write: (put: (text: string) => Promise<void>) => Promise<T>,
): Promise<T> {
  const isThere = await access(path, constants.F_OK).then(
    () => true,
    () => false,
  );
  if (isThere) throw alreadyThere(path, hint);
  const part = join(dirname(path), `.${basename(path).slice(0, 80)}.${randomBytes(6).toString('hex')}.part`);
  const file = await open(part, 'wx').catch((thrown: unknown) => {
    throw notWritten(path, thrown);
  });
  try {
    let result: T;
    try {
      result = await write(async (text) => {
        await file.appendFile(text).catch((thrown: unknown) => {
          throw notWritten(path, thrown);
        });
      });
    } finally {
      await file.close();
    }
    // A link is made only where nothing is; what has no links copies, with the same rule.
    await link(part, path).catch(async (thrown: unknown) => {
      if (codeOf(thrown) === 'EEXIST') throw thrown;
      await copyFile(part, path, constants.COPYFILE_EXCL);
    });
    return result;
  } catch (thrown) {
    throw codeOf(thrown) === 'EEXIST' ? alreadyThere(path, hint) : thrown;
  } finally {
    await unlink(part).catch(() => {});
  }
}
