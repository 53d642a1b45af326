/** A store in Google Cloud Storage: by the SDK, an optional package that is loaded when it is first used. */
import { pipeline } from 'node:stream/promises';
import { BunsuiError } from '../errors.ts';
import { notInstalled } from './optional.ts';
import { placeOf } from './places.ts';
import { type Driver, type StorageOptions, type Store, statusOf, storeOf } from './store.ts';

interface ServiceAccount {
  readonly client_email: string;
  readonly private_key: string;
  readonly project_id?: string;
}

/** @throws {BunsuiError} BS1160 for a text of another form, which is not told */
function gcsAccount(credentials: string): ServiceAccount {
  let account: Partial<ServiceAccount> = {};
  try {
    account = JSON.parse(credentials) as Partial<ServiceAccount>;
  } catch {
    // Told below.
  }
  const { client_email, private_key, project_id } = account ?? {};
  if (typeof client_email === 'string' && typeof private_key === 'string')
    return { client_email, private_key, ...(typeof project_id === 'string' ? { project_id } : {}) };
  throw new BunsuiError('ValidationError', 'BS1160', 'the credentials for gs:// are no key of a service account', {
    hint: 'give the JSON text of the key, with client_email and private_key; without any, GOOGLE_APPLICATION_CREDENTIALS counts',
  });
}

async function gcsSdk() {
  try {
    return await import('@google-cloud/storage');
  } catch (cause) {
    throw notInstalled('@google-cloud/storage', 'gs://', cause);
  }
}

export function gcsStore(url: string, options: StorageOptions): Store {
  const place = placeOf(url, 'gs');
  const { credentials } = options;
  const account = credentials === undefined ? undefined : gcsAccount(credentials);
  const secrets = account === undefined ? [] : [account.private_key, account.private_key.trim()];
  return storeOf(place, gcsDriver(place.bucket, account), options, secrets);
}

function gcsDriver(bucketName: string, account: ServiceAccount | undefined): Driver {
  const begin = async () => {
    const { Storage } = await gcsSdk();
    const { project_id, ...credentials } = account ?? {};
    const storage = new Storage({
      ...(account === undefined ? {} : { credentials }),
      ...(project_id === undefined ? {} : { projectId: project_id }),
    });
    return storage.bucket(bucketName);
  };
  return {
    async *list(prefix) {
      const bucket = await begin();
      for await (const file of bucket.getFilesStream({ prefix })) {
        const { name, metadata } = file as { name: string; metadata: { size?: string | number; updated?: string } };
        yield { key: name, bytes: Number(metadata.size ?? 0), modifiedAt: new Date(metadata.updated ?? 0) };
      }
    },

    async open(key, { start, version }) {
      const bucket = await begin();
      try {
        const [{ size = 0, generation = '' }] = await bucket.file(key).getMetadata();
        if (version !== undefined && version !== String(generation))
          throw new Error('it was changed while it was read');
        const file = bucket.file(key, { generation });
        // A part has no checksum of its own. What is stored compressed comes as it is stored, as from other stores.
        const content = file.createReadStream({
          decompress: false,
          ...(start === 0 ? {} : { start, validation: false }),
        });
        return { content, version: String(generation), bytes: Number(size) };
      } catch (error) {
        if (statusOf(error) === 404 && !/bucket/i.test((error as Error).message)) return undefined;
        throw error;
      }
    },

    async save(key, content, signal) {
      const bucket = await begin();
      // An upload that is broken off never becomes an object.
      await pipeline(content, bucket.file(key).createWriteStream({ resumable: true }), { signal });
    },
  };
}
