import { lambda } from 'bunsui';
import * as z from 'zod';

const value = z.object({ value: z.int() });

/** Nine operations, which any number of jobs share. */
export const steps = Array.from({ length: 9 }, (_, index) =>
  lambda(`step-${index}`, { entry: './handlers/step.ts', input: value, output: value }),
);

export const join = lambda('join', {
  entry: './handlers/join.ts',
  input: z.object({ values: z.array(z.int()) }),
  output: value,
});
