/**
 * Headers of S3 requests: those that each operation heeds (a call with any other `x-amz-` or `if-` header is refused,
 * as it would be passed over in silence), and conditions on objects.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
 */
import { AwsFault } from './aws-fault.ts';
import type { ObjectInfo } from './object-store.ts';

type Headers = Readonly<Record<string, string>>;

const ofEvery = 'date content-sha256 security-token user-agent expected-bucket-owner';
const ofBodies = 'sdk-checksum-algorithm checksum-crc32 checksum-sha1 checksum-sha256 trailer decoded-content-length';
const ofObjects = 'meta-* acl storage-class server-side-encryption';

/** `x-amz-…` by operation; the names of all of them go without that. A `*` stands for an ending. */
const served: Readonly<Record<string, string>> = {
  CreateBucket: `${ofBodies} acl object-ownership bucket-object-lock-enabled`,
  PutObject: `${ofBodies} ${ofObjects}`,
  CreateMultipartUpload: `${ofObjects} checksum-algorithm`,
  UploadPart: ofBodies,
  CompleteMultipartUpload: ofBodies,
  GetObject: 'checksum-mode',
  HeadObject: 'checksum-mode',
  DeleteObjects: ofBodies,
  CopyObject: `${ofObjects} copy-source copy-source-if-match copy-source-if-none-match copy-source-if-modified-since copy-source-if-unmodified-since metadata-directive tagging-directive source-expected-bucket-owner`,
};

/** Headers without a prefix that change what an operation does. */
const plainHeaders: Readonly<Record<string, string>> = {
  PutObject: 'if-match if-none-match',
  CopyObject: 'if-match if-none-match',
  CompleteMultipartUpload: 'if-match if-none-match',
  GetObject: 'range if-match if-none-match if-modified-since if-unmodified-since',
  HeadObject: 'if-match if-none-match if-modified-since if-unmodified-since',
};

/** Headers that are heeded with one value only: what holds here anyway. */
const onlyValues: Readonly<Record<string, readonly string[]>> = {
  'x-amz-sdk-checksum-algorithm': ['CRC32', 'SHA1', 'SHA256'],
  // Each part is checked by its own; the object as a whole has none then.
  'x-amz-checksum-algorithm': ['CRC32', 'SHA1', 'SHA256'],
  'x-amz-trailer': ['x-amz-checksum-crc32', 'x-amz-checksum-sha1', 'x-amz-checksum-sha256'],
  'x-amz-acl': ['private'],
  'x-amz-storage-class': ['STANDARD'],
  'x-amz-server-side-encryption': ['AES256'],
  'x-amz-object-ownership': ['BucketOwnerEnforced'],
  'x-amz-bucket-object-lock-enabled': ['false', 'False'],
  'x-amz-metadata-directive': ['COPY', 'REPLACE'],
  'x-amz-tagging-directive': ['COPY'],
};

/** The headers of a request that its operation does not heed, or not with that value: `x-amz-acl: public-read`. */
export function unservedHeaders(operation: string, headers: Headers): readonly string[] {
  const amz = `${ofEvery} ${own(served, operation)}`.split(' ').filter((name) => name !== '');
  const plain = own(plainHeaders, operation).split(' ');
  return Object.entries(headers).flatMap(([name, value]) => {
    if (!name.startsWith('x-amz-')) {
      return (name === 'range' || name.startsWith('if-')) && !plain.includes(name) ? [name] : [];
    }
    const bare = name.slice('x-amz-'.length);
    const heeded = amz.some((one) => (one.endsWith('*') ? bare.startsWith(one.slice(0, -1)) : bare === one));
    const values = Object.hasOwn(onlyValues, name) ? onlyValues[name] : undefined;
    if (!heeded) return [name];
    return values === undefined || values.includes(value) ? [] : [`${name}: ${value.slice(0, 100)}`];
  });
}

function own(table: Readonly<Record<string, string>>, operation: string): string {
  return (Object.hasOwn(table, operation) ? table[operation] : undefined) ?? '';
}

/** The owner that a request expects and that is not the one of all buckets here. */
export function unexpectedOwner(headers: Headers, accountId: string): string | undefined {
  const names = ['x-amz-expected-bucket-owner', 'x-amz-source-expected-bucket-owner'];
  return names.map((name) => headers[name]).find((owner) => owner !== undefined && owner !== accountId);
}

export function etagOf(info: ObjectInfo): string {
  return `"${info.md5}"`;
}

/** @throws {AwsFault} when what is there is not what an upload says it may replace. */
export function checkPutCondition(headers: Headers, current: ObjectInfo | undefined): void {
  const noneMatch = headers['if-none-match'];
  const match = headers['if-match'];
  if (noneMatch !== undefined && noneMatch !== '*') {
    throw new AwsFault('NotImplemented', 'If-None-Match of an upload can only be *', 501);
  }
  if (match !== undefined && current === undefined) {
    throw new AwsFault('NoSuchKey', 'The specified key does not exist.', 404);
  }
  const failed =
    (noneMatch !== undefined && current !== undefined) || (match !== undefined && !hasEtag(match, current));
  if (failed) throw preconditionFailed();
}

/**
 * Whether a conditional read is given the object. An ETag counts for more than a time.
 *
 * @returns `false` when the object is as the reader has it already.
 * @throws {AwsFault} `PreconditionFailed` when it is another object than the reader wants.
 */
export function isWanted(headers: Headers, info: ObjectInfo): boolean {
  const match = headers['if-match'];
  const unmodifiedSince = timeOf(headers, 'if-unmodified-since');
  const noneMatch = headers['if-none-match'];
  const modifiedSince = timeOf(headers, 'if-modified-since');
  // Times on the wire are whole seconds.
  const modifiedMs = Math.floor(info.modifiedMs / 1000) * 1000;
  if (match !== undefined) {
    if (!hasEtag(match, info)) throw preconditionFailed();
  } else if (unmodifiedSince !== undefined && modifiedMs > unmodifiedSince) {
    throw preconditionFailed();
  }
  if (noneMatch !== undefined) return !hasEtag(noneMatch, info);
  return modifiedSince === undefined || modifiedMs > modifiedSince;
}

/** @throws {AwsFault} `PreconditionFailed` when the source of a copy is not as the copy wants it. */
export function checkCopyCondition(headers: Headers, source: ObjectInfo): void {
  const prefix = 'x-amz-copy-source-';
  const conditions = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith(`${prefix}if-`) ? [[name.slice(prefix.length), value] as const] : [],
  );
  if (!isWanted(Object.fromEntries(conditions), source)) throw preconditionFailed();
}

function timeOf(headers: Headers, name: string): number | undefined {
  const text = headers[name];
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  if (!Number.isNaN(time)) return time;
  throw new AwsFault('InvalidArgument', `${name} is ${JSON.stringify(text.slice(0, 100))}, which is no date`, 400);
}

function hasEtag(list: string, info: ObjectInfo | undefined): boolean {
  const tags = list.split(',').map((tag) => tag.trim().replace(/^W\//, '').replaceAll('"', ''));
  return info !== undefined && (tags.includes('*') || tags.includes(info.md5));
}

function preconditionFailed(): AwsFault {
  return new AwsFault('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', 412);
}
