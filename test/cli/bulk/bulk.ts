/** More than one history holds, by what its lists may have: child machines run it, though a run has a handful of jobs. */
import { add, pipeline, pluck, sum } from 'bunsui';
import * as z from 'zod';
import { hold, price } from '../shop/operations.ts';

export default pipeline(
  'bulk',
  {
    input: z.object({
      folder: z.string().default(''),
      flaw: z.enum(['none', 'flaky', 'broken']).default('none'),
      first: z.array(z.int()).max(2_000).default([1]),
      second: z.array(z.int()).max(3_000).default([2, 3]),
    }),
    output: z.object({ total: z.number() }),
  },
  (p, input) => {
    const first = p.map('first', input.first, (order, q) => {
      const held = q.job('hold', hold, { orders: [], folder: input.folder });
      return q.job('price', price, { order, flaw: 'none' }, { after: [held] });
    });
    const second = p.map('second', input.second, (order, q) => q.job('reprice', price, { order, flaw: input.flaw }), {
      after: [first],
    });
    p.output({ total: add(sum(pluck(first.out, 'total')), sum(pluck(second.out, 'total'))) });
  },
);
