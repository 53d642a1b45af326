import { steps } from '../operations.ts';

// All of them do the same: which one this is, nobody asks.
export const handler = steps[0]?.handler(({ value }) => ({ value: value + 1 }));
