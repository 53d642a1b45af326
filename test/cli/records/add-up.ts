import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import * as z from 'zod';
import { addUp, chargeAll } from './operations.ts';

const manifest = z.object({ ResultFiles: z.object({ SUCCEEDED: z.array(z.object({ Key: z.string() })) }) });

export const handler = addUp.handler(async ({ results: { bucket, key } }) => {
  const s3 = new S3Client({ forcePathStyle: true });
  const body = async (Key: string) => (await s3.send(new GetObjectCommand({ Bucket: bucket, Key }))).Body;
  const { ResultFiles } = manifest.parse(JSON.parse((await (await body(key))?.transformToString()) ?? ''));
  let charged = 0;
  const refused: string[] = [];
  for (const { Key } of ResultFiles.SUCCEEDED)
    for await (const line of createInterface({ input: (await body(Key)) as Readable })) {
      const left = z.parse(chargeAll.output, JSON.parse(line)) as { charged: number; refused: { id: string }[] };
      charged += left.charged;
      refused.push(...left.refused.map(({ id }) => id));
    }
  return { charged, refused };
});
