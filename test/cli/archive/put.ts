import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { storage } from 'bunsui/storage';
import { put } from './operations.ts';

export const handler = put.handler(async ({ objects }) => {
  await new S3Client({ forcePathStyle: true }).send(new CreateBucketCommand({ Bucket: 'exports' }));
  const store = storage('s3://exports/shop');
  for (let index = 0; index < objects; index += 1) await store.write(`monday/${index}.txt`, `object ${index}`);
  await store.write('tuesday.txt', 'not on monday');
  return { prefix: 'monday/' };
});
