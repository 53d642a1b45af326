import { pipeline, secret } from 'bunsui';
import * as z from 'zod';
import { archive, put } from './operations.ts';

/** Objects of S3 that a job of bunsui's own copies to Azure. */
export default pipeline(
  'archive-shop',
  { input: z.object({ objects: z.int() }), output: z.object({ objects: z.int(), bytes: z.int() }) },
  (p, input) => {
    const there = p.job('put', put, { objects: input.objects });
    const copied = p.job('archive', archive, { prefix: there.out.prefix, toCredentials: secret('archive/connection') });
    p.output({ objects: copied.out.objects, bytes: copied.out.bytes });
  },
);
