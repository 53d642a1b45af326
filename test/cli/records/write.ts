import { Readable } from 'node:stream';
import { S3Client } from '@aws-sdk/client-s3';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { write } from './operations.ts';

export const handler = write.handler(async ({ orders, broken }, { session }) => {
  const bad = new Set(broken);
  const line = (index: number) => `${JSON.stringify({ id: `order-${index}`, amount: bad.has(index) ? -1 : index })}\n`;
  let length = 0;
  for (let index = 0; index < orders; index += 1) length += Buffer.byteLength(line(index));
  // Chunks of some size: a line each would be a write each.
  function* chunks() {
    for (let from = 0; from < orders; from += 1_000)
      yield Array.from({ length: Math.min(1_000, orders - from) }, (_, index) => line(from + index)).join('');
  }
  const key = `orders/${session}.jsonl`;
  const place = { Bucket: process.env['BUNSUI_BUCKET'], Key: key };
  await new S3Client({ forcePathStyle: true }).send(
    new PutObjectCommand({ ...place, Body: Readable.from(chunks()), ContentLength: length }),
  );
  return { key };
});
