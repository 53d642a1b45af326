/** Sleeps, and drops what comes meanwhile. */
import { pipeline } from 'bunsui';
import * as z from 'zod';
import { nap } from './operations.ts';

export default pipeline(
  'skipping',
  {
    input: z.object({ ms: z.int().default(0) }),
    overlap: 'skip',
  },
  (p, input) => {
    p.job('nap', nap, { ms: input.ms });
  },
);
