import { setTimeout } from 'node:timers/promises';
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';

/** Until somebody puts the object `data/collect/go-{what}`. */
export async function waitForGo(what: string): Promise<void> {
  const s3 = new S3Client({ forcePathStyle: true });
  const place = { Bucket: process.env['BUNSUI_BUCKET'] ?? '', Key: `data/collect/go-${what}` };
  for (;;) {
    const there = await s3.send(new HeadObjectCommand(place)).then(
      () => true,
      () => false,
    );
    if (there) return;
    await setTimeout(200);
  }
}
