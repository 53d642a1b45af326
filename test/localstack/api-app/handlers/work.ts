import { setTimeout as pause } from 'node:timers/promises';
import { work } from '../operations.ts';

export const handler = work.handler(async ({ seconds, fail }, ctx) => {
  ctx.log.info('at work', { seconds });
  await pause(seconds * 1000);
  if (fail) throw new RangeError('told to fail');
  return { done: true };
});
