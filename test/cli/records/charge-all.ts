import { chargeAll } from './operations.ts';

export const handler = chargeAll.handler(({ orders }) => {
  const bad = orders.filter(({ amount }) => amount < 0);
  return { charged: orders.length - bad.length, refused: bad.map(({ id }) => ({ id, why: 'it has no amount' })) };
});
