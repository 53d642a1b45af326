import { pipeline } from 'bunsui';
import * as z from 'zod';
import { extract, total } from './operations.ts';

/** A job that yields records, and one that goes over them. */
export default pipeline(
  'lines',
  {
    input: z.object({ orders: z.int(), fail: z.boolean().default(false) }),
    output: z.object({ orders: z.int(), amount: z.int() }),
  },
  (p, input) => {
    const orders = p.job('extract', extract, { orders: input.orders, fail: input.fail });
    const sum = p.job('total', total, { orders: orders.out });
    p.output({ orders: orders.out.count, amount: sum.out.amount });
  },
);
