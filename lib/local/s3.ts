/**
 * S3, path-style, as far as pipelines use it: buckets, put, upload in parts, get with range, head, list, delete, copy.
 * Whatever else is asked answers `NotImplemented` and is named in the log.
 */
import { type AwsAnswer, AwsFault } from './aws-fault.ts';
import type { AwsRequest, Service } from './http.ts';
import { isBucketName } from './object-paths.ts';
import type { KeyCursor, ObjectInfo, ObjectStore } from './object-store.ts';
import type { Uploads } from './object-uploads.ts';
import type { RuntimeLog } from './runtime-log.ts';
import { readUpload } from './s3-body.ts';
import {
  checkCopyCondition,
  checkPutCondition,
  etagOf,
  isWanted,
  unexpectedOwner,
  unservedHeaders,
} from './s3-headers.ts';
import { childText, element, readXml, type Xml, xmlDocument } from './xml.ts';

const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/';
const maxXmlBytes = 2 * 1024 * 1024;
const keptHeaders =
  /^(content-type|cache-control|content-disposition|content-encoding|content-language|expires|x-amz-meta-[\w-]+)$/;
const maxKeyBytes = 1024;
const signatureParameters =
  /^X-Amz-(Algorithm|Credential|Date|Expires|SignedHeaders|Signature|Security-Token|Content-Sha256|User-Agent)$/;
const listParameters = 'list-type prefix delimiter continuation-token start-after max-keys encoding-type fetch-owner';

interface Call {
  readonly request: AwsRequest;
  readonly store: ObjectStore;
  readonly uploads: Uploads;
  readonly region: string;
  readonly bucket: string;
  readonly key: string;
  /** Names something in the log, and gives the refusal of it. */
  readonly refuse: (what: string) => AwsFault;
}

/** The S3 service over a store. */
export function s3Service(
  store: ObjectStore,
  uploads: Uploads,
  place: { readonly region: string; readonly accountId: string },
  log: RuntimeLog,
): Service {
  const refuse = (what: string, { bucket, key }: Call) => {
    log('warn', `unsupported S3 call: ${what}`, { bucket, key });
    return new AwsFault('NotImplemented', `A header, parameter or operation is not served here: ${what}`, 501);
  };
  return {
    protocol: 'rest-xml',
    streams: true,
    async handle(request) {
      const [bucket = '', ...rest] = request.path.slice(1).split('/');
      const call: Call = {
        request,
        store,
        uploads,
        region: place.region,
        bucket,
        key: decodePath(rest.join('/')),
        refuse: (what) => refuse(`${operationOf(call)} ${what}`, call),
      };
      const operation = operationOf(call);
      const known = knownParameters(operation);
      const unserved = [
        ...[...request.query.keys()]
          .filter((name) => !known.has(name) && !signatureParameters.test(name))
          .map((name) => `?${name}`),
        ...unservedHeaders(operation, request.headers),
      ];
      const handler = operations[operation];
      if (handler === undefined || unserved.length > 0) throw refuse([operation, ...unserved].join(' '), call);
      const owner = unexpectedOwner(request.headers, place.accountId);
      if (owner !== undefined) {
        log('warn', `refused S3 call: ${operation} of a bucket of ${owner}`, { bucket, key: call.key });
        throw new AwsFault('AccessDenied', `Access Denied: all buckets here are owned by ${place.accountId}`, 403);
      }
      if (operation !== 'ListBuckets' && !isBucketName(bucket)) {
        throw new AwsFault('InvalidBucketName', 'The specified bucket is not valid.', 400);
      }
      checkKeyLength(call.key);
      if (!['ListBuckets', 'CreateBucket'].includes(operation) && !(await store.hasBucket(bucket))) {
        throw noSuchBucket();
      }
      return handler(call);
    },
  };
}

function operationOf({ request, bucket, key }: Call): string {
  const { method, query, headers } = request;
  if (bucket === '') return method === 'GET' ? 'ListBuckets' : `${method} /`;
  if (key === '') {
    if (method === 'GET' && query.has('location')) return 'GetBucketLocation';
    if (method === 'GET' && query.get('list-type') === '2') return 'ListObjectsV2';
    if (method === 'POST' && query.has('delete')) return 'DeleteObjects';
    return { PUT: 'CreateBucket', HEAD: 'HeadBucket' }[method] ?? `${method} bucket`;
  }
  if (method === 'POST' && query.has('uploads')) return 'CreateMultipartUpload';
  if (query.has('uploadId')) {
    if (method === 'PUT' && headers['x-amz-copy-source'] === undefined) return 'UploadPart';
    return { POST: 'CompleteMultipartUpload', DELETE: 'AbortMultipartUpload' }[method] ?? `${method} upload`;
  }
  if (method === 'PUT') return headers['x-amz-copy-source'] === undefined ? 'PutObject' : 'CopyObject';
  return { GET: 'GetObject', HEAD: 'HeadObject', DELETE: 'DeleteObject' }[method] ?? `${method} object`;
}

function knownParameters(operation: string): ReadonlySet<string> {
  const own: Record<string, string> = {
    ListObjectsV2: listParameters,
    DeleteObjects: 'delete',
    GetBucketLocation: 'location',
    CreateMultipartUpload: 'uploads',
    UploadPart: 'uploadId partNumber',
    CompleteMultipartUpload: 'uploadId',
    AbortMultipartUpload: 'uploadId',
  };
  return new Set(['x-id', ...(own[operation]?.split(' ') ?? [])]);
}

const operations: Readonly<Record<string, ((call: Call) => Promise<AwsAnswer>) | undefined>> = {
  async ListBuckets({ store }) {
    const buckets = (await store.buckets()).map(({ name, createdMs }) =>
      element('Bucket', [element('Name', name), element('CreationDate', new Date(createdMs).toISOString())]),
    );
    const owner = element('Owner', [element('ID', 'bunsui')]);
    return xmlAnswer(element('ListAllMyBucketsResult', [owner, element('Buckets', buckets)]));
  },

  async CreateBucket({ store, bucket, request, region, refuse }) {
    const body = await readSmall(request);
    const root = body === '' ? undefined : readXml(body);
    if (body !== '' && root?.name !== 'CreateBucketConfiguration') {
      throw new AwsFault('MalformedXML', 'The XML you provided was not well-formed', 400);
    }
    for (const { name, text } of root?.children ?? []) {
      if (name !== 'LocationConstraint') throw refuse(name);
      if (text !== region) {
        throw new AwsFault('IllegalLocationConstraintException', `the region here is ${region}, not ${text}`, 400);
      }
    }
    if ((await store.createBucket(bucket)) === 'exists') {
      throw new AwsFault(
        'BucketAlreadyOwnedByYou',
        'Your previous request to create the named bucket succeeded and you already own it.',
        409,
      );
    }
    return emptyAnswer(200, { location: `/${bucket}` });
  },

  async HeadBucket({ region }) {
    return emptyAnswer(200, { 'x-amz-bucket-region': region });
  },

  async GetBucketLocation({ region }) {
    return xmlAnswer(element('LocationConstraint', region === 'us-east-1' ? '' : region));
  },

  async PutObject({ store, bucket, key, request }) {
    const { headers } = request;
    const info = await store.put(
      bucket,
      key,
      describedBy(headers),
      (write) => readUpload(request.stream, headers, request.payloadHash, write),
      (current) => checkPutCondition(headers, current),
    );
    return emptyAnswer(200, { etag: etagOf(info), ...info.checksums });
  },

  async CreateMultipartUpload({ uploads, bucket, key, request }) {
    const upload = await uploads.begin(bucket, key, describedBy(request.headers));
    const fields = [element('Bucket', bucket), element('Key', key), element('UploadId', upload)];
    return xmlAnswer(element('InitiateMultipartUploadResult', fields));
  },

  async UploadPart({ uploads, bucket, key, request }) {
    const { query, headers } = request;
    const at = { bucket, key, upload: query.get('uploadId') ?? '', number: Number(query.get('partNumber')) };
    const part = await uploads.part(at, (write) => readUpload(request.stream, headers, request.payloadHash, write));
    return emptyAnswer(200, { etag: `"${part.md5}"`, ...part.checksums });
  },

  async CompleteMultipartUpload({ store, uploads, bucket, key, request }) {
    const upload = request.query.get('uploadId') ?? '';
    const root = readXml(await readSmall(request));
    const parts = (root?.children ?? []).map((part) => ({
      number: Number(childText(part, 'PartNumber')),
      md5: (childText(part, 'ETag') ?? '').replaceAll('"', ''),
    }));
    if (root?.name !== 'CompleteMultipartUpload' || parts.length === 0 || parts.length > 10_000) {
      throw new AwsFault('MalformedXML', 'The XML you provided was not well-formed', 400);
    }
    const { headers, fill } = await uploads.complete(bucket, key, upload, parts);
    const info = await store.put(bucket, key, headers, fill, (current) => checkPutCondition(request.headers, current));
    await uploads.end(bucket, key, upload);
    const fields = [element('Bucket', bucket), element('Key', key), element('ETag', etagOf(info))];
    return xmlAnswer(element('CompleteMultipartUploadResult', fields));
  },

  async AbortMultipartUpload({ uploads, bucket, key, request }) {
    await uploads.end(bucket, key, request.query.get('uploadId') ?? '');
    return emptyAnswer(204, {});
  },

  async GetObject({ store, bucket, key, request }) {
    const object = existing(await store.open(bucket, key));
    try {
      const { info } = object;
      const condition = unmetCondition(request.headers, info);
      if (condition !== undefined) return condition;
      const range = rangeOf(request.headers['range'], info.size);
      const headers = objectHeaders(info, request, range !== undefined);
      const [start, end] = range ?? [0, info.size - 1];
      return {
        status: range === undefined ? 200 : 206,
        headers: {
          ...headers,
          'content-length': String(end - start + 1),
          ...(range && { 'content-range': `bytes ${start}-${end}/${info.size}` }),
        },
        body: object.read(start, end),
      };
    } finally {
      await object.done();
    }
  },

  async HeadObject({ store, bucket, key, request }) {
    const info = existing(await store.info(bucket, key));
    const condition = unmetCondition(request.headers, info);
    if (condition !== undefined) return condition;
    const headers = { ...objectHeaders(info, request, false), 'content-length': String(info.size) };
    return { status: 200, headers, body: new Uint8Array() };
  },

  async ListObjectsV2(call) {
    return xmlAnswer(await listObjects(call));
  },

  async DeleteObject({ store, bucket, key }) {
    await store.remove(bucket, key);
    return emptyAnswer(204, {});
  },

  async DeleteObjects({ store, bucket, request, refuse }) {
    const root = readXml(await readSmall(request));
    const objects = root?.children.filter(({ name }) => name === 'Object');
    const keys = objects?.map((object) => childText(object, 'Key'));
    if (root?.name !== 'Delete' || !keys || keys.length === 0 || keys.length > 1000 || keys.includes(undefined)) {
      throw new AwsFault('MalformedXML', 'The XML you provided was not well-formed', 400);
    }
    const others = [
      ...root.children.filter(({ name }) => name !== 'Object' && name !== 'Quiet'),
      ...(objects?.flatMap(({ children }) => children.filter(({ name }) => name !== 'Key')) ?? []),
    ];
    if (others.length > 0) throw refuse([...new Set(others.map(({ name }) => name))].join(' '));
    const quiet = childText(root, 'Quiet') === 'true';
    const deleted: Xml[] = [];
    const failed: Xml[] = [];
    for (const key of keys) {
      if (key === undefined) continue;
      try {
        checkKeyLength(key);
      } catch (error) {
        if (!(error instanceof AwsFault)) throw error;
        const { code, message } = error;
        failed.push(element('Error', [element('Key', key), element('Code', code), element('Message', message)]));
        continue;
      }
      await store.remove(bucket, key);
      deleted.push(element('Deleted', [element('Key', key)]));
    }
    return xmlAnswer(element('DeleteResult', [...(quiet ? [] : deleted), ...failed]));
  },

  async CopyObject({ store, bucket, key, request, refuse }) {
    const [path = '', version] = (request.headers['x-amz-copy-source'] ?? '').split('?');
    if (version !== undefined) throw refuse(`x-amz-copy-source: ?${version}`);
    const source = decodePath(path.replace(/^\//, ''));
    const at = source.indexOf('/');
    const [fromBucket, fromKey] = [source.slice(0, at), source.slice(at + 1)];
    if (at < 1 || fromKey === '' || !isBucketName(fromBucket)) {
      throw new AwsFault('InvalidArgument', 'Copy Source must mention the source bucket and key', 400);
    }
    checkKeyLength(fromKey);
    if (!(await store.hasBucket(fromBucket))) throw noSuchBucket();
    const object = existing(await store.open(fromBucket, fromKey));
    const from = object.info;
    try {
      checkCopyCondition(request.headers, from);
    } catch (error) {
      await object.done();
      throw error;
    }
    const replace = request.headers['x-amz-metadata-directive'] === 'REPLACE';
    const info = await store
      .put(
        bucket,
        key,
        replace ? describedBy(request.headers) : from.headers,
        async (write) => {
          for await (const chunk of object.read(0, from.size - 1)) await write(chunk as Buffer);
          return { length: from.size, md5: from.md5, checksums: from.checksums };
        },
        (current) => checkPutCondition(request.headers, current),
      )
      .finally(() => object.done());
    const modified = element('LastModified', new Date(info.modifiedMs).toISOString());
    return xmlAnswer(element('CopyObjectResult', [modified, element('ETag', etagOf(info))]));
  },
};

function noSuchBucket(): AwsFault {
  return new AwsFault('NoSuchBucket', 'The specified bucket does not exist', 404);
}

function checkKeyLength(key: string): void {
  if (Buffer.byteLength(key) > maxKeyBytes) throw new AwsFault('KeyTooLongError', 'Your key is too long', 400);
}

function existing<T>(found: T | undefined): T {
  if (found === undefined) throw new AwsFault('NoSuchKey', 'The specified key does not exist.', 404);
  return found;
}

async function listObjects({ store, bucket, request }: Call): Promise<Xml> {
  const { query } = request;
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const token = query.get('continuation-token');
  const encodes = query.get('encoding-type') === 'url';
  const maxKeys = Number(query.get('max-keys') ?? '1000');
  if (!Number.isInteger(maxKeys) || maxKeys < 0) {
    throw new AwsFault('InvalidArgument', 'max-keys must be an integer between 0 and 2147483647', 400);
  }
  const encoding = query.get('encoding-type') ?? 'url';
  if (encoding !== 'url') throw new AwsFault('InvalidArgument', `encoding-type can only be url, not ${encoding}`, 400);
  const owner = query.get('fetch-owner') === 'true' ? [element('Owner', [element('ID', 'bunsui')])] : [];
  const after = token === null ? (query.get('start-after') ?? '') : readToken(token);
  const cursor: KeyCursor = { prefix, after };
  const limit = Math.min(maxKeys, 1000);
  const text = (value: string) => (encodes ? encodeURIComponent(value).replaceAll('%2F', '/') : value);
  const found: { readonly last: string; readonly xml: () => Promise<Xml | undefined> }[] = [];
  let truncated = false;
  for await (const key of store.keys(bucket, cursor)) {
    if (cursor.skip !== undefined && key.startsWith(cursor.skip)) continue;
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    const common = cut < 0 ? undefined : key.slice(0, cut + delimiter.length);
    // A page may end with a common prefix: its other keys come after it and are not to begin the next page.
    if (common !== undefined && after.startsWith(common) && token !== null) {
      cursor.skip = common;
      continue;
    }
    if (found.length === limit) {
      truncated = limit > 0;
      break;
    }
    if (common === undefined) {
      found.push({ last: key, xml: () => contentsOf(store, bucket, key, text, owner) });
    } else {
      cursor.skip = common;
      found.push({ last: common, xml: async () => element('CommonPrefixes', [element('Prefix', text(common))]) });
    }
  }
  const entries = (await Promise.all(found.map(({ xml }) => xml()))).filter((xml) => xml !== undefined);
  return element('ListBucketResult', [
    element('Name', bucket),
    element('Prefix', text(prefix)),
    ...(delimiter === '' ? [] : [element('Delimiter', text(delimiter))]),
    ...(encodes ? [element('EncodingType', 'url')] : []),
    element('MaxKeys', maxKeys),
    element('KeyCount', entries.length),
    element('IsTruncated', truncated),
    ...(token === null ? [] : [element('ContinuationToken', token)]),
    ...(truncated ? [element('NextContinuationToken', writeToken(found.at(-1)?.last ?? ''))] : []),
    ...entries,
  ]);
}

async function contentsOf(
  store: ObjectStore,
  bucket: string,
  key: string,
  text: (value: string) => string,
  owner: readonly Xml[],
) {
  const info = await store.info(bucket, key);
  return (
    info &&
    element('Contents', [
      element('Key', text(key)),
      element('LastModified', new Date(info.modifiedMs).toISOString()),
      element('ETag', etagOf(info)),
      element('Size', info.size),
      ...owner,
      element('StorageClass', 'STANDARD'),
    ])
  );
}

function writeToken(last: string): string {
  return Buffer.from(last).toString('base64url');
}

function readToken(token: string): string {
  const last = Buffer.from(token, 'base64url').toString();
  if (token === '' || writeToken(last) !== token) {
    throw new AwsFault('InvalidArgument', 'The continuation token provided is incorrect', 400);
  }
  return last;
}

/** What a conditional read answers instead of the object. */
function unmetCondition(headers: Readonly<Record<string, string>>, info: ObjectInfo): AwsAnswer | undefined {
  if (isWanted(headers, info)) return undefined;
  return { status: 304, headers: { etag: etagOf(info) }, body: new Uint8Array() };
}

function objectHeaders(info: ObjectInfo, request: AwsRequest, partial: boolean): Record<string, string> {
  const checked = request.headers['x-amz-checksum-mode'] === 'ENABLED' && !partial;
  return {
    ...info.headers,
    etag: etagOf(info),
    'last-modified': new Date(info.modifiedMs).toUTCString(),
    'accept-ranges': 'bytes',
    ...(checked && info.checksums),
  };
}

/** First and last byte, both included; `undefined` for the whole. Several ranges and other units are passed over, as S3 does. */
function rangeOf(header: string | undefined, size: number): readonly [number, number] | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return undefined;
  const [, from = '', to = ''] = match;
  const start = from === '' ? Math.max(size - Number(to), 0) : Number(from);
  const end = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1);
  if (start >= size || end < start || (from === '' && Number(to) === 0)) {
    throw new AwsFault('InvalidRange', 'The requested range is not satisfiable', 416);
  }
  return [start, end];
}

function describedBy(headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => keptHeaders.test(name));
  // The framing is taken off, so it is no encoding of what is stored.
  const plain = kept.map(([name, value]) =>
    name === 'content-encoding' ? ([name, value.replace(/^aws-chunked,?\s*/, '')] as const) : ([name, value] as const),
  );
  const described = plain.filter(([, value]) => value !== '');
  return { 'content-type': 'application/octet-stream', ...Object.fromEntries(described) };
}

async function readSmall(request: AwsRequest): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  await readUpload(request.stream, request.headers, request.payloadHash, async (chunk) => {
    length += chunk.length;
    if (length > maxXmlBytes) throw new AwsFault('MalformedXML', 'The XML you provided was too large', 400);
    chunks.push(Uint8Array.from(chunk));
  });
  return Buffer.concat(chunks).toString('utf8');
}

function decodePath(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new AwsFault('InvalidURI', "Couldn't parse the specified URI.", 400);
  }
}

function xmlAnswer(root: Xml): AwsAnswer {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: xmlDocument(root, namespace) };
}

function emptyAnswer(status: number, headers: Record<string, string>): AwsAnswer {
  return {
    status,
    headers: { 'content-length': '0', 'content-type': 'application/xml', ...headers },
    body: new Uint8Array(),
  };
}
