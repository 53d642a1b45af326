import { pipeline } from 'bunsui';
import * as z from 'zod';
import { addUp, chargeAll, order, write } from './operations.ts';

/** Charges orders in batches, and names every one that was refused. */
export default pipeline(
  'batches',
  {
    input: z.object({ orders: z.int(), broken: z.array(z.int()) }),
    output: z.object({ total: z.int(), charged: z.int(), refused: z.array(z.string()) }),
  },
  (p, input) => {
    const written = p.job('write', write, { orders: input.orders, broken: input.broken });
    const batches = p.mapS3(
      'batches',
      { format: 'jsonl', key: written.out.key, item: order },
      (orders, q) => q.job('charge', chargeAll, { orders }),
      { batch: { items: 2_000 }, concurrency: 4 },
    );
    const sum = p.job('add-up', addUp, { results: batches.out.results });
    p.output({ total: batches.out.total, charged: sum.out.charged, refused: sum.out.refused });
  },
);
