import { lambda } from 'bunsui';
import * as z from 'zod';

const reservation = z.object({ folder: z.string(), name: z.string() });
export const book = lambda('book', { entry: './book.ts', input: reservation, output: z.object({ id: z.string() }) });
export const cancel = lambda('cancel', {
  entry: './cancel.ts',
  input: z.object({ input: reservation, output: z.object({ id: z.string() }) }),
  output: z.object({ cancelled: z.string() }),
});
export const pay = lambda('pay', { entry: './pay.ts', input: z.object({ folder: z.string() }), output: z.object({}) });
