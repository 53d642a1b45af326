import { lambda } from 'bunsui';
import * as z from 'zod';

export const order = z.object({ id: z.string(), amount: z.int() });

/** Writes so many orders as JSON Lines to the platform's bucket. One whose number is in `broken` has a negative amount. */
export const write = lambda('write', {
  entry: './write.ts',
  input: z.object({ orders: z.int(), broken: z.array(z.int()) }),
  output: z.object({ key: z.string() }),
});

export const charge = lambda('charge', {
  entry: './charge.ts',
  input: order.extend({ rate: z.int() }),
  output: z.object({ id: z.string(), charged: z.int() }),
});

/** Charges a batch; names the orders that it cannot charge and goes on. */
export const chargeAll = lambda('charge-all', {
  entry: './charge-all.ts',
  input: z.object({ orders: z.array(order) }),
  output: z.object({ charged: z.int(), refused: z.array(z.object({ id: z.string(), why: z.string() })) }),
});

/** Adds up what all batches have left, and names every order that was refused. */
export const addUp = lambda('add-up', {
  entry: './add-up.ts',
  input: z.object({ results: z.object({ bucket: z.string(), key: z.string() }) }),
  output: z.object({ charged: z.int(), refused: z.array(z.string()) }),
});
