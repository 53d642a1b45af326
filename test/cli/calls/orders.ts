import { pipeline } from 'bunsui';
import * as z from 'zod';
import { price } from './operations.ts';

export const orders = pipeline(
  'orders',
  { input: z.object({ order: z.string(), currency: z.string().default('eur') }), output: z.object({ price: z.int() }) },
  (p, input) => {
    const priced = p.job('priced', price, { order: input.order });
    p.output({ price: priced.out.price });
  },
);
