import { pipeline } from 'bunsui';
import * as z from 'zod';
import { work } from './operations.ts';

/** Two jobs, one after the other; the second one fails when it is told to. */
export const errand = pipeline(
  'errand',
  { input: z.object({ seconds: z.number().default(0), fail: z.boolean().default(false) }) },
  (p, input) => {
    const first = p.job('first', work, { seconds: 0, fail: false });
    p.job('second', work, { seconds: input.seconds, fail: input.fail }, { after: [first] });
  },
);
