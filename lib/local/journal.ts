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
import type { HistoryEvent } from '../asl/history.ts';
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

interface Scanned {
  readonly header: JournalHeader;
  /** Bytes up to the end of the last whole line. */
  readonly length: number;
  /** What followed and was not whole, in bytes. */
  readonly torn: number;
  /** What followed was once whole, or may have been: a crash does not leave that alone. BS4003 with file and line. */
  readonly damage?: BunsuiError;
  /** More follows what is damaged: it is no end of an append that a crash cut off, but a record that was acted on. */
  readonly damagedWithin?: true;
}

export interface JournalContent extends Scanned {
  readonly records: readonly JournalRecord[];
}

export interface JournalEvents extends Scanned {
  readonly events: readonly HistoryEvent[];
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
  const content = await readJournal(path);
  if (content === undefined) throw damaged(path, { line: 1, why: 'its first line is not whole' });
  let file: FileHandle | undefined;
  try {
    const kept = content.damage === undefined ? undefined : await keepCopy(path, await readAll(path), keepIn);
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
  const records: JournalRecord[] = [];
  const found = await scan(path, (record) => records.push(record));
  return found && { ...found, records };
}

/**
 * Reads of a journal what its execution's history shows. Beside that it may hold many times as much: all that the children
 * of maps are given and give. No more of it is in memory at once than one append.
 *
 * @returns as `readJournal`
 * @throws {BunsuiError} as `readJournal`
 */
export async function readEvents(path: string): Promise<JournalEvents | undefined> {
  const events: HistoryEvent[] = [];
  const found = await scan(path, (record) => {
    if (record.kind === 'event') events.push(record.event);
  });
  return found && { ...found, events };
}

/** Whether a text stands in a journal. */
export async function isInJournal(path: string, text: string): Promise<boolean> {
  for await (const { lines } of linesOf(path)) if (lines.some((line) => line.includes(text))) return true;
  return false;
}

/** Goes through a journal, record by record. */
async function scan(path: string, take: (record: JournalRecord) => void): Promise<Scanned | undefined> {
  let header: JournalHeader | undefined;
  let lastEvent: number | undefined;
  let whole = 0;
  let length = 0;
  let size = 0;
  let damage: { readonly line: number; within: boolean } | undefined;
  for await (const { lines, rest } of linesOf(path)) {
    for (const line of lines) {
      size += line.length + 1;
      // A crash can leave the end of the last append and not its middle.
      if (damage !== undefined) damage.within = true;
      const value = damage === undefined ? parseLine(line) : undefined;
      if (value === undefined) {
        damage ??= { line: whole + 1, within: false };
        continue;
      }
      whole += 1;
      length = size;
      if (header === undefined) header = value.json as JournalHeader;
      else
        for (const record of value.json as readonly JournalRecord[]) {
          if (record.kind === 'event') lastEvent = record.event.id;
          take(record);
        }
    }
    size += rest.length;
    // A whole line that ends otherwise: no crash writes another byte in place of a newline.
    if (damage === undefined && parseLine(rest.subarray(0, -1)) !== undefined)
      damage = { line: whole + 1, within: false };
  }
  const why = 'its checksum does not match';
  if (header === undefined) {
    if (damage !== undefined) throw damaged(path, { line: 1, why });
    return undefined;
  }
  return {
    header,
    length,
    torn: size - length,
    ...(damage !== undefined && { damage: damaged(path, { line: damage.line, lastEvent, why }) }),
    ...(damage?.within && { damagedWithin: true as const }),
  };
}

/** So much of a file is read at once, in bytes. */
const pieceBytes = 1_048_576;

/** The lines of a file without their ends, piece by piece; with the last piece what follows the last end. */
async function* linesOf(path: string): AsyncGenerator<{ readonly lines: readonly Buffer[]; readonly rest: Buffer }> {
  let file: FileHandle | undefined;
  const none = Buffer.alloc(0);
  try {
    file = await open(path, constants.O_RDONLY);
    let left = (await file.stat()).size;
    let begun: Buffer[] = [];
    for (;;) {
      // One byte more than there is: so the end is found without asking again.
      const { bytesRead, buffer } = await file.read({ buffer: Buffer.allocUnsafe(Math.min(left + 1, pieceBytes)) });
      if (bytesRead === 0) break;
      left = Math.max(0, left - bytesRead);
      const piece = buffer.subarray(0, bytesRead);
      const lines: Buffer[] = [];
      let from = 0;
      for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, from)) {
        const last = piece.subarray(from, end);
        lines.push(begun.length === 0 ? last : Buffer.concat([...begun, last]));
        begun = [];
        from = end + 1;
      }
      if (from < piece.length) begun.push(piece.subarray(from));
      yield { lines, rest: none };
    }
    yield { lines: [], rest: Buffer.concat(begun) };
  } catch (cause) {
    throw storageError(path, cause, 'read');
  } finally {
    await file?.close();
  }
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
  found: { readonly line: number; readonly lastEvent?: number | undefined; readonly why: string },
): BunsuiError {
  const { line, lastEvent, why } = found;
  const whole = lastEvent === undefined ? 'no event before it' : `the ${lastEvent} events before it`;
  return new BunsuiError('SessionError', 'BS4003', `the journal ${path} is damaged at line ${line}: ${why}`, {
    context: { path, line },
    hint:
      line === 1
        ? 'restore the file from a backup, or delete it to give up this execution'
        : `restore the file from a backup; or resume this execution by its name: it goes on from ${whole}, and a copy of the file is kept`,
  });
}
