import { lambda } from 'bunsui';
import * as z from 'zod';

export const work = lambda('work', {
  entry: './handlers/work.ts',
  timeout: '1m',
  input: z.object({ seconds: z.number(), fail: z.boolean() }),
  output: z.object({ done: z.boolean() }),
});
