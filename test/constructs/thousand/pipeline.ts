/** A thousand jobs: ten times, ninety-nine side by side and one that takes what they give. */
import { pipeline } from 'bunsui';
import * as z from 'zod';
import { join, steps } from './operations.ts';

export const thousand = pipeline('thousand', { input: z.object({ value: z.int() }) }, (p, input) => {
  let { value } = input;
  for (let round = 0; round < 10; round += 1) {
    const values = Array.from({ length: 11 }, (_, column) =>
      steps.map((step, row) => p.job(`t${round}-${column}-${row}`, step, { value }).out.value),
    ).flat();
    value = p.job(`join-${round}`, join, { values }).out.value;
  }
});
