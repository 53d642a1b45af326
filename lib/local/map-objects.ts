/** What distributed Maps read: the objects of the state folder. */
import type { ObjectSource } from '../engine/ports.ts';
import type { ObjectStore } from './object-store.ts';
import { etagOf } from './s3-headers.ts';

/** The largest object that is read whole, in bytes; its items are in memory together. */
const maxBytes = 256 * 1_048_576;

export function mapObjects(store: ObjectStore): ObjectSource {
  return {
    read: async (bucket, key) => {
      const object = await store.open(bucket, key);
      if (object === undefined) return undefined;
      const { size } = object.info;
      if (size === 0 || size > maxBytes) {
        await object.done();
        if (size === 0) return '';
        throw new Error(`the object ${key} of the bucket ${bucket} has ${size} bytes, a Map reads at most ${maxBytes}`);
      }
      const chunks: Buffer[] = [];
      for await (const chunk of object.read(0, size - 1)) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString('utf8');
    },
    list: async (bucket, prefix) => {
      const objects = [];
      for await (const key of store.keys(bucket, { prefix, after: '' })) {
        const info = await store.info(bucket, key);
        if (info === undefined) continue;
        objects.push({
          Etag: etagOf(info),
          Key: info.key,
          LastModified: Math.floor(info.modifiedMs / 1_000),
          Size: info.size,
          StorageClass: 'STANDARD',
        });
      }
      return objects;
    },
  };
}
