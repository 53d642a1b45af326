/** What distributed Maps read and write: the objects of the state folder. Compressed ones are read as what they hold. */
import { createHash } from 'node:crypto';
import { gunzip, zstdDecompress } from 'node:zlib';
import { promisify } from 'node:util';
import type { MapObjects } from '../engine/ports.ts';
import type { ObjectStore } from './object-store.ts';
import { etagOf } from './s3-headers.ts';

/** The largest object that is read whole, in bytes; its items are in memory together. */
const maxBytes = 256 * 1_048_576;

export function mapObjects(store: ObjectStore): MapObjects {
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
      return (await uncompressed(Buffer.concat(chunks))).toString('utf8');
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
    write: async (bucket, key, text) => {
      if (!(await store.hasBucket(bucket))) throw new Error(`The bucket ${bucket} does not exist.`);
      const bytes = Buffer.from(text);
      const facts = { length: bytes.length, md5: createHash('md5').update(bytes).digest('hex'), checksums: {} };
      const fill = async (write: (chunk: Uint8Array) => Promise<void>) => {
        await write(bytes);
        return facts;
      };
      await store.put(bucket, key, { 'content-type': 'application/json' }, fill, () => {});
      return bytes.length;
    },
  };
}

/** By the first bytes, whatever the object is called: S3 Inventory and Athena write gzip, others zstd. */
async function uncompressed(bytes: Buffer): Promise<Buffer> {
  const options = { maxOutputLength: maxBytes };
  if (bytes.length >= 2 && bytes.readUInt16BE(0) === 0x1f8b) return promisify(gunzip)(bytes, options);
  if (bytes.length >= 4 && bytes.readUInt32BE(0) === 0x28b52ffd) return promisify(zstdDecompress)(bytes, options);
  return bytes;
}
