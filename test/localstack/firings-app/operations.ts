import { lambda } from 'bunsui';
import * as z from 'zod';

export const note = lambda('note', {
  entry: './handlers/note.ts',
  timeout: '2m',
  input: z.object({ what: z.string(), wait: z.boolean() }),
  output: z.object({ what: z.string(), code: z.string() }),
});
