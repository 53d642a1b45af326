import { pipeline } from 'bunsui';
import * as z from 'zod';
import { work } from './operations.ts';

/** Two jobs, one after the other; the second one waits for a name that is let go, and fails, when it is told to. */
export const errand = pipeline(
  'errand',
  {
    input: z.object({
      seconds: z.number().default(0),
      until: z.string().default(''),
      fail: z.boolean().default(false),
    }),
  },
  (p, input) => {
    const first = p.job('first', work, { seconds: 0, until: '', fail: false });
    p.job('second', work, { seconds: input.seconds, until: input.until, fail: input.fail }, { after: [first] });
  },
);
