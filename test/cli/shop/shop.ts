/** Counts orders, waits if it is told to, prices each, sums up when there are any. */
import { gt, orElse, pipeline, pluck, sum } from 'bunsui';
import * as z from 'zod';
import { count, hold, price } from './operations.ts';

export default pipeline(
  'shop',
  {
    input: z.object({
      orders: z.int().min(0).max(50).default(2),
      flaw: z.enum(['none', 'flaky', 'broken']).default('none'),
      folder: z.string().default(''),
    }),
    output: z.object({
      total: z.number(),
      prices: z.array(price.output).readonly(),
      held: z.boolean(),
    }),
  },
  (p, input) => {
    const counted = p.job('count', count, { orders: input.orders });
    const held = p.job('hold', hold, { orders: counted.out.orders, folder: input.folder });
    const prices = p.map(
      'prices',
      counted.out.orders,
      (order, q) => q.job('price', price, { order, flaw: input.flaw }),
      { after: [held] },
    );
    p.job('recount', count, { orders: 1 }, { after: [prices], when: gt(input.orders, 10) });
    p.output({ total: orElse(sum(pluck(prices.out, 'total')), 0), prices: prices.out, held: held.out.held });
  },
);
