import { pipeline } from 'bunsui';
import * as z from 'zod';
import { work } from './operations.ts';

/** Its machine can be cut: `a`, `x` and `y` into one machine, `b` and `z` into another one. `x` waits, `y` fails, when it is told to. */
export const parts = pipeline(
  'parts',
  { input: z.object({ until: z.string().default(''), fail: z.boolean().default(false) }) },
  (p, input) => {
    const nothing = { seconds: 0, until: '', fail: false };
    const a = p.job('a', work, nothing);
    const b = p.job('b', work, nothing);
    const x = p.job('x', work, { ...nothing, until: input.until }, { after: [a] });
    p.job('y', work, { ...nothing, fail: input.fail }, { after: [x, b] });
    p.job('z', work, nothing, { after: [b] });
  },
);
