import { price } from './operations.ts';

export const handler = price.handler(async ({ order }, ctx) => {
  ctx.log.info('looking up', { order });
  if (order === 'hold') await new Promise((resolve) => ctx.signal.addEventListener('abort', resolve));
  if (order === 'none') throw Object.assign(new Error(`order ${order} has no price`), { name: 'NoPrice' });
  return { price: order.length };
});
