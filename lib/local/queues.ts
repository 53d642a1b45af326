/**
 * Queues in the state folder: a file for each message, named in the order in which they came. A message is on disk
 * before its sender hears so, and goes when its consumer says so; what a consumer holds at the moment is known only in
 * memory, so that after a crash it is there for the next one.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BunsuiError } from '../errors.ts';
import { makeFolder, parseStored, readIfThere, storageError, writeFileAtomic } from './durable-files.ts';
import { keyedTurns } from './object-store.ts';
import type { RuntimeLog } from './runtime-log.ts';

export interface QueueSettings {
  /** How long a message is hidden that somebody has received. */
  readonly visibilityTimeoutSeconds: number;
  /** Where a message goes that was received so often, and is to be received once more. */
  readonly redrive?: { readonly deadLetters: string; readonly maxReceives: number };
}

export type MessageAttributes = Readonly<Record<string, { readonly DataType: string; readonly StringValue: string }>>;

/** A message as it lies on disk. */
interface StoredMessage {
  readonly id: string;
  readonly body: string;
  readonly attributes: MessageAttributes;
  readonly sentAtMs: number;
  readonly receives: number;
  readonly firstReceivedAtMs?: number;
  /** Not before this. */
  readonly visibleAtMs: number;
  /** The queue that it was put away from. */
  readonly source?: string;
}

/** A message as a consumer holds it. */
export interface ReceivedMessage extends StoredMessage {
  /** Good for this receive only. */
  readonly handle: string;
}

export interface QueueCounts {
  readonly visible: number;
  /** Received, not deleted. */
  readonly inFlight: number;
  /** Postponed, or sent with a delay. */
  readonly delayed: number;
}

export interface Queue {
  readonly name: string;
  readonly settings: QueueSettings;
  readonly createdAtMs: number;
  counts(): QueueCounts;
  send(body: string, attributes: MessageAttributes, delaySeconds?: number): Promise<{ readonly id: string }>;
  /**
   * Up to `max` messages that are visible. Without any it waits until one comes, or the signal is aborted.
   *
   * @param visibilitySeconds @default the queue's own
   */
  receive(max: number, signal: AbortSignal, visibilitySeconds?: number): Promise<readonly ReceivedMessage[]>;
  /** Does nothing for a handle that is not good any more. */
  delete(handle: string): Promise<void>;
  /** @returns whether the handle was good. */
  postpone(handle: string, seconds: number): Promise<boolean>;
  /** Moves every message that nobody holds. @returns how many */
  moveTo(destination: Queue): Promise<number>;
}

export interface QueueStore {
  /** Makes a queue, or changes the settings of the one that has the name. */
  put(name: string, settings: QueueSettings): Promise<Queue>;
  find(name: string): Queue | undefined;
  list(): readonly Queue[];
}

interface Entry {
  readonly file: string;
  message: StoredMessage;
  /** Held by the consumer with this handle until then. */
  held?: { readonly handle: string; readonly untilMs: number };
}

interface Parts {
  readonly folder: string;
  readonly find: (name: string) => QueueParts | undefined;
  readonly log: RuntimeLog;
}

interface QueueParts extends Queue {
  settings: QueueSettings;
  adopt(message: StoredMessage): Promise<void>;
}

const settingsFile = 'queue.json';
/** Timers take no more than 24.8 days. */
const longestTimerMs = 2_000_000_000;

/** Opens the queues of a state folder. */
export async function openQueues(stateDir: string, log: RuntimeLog): Promise<QueueStore> {
  const root = join(stateDir, 'sqs');
  const queues = new Map<string, QueueParts>();
  const find = (name: string) => queues.get(name);
  const turns = keyedTurns();
  for (const name of await readdir(root).catch(() => [])) {
    const path = join(root, name, settingsFile);
    const text = await readIfThere(path);
    if (text === undefined) continue;
    const stored = parseStored(path, text, 'remove the folder of the queue; its messages are lost') as StoredSettings;
    queues.set(name, await openQueue(name, stored, { folder: join(root, name), find, log }));
  }
  return {
    put: (name, settings) =>
      turns(name, async () => {
        const known = queues.get(name);
        if (known !== undefined && JSON.stringify(known.settings) === JSON.stringify(settings)) return known;
        const folder = join(root, name);
        const stored: StoredSettings = { createdAtMs: known?.createdAtMs ?? Date.now(), settings };
        await makeFolder(folder);
        await writeFileAtomic(join(folder, settingsFile), JSON.stringify(stored));
        if (known === undefined) queues.set(name, await openQueue(name, stored, { folder, find, log }));
        else known.settings = settings;
        return queues.get(name) as QueueParts;
      }),
    find,
    list: () => [...queues.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

interface StoredSettings {
  readonly createdAtMs: number;
  readonly settings: QueueSettings;
}

async function openQueue(name: string, stored: StoredSettings, parts: Parts): Promise<QueueParts> {
  const entries = await readEntries(parts.folder, parts.log);
  const waiting = new Set<() => void>();
  let lastMs = 0;
  let timer: NodeJS.Timeout | undefined;

  const shownAtMs = ({ message, held }: Entry) => Math.max(message.visibleAtMs, held?.untilMs ?? 0);
  const wake = () => {
    for (const one of [...waiting]) one();
    waiting.clear();
  };
  /** Wakes who waits when the next message shows. */
  const setTimer = () => {
    clearTimeout(timer);
    if (waiting.size === 0 || entries.length === 0) return;
    const next = Math.min(...entries.map(shownAtMs)) - Date.now();
    timer = setTimeout(wake, Math.min(Math.max(next, 1), longestTimerMs)).unref();
  };
  const write = ({ file, message }: Entry) => writeFileAtomic(join(parts.folder, file), JSON.stringify(message));
  const remove = async (entry: Entry) => {
    const at = entries.indexOf(entry);
    if (at >= 0) entries.splice(at, 1);
    await rm(join(parts.folder, entry.file), { force: true }).catch((error: unknown) => {
      throw storageError(parts.folder, error);
    });
  };
  const add = async (message: StoredMessage) => {
    // Files in the order of time, also of those that come within one millisecond.
    lastMs = Math.max(Date.now(), lastMs + 1);
    const entry: Entry = { file: `${String(lastMs).padStart(15, '0')}-${message.id}.json`, message };
    await write(entry);
    entries.push(entry);
    wake();
  };
  /** Puts a message into another queue, once: nobody is given it meanwhile, also where none is held for any time. */
  const leave = async (entry: Entry, put: () => Promise<unknown>) => {
    entry.held = { handle: randomUUID(), untilMs: Number.POSITIVE_INFINITY };
    try {
      await put();
    } catch (error) {
      delete entry.held;
      throw error;
    }
    await remove(entry);
  };
  const held = (handle: string) => entries.find((entry) => entry.held?.handle === handle);

  /** The message for its consumer, unless it has been received too often. */
  const take = async (entry: Entry, seconds: number): Promise<readonly ReceivedMessage[]> => {
    const { redrive } = queue.settings;
    const deadLetters = redrive === undefined ? undefined : parts.find(redrive.deadLetters);
    const nowMs = Date.now();
    const { message } = entry;
    if (redrive !== undefined && deadLetters !== undefined && message.receives >= redrive.maxReceives) {
      await leave(entry, () => deadLetters.adopt({ ...message, source: name }));
      return [];
    }
    const handle = Buffer.from(`${message.id} ${randomUUID()}`).toString('base64url');
    entry.held = { handle, untilMs: nowMs + seconds * 1_000 };
    entry.message = {
      ...message,
      receives: message.receives + 1,
      firstReceivedAtMs: message.firstReceivedAtMs ?? nowMs,
    };
    await write(entry);
    return [{ ...entry.message, handle }];
  };

  const queue: QueueParts = {
    name,
    settings: stored.settings,
    createdAtMs: stored.createdAtMs,
    counts() {
      const nowMs = Date.now();
      const hidden = entries.filter((entry) => shownAtMs(entry) > nowMs);
      const inFlight = hidden.filter(({ held: holder }) => holder !== undefined).length;
      return { visible: entries.length - hidden.length, inFlight, delayed: hidden.length - inFlight };
    },
    async send(body, attributes, delaySeconds = 0) {
      const sentAtMs = Date.now();
      const id = randomUUID();
      await add({ id, body, attributes, sentAtMs, receives: 0, visibleAtMs: sentAtMs + delaySeconds * 1_000 });
      return { id };
    },
    adopt: add,
    async receive(max, signal, visibilitySeconds) {
      for (;;) {
        const nowMs = Date.now();
        const shown = entries.filter((entry) => shownAtMs(entry) <= nowMs).slice(0, max);
        const seconds = visibilitySeconds ?? queue.settings.visibilityTimeoutSeconds;
        // Each is held before the first write is awaited, so that nobody else takes it.
        const received = (await Promise.all(shown.map((entry) => take(entry, seconds)))).flat();
        if (received.length > 0 || signal.aborted) return received;
        if (shown.length > 0) continue;
        await new Promise<void>((resolve) => {
          const done = () => {
            signal.removeEventListener('abort', done);
            waiting.delete(done);
            resolve();
          };
          signal.addEventListener('abort', done, { once: true });
          waiting.add(done);
          setTimer();
        });
      }
    },
    async delete(handle) {
      const entry = held(handle);
      if (entry !== undefined) await remove(entry);
    },
    async postpone(handle, seconds) {
      const entry = held(handle);
      if (entry === undefined) return false;
      entry.message = { ...entry.message, visibleAtMs: Date.now() + seconds * 1_000 };
      // The handle stays good, as it does on AWS; what hides the message now is its own time.
      entry.held = { handle, untilMs: 0 };
      await write(entry);
      if (seconds === 0) wake();
      else setTimer();
      return true;
    },
    async moveTo(destination) {
      const nowMs = Date.now();
      const free = entries.filter((entry) => shownAtMs(entry) <= nowMs);
      for (const entry of free)
        await leave(entry, () => destination.send(entry.message.body, entry.message.attributes));
      return free.length;
    },
  };
  return queue;
}

async function readEntries(folder: string, log: RuntimeLog): Promise<Entry[]> {
  const files = (await readdir(folder)).filter((file) => /^\d+-.*\.json$/.test(file)).sort();
  const read = files.map(async (file): Promise<Entry[]> => {
    const path = join(folder, file);
    try {
      return [{ file, message: parseStored(path, await readFile(path, 'utf8'), 'remove it') as StoredMessage }];
    } catch (error) {
      if (!(error instanceof BunsuiError)) throw storageError(path, error);
      // One message that cannot be read keeps the others from nobody.
      log('error', `${error.code} ${error.message}: the message in it is not delivered`);
      return [];
    }
  });
  return (await Promise.all(read)).flat();
}

/** The MD5 that consumers check a body by. */
export function md5OfBody(body: string): string {
  return createHash('md5').update(body).digest('hex');
}
