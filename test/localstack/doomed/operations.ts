import { lambda } from 'bunsui';
import * as z from 'zod';

export const load = lambda('load', {
  entry: './handlers/load.ts',
  timeout: '1m',
  input: z.object({ reason: z.string() }),
  output: z.object({ rows: z.int() }),
});
