/** Rings at three in the morning, and for each object in a bucket. */
import { eventField, logical, pipeline, s3 } from 'bunsui';
import * as z from 'zod';
import { ring } from './operations.ts';

export default pipeline(
  'bell',
  {
    input: z.object({ what: z.string() }),
    output: z.object({ rung: z.string() }),
    schedule: [
      {
        id: 'nightly',
        cron: '30 2 * * ? *',
        timezone: 'America/New_York',
        input: { what: logical('yyyy-MM-dd', { days: -1 }) },
      },
      { id: 'often', rate: '1 minute', input: { what: logical("yyyy-MM-dd'T'HH:mm") } },
    ],
    on: [s3('incoming', { prefix: 'in/', input: { what: eventField('detail.object.key') } })],
  },
  (p, input) => {
    const rung = p.job('ring', ring, { what: input.what });
    p.output({ rung: rung.out.rung });
  },
);
