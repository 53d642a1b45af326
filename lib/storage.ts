/**
 * Stores for handlers: S3, Google Cloud Storage, Azure Blob Storage and local folders through one interface, as streams.
 * SDKs are loaded when a store is first used; those of Google and Azure are bundled where they are installed.
 */
import { azureStore } from './storage/azure.ts';
import { folderStore } from './storage/folder.ts';
import { gcsStore } from './storage/gcs.ts';
import { badAddress } from './storage/places.ts';
import { s3Store } from './storage/s3.ts';
import type { StorageOptions, Store } from './storage/store.ts';

export { type Copied, copyObject, copyObjects } from './storage/copy.ts';
export type { Content, StorageOptions, Store, StoredObject } from './storage/store.ts';

const kinds: { readonly [scheme: string]: (url: string, options: StorageOptions) => Store } = {
  's3:': s3Store,
  'gs:': gcsStore,
  'az:': azureStore,
  'file:': folderStore,
};

/**
 * A store, by its address: `s3://bucket/prefix`, `gs://bucket/prefix` (with the package `@google-cloud/storage`),
 * `az://container/prefix` (with `@azure/storage-blob`), `file:///data/in`.
 *
 * @example
 * const lake = storage('s3://lake/raw', { signal: ctx.signal });
 * for await (const { key } of lake.list('2026/')) await pipeline(await lake.read(key), parseCsv());
 * await lake.write('totals.json', JSON.stringify(totals));
 *
 * @throws {BunsuiError} BS1160 for an address of another form, or without the credentials that it needs
 */
export function storage(url: string, options: StorageOptions = {}): Store {
  const scheme = /^[a-z0-9]+:/.exec(url)?.[0] ?? '';
  const open = Object.hasOwn(kinds, scheme) ? kinds[scheme] : undefined;
  if (open === undefined) throw badAddress(url, `stores are ${Object.keys(kinds).join(', ')}`);
  return open(url, options);
}
