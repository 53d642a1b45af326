import { jsonLines, lambda } from 'bunsui';
import * as z from 'zod';

export const order = z.object({ id: z.int(), amount: z.int() });

export const extract = lambda('extract', {
  entry: './extract.ts',
  input: z.object({ orders: z.int(), fail: z.boolean() }),
  output: jsonLines(order),
  retry: { max: 1, delay: 1 },
});
export const total = lambda('total', {
  entry: './total.ts',
  input: z.object({ orders: jsonLines(order) }),
  output: z.object({ amount: z.int() }),
});
