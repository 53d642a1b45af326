import { charge } from './operations.ts';

export const handler = charge.handler(({ id, amount, rate }) => {
  if (amount < 0) throw new RangeError(`${id} has no amount`);
  return { id, charged: amount * rate };
});
