/**
 * A store as handlers see it, whatever keeps the objects: a driver for each kind lists, opens and saves; what is the same
 * for all is here. A read that breaks off goes on where it was, in the same version; what is written is there as a whole
 * or not at all; what stands still is given up.
 */
import { Readable } from 'node:stream';
import { BunsuiError } from '../errors.ts';
import { checkKey, type Place } from './places.ts';

/** An object without its content. */
export interface StoredObject {
  /** Below the address of the store. */
  readonly key: string;
  readonly bytes: number;
  readonly modifiedAt: Date;
}

/** What can be written: a text or bytes, at once or in pieces. */
export type Content =
  | string
  | Uint8Array
  | Iterable<string | Uint8Array>
  | AsyncIterable<string | Uint8Array>
  | ReadableStream<Uint8Array>;

/** Objects under an address. */
export interface Store {
  /** Without a slash at its end. */
  readonly url: string;
  /**
   * All objects whose keys begin so, in the order of the store; the empty ones that consoles make for folders are left out.
   * @example for await (const { key, bytes } of store.list('days/')) …
   */
  list(prefix?: string): AsyncIterable<StoredObject>;
  /**
   * The content of an object, as it comes.
   * @throws {BunsuiError} BS1162 when there is none
   */
  read(key: string): Promise<Readable>;
  /** Writes an object in place of one of this key. It is there when the promise is kept; when it is broken, nothing has changed. */
  write(key: string, content: Content): Promise<{ readonly bytes: number }>;
}

export interface StorageOptions {
  /**
   * What the store asks for, as a text that a secret can be: of S3 `{"accessKeyId","secretAccessKey","sessionToken"?}`, of Azure a
   * connection string, of Google Cloud the JSON of a service account's key.
   * @default what the environment says
   */
  readonly credentials?: string;
  /** Gives up what is under way: `ctx.signal`. */
  readonly signal?: AbortSignal;
  /** Milliseconds that a store may stand still before it is given up. @default 60000 */
  readonly idleMs?: number;
}

/** What a kind of stores does. Keys are whole. What it throws is translated here. */
export interface Driver {
  list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject>;
  /**
   * Opens an object from some byte on.
   * @param from `version`, where it is to be this one
   * @returns undefined when there is no such object
   */
  open(
    key: string,
    from: { readonly start: number; readonly version: string | undefined },
    signal: AbortSignal,
  ): Promise<Opened | undefined>;
  /** Saves an object as a whole. When content or signal break off, nothing is left. */
  save(key: string, content: Readable, signal: AbortSignal): Promise<void>;
}

export interface Opened {
  readonly content: AsyncIterable<Uint8Array>;
  readonly version: string;
  /** Of the whole object. */
  readonly bytes: number;
}

const defaultIdleMs = 60_000;
const maxReopens = 4;
const firstDelayMs = 100;

/** @param secrets texts that no message may hold */
export function storeOf(
  { url, prefix }: Place,
  driver: Driver,
  { signal: given, idleMs = defaultIdleMs }: StorageOptions,
  secrets: readonly string[] = [],
): Store {
  const what = (does: string, key: string) => (thrown: unknown) =>
    storageError(thrown, `${does} ${url}/${key}`, secrets);
  const idle = () => new Error(`the store has stood still for ${idleMs} ms`);
  const begin = () => {
    const controller = new AbortController();
    const stop = () => controller.abort(given?.reason);
    given?.addEventListener('abort', stop, { once: true });
    if (given?.aborted) stop();
    return { controller, signal: controller.signal, end: () => given?.removeEventListener('abort', stop) };
  };

  /** What a promise gives, unless the store stands still or everything is given up. */
  async function within<T>({ controller, signal }: ReturnType<typeof begin>, work: Promise<T>): Promise<T> {
    const timer = setTimeout(() => controller.abort(idle()), idleMs);
    try {
      return await unlessAborted(signal, work);
    } finally {
      clearTimeout(timer);
    }
  }

  async function* content(key: string, first: Opened, under: ReturnType<typeof begin>): AsyncGenerator<Uint8Array> {
    let opened: Opened = first;
    let start = 0;
    let failures = 0;
    try {
      for (;;) {
        const chunks = opened.content[Symbol.asyncIterator]();
        try {
          for (;;) {
            const next = await within(under, chunks.next());
            if (next.done === true) break;
            start += next.value.length;
            failures = 0;
            yield next.value;
          }
          if (start === first.bytes) return;
          throw new Error(`it has ended after ${start} of ${first.bytes} bytes`);
        } catch (error) {
          failures += 1;
          if (under.signal.aborted || failures > maxReopens) throw error;
          await new Promise((wake) => setTimeout(wake, firstDelayMs * 2 ** failures));
        } finally {
          // Not waited for: what stands still would not answer.
          chunks.return?.().catch(() => undefined);
        }
        if (start === first.bytes) return;
        const again = await within(under, driver.open(prefix + key, { start, version: first.version }, under.signal));
        if (again === undefined) throw new Error('it was deleted while it was read');
        opened = again;
      }
    } catch (thrown) {
      throw what('reading', key)(thrown);
    } finally {
      under.controller.abort();
      under.end();
    }
  }

  return {
    url,
    async *list(below = '') {
      if (below !== '') checkKey(below.replace(/\/$/, ''), url);
      const under = begin();
      const found = driver.list(prefix + below, under.signal)[Symbol.asyncIterator]();
      try {
        for (;;) {
          const next = await within(under, found.next());
          if (next.done === true) return;
          const { key, ...facts } = next.value;
          const isFolder = facts.bytes === 0 && key.endsWith('/');
          if (key.startsWith(prefix) && !isFolder) yield { ...facts, key: key.slice(prefix.length) };
        }
      } catch (thrown) {
        throw what('listing', below)(thrown);
      } finally {
        found.return?.().catch(() => undefined);
        under.end();
      }
    },

    async read(key) {
      checkKey(prefix + key, url);
      const under = begin();
      const from = { start: 0, version: undefined };
      const opened = await within(under, driver.open(prefix + key, from, under.signal)).catch((thrown) => {
        throw what('reading', key)(thrown);
      });
      if (opened === undefined)
        throw new BunsuiError('ValidationError', 'BS1162', `there is no object ${url}/${key}`, {
          hint: 'look what there is with list(), and whether the credentials may see it',
        });
      return Readable.from(content(key, opened, under), { objectMode: false });
    },

    async write(key, given) {
      checkKey(prefix + key, url);
      const under = begin();
      let bytes = 0;
      let failed: { readonly error: unknown } | undefined;
      let timer: NodeJS.Timeout | undefined;
      // Only the store's own time counts: who makes the content may take his.
      const wait = () => {
        timer = setTimeout(() => under.controller.abort(idle()), idleMs);
      };
      const source = Readable.from(
        (async function* () {
          try {
            for await (const piece of piecesOf(given)) {
              const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece;
              if (chunk.length === 0) continue;
              bytes += chunk.length;
              wait();
              yield chunk;
              clearTimeout(timer);
            }
          } catch (error) {
            failed ??= { error };
            throw error;
          }
          wait();
        })(),
        { objectMode: false },
      );
      // It may end while nobody listens any more.
      source.on('error', () => undefined);
      const saved = driver.save(prefix + key, source, under.signal);
      try {
        await unlessAborted(under.signal, saved);
        return { bytes };
      } catch (thrown) {
        under.controller.abort(thrown);
        source.destroy();
        saved.catch(() => undefined);
        // What the author's own content throws is his.
        throw failed === undefined ? what('writing', key)(thrown) : failed.error;
      } finally {
        clearTimeout(timer);
        under.end();
      }
    },
  };
}

/** What a promise gives, or the reason of the abortion. Nothing is left on the signal, which outlives many chunks. */
function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    const settled = () => signal.removeEventListener('abort', stop);
    work.then(resolve, reject).finally(settled);
  });
}

function piecesOf(content: Content): Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array> {
  if (typeof content === 'string' || content instanceof Uint8Array) return [content];
  return content as Exclude<Content, string | Uint8Array>;
}

/** What SDKs say of an answer: S3, Azure, Google Cloud. */
interface Refusal {
  readonly name?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly statusCode?: number;
  readonly code?: string | number;
}

/** The status of the answer that an error is about; undefined where there was none. */
export function statusOf(thrown: unknown): number | undefined {
  const { $metadata, statusCode, code } = (thrown ?? {}) as Refusal;
  return $metadata?.httpStatusCode ?? statusCode ?? (typeof code === 'number' ? code : undefined);
}

/** BS1163 of what an SDK throws. Its own error is not handed on: it holds requests, with what they are signed with. */
function storageError(thrown: unknown, what: string, secrets: readonly string[]): BunsuiError {
  if (thrown instanceof BunsuiError) return thrown;
  const { name = 'Error', message = String(thrown) } = (thrown ?? {}) as Refusal;
  const status = statusOf(thrown);
  const isPassing = status === undefined || status >= 500 || status === 408 || status === 429;
  const [line = ''] = message.split('\n');
  const shown = secrets.reduce((text, secret) => text.replaceAll(secret, '***'), line).slice(0, 300);
  const said = `${name === 'Error' ? '' : `${name}: `}${shown}${status === undefined ? '' : ` (status ${status})`}`;
  return new BunsuiError('AWSError', 'BS1163', `${what} failed: ${said}`, { recoverable: isPassing });
}
