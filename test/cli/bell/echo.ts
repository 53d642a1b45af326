/** Rings again for each time that the bell has rung. */
import { eventField, pipeline, pipelineSucceeded } from 'bunsui';
import * as z from 'zod';
import { ring } from './operations.ts';

export default pipeline(
  'echo',
  {
    input: z.object({ what: z.string() }),
    on: [pipelineSucceeded('bell', { input: { what: eventField('detail.output.rung') } })],
  },
  (p, input) => {
    p.job('ring', ring, { what: input.what });
  },
);
