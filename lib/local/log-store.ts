/**
 * What functions print, kept as CloudWatch Logs keeps it: groups of streams of events. A group is a folder of
 * `.bunsui/logs/`, a stream a file of JSON Lines `{"t":<ms>,"m":<line>}`, appended in the order of time.
 */
import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, makeFolder, storageError } from './durable-files.ts';

export interface LogEvent {
  readonly timestampMs: number;
  readonly message: string;
}

export interface FoundEvent extends LogEvent {
  readonly stream: string;
  /** Byte offset in the stream. */
  readonly offset: number;
}

export interface LogStream {
  readonly name: string;
  /** Appends lines. Resolves when readers see them. */
  append(events: readonly LogEvent[]): Promise<void>;
  close(): Promise<void>;
}

export interface LogQuery {
  readonly group: string;
  /** Both included. */
  readonly startMs: number;
  readonly endMs: number;
  readonly contains?: string;
  readonly streams?: readonly string[];
  /** Events after this one only. */
  readonly after?: Pick<FoundEvent, 'timestampMs' | 'stream' | 'offset'>;
  readonly limit: number;
}

export interface LogStore {
  newStream(group: string, nowMs: number): LogStream;
  groups(): Promise<readonly string[]>;
  /**
   * Events in the order of time, then stream, then place in it.
   *
   * @returns `undefined` when there is no such group.
   */
  find(query: LogQuery): Promise<{ readonly events: readonly FoundEvent[]; readonly more: boolean } | undefined>;
}

/** A page ends when it has this many bytes, as that of CloudWatch Logs does. */
const maxPageBytes = 1024 * 1024;
const readBytes = 64 * 1024;

/** Opens the store of a state folder. */
export function openLogStore(stateDir: string): LogStore {
  const root = join(stateDir, 'logs');
  return {
    newStream: (group, nowMs) => newStream(join(root, encodeURIComponent(group)), nowMs),
    async groups() {
      const names = await readdir(root).catch(() => []);
      return names.map(decodeURIComponent).sort();
    },
    async find(query) {
      const folder = join(root, encodeURIComponent(query.group));
      const files = await readdir(folder).catch((error: unknown) => {
        if (errnoOf(error) === 'ENOENT') return undefined;
        throw storageError(folder, error);
      });
      if (files === undefined) return undefined;
      const wanted = files
        .map((file) => ({ path: join(folder, file), stream: streamName(file) }))
        .filter(({ stream }) => query.streams?.includes(stream) ?? true);
      return mergeStreams(wanted, query);
    },
  };
}

// The file is made with the first line: a function that never ran has no stream.
function newStream(folder: string, nowMs: number): LogStream {
  const file = `${new Date(nowMs).toISOString().slice(0, 10)}-${randomBytes(16).toString('hex')}.jsonl`;
  let opened: Promise<FileHandle> | undefined;
  let last: Promise<void> = Promise.resolve();
  const openOnce = async () => {
    await makeFolder(folder);
    return open(join(folder, file), 'a', 0o600);
  };
  return {
    name: streamName(file),
    append(events) {
      if (events.length === 0) return last;
      const text = events
        .map(({ timestampMs, message }) => `${JSON.stringify({ t: timestampMs, m: message })}\n`)
        .join('');
      const turn = last.then(async () => {
        opened ??= openOnce();
        try {
          await (await opened).appendFile(text);
        } catch (error) {
          throw storageError(join(folder, file), error);
        }
      });
      last = turn.catch(() => {});
      return turn;
    },
    async close() {
      await last;
      await (await opened?.catch(() => undefined))?.close();
    },
  };
}

// `2026-11-21-<hex>.jsonl` is the stream `2026/11/21/[$LATEST]<hex>`.
function streamName(file: string): string {
  return file.replace(/^(\d{4})-(\d\d)-(\d\d)-([0-9a-f]+)\.jsonl$/, '$1/$2/$3/[$$LATEST]$4');
}

async function mergeStreams(
  files: readonly { readonly path: string; readonly stream: string }[],
  query: LogQuery,
): Promise<{ readonly events: readonly FoundEvent[]; readonly more: boolean }> {
  const fromMs = Math.max(query.startMs, query.after?.timestampMs ?? 0);
  const readers = files.map(({ path, stream }) => ({ stream, events: eventsOf(path, stream, fromMs) }));
  const heads: { event: FoundEvent; readonly rest: AsyncGenerator<FoundEvent> }[] = [];
  const advance = async (rest: AsyncGenerator<FoundEvent>): Promise<FoundEvent | undefined> => {
    for (;;) {
      const { value, done } = await rest.next();
      if (done === true || value.timestampMs > query.endMs) return undefined;
      if (query.after !== undefined && compareEvents(value, query.after) <= 0) continue;
      if (query.contains === undefined || value.message.includes(query.contains)) return value;
    }
  };
  try {
    for (const { events } of readers) {
      const event = await advance(events);
      if (event !== undefined) heads.push({ event, rest: events });
    }
    const found: FoundEvent[] = [];
    for (let bytes = 0; heads.length > 0; ) {
      const first = heads.reduce((a, b) => (compareEvents(b.event, a.event) < 0 ? b : a));
      const size = first.event.message.length + 26;
      if (found.length === query.limit || (found.length > 0 && bytes + size > maxPageBytes)) {
        return { events: found, more: true };
      }
      found.push(first.event);
      bytes += size;
      const next = await advance(first.rest);
      if (next === undefined) heads.splice(heads.indexOf(first), 1);
      else first.event = next;
    }
    return { events: found, more: false };
  } finally {
    await Promise.all(readers.map(({ events }) => events.return(undefined)));
  }
}

function compareEvents(a: Omit<FoundEvent, 'message'>, b: Omit<FoundEvent, 'message'>): number {
  if (a.timestampMs !== b.timestampMs) return a.timestampMs - b.timestampMs;
  if (a.stream !== b.stream) return a.stream < b.stream ? -1 : 1;
  return a.offset - b.offset;
}

/** An id as CloudWatch gives it: unique, and always the same for the same event. */
export function eventId(event: FoundEvent): string {
  const stream = createHash('sha256').update(event.stream).digest().readUIntBE(0, 6);
  return `${event.timestampMs}${String(stream).padStart(15, '0')}${String(event.offset).padStart(15, '0')}`;
}

async function* eventsOf(path: string, stream: string, fromMs: number): AsyncGenerator<FoundEvent> {
  const file = await open(path, 'r');
  try {
    let offset = await firstLineFrom(file, fromMs);
    let pending = Buffer.alloc(0);
    for (let position = offset; ; ) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(readBytes), 0, readBytes, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      pending = Buffer.concat([pending, buffer.subarray(0, bytesRead)]);
      let start = 0;
      for (let end = pending.indexOf(10); end >= 0; end = pending.indexOf(10, start)) {
        const event = parseLine(pending.toString('utf8', start, end));
        if (event !== undefined && event.timestampMs >= fromMs) yield { ...event, stream, offset: offset + start };
        start = end + 1;
      }
      offset += start;
      pending = pending.subarray(start);
    }
  } finally {
    await file.close();
  }
}

// Halves the file until the part in which the first wanted line lies is small; its lines are in the order of time.
async function firstLineFrom(file: FileHandle, fromMs: number): Promise<number> {
  let low = 0;
  let high = (await file.stat()).size;
  while (high - low > readBytes) {
    const middle = Math.floor((low + high) / 2);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(readBytes), 0, readBytes, middle);
    const newline = buffer.subarray(0, bytesRead).indexOf(10);
    const time =
      newline < 0 ? undefined : /^\{"t":(\d{1,16}),/.exec(buffer.toString('latin1', newline + 1, newline + 32))?.[1];
    if (time === undefined || Number(time) >= fromMs) high = middle;
    else low = middle + newline + 1;
  }
  return low;
}

// A line cut off by a crash is passed over.
function parseLine(line: string): LogEvent | undefined {
  try {
    const { t, m } = JSON.parse(line) as { t: unknown; m: unknown };
    return typeof t === 'number' && typeof m === 'string' ? { timestampMs: t, message: m } : undefined;
  } catch {
    return undefined;
  }
}
