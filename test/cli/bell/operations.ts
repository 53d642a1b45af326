import { lambda } from 'bunsui';
import * as z from 'zod';

/** Gives back what it is given. */
export const ring = lambda('ring', {
  entry: './ring.ts',
  input: z.object({ what: z.string() }),
  output: z.object({ rung: z.string() }),
});

/** Takes its time. */
export const nap = lambda('nap', { entry: './nap.ts', input: z.object({ ms: z.int() }), output: z.object({}) });
