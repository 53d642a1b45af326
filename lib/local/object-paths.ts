/**
 * Object keys as paths of a folder. Any key has exactly one path, inside its bucket's folder, and the key can be read
 * back from it; ordinary keys are their own path, so that a person can open `reports/2026/11/21/<session>.html`.
 *
 * A key may be both an object and a "folder" (`a` and `a/b`), which paths cannot. So names of files always hold a dot
 * and names of folders never do: in folders a dot is `%2E`, and a file without a dot ends in `.%`. A name never begins
 * with a dot, which leaves dot files to us. Names too long for a file system continue in a folder that ends in `%-`.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** Names longer than this are continued one level deeper. File systems take 255 bytes. */
const maxNameLength = 180;

// Where `A` and `a` are the same file, capitals are encoded too.
const foldsCase = process.platform === 'darwin' || process.platform === 'win32';
const plain = foldsCase ? /[^a-z0-9 _=+,@()~-]/gu : /[^A-Za-z0-9 _=+,@()~-]/gu;

/** Where an object of the local bucket lies. */
export function objectPath(stateDir: string, bucket: string, key: string): string {
  return join(bucketPath(stateDir, bucket), ...keySegments(key));
}

/** The folder of a bucket. */
export function bucketPath(stateDir: string, bucket: string): string {
  return join(stateDir, 's3', bucket);
}

/** The sidecar that holds what a file cannot: content type, user metadata, checksums. */
export function sidecarName(fileName: string): string {
  return `.m-${createHash('sha256').update(fileName).digest('hex').slice(0, 24)}`;
}

/**
 * A bucket's name, as S3 wants it; such a name is also a safe folder name.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
 */
export function isBucketName(name: string): boolean {
  const looksLikeAddress = /^\d{1,3}(\.\d{1,3}){3}$/.test(name);
  return /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes('..') && !looksLikeAddress;
}

/** The path of a key, relative to its bucket's folder. */
export function keySegments(key: string): readonly string[] {
  const parts = key.split('/').map(cutInPieces);
  return parts.flatMap((pieces, index) => {
    const last = pieces.at(-1) ?? '';
    const name = index === parts.length - 1 ? fileName(last) : folderName(last);
    return [...pieces.slice(0, -1).map((piece) => `${encodeName(piece, false)}%-`), name];
  });
}

/** The part of a key that a folder's or file's name stands for; `undefined` for names that are none of ours. */
export function segmentOf(name: string, isFolder: boolean): string | undefined {
  if (name.startsWith('.')) return undefined;
  const bare = (isFolder ? name.endsWith('%-') : name.endsWith('.%')) ? name.slice(0, -2) : name;
  if (bare === '%_') return '';
  try {
    return decodeURIComponent(bare);
  } catch {
    return undefined;
  }
}

/** Says whether a folder's name is the beginning of a longer one. */
export function isContinuation(name: string): boolean {
  return name.endsWith('%-');
}

function encodeName(text: string, keepDots: boolean): string {
  return text.replaceAll(plain, (c) => (c === '.' && keepDots ? c : percent(c)));
}

// A lone surrogate has no UTF-8: it cannot come over the wire, and is kept apart here all the same.
function percent(c: string): string {
  return [...Buffer.from(c.isWellFormed() ? c : '\ufffd', 'utf8')]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
    .join('');
}

function folderName(part: string): string {
  return part === '' ? '%_' : encodeEdges(encodeName(part, false));
}

function fileName(part: string): string {
  if (part === '') return '%_.%';
  const name = encodeEdges(encodeName(part, true));
  return name.includes('.') ? name : `${name}.%`;
}

// A dot in front would hide the file; a dot or a blank at the end does not survive on every system.
function encodeEdges(name: string): string {
  return name.replace(/^\./, '%2E').replace(/[. ]$/, percent);
}

function cutInPieces(part: string): readonly string[] {
  const pieces = [''];
  let length = 0;
  for (const c of part) {
    const added = encodeName(c, false).length;
    if (length + added > maxNameLength) {
      pieces.push('');
      length = 0;
    }
    pieces[pieces.length - 1] += c;
    length += added;
  }
  return pieces;
}
