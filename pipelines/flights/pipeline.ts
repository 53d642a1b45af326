/**
 * Flights: how punctual are US flights, and what does it depend on? Twenty thousand real flights of 2001 are
 * checked, joined with airports and weather, measured by hour, by hub and by weather, and published.
 *
 *     flights ────► validate ─┬─► has-rejects: quarantine ────┐
 *                   ▲         ├─► by-hour ────────────────────┤
 *     airports ─────┤         ├─► enrich ─► hubs ─► by-hub[…] ┼─► publish
 *                   ▼         │                               │
 *     weather ────► normals ──┴─► by-weather ─────────────────┘
 *
 * `validate` reads flights and airports, `normals` airports and weather, `by-weather` both; all else reads only
 * `validate`. No nesting of sequences and parallel branches has exactly this order.
 *
 *     bunsui run pipelines/flights/pipeline.ts                     the whole run, a few seconds
 *     bunsui run pipelines/flights/pipeline.ts -p hubs=20          looks at more airports, one job each
 *     bunsui run pipelines/flights/pipeline.ts -p flaky=enrich     `enrich` fails once: see the retry
 *     bunsui run pipelines/flights/pipeline.ts -p fail=by-weather  `by-weather` fails for good: see the report
 */
import { gt, orElse, pipeline } from 'bunsui';
import * as z from 'zod';
import * as run from './operations.ts';
import { rehearsalJobs } from './rehearsal.ts';

/** What a caller may give; every field has a default. */
const parameters = z.object({
  source: z
    .string()
    .regex(/^(vega-datasets|s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/.*)?)$/)
    .default('vega-datasets')
    .describe('where the data lies: the npm package vega-datasets, or s3://bucket/prefix with files of the same names'),
  hubs: z.int().min(1).max(40).default(8).describe('how many of the busiest airports to look at one by one'),
  lateAfterMinutes: z.int().min(1).max(600).default(15).describe('late is a flight that arrives this late or later'),
  fail: z.enum(rehearsalJobs).default('none').describe('a job that is to fail, on every attempt'),
  flaky: z.enum(rehearsalJobs).default('none').describe('a job that is to fail, on its first attempt only'),
});

/** What a run gives back: the answers, and the keys of the objects that hold the rest. */
const answers = z.object({
  flights: z.int(),
  rejected: z.int(),
  onTimePercent: z.number(),
  averageDelayMinutes: z.number(),
  bestHour: z.int(),
  worstHour: z.int(),
  extraDelayOnWetDaysMinutes: z.number(),
  hubs: z.array(run.profile.output),
  summary: z.string(),
  table: z.string(),
  quarantine: z.string(),
});

const description = 'How punctual are US flights, and what does it depend on?';

export default pipeline('flights', { description, input: parameters, output: answers, timeout: '15m' }, (p, input) => {
  const { source, lateAfterMinutes } = input;
  const rehearsal = { fail: input.fail, flaky: input.flaky };

  const flights = p.job('flights', run.ingest, { ...rehearsal, source, file: 'flights-20k.json' });
  const airports = p.job('airports', run.ingest, { ...rehearsal, source, file: 'airports.csv' });
  const weather = p.job('weather', run.ingest, { ...rehearsal, source, file: 'weather.csv' });

  const valid = p.job('validate', run.validate, {
    ...rehearsal,
    flights: flights.out.key,
    airports: airports.out.key,
  });
  const normals = p.job('normals', run.normalise, {
    ...rehearsal,
    weather: weather.out.key,
    airports: airports.out.key,
  });

  const quarantine = p.branch('has-rejects', gt(valid.out.rejected, 0), (q) =>
    q.job('quarantine', run.quarantine, { ...rehearsal, rejects: valid.out.rejects }),
  );

  const byHour = p.job('by-hour', run.measure, { ...rehearsal, flights: valid.out.flights, lateAfterMinutes });

  const byWeather = p.job('by-weather', run.compareWeather, {
    ...rehearsal,
    flights: valid.out.flights,
    normals: normals.out.key,
    lateAfterMinutes,
  });

  const enriched = p.job('enrich', run.enrich, {
    ...rehearsal,
    flights: valid.out.flights,
    airports: airports.out.key,
  });
  const hubs = p.job('hubs', run.partition, { ...rehearsal, flights: enriched.out.key, hubs: input.hubs });
  const byHub = p.map(
    'by-hub',
    hubs.out.hubs,
    (hub, q) => q.job('profile', run.profile, { ...rehearsal, departures: hub.key, lateAfterMinutes }),
    { concurrency: 4 },
  );

  const { overall, bestHour, worstHour } = byHour.out;
  const result = {
    flights: overall,
    rejected: valid.out.rejected,
    bestHour,
    worstHour,
    hubs: byHub.out,
    weather: byWeather.out,
  };
  // Nothing is published before the rejects are safe.
  const published = p.job('publish', run.publish, { ...rehearsal, result }, { after: [quarantine], timeout: '30s' });

  p.output({
    flights: overall.flights,
    rejected: valid.out.rejected,
    onTimePercent: overall.onTimePercent,
    averageDelayMinutes: overall.averageDelayMinutes,
    bestHour: bestHour.hour,
    worstHour: worstHour.hour,
    extraDelayOnWetDaysMinutes: byWeather.out.extraDelayMinutes,
    hubs: byHub.out,
    summary: published.out.summary,
    table: published.out.table,
    quarantine: orElse(quarantine.out.key, 'none'),
  });
});
