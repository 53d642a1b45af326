import { existsSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { price } from './operations.ts';

export const handler = price.handler(async ({ order }, ctx) => {
  ctx.log.info('looking up', { order });
  if (order === 'none') throw Object.assign(new Error(`order ${order} has no price`), { name: 'NoPrice' });
  // An order that is a path waits until there is a file.
  while (order.startsWith('/') && !existsSync(order)) await wait(50, undefined, { signal: ctx.signal });
  return { price: order.length };
});
