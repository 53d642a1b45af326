/** Objects in memory, for runs in virtual time: what maps over S3 read, and where their results go. */
import { createHash } from 'node:crypto';
import type { Json, MapObjects } from '../engine/ports.ts';
import { platformBucketPlaceholder } from '../ir/artifact.ts';

export interface ObjectsInMemory extends MapObjects {
  /** Texts by their places, as `objectsInMemory` is given them. */
  readonly texts: ReadonlyMap<string, string>;
}

/** @param given texts by their places: `s3://bucket/key`, of the platform's bucket the key alone */
export function objectsInMemory(given: { readonly [place: string]: string }): ObjectsInMemory {
  const texts = new Map(Object.entries(given));
  const placeOf = (bucket: string, key: string) =>
    bucket === platformBucketPlaceholder ? key : `s3://${bucket}/${key}`;
  return {
    texts,
    read: (bucket, key) => Promise.resolve(texts.get(placeOf(bucket, key))),
    list(bucket, prefix) {
      const begins = placeOf(bucket, prefix);
      const isHere = (place: string) =>
        place.startsWith(begins) && place.startsWith('s3://') === begins.startsWith('s3://');
      const found = [...texts].filter(([place]) => isHere(place)).toSorted(([a], [b]) => (a < b ? -1 : 1));
      return Promise.resolve(
        found.map(
          ([place, text]): Json => ({
            Etag: `"${createHash('md5').update(text).digest('hex')}"`,
            Key: place.slice(begins.length - prefix.length),
            LastModified: 0,
            Size: Buffer.byteLength(text),
            StorageClass: 'STANDARD',
          }),
        ),
      );
    },
    write(bucket, key, text) {
      texts.set(placeOf(bucket, key), text);
      return Promise.resolve(Buffer.byteLength(text));
    },
  };
}
