import fc from 'fast-check';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isBucketName, keySegments, objectPath, segmentOf } from '../../lib/local/object-paths.ts';
import { openObjectStore } from '../../lib/local/object-store.ts';
import { temporaryFolder } from './runtimes.ts';

const hostile = fc.constantFrom(
  '',
  '.',
  '..',
  '/',
  '\0',
  '%',
  '%2E',
  '%-',
  '%_',
  '.%',
  'a',
  'A',
  '-',
  '~',
  '\\',
  ' ',
  'é',
  'e\u0301',
  '\u{1f600}',
  'x'.repeat(200),
  'ü'.repeat(100),
);
const key = fc
  .oneof(
    fc.array(hostile, { maxLength: 12 }).map((parts) => parts.join('')),
    fc.array(hostile, { maxLength: 6 }).map((parts) => parts.join('/')),
    fc.string({ unit: 'binary', maxLength: 300 }),
  )
  .filter((text) => text !== '' && text.isWellFormed());

/** Reads a key back from its path. */
function keyOf(segments: readonly string[]): string {
  const parts = segments.map((name, index) => {
    const isFolder = index < segments.length - 1;
    const text = segmentOf(name, isFolder) ?? 'unreadable';
    return isFolder && !name.endsWith('%-') ? `${text}/` : text;
  });
  return parts.join('');
}

describe('a key’s path', () => {
  it('is the key for ordinary keys', () => {
    expect(objectPath('/state', 'b', 'reports/2026/11/21/01h-x.html')).toBe(
      '/state/s3/b/reports/2026/11/21/01h-x.html',
    );
    expect(objectPath('/state', 'b', 'data/Part-0001.jsonl')).toBe('/state/s3/b/data/Part-0001.jsonl');
  });

  it('can be read back, and stays in the bucket’s folder', () => {
    fc.assert(
      fc.property(key, (text) => {
        const segments = keySegments(text);
        expect(keyOf(segments)).toBe(text);
        for (const name of segments) {
          expect(name).toMatch(/^[A-Za-z0-9 _=+,@()~%-][A-Za-z0-9 ._=+,@()~%-]{0,253}$/);
        }
        const path = objectPath('/state', 'bucket', text);
        expect(normalize(path)).toBe(path);
      }),
      { numRuns: 2000 },
    );
  });

  it('is never a folder of another key', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        const [short, long] = [keySegments(a), keySegments(b)];
        const within = short.length < long.length && short.every((name, index) => name === long[index]);
        expect(within).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it('knows the names of buckets', () => {
    const names = [
      'abc',
      'a.b-c',
      '..',
      'a..b',
      'ab',
      'Abc',
      'a/b',
      'x'.repeat(64),
      '-ab',
      'a_b',
      '192.168.5.4',
      '1.2.3.4x',
    ];
    expect(names.filter(isBucketName)).toStrictEqual(['abc', 'a.b-c', '1.2.3.4x']);
  });
});

describe('the folder of a bucket', () => {
  it('may hold files that a person put there', async () => {
    const stateDir = temporaryFolder();
    const store = openObjectStore(stateDir);
    await store.createBucket('bucket-one');
    const path = objectPath(stateDir, 'bucket-one', 'by/hand.txt');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'by hand');
    writeFileSync(join(stateDir, 's3', 'bucket-one', '.DS_Store'), '');
    const keys: string[] = [];
    for await (const found of store.keys('bucket-one', { prefix: '', after: '' })) keys.push(found);
    expect(keys).toStrictEqual(['by/hand.txt']);
    const { modifiedMs, ...info } = (await store.info('bucket-one', 'by/hand.txt')) ?? { modifiedMs: 0 };
    expect(info).toStrictEqual({
      key: 'by/hand.txt',
      size: 7,
      md5: '7d909037a76176adb749eda313187060',
      headers: { 'content-type': 'application/octet-stream' },
      checksums: {},
    });
  });
});
