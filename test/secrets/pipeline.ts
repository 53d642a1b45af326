import { pipeline, secret } from 'bunsui';
import * as z from 'zod';
import { canaries } from './canaries.ts';
import { spill } from './operations.ts';

const give = z.enum(['digests', 'throw', 'leak']);

/** Gives a job every secret there is. */
export default pipeline(
  'spilling',
  { input: z.object({ give }), output: z.object({ digests: z.record(z.string(), z.string()) }) },
  (p, input) => {
    const secrets = Object.fromEntries(Object.keys(canaries).map((name) => [name, secret(`canary/${name}`)]));
    const one = p.job('one', spill, { secrets, give: input.give });
    p.output({ digests: one.out.digests });
  },
);
