import { orElse, pipeline, tpl } from 'bunsui';
import * as z from 'zod';
import { misfortune } from './operations.ts';

export default pipeline(
  'misfortune',
  { input: z.object({ kind: z.string() }), output: z.object({ fine: z.boolean(), said: z.string() }) },
  (p, input) => {
    const one = p.job('one', misfortune, { kind: input.kind });
    p.output({ fine: one.out.fine, said: tpl`said ${orElse(one.out.said, 'nothing')}` });
  },
);
