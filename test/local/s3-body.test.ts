import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readUpload } from '../../lib/local/s3-body.ts';
import { readXml } from '../../lib/local/xml.ts';

const trailer = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

async function upload(pieces: readonly (string | Buffer)[], headers: Record<string, string>, payloadHash: string) {
  const written: Buffer[] = [];
  try {
    const facts = await readUpload(
      Readable.from(pieces.map((piece) => Buffer.from(piece))),
      headers,
      payloadHash,
      async (chunk) => {
        written.push(Buffer.from(chunk));
      },
    );
    return { text: Buffer.concat(written).toString(), ...facts };
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}

const hello = { text: 'hello world', length: 11, md5: '5eb63bbbe01eeed093cb22bb8f5acdc3' };

describe('an upload', () => {
  it('in frames is the same wherever the pieces are cut', async () => {
    const wire = '5\r\nhello\r\n6;chunk-extension=x\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n';
    const headers = { 'x-amz-trailer': 'x-amz-checksum-crc32', 'x-amz-decoded-content-length': '11' };
    for (let cut = 0; cut <= wire.length; cut += 1) {
      const result = await upload([wire.slice(0, cut), wire.slice(cut)], headers, trailer);
      expect(result).toStrictEqual({ ...hello, checksums: { 'x-amz-checksum-crc32': 'DUoRhQ==' } });
    }
  });

  it.each([
    [
      'a wrong checksum in the trailer',
      ['5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n'],
      { 'x-amz-trailer': 'x-amz-checksum-crc32' },
      trailer,
      'BadDigest',
    ],
    ['no last frame', ['5\r\nhello\r\n'], {}, trailer, 'IncompleteBody'],
    ['a frame that is cut off', ['ff\r\nhello'], {}, trailer, 'IncompleteBody'],
    ['no frames', ['hello\r\n'], {}, trailer, 'InvalidRequest'],
    ['a frame longer than it says', ['2\r\nhello\r\n'], {}, trailer, 'InvalidRequest'],
    ['a line without end', ['5'.repeat(40_000)], {}, trailer, 'InvalidRequest'],
    ['another length than declared', ['hello'], { 'content-length': '6' }, 'UNSIGNED-PAYLOAD', 'IncompleteBody'],
    [
      'another content than signed',
      ['hello'],
      {},
      createHash('sha256').update('other').digest('hex'),
      'XAmzContentSHA256Mismatch',
    ],
    ['another MD5', ['hello'], { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' }, 'UNSIGNED-PAYLOAD', 'BadDigest'],
    ['another SHA-256', ['hello'], { 'x-amz-checksum-sha256': 'AAAA' }, 'UNSIGNED-PAYLOAD', 'BadDigest'],
    ['another SHA-1', ['hello'], { 'x-amz-checksum-sha1': 'AAAA' }, 'UNSIGNED-PAYLOAD', 'BadDigest'],
    ['signed frames', ['hello'], {}, 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'NotImplemented'],
  ])('with %s is refused', async (_what, pieces, headers, payloadHash, code) => {
    expect(await upload(pieces, headers as Record<string, string>, payloadHash)).toBe(code);
  });
});

describe('reading XML', () => {
  it('gives elements, text and references', () => {
    expect(readXml('<?xml version="1.0"?><a x="1"><b>1 &lt; 2 &#233;&#x1F600;</b><c/></a>')).toStrictEqual({
      name: 'a',
      text: '',
      children: [
        { name: 'b', text: '1 < 2 é\u{1f600}', children: [] },
        { name: 'c', text: '', children: [] },
      ],
    });
  });

  it.each([
    '',
    '<a>',
    '<a></b>',
    '<a/><b/>',
    '</a>',
    '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    '<a'.repeat(10),
    '<a>'.repeat(50) + '</a>'.repeat(50),
  ])('refuses %j', (text) => {
    expect(readXml(text)).toBeUndefined();
  });
});
