/**
 * A disk that is watched and can fail: everything that goes through `node:fs/promises` to one folder is written down
 * as an operation, and may be made to fail. From what is written down, every state can be made that a crash may leave.
 *
 * What a crash leaves, after any number of operations:
 *   - `kill`: the process has gone, the system lives: everything is there.
 *   - `names lost`: the power has gone. Of a file there is what was synced, and a name (made, moved, removed) is as the
 *     last sync of its folder found it.
 *   - `data lost`: the power has gone after names had reached the disk and data had not: a file that was renamed
 *     without having been synced is empty.
 * And in the middle of a write a part of it.
 */
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { constants, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** What was done. Paths are relative to the folder; files have numbers, because names change. */
export type Operation =
  | { readonly op: 'create'; readonly path: string; readonly file: number }
  | { readonly op: 'write'; readonly file: number; readonly at: number; readonly bytes: Buffer; readonly path: string }
  | { readonly op: 'truncate'; readonly file: number; readonly length: number; readonly path: string }
  | { readonly op: 'sync'; readonly file: number; readonly path: string }
  | { readonly op: 'sync folder'; readonly path: string }
  | { readonly op: 'rename'; readonly from: string; readonly path: string }
  | { readonly op: 'link'; readonly from: string; readonly path: string }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'make folder'; readonly path: string };

/** What may fail: operations, and `open`, which changes nothing when the file is there. */
export type Attempted = Operation['op'] | 'open';

export interface Disk {
  readonly operations: readonly Operation[];
  /** Asked before each operation; what it gives is the code with which that fails. */
  failing: ((what: Attempted, path: string) => string | undefined) | undefined;
  /** Paths of files that are open, once for each time. */
  readonly open: readonly string[];
  /** Gives `node:fs/promises` back. */
  release(): void;
}

type Handle = Awaited<ReturnType<typeof fs.open>>;

/** Watches a folder. `sync: false`: the real disk is not waited for, which is written down all the same. */
export function watchDisk(folder: string, options: { readonly sync: boolean } = { sync: false }): Disk {
  const root = resolve(folder);
  const real = { ...fs };
  const operations: Operation[] = [];
  const inodes = new Map<string, number>();
  let nextFile = 1;
  const opened: string[] = [];
  const disk = { operations, open: opened, failing: undefined as Disk['failing'], release };

  const within = (path: unknown): string | undefined => {
    if (typeof path !== 'string') return undefined;
    const at = resolve(path);
    return at === root || at.startsWith(root + sep) ? relative(root, at) || '.' : undefined;
  };
  const attempt = (what: Attempted, path: string): void => {
    const code = disk.failing?.(what, path);
    if (code !== undefined) throw Object.assign(new Error(`${code}: made up, ${what} '${path}'`), { code });
  };
  /** The number of a file. An inode that was removed may be given to another file: `fresh` is that one. */
  const numberOf = async (handle: Handle, fresh: boolean): Promise<number> => {
    const { dev, ino } = await handle.stat({ bigint: true });
    const key = `${dev}/${ino}`;
    const known = fresh ? undefined : inodes.get(key);
    if (known !== undefined) return known;
    inodes.set(key, nextFile);
    return nextFile++;
  };

  const open = async (given: string, flags: string | number = 'r', mode?: number): Promise<Handle> => {
    const path = within(given);
    if (path === undefined) return real.open(given, flags, mode);
    const there = await real.stat(given).catch(() => undefined);
    attempt(there === undefined && mayCreate(flags) ? 'create' : 'open', path);
    const handle = await real.open(given, flags, mode);
    opened.push(path);
    const close = async () => {
      await handle.close();
      opened.splice(opened.indexOf(path), 1);
    };
    if (there?.isDirectory()) {
      return wrapped(handle, {
        close,
        async datasync() {
          attempt('sync folder', path);
          operations.push({ op: 'sync folder', path });
        },
      });
    }
    const file = await numberOf(handle, there === undefined);
    if (there === undefined) operations.push({ op: 'create', path, file });
    else if (isTruncating(flags)) operations.push({ op: 'truncate', path, file, length: 0 });
    const write = async (bytes: Buffer, at: number) => {
      attempt('write', path);
      let done = 0;
      while (done < bytes.length)
        done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
      operations.push({ op: 'write', path, file, at, bytes: Buffer.from(bytes) });
      return bytes.length;
    };
    const end = async () => (await handle.stat()).size;
    const sync = async () => {
      attempt('sync', path);
      if (options.sync) await handle.datasync();
      operations.push({ op: 'sync', path, file });
    };
    return wrapped(handle, {
      async write(data: string | Uint8Array, offset?: number, length?: number, position?: number | null) {
        const whole = bytesOf(data);
        const from = typeof data === 'string' ? 0 : (offset ?? 0);
        const bytes = whole.subarray(from, from + (length ?? whole.length - from));
        return { bytesWritten: await write(bytes, position ?? (await end())), buffer: data };
      },
      async writev(buffers: readonly Uint8Array[], position?: number | null) {
        return { bytesWritten: await write(Buffer.concat(buffers), position ?? (await end())), buffers };
      },
      async writeFile(data: string | Uint8Array) {
        await write(bytesOf(data), await end());
      },
      async appendFile(data: string | Uint8Array) {
        await write(bytesOf(data), await end());
      },
      async truncate(length = 0) {
        attempt('truncate', path);
        await handle.truncate(length);
        operations.push({ op: 'truncate', path, file, length });
      },
      datasync: sync,
      sync,
      close,
    });
  };

  const withFile = async (path: string, flags: string, mode: number | undefined, data: string | Uint8Array) => {
    const handle = await open(path, flags, mode);
    try {
      await handle.writeFile(data);
    } finally {
      await handle.close();
    }
  };
  const moved = (op: 'rename' | 'link') => async (from: string, to: string) => {
    const [source, path] = [within(from), within(to)];
    if (source === undefined || path === undefined) return real[op](from, to);
    attempt(op, path);
    await real[op](from, to);
    operations.push({ op, from: source, path });
  };
  const patches = {
    open,
    rename: moved('rename'),
    link: moved('link'),
    writeFile: (path: string, data: string | Uint8Array, how?: { flag?: string; mode?: number }) =>
      within(path) === undefined ? real.writeFile(path, data, how) : withFile(path, how?.flag ?? 'w', how?.mode, data),
    appendFile: (path: string, data: string | Uint8Array, how?: { mode?: number }) =>
      within(path) === undefined ? real.appendFile(path, data, how) : withFile(path, 'a', how?.mode, data),
    async rm(given: string, how?: object) {
      const path = within(given);
      const there = path !== undefined && (await real.stat(given).catch(() => undefined)) !== undefined;
      if (there) attempt('remove', path);
      await real.rm(given, how);
      if (there) operations.push({ op: 'remove', path });
    },
    async mkdir(given: string, how?: { recursive?: boolean; mode?: number }) {
      const path = within(given);
      if (path === undefined) return real.mkdir(given, how);
      const missing: string[] = [];
      for (let at = resolve(given); at.startsWith(root); at = dirname(at)) {
        if ((await real.stat(at).catch(() => undefined)) !== undefined) break;
        missing.unshift(at);
      }
      if (missing.length > 0) attempt('make folder', path);
      const made = await real.mkdir(given, how);
      for (const one of missing) operations.push({ op: 'make folder', path: relative(root, one) });
      return made;
    },
  };
  Object.assign(fs, patches);
  syncBuiltinESMExports();

  function release(): void {
    Object.assign(fs, real);
    syncBuiltinESMExports();
  }
  return disk;
}

function wrapped(handle: Handle, own: object): Handle {
  return new Proxy(handle, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return Reflect.get(own, name);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const bytesOf = (data: string | Uint8Array) => (typeof data === 'string' ? Buffer.from(data) : Buffer.from(data));
const mayCreate = (flags: string | number) =>
  typeof flags === 'string' ? /^[wa]/.test(flags) : (flags & constants.O_CREAT) !== 0;
const isTruncating = (flags: string | number) => typeof flags === 'string' && /^w/.test(flags);

export type Loss = 'kill' | 'names lost' | 'data lost';

/** What a crash after these operations leaves: path → content, `undefined` for a folder. */
export type Remains = ReadonlyMap<string, Buffer | undefined>;

interface Inode {
  now: Buffer;
  synced: Buffer;
}
type Names = Map<string, Inode | 'folder'>;

/** Makes the state that a crash leaves. `part`: of the write that comes next, so many bytes. */
export function remainsOf(
  operations: readonly Operation[],
  loss: Loss,
  part?: { write: Operation; bytes: number },
): Remains {
  const inodes = new Map<number, Inode>();
  const inode = (file: number): Inode => {
    const known = inodes.get(file) ?? { now: Buffer.alloc(0), synced: Buffer.alloc(0) };
    inodes.set(file, known);
    return known;
  };
  const now: Names = new Map();
  const synced: Names = new Map();
  // Changes of names that no sync has caught yet, in order: which folders' sync makes them last.
  let pending: { readonly folders: readonly string[]; readonly apply: (names: Names) => void }[] = [];
  const change = (folders: readonly string[], apply: (names: Names) => void) => {
    apply(now);
    pending.push({ folders, apply });
  };
  const parent = (path: string) => dirname(path);
  const put = (file: number, at: number, bytes: Buffer) => {
    const one = inode(file);
    const grown = Buffer.alloc(Math.max(one.now.length, at + bytes.length));
    one.now.copy(grown);
    bytes.copy(grown, at);
    one.now = grown;
  };
  for (const one of operations) {
    switch (one.op) {
      case 'create':
        change([parent(one.path)], (names) => names.set(one.path, inode(one.file)));
        break;
      case 'write':
        put(one.file, one.at, one.bytes);
        break;
      case 'truncate':
        inode(one.file).now = Buffer.from(inode(one.file).now.subarray(0, one.length));
        break;
      case 'sync':
        inode(one.file).synced = inode(one.file).now;
        break;
      case 'sync folder':
        // What was changed in the folder lasts, and what these changes build on.
        for (const { folders, apply } of pending) if (folders.includes(one.path)) apply(synced);
        pending = pending.filter(({ folders }) => !folders.includes(one.path));
        break;
      case 'rename':
        // One step for a file system with a journal: the old name goes when the new one lasts.
        change([parent(one.path), parent(one.from)], (names) => {
          const moved = names.get(one.from) ?? now.get(one.path);
          names.delete(one.from);
          if (moved !== undefined) names.set(one.path, moved);
        });
        break;
      case 'link':
        change([parent(one.path)], (names) => {
          const linked = names.get(one.from) ?? now.get(one.path);
          if (linked !== undefined) names.set(one.path, linked);
        });
        break;
      case 'remove':
        change([parent(one.path)], (names) => names.delete(one.path));
        break;
      case 'make folder':
        change([parent(one.path)], (names) => names.set(one.path, 'folder'));
        break;
    }
  }
  if (part !== undefined && part.write.op === 'write') {
    put(part.write.file, part.write.at, part.write.bytes.subarray(0, part.bytes));
  }
  const names = loss === 'names lost' ? synced : now;
  const isThere = (path: string): boolean => path === '.' || (names.get(path) === 'folder' && isThere(parent(path)));
  const remains = new Map<string, Buffer | undefined>();
  for (const [path, what] of names) {
    if (what === 'folder' ? !isThere(path) : !isThere(parent(path))) continue;
    remains.set(path, what === 'folder' ? undefined : loss === 'kill' ? what.now : what.synced);
  }
  return remains;
}

/** Writes what a crash has left into a folder. */
export function writeRemains(remains: Remains, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [path, content] of [...remains].sort(([a], [b]) => a.length - b.length)) {
    if (content === undefined) mkdirSync(join(folder, path), { recursive: true });
  }
  for (const [path, content] of remains) if (content !== undefined) writeFileSync(join(folder, path), content);
}
