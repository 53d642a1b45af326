/** What the image would hold: it reads its input from S3 and leaves its output there, with the SDK of its choice. */
import { writeFileSync } from 'node:fs';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';

const { BUNSUI_BUCKET: Bucket = '', BUNSUI_INPUT_KEY = '', BUNSUI_OUTPUT_KEY = '', UNIT } = process.env;
const s3 = new S3Client({ forcePathStyle: true });

async function read(): Promise<{ readonly words: readonly string[] }> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: BUNSUI_INPUT_KEY }));
  return JSON.parse((await Body?.transformToString()) ?? '');
}

const write = (output: object) =>
  s3.send(new PutObjectCommand({ Bucket, Key: BUNSUI_OUTPUT_KEY, Body: JSON.stringify(output) }));

switch (process.argv[2]) {
  case 'count': {
    const { words } = await read();
    console.log(`counting ${words.length} words`);
    console.error('slowly');
    await write({ total: words.join('').length, unit: UNIT, more: 1 });
    break;
  }
  case 'wrong':
    await write({ total: 'many' });
    break;
  case 'broken':
    console.error('out of paper');
    process.exitCode = 3;
    break;
  case 'endless':
    writeFileSync((await read()).words[0] ?? '', String(process.pid));
    setInterval(() => {}, 1_000);
}
