import { lambda } from 'bunsui';
import * as z from 'zod';

export const work = lambda('work', {
  entry: './handlers/work.ts',
  timeout: '5m',
  input: z.object({ seconds: z.number(), until: z.string(), fail: z.boolean() }),
  output: z.object({ done: z.boolean() }),
});

export const note = lambda('note', {
  entry: './handlers/note.ts',
  timeout: '5m',
  input: z.object({ what: z.string(), wait: z.boolean() }),
  output: z.object({ what: z.string(), code: z.string() }),
});
