import { eq, lambda, not, pipeline, tpl } from 'bunsui';
import * as z from 'zod';

const train = lambda('train', {
  entry: './train.ts',
  input: z.object({ month: z.string() }),
  output: z.object({ model: z.string(), auc: z.number() }),
});
const deploy = lambda('deploy', {
  entry: './deploy.ts',
  input: z.object({ model: z.string(), stage: z.string(), percent: z.int(), by: z.string() }),
  output: z.object({ url: z.string() }),
});
const shelve = lambda('shelve', {
  entry: './shelve.ts',
  input: z.object({ model: z.string(), by: z.string() }),
  output: z.object({}),
});

export const retrain = pipeline('retrain', { input: z.object({ month: z.string() }) }, (p, input) => {
  const trained = p.job('train', train, { month: input.month });
  const { model, auc } = trained.out;
  const signoff = p.approve('signoff', {
    message: tpl`AUC is ${auc} for ${input.month}. Ship ${model}?`,
    who: ['ml-leads'],
    form: z.object({ stage: z.enum(['canary', 'prod']), percent: z.int().min(1).max(100).default(10) }),
    timeout: '3d',
    onTimeout: 'reject',
    onReject: 'continue',
  });
  const { answer, approved, by } = signoff.out;
  p.job('deploy', deploy, { model, stage: answer.stage, percent: answer.percent, by }, { when: eq(approved, true) });
  p.job('shelve', shelve, { model, by }, { when: not(approved) });
});
