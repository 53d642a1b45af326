import { lambda } from 'bunsui';
import * as z from 'zod';

export const load = lambda('load', {
  entry: './handlers/load.ts',
  timeout: '2m',
  memory: 256,
  environment: { MODE: 'fast', BUNSUI_BUCKET: 'not-theirs-to-set' },
  input: z.object({ date: z.string() }),
  output: z.object({ rows: z.int() }),
});

export const tidy = lambda('tidy', {
  entry: './handlers/tidy.ts',
  input: z.object({ rows: z.int() }),
  output: z.object({ kept: z.int() }),
});
