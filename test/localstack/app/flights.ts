/** The flights example, started by a schedule and by an object in a bucket as well. */
import { pipeline, s3 } from 'bunsui';
import * as z from 'zod';
import example from '../../../pipelines/flights/pipeline.ts';

/** Where the example's data is put: a deployed function has no npm packages beside it. */
export const data = 'data/flights/source';
const source = `s3://bunsui-000000000000-us-east-1/${data}`;

export const flightsBucket = 'flights-incoming';

const { schedules = [], triggers = [] } = pipeline(
  'flights',
  {
    input: z.object({ source: z.string(), hubs: z.number() }),
    schedule: { id: 'daily', cron: '0 7 * * ? *', timezone: 'America/New_York', input: { source, hubs: 2 } },
    on: [s3(flightsBucket, { prefix: 'arrived/', input: { source, hubs: 1 } })],
  },
  () => {},
).ir;

export const flights = { ...example, ir: { ...example.ir, schedules, triggers } };
