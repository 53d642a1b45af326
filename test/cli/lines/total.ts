import { total } from './operations.ts';

export const handler = total.handler(async ({ orders }) => {
  let amount = 0;
  for await (const order of orders) amount += order.amount;
  return { amount };
});
