/**
 * The operations of the flights pipeline: what each is given and gives back. Their code is in handlers/.
 *
 * Tables travel by the keys of objects in the bucket, numbers that a person or a condition reads travel inline.
 */
import { lambda } from 'bunsui';
import * as z from 'zod';

const key = z.string().min(1);
const rows = z.int().nonnegative();
const hour = z.int().min(0).max(23);
const lateAfterMinutes = z.int();

/** S3 can be busy: two more tries, after one and two seconds. */
const retry = { max: 2, delay: '1s', backoff: 2 } as const;

/** Names of jobs that are to fail; see rehearsal.ts. */
const rehearsal = { fail: z.string(), flaky: z.string() };

const punctualityFields = {
  flights: rows,
  onTimePercent: z.number(),
  averageDelayMinutes: z.number(),
  medianDelayMinutes: z.number(),
  p90DelayMinutes: z.number(),
};
const punctuality = z.object(punctualityFields);
const hourlyPunctuality = z.object({ hour, ...punctualityFields });
const hubProfile = z.object({
  airport: z.string(),
  city: z.string(),
  state: z.string(),
  ...punctualityFields,
  destinations: rows,
  states: rows,
  busiestDestination: z.string(),
});

export const ingest = lambda('ingest', {
  description: 'Copies one file of the data set into the bucket, as it is',
  entry: './handlers/ingest.ts',
  retry,
  input: z.object({
    ...rehearsal,
    source: z.string(),
    file: z.enum(['flights-20k.json', 'airports.csv', 'weather.csv']),
  }),
  output: z.object({ key, bytes: z.int(), from: z.string() }),
});

export const validate = lambda('validate', {
  description: 'Sorts flights into those that can be trusted and rejects with a reason',
  entry: './handlers/validate.ts',
  retry,
  input: z.object({ ...rehearsal, flights: key, airports: key }),
  output: z.object({ accepted: rows, rejected: rows, flights: key, rejects: key }),
});

export const quarantine = lambda('quarantine', {
  description: 'Puts the rejects where a person can look at them, with a count per reason',
  entry: './handlers/quarantine.ts',
  retry,
  input: z.object({ ...rehearsal, rejects: key }),
  output: z.object({ key, reasons: z.array(z.object({ reason: z.string(), rows })) }),
});

export const normalise = lambda('normalise', {
  description: 'Turns the weather record into how often each day of the year is wet, per airport',
  entry: './handlers/normalise.ts',
  retry,
  input: z.object({ ...rehearsal, weather: key, airports: key }),
  output: z.object({ key, airports: rows }),
});

export const measure = lambda('measure', {
  description: 'Measures how punctual flights are, overall and by hour of departure',
  entry: './handlers/measure.ts',
  retry,
  input: z.object({ ...rehearsal, flights: key, lateAfterMinutes }),
  output: z.object({ key, overall: punctuality, bestHour: hourlyPunctuality, worstHour: hourlyPunctuality }),
});

export const enrich = lambda('enrich', {
  description: 'Joins flights with the cities and states of their airports',
  entry: './handlers/enrich.ts',
  retry,
  input: z.object({ ...rehearsal, flights: key, airports: key }),
  output: z.object({ key }),
});

export const partition = lambda('partition', {
  description: 'Cuts out the departures of the busiest airports, one table each',
  entry: './handlers/partition.ts',
  retry,
  input: z.object({ ...rehearsal, flights: key, hubs: z.int().positive() }),
  output: z.object({ hubs: z.array(z.object({ airport: z.string(), key })) }),
});

export const profile = lambda('profile', {
  description: 'Describes one hub: punctuality and destinations',
  entry: './handlers/profile.ts',
  retry,
  input: z.object({ ...rehearsal, departures: key, lateAfterMinutes }),
  output: hubProfile,
});

export const compareWeather = lambda('compare-weather', {
  description: 'Compares flights on usually wet days with flights on usually dry days',
  entry: './handlers/compare-weather.ts',
  retry,
  input: z.object({ ...rehearsal, flights: key, normals: key, lateAfterMinutes }),
  output: z.object({ wetDays: punctuality, dryDays: punctuality, extraDelayMinutes: z.number() }),
});

export const publish = lambda('publish', {
  description: 'Writes the result as JSON and the hubs as CSV',
  entry: './handlers/publish.ts',
  retry,
  input: z.object({
    ...rehearsal,
    result: z.object({
      flights: punctuality,
      rejected: rows,
      bestHour: hourlyPunctuality,
      worstHour: hourlyPunctuality,
      hubs: z.array(hubProfile),
      weather: z.object({ wetDays: punctuality, dryDays: punctuality, extraDelayMinutes: z.number() }),
    }),
  }),
  output: z.object({ summary: key, table: key }),
});
