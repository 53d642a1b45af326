/** Sleeps, and never twice at once. */
import { pipeline } from 'bunsui';
import * as z from 'zod';
import { nap } from './operations.ts';

export default pipeline(
  'queued',
  {
    input: z.object({ ms: z.int().default(0) }),
    overlap: 'queue',
  },
  (p, input) => {
    p.job('nap', nap, { ms: input.ms });
  },
);
