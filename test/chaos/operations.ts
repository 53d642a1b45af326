/** Operations that leave a trace of every run outside of bunsui: lines in a file, written before and after the work. */
import { lambda } from 'bunsui';
import * as z from 'zod';

export const trace = lambda('trace', {
  entry: './handlers/trace.ts',
  input: z.object({ file: z.string(), value: z.int(), workMs: z.int() }),
  output: z.object({ value: z.int(), upTo: z.array(z.int()) }),
});

/** Does what the issue of the day is. */
export const misfortune = lambda('misfortune', {
  entry: './handlers/misfortune.ts',
  input: z.object({ kind: z.string() }),
  output: z.object({ fine: z.boolean(), said: z.string().optional(), rest: z.unknown().optional() }),
  timeout: '3s',
  memory: 128,
});
