import { CopyObjectCommand, DeleteObjectsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';
import { localClient } from '../../lib/local/client.ts';
import { clientConfig } from '../contract/target.ts';
import { openForTest } from './runtimes.ts';

/** A runtime with the object `k` in the bucket `bucket-one`, and what it has said. */
async function oneObject() {
  const heard: string[] = [];
  const runtime = await openForTest({ log: (_level, message) => heard.push(message) });
  const client = localClient(runtime);
  await client.send('s3', 'PUT', '/bucket-one');
  const put = await client.send('s3', 'PUT', '/bucket-one/k', 'content');
  const head = await client.send('s3', 'HEAD', '/bucket-one/k');
  const modified = Date.parse(String(head.headers['last-modified']));
  const send = async (
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body = '',
  ): Promise<readonly [number, string | undefined]> => {
    const answer = await client.send('s3', method, path, body, headers);
    return [answer.status, /<Code>(.*)<\/Code>/.exec(answer.body)?.[1]];
  };
  const s3 = new S3Client({ ...clientConfig(runtime), forcePathStyle: true });
  return { heard, s3, send, etag: String(put.headers['etag']), modified };
}

const sse = 'x-amz-server-side-encryption';

describe('S3', () => {
  it.each([
    ['PUT', '/bucket-one/n', 'PutObject', sse, 'aws:kms', true],
    ['PUT', '/bucket-one/n', 'PutObject', `${sse}-aws-kms-key-id`, 'k', false],
    ['PUT', '/bucket-one/n', 'PutObject', `${sse}-customer-algorithm`, 'AES256', false],
    ['PUT', '/bucket-one/n', 'PutObject', 'x-amz-acl', 'public-read', true],
    ['PUT', '/bucket-one/n', 'PutObject', 'x-amz-grant-read', 'id=1', false],
    ['PUT', '/bucket-one/n', 'PutObject', 'x-amz-storage-class', 'GLACIER', true],
    ['PUT', '/bucket-one/n', 'PutObject', 'x-amz-write-offset-bytes', '7', false],
    ['PUT', '/bucket-one/n', 'PutObject', 'x-amz-object-lock-mode', 'GOVERNANCE', false],
    ['PUT', '/bucket-one/n', 'PutObject', 'x-amz-tagging', 'a=b', false],
    ['PUT', '/bucket-one/n', 'PutObject', 'x-amz-checksum-crc64nvme', 'AAAAAAAAAAA=', false],
    ['PUT', '/bucket-one/n', 'PutObject', 'if-unmodified-since', 'Sat, 21 Nov 2026 10:00:00 GMT', false],
    ['PUT', '/bucket-two', 'CreateBucket', 'x-amz-acl', 'public-read', true],
    ['PUT', '/bucket-two', 'CreateBucket', 'x-amz-bucket-object-lock-enabled', 'true', true],
    ['GET', '/bucket-one/k', 'GetObject', 'x-amz-request-payer', 'requester', false],
    ['HEAD', '/bucket-one/k', 'HeadObject', 'range', 'bytes=0-1', false],
    ['DELETE', '/bucket-one/k', 'DeleteObject', 'if-match', '"x"', false],
    ['DELETE', '/bucket-one/k', 'DeleteObject', 'x-amz-bypass-governance-retention', 'true', false],
  ])('%s %s (%s) does not pass over %s: %s', async (method, path, operation, header, value, tellsValue) => {
    const { heard, send } = await oneObject();
    const [status, code] = await send(method, path, { [header]: value }, method === 'PUT' ? 'content' : '');
    expect([status, code, heard]).toStrictEqual([
      501,
      method === 'HEAD' ? undefined : 'NotImplemented',
      [`unsupported S3 call: ${operation} ${header}${tellsValue ? `: ${value}` : ''}`],
    ]);
    expect((await send('HEAD', path.endsWith('/k') ? '/bucket-one/k' : path))[0]).toBe(path.endsWith('/k') ? 200 : 404);
  });

  it('takes those that say what holds anyway', async () => {
    const { s3, send } = await oneObject();
    const owner = '000000000000';
    const put = new PutObjectCommand({
      Bucket: 'bucket-one',
      Key: 'n',
      Body: 'x',
      ACL: 'private',
      StorageClass: 'STANDARD',
      ServerSideEncryption: 'AES256',
      ChecksumAlgorithm: 'SHA256',
      ExpectedBucketOwner: owner,
    });
    expect((await s3.send(put)).$metadata.httpStatusCode).toBe(200);
    expect(await send('GET', '/bucket-one/n', { 'x-amz-expected-bucket-owner': owner })).toStrictEqual([
      200,
      undefined,
    ]);
  });

  it.each(['x-amz-expected-bucket-owner', 'x-amz-source-expected-bucket-owner'])(
    'owns all buckets: another %s is refused',
    async (header) => {
      const { heard, send } = await oneObject();
      const headers = { 'x-amz-copy-source': '/bucket-one/k', [header]: '111111111111' };
      expect(await send('PUT', '/bucket-one/n', headers)).toStrictEqual([403, 'AccessDenied']);
      expect(heard).toStrictEqual(['refused S3 call: CopyObject of a bucket of 111111111111']);
    },
  );

  it('reads under a condition of time', async () => {
    const { send, modified, etag } = await oneObject();
    const at = (ms: number) => new Date(modified + ms).toUTCString();
    const ask = async (headers: Readonly<Record<string, string>>) => [
      (await send('GET', '/bucket-one/k', headers))[0],
      (await send('HEAD', '/bucket-one/k', headers))[0],
    ];
    expect([
      await ask({ 'if-modified-since': at(0) }),
      await ask({ 'if-modified-since': at(-1000) }),
      await ask({ 'if-unmodified-since': at(0) }),
      await ask({ 'if-unmodified-since': at(-1000) }),
      await ask({ 'if-match': etag, 'if-unmodified-since': at(-1000) }),
      await ask({ 'if-none-match': '"x"', 'if-modified-since': at(0) }),
      await ask({ 'if-modified-since': 'today or so' }),
    ]).toStrictEqual([
      [304, 304],
      [200, 200],
      [200, 200],
      [412, 412],
      [200, 200],
      [200, 200],
      [400, 400],
    ]);
  });

  it('copies under a condition', async () => {
    const { s3, etag, modified } = await oneObject();
    const copy = (condition: object) =>
      s3.send(new CopyObjectCommand({ Bucket: 'bucket-one', Key: 'n', CopySource: 'bucket-one/k', ...condition })).then(
        ({ $metadata }) => $metadata.httpStatusCode,
        (error: Error) => error.name,
      );
    const [same, before] = [new Date(modified), new Date(modified - 1000)];
    expect([
      await copy({ CopySourceIfMatch: '"x"' }),
      await copy({ CopySourceIfNoneMatch: etag }),
      await copy({ CopySourceIfUnmodifiedSince: before }),
      await copy({ CopySourceIfModifiedSince: same }),
      await copy({ CopySourceIfMatch: etag, CopySourceIfUnmodifiedSince: before }),
      await copy({ CopySourceIfModifiedSince: before }),
    ]).toStrictEqual([...Array.from({ length: 4 }, () => 'PreconditionFailed'), 200, 200]);
  });

  it.each([
    ['a key that is too long', `/bucket-one/${'x'.repeat(1025)}`, 400, 'KeyTooLongError'],
    ['a bucket that is not there', '/bucket-two/k', 404, 'NoSuchBucket'],
    ['a bucket named like an address', '/192.168.5.4/k', 400, 'InvalidArgument'],
    ['a version', '/bucket-one/k?versionId=7', 501, 'NotImplemented'],
  ])('does not copy from %s', async (_what, source, status, code) => {
    const { send } = await oneObject();
    expect(await send('PUT', '/bucket-one/n', { 'x-amz-copy-source': source })).toStrictEqual([status, code]);
  });

  it('deletes many, and tells of each that it could not', async () => {
    const { s3, send } = await oneObject();
    const long = 'x'.repeat(1025);
    const Objects = [{ Key: long }, { Key: 'k' }];
    const answer = await s3.send(new DeleteObjectsCommand({ Bucket: 'bucket-one', Delete: { Objects } }));
    expect([answer.Deleted, answer.Errors]).toStrictEqual([
      [{ Key: 'k' }],
      [{ Key: long, Code: 'KeyTooLongError', Message: 'Your key is too long' }],
    ]);
    const versioned = '<Delete><Object><Key>k</Key><VersionId>7</VersionId></Object></Delete>';
    expect(await send('POST', '/bucket-one?delete', {}, versioned)).toStrictEqual([501, 'NotImplemented']);
  });

  it('makes buckets here only, by names that S3 takes', async () => {
    const { send } = await oneObject();
    const body = (inner: string) => `<CreateBucketConfiguration>${inner}</CreateBucketConfiguration>`;
    const location = (region: string) => body(`<LocationConstraint>${region}</LocationConstraint>`);
    expect([
      await send('PUT', '/192.168.5.4'),
      await send('PUT', '/bucket-two', {}, location('eu-west-1')),
      await send('PUT', '/bucket-two', {}, body('<Tags></Tags>')),
      await send('PUT', '/bucket-two', {}, 'no XML'),
      await send('PUT', '/bucket-two', {}, location('us-east-1')),
    ]).toStrictEqual([
      [400, 'InvalidBucketName'],
      [400, 'IllegalLocationConstraintException'],
      [501, 'NotImplemented'],
      [400, 'MalformedXML'],
      [200, undefined],
    ]);
  });
});
