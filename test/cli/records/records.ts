import { pipeline } from 'bunsui';
import * as z from 'zod';
import { charge, order, write } from './operations.ts';

/** Charges each order by itself. */
export default pipeline(
  'records',
  {
    input: z.object({ orders: z.int(), broken: z.array(z.int()).default([]), rate: z.int().default(3) }),
    output: z.object({ total: z.int(), succeeded: z.int(), failed: z.int() }),
  },
  (p, input) => {
    const written = p.job('write', write, { orders: input.orders, broken: input.broken });
    const charged = p.mapS3(
      'charged',
      { format: 'jsonl', key: written.out.key, item: order },
      (one, q) => q.job('charge', charge, { id: one.id, amount: one.amount, rate: input.rate }),
      { concurrency: 4, tolerate: { count: 2 } },
    );
    p.output({ total: charged.out.total, succeeded: charged.out.succeeded, failed: charged.out.failed });
  },
);
