/**
 * Uploads in parts: `.bunsui/s3/<bucket>/.u-<upload>/<number>.<md5>`, beside the objects and seen by none of them. The
 * object is written when its upload is completed, as a whole; until then there is nothing.
 */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AwsFault } from './aws-fault.ts';
import { readIfThere, storageError, writeFileAtomic } from './durable-files.ts';
import { bucketPath } from './object-paths.ts';
import type { BodyFacts } from './s3-body.ts';

type Headers = Readonly<Record<string, string>>;

/** A part as whoever completes an upload names it; `md5` in hexadecimal. */
export interface Part {
  readonly number: number;
  readonly md5: string;
}

/** Parts but the last have at least so many bytes. */
const leastPartBytes = 5 * 1024 ** 2;
const maxParts = 10_000;

/** The object that an upload is to become, and how its bytes are read. */
export interface Completed {
  readonly headers: Headers;
  fill(write: (chunk: Uint8Array) => Promise<void>): Promise<BodyFacts>;
}

export interface Uploads {
  /** @returns the id of the upload */
  begin(bucket: string, key: string, headers: Headers): Promise<string>;
  /** Writes a part in place of one with its number. When `fill` throws, nothing has changed. */
  part(
    at: { readonly bucket: string; readonly key: string; readonly upload: string; readonly number: number },
    fill: (write: (chunk: Uint8Array) => Promise<void>) => Promise<BodyFacts>,
  ): Promise<BodyFacts>;
  /** @throws {AwsFault} `InvalidPart`, `InvalidPartOrder`, `EntityTooSmall` */
  complete(bucket: string, key: string, upload: string, parts: readonly Part[]): Promise<Completed>;
  /** Forgets an upload and its parts. */
  end(bucket: string, key: string, upload: string): Promise<void>;
}

/** The uploads of a state folder. */
export function openUploads(stateDir: string): Uploads {
  /** @throws {AwsFault} `NoSuchUpload` */
  const find = async (bucket: string, key: string, upload: string) => {
    const folder = join(bucketPath(stateDir, bucket), `.u-${upload}`);
    const text = /^[0-9a-f]{32}$/.test(upload) ? await readIfThere(join(folder, 'upload.json')) : undefined;
    const begun = text === undefined ? undefined : (JSON.parse(text) as { key: string; headers: Headers });
    if (begun?.key === key) return { folder, headers: begun.headers };
    throw new AwsFault('NoSuchUpload', 'The specified multipart upload does not exist.', 404);
  };
  return {
    async begin(bucket, key, headers) {
      const upload = randomBytes(16).toString('hex');
      const folder = join(bucketPath(stateDir, bucket), `.u-${upload}`);
      try {
        await mkdir(folder, { mode: 0o700 });
      } catch (error) {
        throw storageError(folder, error);
      }
      await writeFileAtomic(join(folder, 'upload.json'), JSON.stringify({ key, headers }), 'remade');
      return upload;
    },

    async part({ bucket, key, upload, number }, fill) {
      if (!(number >= 1 && number <= maxParts)) {
        const message = `Part number must be an integer between 1 and ${maxParts}, inclusive`;
        throw new AwsFault('InvalidArgument', message, 400);
      }
      const { folder } = await find(bucket, key, upload);
      const temporary = join(folder, `.${randomBytes(8).toString('hex')}`);
      try {
        const file = await open(temporary, 'wx', 0o600);
        let body: BodyFacts;
        try {
          body = await fill(async (chunk) => {
            await file.writeFile(chunk);
          });
        } finally {
          await file.close();
        }
        const before = (await readdir(folder)).filter((name) => name.startsWith(`${number}.`));
        await rename(temporary, join(folder, `${number}.${body.md5}`));
        for (const name of before) if (name !== `${number}.${body.md5}`) await rm(join(folder, name), { force: true });
        return body;
      } catch (error) {
        await rm(temporary, { force: true });
        throw error instanceof AwsFault ? error : storageError(folder, error);
      }
    },

    async complete(bucket, key, upload, parts) {
      const { folder, headers } = await find(bucket, key, upload);
      const files: { readonly path: string; readonly size: number }[] = [];
      for (const [index, { number, md5 }] of parts.entries()) {
        if (number <= (parts[index - 1]?.number ?? 0)) {
          const message = 'The list of parts was not in ascending order. Parts must be ordered by part number.';
          throw new AwsFault('InvalidPartOrder', message, 400);
        }
        const path = join(folder, `${number}.${md5}`);
        const facts = /^[0-9a-f]{32}$/.test(md5) ? await stat(path).catch(() => undefined) : undefined;
        if (facts === undefined) {
          const message = 'One or more of the specified parts could not be found, or its ETag is another one.';
          throw new AwsFault('InvalidPart', message, 400);
        }
        files.push({ path, size: facts.size });
      }
      if (files.slice(0, -1).some(({ size }) => size < leastPartBytes)) {
        throw new AwsFault('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size', 400);
      }
      const digests = createHash('md5');
      for (const { md5 } of parts) digests.update(Buffer.from(md5, 'hex'));
      return {
        headers,
        async fill(write) {
          let length = 0;
          for (const { path } of files) {
            for await (const chunk of createReadStream(path)) {
              length += (chunk as Buffer).length;
              await write(chunk as Buffer);
            }
          }
          return { length, md5: `${digests.digest('hex')}-${parts.length}`, checksums: {} };
        },
      };
    },

    async end(bucket, key, upload) {
      const { folder } = await find(bucket, key, upload);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
