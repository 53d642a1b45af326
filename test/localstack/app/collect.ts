import { event, eventField, logical, pipeline, pipelineSucceeded, s3 } from 'bunsui';
import * as z from 'zod';
import { note } from './operations.ts';

export const bucketName = 'collect-incoming';

/** Says what started it. */
export const collect = pipeline(
  'collect',
  {
    input: z.object({ what: z.string(), wait: z.boolean().default(false) }),
    output: z.object({ what: z.string(), code: z.string() }),
    schedule: { id: 'daily', cron: '0 6 * * ? *', timezone: 'Asia/Tokyo', input: { what: logical('yyyy-MM-dd') } },
    on: [
      s3(bucketName, { prefix: 'in/', suffix: '.csv', input: { what: eventField('detail.object.key') } }),
      event({ source: ['shop'] }, { input: { what: eventField('detail.order') } }),
    ],
  },
  (p, input) => {
    // Two, so that a deployment may come between them.
    const first = p.job('first', note, { what: input.what, wait: input.wait });
    const second = p.job('second', note, { what: first.out.what, wait: false });
    p.output({ what: second.out.what, code: second.out.code });
  },
);

export const after = pipeline(
  'after',
  {
    input: z.object({ what: z.string() }),
    on: [pipelineSucceeded(collect, { input: { what: eventField('detail.output.what') } })],
  },
  (p, input) => {
    p.job('note', note, { what: input.what, wait: false });
  },
);
