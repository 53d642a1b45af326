import { pipeline } from 'bunsui';
import * as z from 'zod';
import { load } from './operations.ts';

/** Fails when it is given a reason; a good end is told to a channel that hears of nothing by itself. */
export default pipeline(
  'doomed',
  { input: z.object({ reason: z.string().default('') }), notify: { on: 'succeeded', to: 'asked' } },
  (p, input) => {
    p.job('load', load, { reason: input.reason });
  },
);
