import { setTimeout as pause } from 'node:timers/promises';
import { work } from '../operations.ts';
import { waitForGo } from './go.ts';

export const handler = work.handler(async ({ seconds, until, fail }, ctx) => {
  ctx.log.info('at work', { seconds });
  await pause(seconds * 1000);
  if (until !== '') await waitForGo(until);
  if (fail) throw new RangeError('told to fail');
  return { done: true };
});
