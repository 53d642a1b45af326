import { setTimeout } from 'node:timers/promises';
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { note } from '../operations.ts';

/** Until somebody puts the object `data/firings/go`. */
async function waitForGo(): Promise<void> {
  const s3 = new S3Client({ forcePathStyle: true });
  const place = { Bucket: process.env['BUNSUI_BUCKET'] ?? '', Key: 'data/firings/go' };
  for (;;) {
    const there = await s3.send(new HeadObjectCommand(place)).then(
      () => true,
      () => false,
    );
    if (there) return;
    await setTimeout(200);
  }
}

export const handler = note.handler(async ({ what, wait }) => {
  if (wait) await waitForGo();
  return { what, code: process.env['CODE'] ?? 'first' };
});
