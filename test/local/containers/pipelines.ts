/** Pipelines whose jobs are containers: on this machine a program takes their place. */
import { ecs, gt, pipeline } from 'bunsui';
import * as z from 'zod';

const program = (mode: string) => ['node', 'program.ts', mode];
const common = { image: 'example.com/count:1', input: z.object({ words: z.array(z.string()) }) };

const count = ecs('count', {
  ...common,
  environment: { UNIT: 'letters' },
  output: z.object({ total: z.int(), unit: z.string() }),
  local: program('count'),
});
const wrong = ecs('wrong', { ...common, output: z.object({ total: z.int() }), local: program('wrong') });
const broken = ecs('broken', { ...common, output: z.object({ total: z.int() }), local: program('broken') });
const endless = ecs('endless', { ...common, output: z.object({}), local: program('endless') });
const elsewhere = ecs('elsewhere', { ...common, output: z.object({}) });
const quiet = ecs('quiet', { ...common, output: z.object({}), local: program('quiet') });

const given = z.object({ words: z.array(z.string()).max(10) });

export const counted = pipeline(
  'counted',
  { input: given, output: z.object({ total: z.int(), unit: z.string() }) },
  (p, input) => {
    const one = p.job('one', count, { words: input.words });
    p.job('told', quiet, { words: [one.out.unit] }, { when: gt(one.out.total, 2) });
    p.output({ total: one.out.total, unit: one.out.unit });
  },
);

const alone = (id: string, operation: typeof count) =>
  pipeline(id, { input: given }, (p, input) => {
    p.job('one', operation, { words: input.words });
  });

export const failing = {
  wrong: alone('wrong-output', wrong as never),
  broken: alone('broken-program', broken as never),
  elsewhere: alone('no-program', elsewhere as never),
};
export const hanging = alone('hanging', endless as never);
