/** Misses its deadline, and is held until somebody has seen that. */
import { pipeline } from 'bunsui';
import * as z from 'zod';
import { hold } from './operations.ts';

export default pipeline('late', { input: z.object({ folder: z.string() }), deadline: '1s' }, (p, input) => {
  p.job('hold', hold, { orders: [], folder: input.folder });
});
