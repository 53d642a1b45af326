import { pipeline, pluck } from 'bunsui';
import * as z from 'zod';
import { bill } from './operations.ts';
import { orders } from './orders.ts';

/** A pipeline that calls another one for each order, and once more without waiting. */
export default pipeline(
  'day',
  { input: z.object({ orders: z.array(z.string()) }), output: z.object({ total: z.int(), apart: z.string() }) },
  (p, input) => {
    const each = p.map('each', input.orders, (order, q) => q.call('order', orders, { input: { order } }));
    const apart = p.call('apart', orders, { input: { order: 'later' }, wait: false, after: each });
    const billed = p.job('billed', bill, { prices: pluck(each.out, 'price') });
    p.output({ total: billed.out.total, apart: apart.out.session });
  },
);
