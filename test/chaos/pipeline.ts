import { add, pipeline, pluck, sum } from 'bunsui';
import * as z from 'zod';
import { trace } from './operations.ts';

export default pipeline(
  'chaos',
  { input: z.object({ file: z.string(), workMs: z.int().default(60) }), output: z.object({ total: z.int() }) },
  (p, input) => {
    const common = { file: input.file, workMs: input.workMs };
    const root = p.job('root', trace, { ...common, value: 2 });
    const left = p.job('left', trace, { ...common, value: root.out.value });
    const right = p.job('right', trace, { ...common, value: add(root.out.value, 10) }, { retry: { max: 2 } });
    const each = p.map('each', left.out.upTo, (item, q) => q.job('one', trace, { ...common, value: item }), {
      concurrency: 2,
    });
    const end = p.job('end', trace, { ...common, value: add(sum(pluck(each.out, 'value')), right.out.value) });
    p.output({ total: end.out.value });
  },
);
