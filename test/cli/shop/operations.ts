/** Contracts of a small pipeline that command-line tests run. */
import { lambda } from 'bunsui';
import * as z from 'zod';

export const count = lambda('count', {
  entry: './count.ts',
  input: z.object({ orders: z.int() }),
  output: z.object({ orders: z.array(z.int()) }),
});

/** Notes each of its runs in a file; waits until another file is there. */
export const hold = lambda('hold', {
  entry: './hold.ts',
  timeout: '60s',
  input: z.object({ orders: z.array(z.int()), folder: z.string() }),
  output: z.object({ held: z.boolean() }),
});

export const price = lambda('price', {
  entry: './price.ts',
  retry: { max: 1, delay: '1s' },
  input: z.object({ order: z.int(), flaw: z.enum(['none', 'flaky', 'broken']) }),
  output: z.object({ order: z.int(), total: z.number() }),
});
