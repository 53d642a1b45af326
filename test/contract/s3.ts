/** What pipelines need of S3, for any endpoint. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { Readable } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { clientConfig, freshName, refusal, type Target } from './target.ts';

export function s3Contract(target: () => Target): void {
  describe('S3', () => {
    let s3: S3Client;
    let Bucket: string;
    beforeAll(async () => {
      s3 = new S3Client({ ...clientConfig(target()), forcePathStyle: true });
      Bucket = freshName('contract');
      await s3.send(new CreateBucketCommand({ Bucket }));
    });
    const put = (Key: string, Body: string) => s3.send(new PutObjectCommand({ Bucket, Key, Body }));
    const text = async (Key: string, Range?: string) => {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, ...(Range && { Range }) }));
      return Body?.transformToString();
    };
    const keysOf = async (Prefix: string) => {
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix }));
      return Contents.map(({ Key }) => Key);
    };

    it('knows the buckets that were made, and no others', async () => {
      const { Buckets = [] } = await s3.send(new ListBucketsCommand({}));
      expect(Buckets.map(({ Name }) => Name)).toContain(Bucket);
      expect((await s3.send(new HeadBucketCommand({ Bucket }))).$metadata.httpStatusCode).toBe(200);
      expect(await refusal(s3.send(new HeadBucketCommand({ Bucket: freshName('nobody') })))).toBe('NotFound');
      expect(await refusal(s3.send(new GetObjectCommand({ Bucket: freshName('nobody'), Key: 'k' })))).toBe(
        'NoSuchBucket',
      );
    });

    it('gives back what was put, with its type and metadata', async () => {
      const Metadata = { owner: 'me', 'with-hyphen': 'ü'.normalize('NFC').length.toString() };
      const body = 'hello, wörld';
      const stored = await s3.send(
        new PutObjectCommand({ Bucket, Key: 'greeting.txt', Body: body, ContentType: 'text/plain', Metadata }),
      );
      const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'greeting.txt' }));
      expect(await got.Body?.transformToString()).toBe(body);
      expect({
        type: got.ContentType,
        length: got.ContentLength,
        metadata: got.Metadata,
        etag: got.ETag,
      }).toStrictEqual({
        type: 'text/plain',
        length: Buffer.byteLength(body),
        metadata: Metadata,
        etag: stored.ETag,
      });
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'greeting.txt' }));
      expect({
        type: head.ContentType,
        length: head.ContentLength,
        metadata: head.Metadata,
        etag: head.ETag,
      }).toStrictEqual({
        type: 'text/plain',
        length: Buffer.byteLength(body),
        metadata: Metadata,
        etag: stored.ETag,
      });
    });

    it('takes a stream whose checksum comes at its end', async () => {
      const piece = Buffer.alloc(100_000, 'abcdefghij');
      const Body = Readable.from([piece, piece, piece]);
      await s3.send(new PutObjectCommand({ Bucket, Key: 'streamed.bin', Body, ContentLength: 300_000 }));
      const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'streamed.bin' }));
      const bytes = Buffer.from((await got.Body?.transformToByteArray()) ?? []);
      expect(bytes.equals(Buffer.concat([piece, piece, piece]))).toBe(true);
      expect(got.ContentEncoding).toBeUndefined();
    });

    it('stores and gives back nothing', async () => {
      await put('empty', '');
      expect(await text('empty')).toBe('');
    });

    it('gives ranges', async () => {
      await put('digits', '0123456789');
      expect(await text('digits', 'bytes=2-4')).toBe('234');
      expect(await text('digits', 'bytes=7-')).toBe('789');
      expect(await text('digits', 'bytes=-2')).toBe('89');
      expect(await text('digits', 'bytes=8-100')).toBe('89');
      const part = await s3.send(new GetObjectCommand({ Bucket, Key: 'digits', Range: 'bytes=2-4' }));
      expect([part.$metadata.httpStatusCode, part.ContentRange]).toStrictEqual([206, 'bytes 2-4/10']);
      expect(await refusal(s3.send(new GetObjectCommand({ Bucket, Key: 'digits', Range: 'bytes=10-' })))).toBe(
        'InvalidRange',
      );
    });

    it('replaces an object, unless it must not be there', async () => {
      await put('once', 'first');
      const again = s3.send(new PutObjectCommand({ Bucket, Key: 'once', Body: 'second', IfNoneMatch: '*' }));
      expect(await refusal(again)).toBe('PreconditionFailed');
      expect(await text('once')).toBe('first');
      await put('once', 'third');
      expect(await text('once')).toBe('third');
    });

    it('says that an object has not changed', async () => {
      const { ETag = '' } = await put('same', 'same');
      const again = s3.send(new GetObjectCommand({ Bucket, Key: 'same', IfNoneMatch: ETag }));
      const status = await again.catch(
        (error: { $metadata: { httpStatusCode: number } }) => error.$metadata.httpStatusCode,
      );
      expect(status).toBe(304);
    });

    it('lists by prefix, delimiter and page, in the order of UTF-8', async () => {
      const keys = [
        'l/a',
        'l/a/b',
        'l/a!',
        'l/a0',
        'l/Z',
        'l/é',
        'l/\u{1f600}',
        'l/\uff5e',
        'l/d/1',
        'l/d/2',
        'l/e/x/y',
      ];
      for (const key of keys) await put(key, key);
      const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect(await keysOf('l/')).toStrictEqual(sorted);
      expect(await keysOf('l/d/')).toStrictEqual(['l/d/1', 'l/d/2']);
      expect(await keysOf('l/a')).toStrictEqual(['l/a', 'l/a!', 'l/a/b', 'l/a0']);
      const pages: string[][] = [];
      let token: string | undefined;
      do {
        const page = await s3.send(
          new ListObjectsV2Command({
            Bucket,
            Prefix: 'l/',
            Delimiter: '/',
            MaxKeys: 3,
            ...(token !== undefined && { ContinuationToken: token }),
          }),
        );
        const entries = [
          ...(page.Contents ?? []).map(({ Key = '' }) => Key),
          ...(page.CommonPrefixes ?? []).map(({ Prefix = '' }) => Prefix),
        ];
        expect(page.KeyCount).toBe(entries.length);
        pages.push(entries);
        token = page.NextContinuationToken;
      } while (token !== undefined);
      const folded = ['l/Z', 'l/a', 'l/a!', 'l/a/', 'l/a0', 'l/d/', 'l/e/', 'l/é', 'l/\uff5e', 'l/\u{1f600}'];
      expect(pages.flat().toSorted()).toStrictEqual(folded.toSorted());
      expect(pages.map((page) => page.length)).toStrictEqual([3, 3, 3, 1]);
    });

    it('lists after a key', async () => {
      for (const key of ['s/1', 's/2', 's/3']) await put(key, 'x');
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 's/', StartAfter: 's/1' }));
      expect(Contents.map(({ Key }) => Key)).toStrictEqual(['s/2', 's/3']);
    });

    it('tells size and ETag in a list as in a head', async () => {
      await put('facts', 'facts');
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'facts' }));
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'facts' }));
      expect(Contents.map(({ Key, Size, ETag }) => ({ Key, Size, ETag }))).toStrictEqual([
        { Key: 'facts', Size: head.ContentLength, ETag: head.ETag },
      ]);
    });

    describe('an upload in parts', () => {
      const begin = async (Key: string) => {
        const begun = await s3.send(
          new CreateMultipartUploadCommand({ Bucket, Key, ContentType: 'text/plain', Metadata: { a: 'b' } }),
        );
        return { Bucket, Key, UploadId: begun.UploadId };
      };
      type Upload = Awaited<ReturnType<typeof begin>>;
      const part = async (at: Upload, PartNumber: number, Body: string) => {
        const { ETag } = await s3.send(new UploadPartCommand({ ...at, PartNumber, Body }));
        return { PartNumber, ETag };
      };
      const complete = (at: Upload, Parts: { PartNumber: number; ETag: string | undefined }[]) =>
        s3.send(new CompleteMultipartUploadCommand({ ...at, MultipartUpload: { Parts } }));
      const large = 'x'.repeat(5 * 1024 ** 2);

      it('is there as a whole when it is completed, and not before', async () => {
        const at = await begin('parts/whole');
        await part(at, 2, 'to be replaced');
        const parts = [await part(at, 1, large), await part(at, 2, 'end')];
        expect(await keysOf('parts/whole')).toStrictEqual([]);
        await complete(at, parts);
        const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'parts/whole' }));
        expect((await got.Body?.transformToString()) === `${large}end`).toBe(true);
        expect([got.ContentType, got.Metadata, got.ETag?.endsWith('-2"')]).toStrictEqual([
          'text/plain',
          { a: 'b' },
          true,
        ]);
        expect(await keysOf('parts/')).toStrictEqual(['parts/whole']);
      });

      it('leaves what was there when it is aborted', async () => {
        await put('parts/before', 'before');
        const at = await begin('parts/before');
        const parts = [await part(at, 1, 'after')];
        await s3.send(new AbortMultipartUploadCommand(at));
        expect(await refusal(complete(at, parts))).toBe('NoSuchUpload');
        expect(await refusal(part(at, 2, 'x'))).toBe('NoSuchUpload');
        expect(await text('parts/before')).toBe('before');
      });

      it('is refused with parts that are missing, changed, out of order or too small', async () => {
        const at = await begin('parts/refused');
        const [first, second] = [await part(at, 1, 'small'), await part(at, 2, large)];
        expect(await refusal(complete(at, [{ ...second, PartNumber: 3 }]))).toBe('InvalidPart');
        expect(await refusal(complete(at, [second, first]))).toBe('InvalidPartOrder');
        expect(await refusal(complete(at, [first, second]))).toBe('EntityTooSmall');
        const changed = await part(at, 2, 'other');
        expect(changed.ETag).not.toBe(second.ETag);
        expect(await refusal(complete(at, [second]))).toBe('InvalidPart');
        expect(await keysOf('parts/refused')).toStrictEqual([]);
        await s3.send(new AbortMultipartUploadCommand(at));
      });
    });

    it('copies with metadata', async () => {
      await s3.send(new PutObjectCommand({ Bucket, Key: 'from here', Body: 'copied', Metadata: { a: 'b' } }));
      await s3.send(new CopyObjectCommand({ Bucket, Key: 'to/there', CopySource: `${Bucket}/from%20here` }));
      const got = await s3.send(new GetObjectCommand({ Bucket, Key: 'to/there' }));
      expect([await got.Body?.transformToString(), got.Metadata]).toStrictEqual(['copied', { a: 'b' }]);
      const nothing = s3.send(new CopyObjectCommand({ Bucket, Key: 'x', CopySource: `${Bucket}/nothing` }));
      expect(await refusal(nothing)).toBe('NoSuchKey');
    });

    it('deletes one, and many, whether they are there or not', async () => {
      for (const key of ['gone/1', 'gone/2', 'gone/3<&>']) await put(key, 'x');
      await s3.send(new DeleteObjectCommand({ Bucket, Key: 'gone/1' }));
      await s3.send(new DeleteObjectCommand({ Bucket, Key: 'gone/1' }));
      const Objects = ['gone/2', 'gone/3<&>', 'gone/never'].map((Key) => ({ Key }));
      const { Deleted = [] } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
      expect(Deleted.map(({ Key }) => Key).toSorted()).toStrictEqual(['gone/2', 'gone/3<&>', 'gone/never']);
      expect(await keysOf('gone/')).toStrictEqual([]);
      expect(await refusal(s3.send(new GetObjectCommand({ Bucket, Key: 'gone/2' })))).toBe('NoSuchKey');
    });

    it('keeps apart keys that are alike', async () => {
      const keys = [
        'k/\u00e9',
        'k/e\u0301',
        'k/x',
        'k/x/',
        'k/x//',
        'k//x',
        'k/x.',
        'k/x.%',
        'k/x%2E',
        'k/x ',
        'k/..',
        'k/../x',
        'k/./x',
        'k/.x',
      ];
      for (const key of keys) await put(key, key);
      expect(await Promise.all(keys.map((key) => text(key)))).toStrictEqual(keys);
      expect((await keysOf('k/')).length).toBe(keys.length);
    });

    it('takes keys of 1024 bytes and refuses longer ones', async () => {
      const key = `long/${'\u00fc'.repeat(509)}x`;
      expect(Buffer.byteLength(key)).toBe(1024);
      await put(key, 'long');
      expect(await text(key)).toBe('long');
      expect(await keysOf('long/')).toStrictEqual([key]);
      expect(await refusal(put(`${key}y`, 'x'))).toBe('KeyTooLongError');
    });
  });
}
