import { setTimeout } from 'node:timers/promises';
import { nap } from './operations.ts';

export const handler = nap.handler(async ({ ms }) => {
  await setTimeout(ms);
  return {};
});
