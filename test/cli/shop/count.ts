import { count } from './operations.ts';

export const handler = count.handler((input, ctx) => {
  ctx.log.info(`counting to ${input.orders}`, { hostile: '\u001b[2J\r' });
  return { orders: Array.from({ length: input.orders }, (_, index) => index + 1) };
});
