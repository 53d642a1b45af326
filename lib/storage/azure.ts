/** A store in Azure Blob Storage: by the SDK, an optional package that is loaded when it is first used. */
import { BunsuiError } from '../errors.ts';
import { notInstalled } from './optional.ts';
import { placeOf } from './places.ts';
import { type Driver, type StorageOptions, type Store, statusOf, storeOf } from './store.ts';

const blockBytes = 8 * 1024 ** 2;
const blocksAtOnce = 2;

/** @throws {BunsuiError} BS1160 where nothing says which account it is */
function azureConnection(credentials = process.env['AZURE_STORAGE_CONNECTION_STRING']): string {
  if (credentials !== undefined && /(^|;)(AccountKey|SharedAccessSignature)=/i.test(credentials)) return credentials;
  const message =
    credentials === undefined
      ? 'nothing says which account az:// is in'
      : 'the credentials for az:// are no connection string';
  throw new BunsuiError('ValidationError', 'BS1160', message, {
    hint: 'give a connection string with AccountKey or SharedAccessSignature as credentials, or as AZURE_STORAGE_CONNECTION_STRING',
  });
}

/** What of a connection string no message may hold. */
function azureSecrets(connection: string): readonly string[] {
  const values = [...connection.matchAll(/(?:AccountKey|SharedAccessSignature)=([^;]+)/gi)].map(
    ([, value = '']) => value,
  );
  const signatures = values.flatMap((value) => /(?:^|[?&])sig=([^&]+)/.exec(value)?.[1] ?? []);
  return [connection, ...values, ...signatures, ...signatures.map((one) => decodeURIComponent(one))];
}

async function azureSdk() {
  try {
    return await import('@azure/storage-blob');
  } catch (cause) {
    throw notInstalled('@azure/storage-blob', 'az://', cause);
  }
}

export function azureStore(url: string, options: StorageOptions): Store {
  const place = placeOf(url, 'az');
  const connection = azureConnection(options.credentials);
  return storeOf(place, azureDriver(place.bucket, connection), options, azureSecrets(connection));
}

function azureDriver(containerName: string, connection: string): Driver {
  const begin = async () =>
    (await azureSdk()).BlobServiceClient.fromConnectionString(connection).getContainerClient(containerName);
  return {
    async *list(prefix, abortSignal) {
      const container = await begin();
      for await (const { name, properties } of container.listBlobsFlat({ prefix, abortSignal }))
        yield { key: name, bytes: properties.contentLength ?? 0, modifiedAt: properties.lastModified };
    },

    async open(key, { start, version }, abortSignal) {
      const container = await begin();
      try {
        const answer = await container.getBlobClient(key).download(start, undefined, {
          abortSignal,
          // A read that breaks off is gone on with by whoever reads.
          maxRetryRequests: 0,
          ...(version === undefined ? {} : { conditions: { ifMatch: version } }),
        });
        const content = answer.readableStreamBody as unknown as AsyncIterable<Uint8Array>;
        return { content, version: answer.etag ?? '', bytes: start + (answer.contentLength ?? 0) };
      } catch (error) {
        if (statusOf(error) === 404 && (error as { code?: string }).code !== 'ContainerNotFound') return undefined;
        throw error;
      }
    },

    async save(key, content, abortSignal) {
      const container = await begin();
      // Blocks are a blob when their list is committed, which is the last thing that is done.
      await container.getBlockBlobClient(key).uploadStream(content, blockBytes, blocksAtOnce, { abortSignal });
    },
  };
}
