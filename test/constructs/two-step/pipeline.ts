import { pipeline } from 'bunsui';
import * as z from 'zod';
import { load, tidy } from './operations.ts';

export const twoStep = pipeline('two-step', { input: z.object({ date: z.string() }) }, (p, input) => {
  const loaded = p.job('load', load, { date: input.date });
  p.job('tidy', tidy, { rows: loaded.out.rows });
});
