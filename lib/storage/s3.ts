/** A store in S3, or what speaks its protocol: by the SDK, which is loaded when it is first used. */
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import { BunsuiError } from '../errors.ts';
import { placeOf } from './places.ts';
import { type Driver, type StorageOptions, type Store, statusOf, storeOf } from './store.ts';

const partBytes = 8 * 1024 ** 2;

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** @throws {BunsuiError} BS1160 for a text of another form, which is not told */
function s3Keys(credentials: string): Keys {
  let keys: Partial<Keys> = {};
  try {
    keys = JSON.parse(credentials) as Partial<Keys>;
  } catch {
    // Told below.
  }
  const { accessKeyId, secretAccessKey, sessionToken } = keys ?? {};
  if (typeof accessKeyId === 'string' && typeof secretAccessKey === 'string')
    return { accessKeyId, secretAccessKey, ...(typeof sessionToken === 'string' ? { sessionToken } : {}) };
  throw new BunsuiError('ValidationError', 'BS1160', 'the credentials for s3:// are not what S3 asks for', {
    hint: 'give JSON text: {"accessKeyId":"…","secretAccessKey":"…"}',
  });
}

export function s3Store(url: string, options: StorageOptions): Store {
  const place = placeOf(url, 's3');
  const { credentials } = options;
  const keys = credentials === undefined ? undefined : s3Keys(credentials);
  const secrets = keys === undefined ? [] : [keys.secretAccessKey, keys.sessionToken ?? keys.secretAccessKey];
  return storeOf(place, s3Driver(place.bucket, keys), options, secrets);
}

function s3Driver(Bucket: string, credentials: Keys | undefined): Driver {
  let made: S3Client | undefined;
  const begin = async () => {
    const sdk = await import('@aws-sdk/client-s3');
    const endpoint = process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL'];
    const config: S3ClientConfig = {
      followRegionRedirects: true,
      ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
      ...(credentials === undefined ? {} : { credentials }),
    };
    made ??= new sdk.S3Client(config);
    return { sdk, client: made };
  };
  return {
    async *list(Prefix, abortSignal) {
      const { sdk, client } = await begin();
      for await (const { Contents = [] } of sdk.paginateListObjectsV2({ client }, { Bucket, Prefix }, { abortSignal }))
        for (const { Key = '', Size = 0, LastModified = new Date(0) } of Contents)
          yield { key: Key, bytes: Size, modifiedAt: LastModified };
    },

    async open(Key, { start, version }, abortSignal) {
      const { sdk, client } = await begin();
      const command = new sdk.GetObjectCommand({
        ...{ Bucket, Key },
        ...(start === 0 ? {} : { Range: `bytes=${start}-` }),
        ...(version === undefined ? {} : { IfMatch: version }),
      });
      try {
        const { Body, ETag = '', ContentLength = 0 } = await client.send(command, { abortSignal });
        return { content: Body as AsyncIterable<Uint8Array>, version: ETag, bytes: start + ContentLength };
      } catch (error) {
        if (statusOf(error) === 404 && (error as Error).name !== 'NoSuchBucket') return undefined;
        throw error;
      }
    },

    async save(Key, Body, signal) {
      const { client } = await begin();
      const { Upload } = await import('@aws-sdk/lib-storage');
      // What breaks off is given up: an upload in parts is an object only when it is completed.
      const upload = new Upload({ client, params: { Bucket, Key, Body }, queueSize: 2, partSize: partBytes });
      const abort = () => void upload.abort();
      signal.addEventListener('abort', abort, { once: true });
      try {
        await upload.done();
      } finally {
        signal.removeEventListener('abort', abort);
      }
    },
  };
}
