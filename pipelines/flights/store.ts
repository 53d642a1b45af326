/** Store: tables and texts as objects in the bucket, all of one session under `data/flights/<session>/`. */
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';

/** Path-style addresses (`endpoint/bucket/key`) work on AWS and on endpoints that have no name per bucket. */
const s3 = new S3Client({ forcePathStyle: true });

/** Writes a text and returns its key. A retry writes the same key again. */
export async function writeText(session: string, name: string, text: string): Promise<string> {
  const key = `data/flights/${session}/${name}`;
  await s3.send(new PutObjectCommand({ Bucket: ourBucket(), Key: key, Body: text, ContentType: contentType(name) }));
  return key;
}

/** Reads a text, from our bucket unless another one is named. */
export async function readText(key: string, bucket: string = ourBucket()): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  if (!Body) throw new Error(`s3://${bucket}/${key} has no content`);
  return Body.transformToString();
}

/** Writes a table, one JSON object per line, and returns its key. */
export async function writeRows(session: string, name: string, rows: readonly object[]): Promise<string> {
  return writeText(session, name, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

/** Reads a table that `writeRows` wrote; the caller says which. */
export async function readRows<Row>(key: string): Promise<Row[]> {
  const text = await readText(key);
  return JSON.parse(`[${text.trimEnd().replaceAll('\n', ',')}]`) as Row[];
}

function ourBucket(): string {
  const bucket = process.env['BUNSUI_BUCKET'];
  if (!bucket) throw new Error('BUNSUI_BUCKET is not set: it names the bucket that data is kept in');
  return bucket;
}

function contentType(name: string): string {
  if (name.endsWith('.csv')) return 'text/csv; charset=utf-8';
  return name.endsWith('.jsonl') ? 'application/x-ndjson' : 'application/json';
}
