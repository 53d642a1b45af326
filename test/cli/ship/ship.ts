/** Asks before it ships; nothing else runs. */
import { pipeline, tpl } from 'bunsui';
import * as z from 'zod';

export default pipeline(
  'ship',
  { input: z.object({ n: z.int().default(3) }), output: z.object({ stage: z.string(), percent: z.int() }) },
  (p, input) => {
    const signoff = p.approve('signoff', {
      message: tpl`Ship ${input.n}?`,
      who: ['ml-leads'],
      form: z.object({ stage: z.enum(['canary', 'prod']), percent: z.int().default(10) }),
    });
    p.output({ stage: signoff.out.answer.stage, percent: signoff.out.answer.percent });
  },
);
