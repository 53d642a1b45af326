import { lambda } from 'bunsui';
import * as z from 'zod';

const order = z.object({ order: z.string() });

export const price = lambda('price', { entry: './price.ts', input: order, output: z.object({ price: z.int() }) });
export const bill = lambda('bill', {
  entry: './bill.ts',
  input: z.object({ prices: z.array(z.int()) }),
  output: z.object({ total: z.int() }),
});
