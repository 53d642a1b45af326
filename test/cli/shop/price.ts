import { price } from './operations.ts';

export const handler = price.handler(({ order, flaw }, ctx) => {
  if (flaw === 'broken' || (flaw === 'flaky' && ctx.attempt === 1)) {
    console.warn('no price list');
    throw new RangeError(`order ${order} has no price`);
  }
  return { order, total: order * 10 };
});
