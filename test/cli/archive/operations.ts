import { lambda, storageCopy } from 'bunsui';
import * as z from 'zod';

export const put = lambda('put', {
  entry: './put.ts',
  input: z.object({ objects: z.int() }),
  output: z.object({ prefix: z.string() }),
});
export const archive = storageCopy('archive', { from: 's3://exports/shop', to: 'az://archive/shop', concurrency: 3 });
