/**
 * The journal of one execution: a file of lines, each `<crc32 in 8 hexadecimal digits> <JSON>`. The first line says
 * what execution this is, every other holds the records of one append. A line counts when it is whole; appending
 * resolves when it is on the disk.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Journal, JournalRecord } from '../engine/ports.ts';
import { BunsuiError } from '../errors.ts';
import { makeFolder, storageError, syncFolder, writeFileAtomic } from './durable-files.ts';

/** The version of its machine that an execution runs, and the alias that led to it. */
export interface ExecutionOrigin {
  readonly stateMachineVersionArn?: string;
  readonly stateMachineAliasArn?: string;
}

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
  readonly origin?: ExecutionOrigin;
  /** The execution whose task this is. */
  readonly parent?: string;
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
  /** What followed was once whole, or may have been: a crash does not leave that alone. BS4003 with file and line. */
  readonly damage?: BunsuiError;
  /** More follows what is damaged: it is no end of an append that a crash cut off, but a record that was acted on. */
  readonly damagedWithin?: true;
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

/**
 * Opens a journal to go on with it after its last whole line. What a crash left half-written is cut off; of a file that
 * is damaged a copy is kept in `keepIn` before.
 */
export async function openJournal(
  path: string,
  keepIn: string,
): Promise<{ readonly content: JournalContent; readonly journal: JournalFile; readonly kept?: string }> {
  const bytes = await readAll(path);
  const content = parseJournal(path, bytes);
  if (content === undefined) throw damaged(path, { line: 1, records: [], why: 'its first line is not whole' });
  let file: FileHandle | undefined;
  try {
    const kept = content.damage === undefined ? undefined : await keepCopy(path, bytes, keepIn);
    file = await open(path, constants.O_RDWR);
    if (content.torn > 0) {
      await file.truncate(content.length);
      await file.datasync();
    }
    return { content, journal: appending(path, file, content.length), ...(kept !== undefined && { kept }) };
  } catch (cause) {
    await file?.close();
    throw storageError(path, cause);
  }
}

/** Cuts a journal back to an earlier length. */
export async function cutJournal(path: string, length: number): Promise<void> {
  const file = await open(path, constants.O_RDWR);
  try {
    if ((await file.stat()).size === length) return;
    await file.truncate(length);
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function keepCopy(path: string, bytes: Buffer, keepIn: string): Promise<string> {
  const mark = createHash('sha256').update(bytes).digest('hex').slice(0, 8);
  const kept = join(keepIn, `${basename(path, '.jsonl')}.${mark}.jsonl`);
  await makeFolder(keepIn);
  await writeFileAtomic(kept, bytes);
  return kept;
}

/**
 * Reads a journal up to its last whole line.
 *
 * @returns `undefined` when not even its first line is whole: then nobody was told that the execution exists.
 * @throws {BunsuiError} BS4003 when its first line is there and does not read as it was written.
 */
export async function readJournal(path: string): Promise<JournalContent | undefined> {
  return parseJournal(path, await readAll(path));
}

function parseJournal(path: string, bytes: Buffer): JournalContent | undefined {
  const lines: unknown[] = [];
  let start = 0;
  let damage: { readonly within: boolean } | undefined;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    const value = parseLine(bytes.subarray(start, end));
    if (value === undefined) {
      // A crash can leave the end of the last append and not its middle.
      damage = { within: bytes.indexOf(10, end + 1) >= 0 };
      break;
    }
    lines.push(value.json);
    start = end + 1;
  }
  // A whole line that ends otherwise: no crash writes another byte in place of a newline.
  if (damage === undefined && parseLine(bytes.subarray(start, -1)) !== undefined) damage = { within: false };
  const [first, ...appends] = lines;
  const records: JournalRecord[] = [];
  for (const append of appends) for (const record of append as readonly JournalRecord[]) records.push(record);
  const why = 'its checksum does not match';
  if (first === undefined) {
    if (damage !== undefined) throw damaged(path, { line: 1, records, why });
    return undefined;
  }
  return {
    header: first as JournalHeader,
    records,
    length: start,
    torn: bytes.length - start,
    ...(damage !== undefined && { damage: damaged(path, { line: lines.length + 1, records, why }) }),
    ...(damage?.within && { damagedWithin: true as const }),
  };
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

function damaged(
  path: string,
  found: { readonly line: number; readonly records: readonly JournalRecord[]; readonly why: string },
): BunsuiError {
  const { line, records, why } = found;
  const last = records.findLast((record) => record.kind === 'event');
  const whole = last === undefined ? 'no event before it' : `the ${last.event.id} events before it`;
  return new BunsuiError('SessionError', 'BS4003', `the journal ${path} is damaged at line ${line}: ${why}`, {
    context: { path, line },
    hint:
      line === 1
        ? 'restore the file from a backup, or delete it to give up this execution'
        : `restore the file from a backup; or resume this execution by its name: it goes on from ${whole}, and a copy of the file is kept`,
  });
}
