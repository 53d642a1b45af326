/** A store in a local folder. Keys are paths below it; nothing outside is reached, by links neither. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { BunsuiError } from '../errors.ts';
import { badAddress, type Place } from './places.ts';
import { type Driver, type StorageOptions, type Store, type StoredObject, storeOf } from './store.ts';

/** Beside what is written, until it is whole. Not listed. */
const unfinished = /^\.bunsui-[0-9a-f]{16}$/;

/** The folder of `file:///absolute/path` or `file:relative/path`. */
function folderPlace(url: string): Place & { readonly folder: string } {
  const hint = 'write file:///data/in, or file:data/in below the folder of the process';
  if (!url.startsWith('file:')) throw badAddress(url, hint);
  let folder: string;
  try {
    folder = url.startsWith('file://') ? fileURLToPath(url) : resolve(decodeURIComponent(url.slice('file:'.length)));
  } catch {
    throw badAddress(url, hint);
  }
  return { url: url.replace(/\/$/, ''), bucket: '', prefix: '', folder };
}

export function folderStore(url: string, options: StorageOptions): Store {
  const place = folderPlace(url);
  return storeOf(place, folderDriver(place.folder), options);
}

function folderDriver(folder: string): Driver {
  /** Where an object lies, links followed. @returns undefined when there is none */
  const real = async (path: string): Promise<string | undefined> => {
    const [root, found] = await Promise.all([orNothing(realpath(folder)), orNothing(realpath(path))]);
    if (root === undefined || found === undefined) return undefined;
    if (found === root || found.startsWith(root.endsWith(sep) ? root : root + sep)) return found;
    const message = `${path} is a link that leads out of ${folder}`;
    throw new BunsuiError('ValidationError', 'BS1161', message, { hint: 'put the file itself there' });
  };

  async function* below(at: string, prefix: string): AsyncGenerator<StoredObject> {
    const entries = (await orNothing(readdir(at, { withFileTypes: true }))) ?? [];
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(at, entry.name);
      const key = relative(folder, path).split(sep).join('/');
      const leads = entry.isDirectory() && (`${key}/`.startsWith(prefix) || prefix.startsWith(`${key}/`));
      if (leads) yield* below(path, prefix);
      if (!entry.isFile() || unfinished.test(entry.name) || !key.startsWith(prefix)) continue;
      const facts = await orNothing(stat(path));
      if (facts !== undefined) yield { key, bytes: facts.size, modifiedAt: facts.mtime };
    }
  }

  return {
    list: (prefix) => below(folder, prefix),

    async open(key, { start, version }) {
      const path = await real(join(folder, key));
      if (path === undefined) return undefined;
      const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      const facts = await file.stat({ bigint: true });
      const found = `${facts.ino}-${facts.mtimeNs}-${facts.size}`;
      if (!facts.isFile() || (version !== undefined && version !== found)) {
        await file.close();
        if (version !== undefined) throw new Error('it was changed while it was read');
        return undefined;
      }
      const bytes = Number(facts.size);
      return { content: file.createReadStream({ start }), version: found, bytes };
    },

    async save(key, content, signal) {
      const path = join(folder, key);
      await mkdir(folder, { recursive: true });
      // A folder of the key that is a link may lead out: what is there of the way is looked at before more is made.
      for (let at = dirname(path); ; at = dirname(at)) {
        if ((await real(at)) !== undefined) break;
      }
      await mkdir(dirname(path), { recursive: true });
      const temporary = join(dirname(path), `.bunsui-${randomBytes(8).toString('hex')}`);
      try {
        const file = await open(temporary, 'wx', 0o666);
        try {
          await pipeline(content, file.createWriteStream({ flush: true }), { signal });
        } finally {
          await file.close().catch(() => undefined);
        }
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    },
  };
}

/** What a promise gives; undefined where there is no such file. */
async function orNothing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
