/**
 * Bodies of S3 uploads as they come over the wire: plain or in `aws-chunked` framing, with checksums in headers or
 * in a trailer, all of them checked while the bytes pass through.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 */
import { createHash, type Hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { AwsFault } from './aws-fault.ts';

/** Checksums of an object by the names of their headers: `x-amz-checksum-crc32` → base64. */
export type Checksums = Readonly<Record<string, string>>;

/** What is known of a body once it has been read. */
export interface BodyFacts {
  readonly length: number;
  /** Hexadecimal. */
  readonly md5: string;
  readonly checksums: Checksums;
}

/** S3 takes up to 5 GiB in one request. */
const maxLength = 5 * 1024 ** 3;
const maxLineLength = 16 * 1024;

interface Running {
  update(chunk: Uint8Array): void;
  /** Base64, as in the header. */
  digest(): string;
}

const algorithms: Readonly<Record<string, (() => Running) | undefined>> = {
  'x-amz-checksum-crc32': runningCrc32,
  'x-amz-checksum-sha1': () => runningHash(createHash('sha1')),
  'x-amz-checksum-sha256': () => runningHash(createHash('sha256')),
};

/**
 * Reads an upload and gives its bytes to `write`, chunk by chunk.
 *
 * @throws {AwsFault} `BadDigest`, `XAmzContentSHA256Mismatch`, `IncompleteBody`, … ; what was written must be thrown away then.
 */
export async function readUpload(
  stream: Readable,
  headers: Readonly<Record<string, string>>,
  payloadHash: string,
  write: (chunk: Uint8Array) => Promise<void>,
): Promise<BodyFacts> {
  if (payloadHash.startsWith('STREAMING-') && payloadHash !== 'STREAMING-UNSIGNED-PAYLOAD-TRAILER') {
    throw new AwsFault('NotImplemented', `the payload form ${payloadHash} is not served here`, 501);
  }
  const framed = payloadHash === 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
  const trailerName = headers['x-amz-trailer']?.trim().toLowerCase();
  const expected = new Map(Object.entries(headers).filter(([name]) => /^x-amz-checksum-(crc|sha)/.test(name)));
  const names = [...expected.keys(), ...(trailerName === undefined ? [] : [trailerName])];
  const running = new Map(names.flatMap((name) => (algorithms[name] ? [[name, algorithms[name]()] as const] : [])));
  const md5 = createHash('md5');
  const sha = /^[0-9a-f]{64}$/.test(payloadHash) ? createHash('sha256') : undefined;
  let length = 0;
  const take = async (chunk: Uint8Array) => {
    length += chunk.length;
    if (length > maxLength) throw new AwsFault('EntityTooLarge', `an object may have ${maxLength} bytes`, 400);
    md5.update(chunk);
    sha?.update(chunk);
    for (const checksum of running.values()) checksum.update(chunk);
    await write(chunk);
  };
  if (framed) {
    for (const [name, value] of await readFrames(stream, take)) expected.set(name, value);
  } else {
    for await (const chunk of chunksOf(stream)) await take(chunk);
  }
  const declared = headers['x-amz-decoded-content-length'] ?? (framed ? undefined : headers['content-length']);
  if (declared !== undefined && Number(declared) !== length) {
    throw new AwsFault(
      'IncompleteBody',
      'You did not provide the number of bytes specified by the Content-Length header',
    );
  }
  if (sha !== undefined && sha.digest('hex') !== payloadHash) {
    throw new AwsFault('XAmzContentSHA256Mismatch', "The provided 'x-amz-content-sha256' does not match the body");
  }
  const digest = md5.digest();
  const contentMd5 = headers['content-md5'];
  if (contentMd5 !== undefined && contentMd5 !== digest.toString('base64')) {
    throw new AwsFault('BadDigest', 'The Content-MD5 you specified did not match what we received.');
  }
  const checksums: Record<string, string> = {};
  for (const [name, checksum] of running) {
    const actual = checksum.digest();
    const wanted = expected.get(name);
    if (wanted !== undefined && wanted !== actual) {
      throw new AwsFault('BadDigest', `The ${name} you specified did not match the calculated checksum.`);
    }
    checksums[name] = actual;
  }
  return { length, md5: digest.toString('hex'), checksums };
}

// Not `for await` on the stream itself: leaving that destroys the connection over which the refusal is to be sent.
function chunksOf(stream: Readable): AsyncIterable<Buffer> {
  return stream.iterator({ destroyOnReturn: false });
}

/** Takes the frames off: `<hex>[;…]\r\n<bytes>\r\n … 0\r\n<trailers>\r\n`. Gives the trailers. */
async function readFrames(
  stream: Readable,
  take: (chunk: Uint8Array) => Promise<void>,
): Promise<readonly (readonly [string, string])[]> {
  const trailers: (readonly [string, string])[] = [];
  let phase: 'size' | 'data' | 'data-end' | 'trailer' | 'done' = 'size';
  let left = 0;
  let pending: Buffer = Buffer.alloc(0);
  const bad = () => new AwsFault('InvalidRequest', 'the aws-chunked framing of the body is not well-formed');
  for await (const chunk of chunksOf(stream)) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length > 0 && phase !== 'done') {
      if (phase === 'data') {
        const part = pending.subarray(0, left);
        await take(part);
        left -= part.length;
        pending = pending.subarray(part.length);
        if (left === 0) phase = 'data-end';
        continue;
      }
      const end = pending.indexOf('\r\n');
      if (end > maxLineLength || (end < 0 && pending.length > maxLineLength)) throw bad();
      if (end < 0) break;
      const line = pending.toString('latin1', 0, end);
      pending = pending.subarray(end + 2);
      if (phase === 'data-end') {
        if (line !== '') throw bad();
        phase = 'size';
      } else if (phase === 'size') {
        const size = /^([0-9a-fA-F]{1,12})(;.*)?$/.exec(line)?.[1];
        if (size === undefined) throw bad();
        left = Number.parseInt(size, 16);
        phase = left === 0 ? 'trailer' : 'data';
      } else if (line === '') {
        phase = 'done';
      } else {
        const colon = line.indexOf(':');
        if (colon < 1 || trailers.length > 16) throw bad();
        trailers.push([line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]);
      }
    }
  }
  // Some clients leave out the empty line after the trailers.
  if (phase !== 'done' && phase !== 'trailer') {
    throw new AwsFault('IncompleteBody', 'The request body terminated unexpectedly');
  }
  return trailers;
}

function runningHash(hash: Hash): Running {
  return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest('base64') };
}

function runningCrc32(): Running {
  let value = 0;
  return {
    update: (chunk) => {
      value = crc32(chunk, value);
    },
    digest: () => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      return bytes.toString('base64');
    },
  };
}
