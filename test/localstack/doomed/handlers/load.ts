import { load } from '../operations.ts';

export const handler = load.handler(async ({ reason }) => {
  if (reason !== '') throw new RangeError(reason);
  return { rows: 1 };
});
