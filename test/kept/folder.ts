/** A folder as one file: paths and contents, compressed. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

export interface KeptFolder {
  /** Absolute path that it had: registrations of functions name it. */
  readonly root: string;
  /** Contents in base64, by path. */
  readonly files: { readonly [path: string]: string };
}

/** All files of a folder but the lock of the process that had it. Its key in `runtime.json` was drawn for that process alone. */
export function packFolder(root: string): KeptFolder {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(root, path)).isFile() && !/(^|\/)lock\.\d+$/.test(path))
    .sort();
  return { root, files: Object.fromEntries(paths.map((path) => [path, readFileSync(join(root, path), 'base64')])) };
}

/** Puts a folder down at another place; registrations of functions name that then. */
export function unpackFolder({ root, files }: KeptFolder, at: string): void {
  for (const [path, base64] of Object.entries(files)) {
    const file = join(at, path);
    if (relative(at, file).startsWith('..')) throw new Error(`${path} leaves the folder`);
    mkdirSync(dirname(file), { recursive: true });
    const content = Buffer.from(base64, 'base64');
    const names = /^functions\/registered\//.test(path);
    writeFileSync(file, names ? content.toString().replaceAll(root, at) : content);
  }
}

export function writeCompressed(file: string | URL, value: unknown): void {
  writeFileSync(file, gzipSync(JSON.stringify(value), { level: 9 }));
}

export function readCompressed<T>(file: string | URL): T {
  return JSON.parse(gunzipSync(readFileSync(file)).toString()) as T;
}
