/**
 * Objects on a folder: `.bunsui/s3/<bucket>/<key>`. A file is replaced as a whole or not at all. What a file cannot
 * hold lies in a sidecar beside it; a file that a person put there has none and is served all the same.
 */
import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { errnoOf, readIfThere, storageError, writeFileAtomic } from './durable-files.ts';
import { bucketPath, isContinuation, objectPath, segmentOf, sidecarName } from './object-paths.ts';
import type { BodyFacts, Checksums } from './s3-body.ts';

/** An object without its bytes. */
export interface ObjectInfo {
  readonly key: string;
  readonly size: number;
  readonly modifiedMs: number;
  /** MD5 in hexadecimal. */
  readonly md5: string;
  /** `content-type`, `cache-control`, … and `x-amz-meta-*`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly checksums: Checksums;
}

/** An object held open: what is read belongs to `info`, also when the object is replaced meanwhile. */
export interface OpenObject {
  readonly info: ObjectInfo;
  /** The bytes from `start` to `end`, both included. Reading to the end lets go of the object. */
  read(start: number, end: number): Readable;
  /** Lets go of the object unless it is being read. */
  done(): Promise<void>;
}

/** What was said of an object when it was written; valid for a file of this size and time. */
interface Sidecar {
  readonly size: number;
  readonly mtimeMs: number;
  readonly md5: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly checksums: Checksums;
}

export interface ObjectStore {
  buckets(): Promise<readonly { readonly name: string; readonly createdMs: number }[]>;
  createBucket(bucket: string): Promise<'created' | 'exists'>;
  hasBucket(bucket: string): Promise<boolean>;
  /**
   * Writes an object. `fill` gives the bytes and says what they were; when it throws, nothing has changed.
   * `condition` is asked about what is there when the bytes have come, with nobody else writing in between.
   */
  put(
    bucket: string,
    key: string,
    headers: Readonly<Record<string, string>>,
    fill: (write: (chunk: Uint8Array) => Promise<void>) => Promise<BodyFacts>,
    condition: (current: ObjectInfo | undefined) => void,
  ): Promise<ObjectInfo>;
  info(bucket: string, key: string): Promise<ObjectInfo | undefined>;
  open(bucket: string, key: string): Promise<OpenObject | undefined>;
  remove(bucket: string, key: string): Promise<void>;
  /** Keys in the order of S3 (bytes of their UTF-8) that begin with `prefix` and come after `after`. */
  keys(bucket: string, from: KeyCursor): AsyncGenerator<string>;
}

/** Where to look for keys. `skip` may be set while iterating: whole folders below it are passed over. */
export interface KeyCursor {
  readonly prefix: string;
  readonly after: string;
  skip?: string;
}

/** Opens the store of a state folder. */
export function openObjectStore(stateDir: string): ObjectStore {
  const writing = keyedTurns();
  const pathOf = (bucket: string, key: string) => objectPath(stateDir, bucket, key);

  async function openObject(bucket: string, key: string): Promise<OpenObject | undefined> {
    const path = pathOf(bucket, key);
    const file = await openFile(path);
    if (file === undefined) return undefined;
    let reading = false;
    const done = () => (reading ? Promise.resolve() : file.close());
    try {
      const facts = await file.stat();
      if (!facts.isFile()) {
        await file.close();
        return undefined;
      }
      const sidecar = await matchingSidecar(path, facts);
      const info: ObjectInfo = {
        key,
        size: facts.size,
        modifiedMs: facts.mtimeMs,
        md5: sidecar?.md5 ?? (await md5OfFile(file)),
        headers: sidecar?.headers ?? { 'content-type': 'application/octet-stream' },
        checksums: sidecar?.checksums ?? {},
      };
      const read = (start: number, end: number): Readable => {
        if (end < start) return Readable.from([]);
        reading = true;
        return file.createReadStream({ start, end });
      };
      return { info, read, done };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async function info(bucket: string, key: string): Promise<ObjectInfo | undefined> {
    const object = await openObject(bucket, key);
    await object?.done();
    return object?.info;
  }

  return {
    info,
    open: openObject,
    async buckets() {
      const names = await readdir(join(stateDir, 's3')).catch(() => []);
      const found = await Promise.all(
        names.map(async (name) => ({ name, createdMs: (await stat(join(stateDir, 's3', name))).birthtimeMs })),
      );
      return found.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async createBucket(bucket) {
      try {
        await mkdir(join(stateDir, 's3'), { recursive: true, mode: 0o700 });
        await mkdir(bucketPath(stateDir, bucket), { mode: 0o700 });
        return 'created';
      } catch (error) {
        if (errnoOf(error) === 'EEXIST') return 'exists';
        throw storageError(bucketPath(stateDir, bucket), error);
      }
    },
    async hasBucket(bucket) {
      const facts = await stat(bucketPath(stateDir, bucket)).catch(() => undefined);
      return facts?.isDirectory() === true;
    },
    async put(bucket, key, headers, fill, condition) {
      const path = pathOf(bucket, key);
      const temporary = join(bucketPath(stateDir, bucket), `.p-${randomBytes(8).toString('hex')}`);
      try {
        const file = await open(temporary, 'wx', 0o600);
        let body: BodyFacts;
        try {
          body = await fill((chunk) => writeAll(file, chunk));
          await file.datasync();
        } finally {
          await file.close();
        }
        return await writing(path, async () => {
          condition(await info(bucket, key));
          const facts = await stat(temporary);
          const sidecar: Sidecar = {
            size: body.length,
            mtimeMs: facts.mtimeMs,
            md5: body.md5,
            headers,
            checksums: body.checksums,
          };
          await insideFolder(path, async () => {
            // Both descriptions stay until the file itself has changed: whichever file a crash leaves has its own.
            const current = await stat(path).catch(() => undefined);
            const previous = current && (await matchingSidecar(path, current));
            const known = previous ? [sidecar, previous] : [sidecar];
            await writeFileAtomic(sidecarPath(path), JSON.stringify(known));
            await rename(temporary, path);
          });
          const { md5, checksums } = body;
          return { key, size: body.length, modifiedMs: facts.mtimeMs, md5, headers, checksums };
        });
      } catch (error) {
        await rm(temporary, { force: true });
        throw storageError(path, error);
      }
    },
    remove(bucket, key) {
      const path = pathOf(bucket, key);
      return writing(path, async () => {
        await rm(path, { force: true });
        await rm(sidecarPath(path), { force: true });
        await removeEmptyFolders(dirname(path), bucketPath(stateDir, bucket));
      });
    },
    async *keys(bucket, from) {
      yield* keysBelow(bucketPath(stateDir, bucket), '', from);
    },
  };
}

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < chunk.length) offset += (await file.write(chunk, offset)).bytesWritten;
}

// A folder may vanish between its making and the rename, when the last other object in it is deleted.
async function insideFolder(path: string, act: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    try {
      return await act();
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || attempt === 5) throw error;
    }
  }
}

async function removeEmptyFolders(folder: string, root: string): Promise<void> {
  for (let at = folder; at.length > root.length; at = dirname(at)) {
    try {
      await rmdir(at);
    } catch {
      return;
    }
  }
}

async function openFile(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(errnoOf(error) ?? '')) return undefined;
    throw storageError(path, error);
  }
}

function sidecarPath(path: string): string {
  return join(dirname(path), sidecarName(path.slice(dirname(path).length + 1)));
}

async function matchingSidecar(
  path: string,
  facts: { readonly size: number; readonly mtimeMs: number },
): Promise<Sidecar | undefined> {
  const text = await readIfThere(sidecarPath(path));
  if (text === undefined) return undefined;
  try {
    const known = JSON.parse(text) as readonly Sidecar[];
    return known.find(({ size, mtimeMs }) => size === facts.size && mtimeMs === facts.mtimeMs);
  } catch {
    return undefined;
  }
}

async function md5OfFile(file: FileHandle): Promise<string> {
  const hash = createHash('md5');
  const buffer = Buffer.alloc(256 * 1024);
  for (let position = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}

interface Child {
  readonly name: string;
  /** The name, with `/` behind a folder's: what its keys begin with, and what they are sorted by. */
  readonly order: Buffer;
  readonly isFolder: boolean;
  readonly path: string;
}

async function* keysBelow(folder: string, folderKey: string, from: KeyCursor): AsyncGenerator<string> {
  const children = await childrenOf(folder, '');
  children.sort((a, b) => Buffer.compare(a.order, b.order));
  for (const { name, isFolder, path } of children) {
    const key = folderKey + name;
    if (!isFolder) {
      if (key.startsWith(from.prefix) && comesAfter(key, from.after)) yield key;
      continue;
    }
    const below = `${key}/`;
    const inPrefix = below.startsWith(from.prefix) || from.prefix.startsWith(below);
    const passed = !comesAfter(below, from.after) && !from.after.startsWith(below);
    const skipped = from.skip !== undefined && below.startsWith(from.skip);
    if (inPrefix && !passed && !skipped) yield* keysBelow(path, below, from);
  }
}

async function childrenOf(folder: string, beginning: string): Promise<Child[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw storageError(folder, error);
  });
  const children: Child[] = [];
  for (const entry of entries) {
    const isFolder = entry.isDirectory();
    const segment = segmentOf(entry.name, isFolder);
    if (segment === undefined || (!isFolder && !entry.isFile())) continue;
    const name = beginning + segment;
    const path = join(folder, entry.name);
    if (isFolder && isContinuation(entry.name)) children.push(...(await childrenOf(path, name)));
    else children.push({ name, order: Buffer.from(isFolder ? `${name}/` : name), isFolder, path });
  }
  return children;
}

function comesAfter(key: string, after: string): boolean {
  return after === '' || Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0;
}

/** Lets those who want the same key go one after the other. */
export function keyedTurns(): <T>(key: string, act: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return (key, act) => {
    const turn = (last.get(key) ?? Promise.resolve()).then(act, act);
    const settled = turn.then(
      () => {},
      () => {},
    );
    last.set(key, settled);
    void settled.then(() => {
      if (last.get(key) === settled) last.delete(key);
    });
    return turn;
  };
}
