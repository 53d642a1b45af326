/** What the types of schedules and triggers promise. Checked by the type-checker alone. */
import { event, eventField, lambda, logical, pipeline, pipelineSucceeded, s3, sum } from 'bunsui';
import * as z from 'zod';

const load = lambda('load', { entry: './load.ts', input: z.object({ date: z.string() }), output: z.object({}) });
const dated = z.object({
  date: z.iso.date(),
  rows: z.int().optional(),
  mode: z.enum(['full', 'part']).default('full'),
  where: z.object({ keys: z.array(z.string()) }).optional(),
});
const nothing = z.object({ note: z.string().optional() });
const body = () => {};

pipeline(
  'p',
  {
    input: dated,
    schedule: [
      { cron: '0 6 * * ? *', timezone: 'Asia/Tokyo', input: { date: logical('yyyy-MM-dd', { days: -1 }), rows: 1 } },
      {
        id: 'often',
        rate: '5 minutes',
        input: { date: logical('yyyy-MM-dd'), where: { keys: [logical('yyyy'), 'k'] } },
      },
      { id: 'once', at: '2026-12-01T06:00:00', window: '15m', catchUp: 'last', input: { date: '2026-12-01' } },
    ],
    on: [
      s3('incoming', { prefix: 'in/', input: { date: eventField('detail.object.key'), mode: 'part' } }),
      event(
        { source: ['shop'] },
        { input: { date: eventField('detail.day'), rows: eventField<number>('detail.rows') } },
      ),
      pipelineSucceeded('ingest', { input: { date: eventField('detail.output.date'), where: { keys: ['a'] } } }),
    ],
    overlap: 'queue',
    notify: { on: ['failed', 'deadline'], to: 'ops' },
    deadline: '2h',
  },
  (p, input) => {
    p.job('load', load, { date: input.date });
  },
);
// An input that nobody needs to give may be left out.
pipeline('p', { input: nothing, schedule: { rate: '1 day' }, on: [s3('incoming')] }, body);

// @ts-expect-error a required field is missing
pipeline('p', { input: dated, schedule: { rate: '1 day', input: {} } }, body);
// @ts-expect-error the whole input is missing
pipeline('p', { input: dated, schedule: { rate: '1 day' } }, body);
// @ts-expect-error a field that the schema does not have
pipeline('p', { input: dated, schedule: { rate: '1 day', input: { date: 'd', more: 1 } } }, body);
// @ts-expect-error the scheduled time is text
pipeline('p', { input: dated, schedule: { rate: '1 day', input: { date: 'd', rows: logical('yyyy') } } }, body);
// @ts-expect-error and not one of some words
pipeline('p', { input: dated, schedule: { rate: '1 day', input: { date: 'd', mode: logical('yyyy') } } }, body);
// @ts-expect-error a schedule knows no event
pipeline('p', { input: dated, schedule: { rate: '1 day', input: { date: eventField('time') } } }, body);
// @ts-expect-error two kinds of times at once
pipeline('p', { input: nothing, schedule: { rate: '1 day', cron: '0 6 * * ? *' } }, body);
// @ts-expect-error no times at all
pipeline('p', { input: nothing, schedule: { timezone: 'UTC' } }, body);
// @ts-expect-error a unit that AWS does not have
pipeline('p', { input: nothing, schedule: { rate: '5 weeks' } }, body);
// @ts-expect-error a policy that is none
pipeline('p', { input: nothing, overlap: 'sometimes' }, body);
// @ts-expect-error an event that nobody is told of
pipeline('p', { input: nothing, notify: { on: 'finished', to: 'ops' } }, body);
// @ts-expect-error a trigger without a field that is required
pipeline('p', { input: dated, on: [s3('incoming')] }, body);
// @ts-expect-error a trigger with a field of another type
pipeline('p', { input: dated, on: [s3('incoming', { input: { date: eventField<number>('detail.n') } })] }, body);
// @ts-expect-error an event has no scheduled time
pipeline('p', { input: dated, on: [s3('incoming', { input: { date: logical('yyyy-MM-dd') } })] }, body);
// @ts-expect-error a word that the enum does not have
pipeline('p', { input: dated, on: [s3('incoming', { input: { date: 'd', mode: 'none' } })] }, body);
// @ts-expect-error what a firing gives is no ref
sum(eventField<number[]>('detail.list'));
