/**
 * The journal of one execution: a file of lines, each `<crc32 in 8 hexadecimal digits> <JSON>`. The first line says
 * what execution this is, every other holds the records of one append. A line counts when it is whole; appending
 * resolves when it is on the disk.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Journal, JournalRecord } from '../engine/ports.ts';
import { BunsuiError } from '../errors.ts';
import { storageError, syncFolder } from './durable-files.ts';

/** The first line. */
export interface JournalHeader {
  readonly journalVersion: 1;
  readonly executionArn: string;
  readonly name: string;
  readonly stateMachineArn: string;
  readonly stateMachineName: string;
  readonly roleArn: string;
  /** SHA-256 of the definition's text, which lies among the machines. */
  readonly definition: string;
  readonly input: string;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
}

export interface JournalFile extends Journal {
  close(): Promise<void>;
}

export interface JournalContent {
  readonly header: JournalHeader;
  readonly records: readonly JournalRecord[];
  /** Bytes up to the end of the last whole line. */
  readonly length: number;
  /** What followed and was not whole, in bytes. */
  readonly torn: number;
}

/** Begins a journal. When this resolves the execution exists, whatever happens then; when it rejects there is nothing. */
export async function createJournal(path: string, header: JournalHeader): Promise<JournalFile> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o600);
  } catch (cause) {
    throw storageError(path, cause);
  }
  try {
    const journal = appending(path, file, 0);
    await journal.write(header);
    await syncFolder(dirname(path));
    return journal;
  } catch (cause) {
    await file.close().catch(() => {});
    await rm(path, { force: true }).catch(() => {});
    throw storageError(path, cause);
  }
}

/** Opens a journal to go on with it. What a crash left half-written at its end is cut off. */
export async function openJournal(
  path: string,
): Promise<{ readonly content: JournalContent; readonly journal: JournalFile }> {
  const content = await readJournal(path);
  if (content === undefined) throw damaged(path, 1, 'its first line is not whole');
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDWR);
    if (content.torn > 0) {
      await file.truncate(content.length);
      await file.datasync();
    }
    return { content, journal: appending(path, file, content.length) };
  } catch (cause) {
    await file?.close();
    throw storageError(path, cause);
  }
}

/**
 * Reads a journal.
 *
 * @returns `undefined` when not even its first line is whole: then nobody was told that the execution exists.
 * @throws {BunsuiError} BS4003 with file and line when a line that others follow does not read as it was written.
 */
export async function readJournal(path: string): Promise<JournalContent | undefined> {
  const bytes = await readAll(path);
  const lines: unknown[] = [];
  let start = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    const value = parseLine(bytes.subarray(start, end));
    if (value === undefined) {
      // A crash can leave the end of the last append and not its middle.
      if (bytes.indexOf(10, end + 1) < 0) break;
      throw damaged(path, lines.length + 1, 'its checksum does not match');
    }
    lines.push(value.json);
    start = end + 1;
  }
  const [first, ...appends] = lines;
  if (first === undefined) return undefined;
  const records: JournalRecord[] = [];
  for (const append of appends) for (const record of append as readonly JournalRecord[]) records.push(record);
  return { header: first as JournalHeader, records, length: start, torn: bytes.length - start };
}

/** What execution a journal is of, when at least its first line reads as it was written. */
export async function readHeader(path: string): Promise<JournalHeader | undefined> {
  const bytes = await readAll(path);
  return parseLine(bytes.subarray(0, bytes.indexOf(10)))?.json as JournalHeader | undefined;
}

function appending(
  path: string,
  file: FileHandle,
  from: number,
): JournalFile & { write(value: unknown): Promise<void> } {
  let length = from;
  let broken: unknown;
  const write = async (value: unknown): Promise<void> => {
    if (broken !== undefined) throw broken;
    const json = Buffer.from(JSON.stringify(value));
    const line = Buffer.concat([Buffer.from(`${crc32(json).toString(16).padStart(8, '0')} `), json, Buffer.from('\n')]);
    try {
      for (let done = 0; done < line.length; ) {
        done += (await file.write(line, done, line.length - done, length + done)).bytesWritten;
      }
      await file.datasync();
      length += line.length;
    } catch (cause) {
      // Nothing is appended after a piece of a line. Whoever opens the file again cuts it off; so do we, if it can be done.
      broken = storageError(path, cause);
      await file.truncate(length).catch(() => {});
      throw broken;
    }
  };
  return { write, append: write, close: () => file.close() };
}

function parseLine(line: Buffer): { readonly json: unknown } | undefined {
  const json = line.subarray(9);
  if (line[8] !== 32 || crc32(json).toString(16).padStart(8, '0') !== line.toString('latin1', 0, 8)) return undefined;
  return { json: JSON.parse(json.toString('utf8')) };
}

async function readAll(path: string): Promise<Buffer> {
  try {
    const file = await open(path, constants.O_RDONLY);
    try {
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw storageError(path, cause, 'read');
  }
}

function damaged(path: string, line: number, why: string): BunsuiError {
  return new BunsuiError('SessionError', 'BS4003', `the journal ${path} is damaged at line ${line}: ${why}`, {
    context: { path, line },
    hint: 'restore the file from a backup, or delete it to give up this execution',
  });
}
