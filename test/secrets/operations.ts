/** Operations that do with secrets what must not be seen outside. */
import { lambda } from 'bunsui';
import * as z from 'zod';

/** Writes its secrets into its log in every way it finds, and gives what it was told to give. */
export const spill = lambda('spill', {
  entry: './handlers/spill.ts',
  timeout: '60s',
  input: z.object({ secrets: z.record(z.string(), z.string()), give: z.enum(['digests', 'throw', 'leak']) }),
  output: z.object({ digests: z.record(z.string(), z.string()), note: z.string() }),
});
