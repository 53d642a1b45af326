import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { NodeIr } from '../../lib/ir/nodes.ts';
import { lambdasOf } from '../../lib/ir/operations.ts';
import { innerScopes } from '../../lib/ir/walk.ts';
import { parseAirports } from '../../pipelines/flights/airports.ts';
import { checkFlights, countReasons } from '../../pipelines/flights/checks.ts';
import { enrichFlights } from '../../pipelines/flights/flights.ts';
import { busiestOrigins, profileHub } from '../../pipelines/flights/hubs.ts';
import pipeline from '../../pipelines/flights/pipeline.ts';
import { bestAndWorstHour, punctualityByHour, punctualityOf } from '../../pipelines/flights/punctuality.ts';
import { RehearsedFailure } from '../../pipelines/flights/rehearsal.ts';
import { dailyNormals, weatherImpact } from '../../pipelines/flights/weather.ts';
import { expectedFlights, expectedSummary } from './flights-oracle.ts';
import { type MemoryS3, memoryS3 } from './memory-s3.ts';
import { parentsOf, walkPipeline } from './walk-pipeline.ts';

const folder = new URL('../../node_modules/vega-datasets/data/', import.meta.url);
const file = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const defaults = { source: 'vega-datasets', hubs: 8, lateAfterMinutes: 15, fail: 'none', flaky: 'none' };

const say = () => undefined;
const silent = { debug: say, info: say, warn: say, error: say };

describe('the figures', () => {
  test('are those that plain loops over the data give', () => {
    const airports = parseAirports(file('airports.csv'));
    const { accepted, rejected } = checkFlights(JSON.parse(file('flights-20k.json')), airports);
    const { best, worst } = bestAndWorstHour(punctualityByHour(accepted, 15));
    const hubs = busiestOrigins(enrichFlights(accepted, airports), 8);
    expect({
      flights: punctualityOf(accepted, 15),
      rejected: rejected.length,
      bestHour: best,
      worstHour: worst,
      hubs: hubs.map(([, departures]) => profileHub(departures, 15)),
      weather: weatherImpact(accepted, dailyNormals(file('weather.csv'), airports), 15),
    }).toStrictEqual(expectedSummary());
  });

  test('follow other parameters too', () => {
    const airports = parseAirports(file('airports.csv'));
    const { accepted } = checkFlights(JSON.parse(file('flights-20k.json')), airports);
    const hubs = busiestOrigins(enrichFlights(accepted, airports), 40);
    expect(hubs.map(([, departures]) => profileHub(departures, 60))).toStrictEqual(expectedSummary(40, 60).hubs);
  });

  test('leave out five flights, for two reasons that are in the data', () => {
    const { rejected } = checkFlights(JSON.parse(file('flights-20k.json')), parseAirports(file('airports.csv')));
    expect(countReasons(rejected)).toStrictEqual([
      { reason: 'ambiguous', rows: 4 },
      { reason: 'airport-without-state', rows: 1 },
    ]);
  });
});

describe('the pipeline', () => {
  test('has no mistakes', () => {
    expect(pipeline.diagnostics).toStrictEqual([]);
  });

  test('has its handlers where its contracts say', () => {
    const missing = lambdasOf(pipeline.ir).filter(({ entry }) => !existsSync(entry));
    expect(missing).toStrictEqual([]);
  });

  test('orders its jobs in a way that is not series-parallel', () => {
    const { nodes } = pipeline.ir.body;
    expect(Object.fromEntries(nodes.map((node) => [node.id, parentsOf(node, nodes)]))).toStrictEqual({
      flights: [],
      airports: [],
      weather: [],
      validate: ['flights', 'airports'],
      normals: ['airports', 'weather'],
      'has-rejects': ['validate'],
      'by-hour': ['validate'],
      'by-weather': ['validate', 'normals'],
      enrich: ['airports', 'validate'],
      hubs: ['enrich'],
      'by-hub': ['hubs'],
      publish: ['validate', 'has-rejects', 'by-hour', 'by-weather', 'by-hub'],
    });
    // An order is series-parallel exactly when it holds no N: a before c, b before c and d, and nothing else among them.
    expect(findN(nodes)).toStrictEqual({ a: 'flights', b: 'airports', c: 'validate', d: 'normals' });
  });

  describe('walked job by job with its own handlers', () => {
    let s3: MemoryS3;
    const attempts: string[] = [];

    beforeAll(async () => {
      s3 = await memoryS3();
      Object.assign(process.env, {
        AWS_ENDPOINT_URL: s3.endpoint,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'test',
        AWS_SECRET_ACCESS_KEY: 'test',
        BUNSUI_BUCKET: 'bucket',
      });
    });
    afterAll(() => s3.close());
    beforeEach(() => {
      s3.objects.clear();
      attempts.length = 0;
    });

    const walk = (input: object, attempt = 1) =>
      walkPipeline(pipeline.ir, { ...defaults, ...input }, async (entry, job, jobInput) => {
        attempts.push(job);
        const { handler } = await import(entry);
        return handler.run(jobInput, { session: 'abc', job, attempt, log: silent });
      });

    test('publishes what plain loops over the data give', async () => {
      expect(await walk({})).toStrictEqual({
        ...expectedFlights(),
        summary: 'data/flights/abc/result/summary.json',
        table: 'data/flights/abc/result/hubs.csv',
        quarantine: 'data/flights/abc/quarantine/flights.csv',
      });
      const published = s3.objects.get('bucket/data/flights/abc/result/summary.json') ?? '';
      expect(JSON.parse(published)).toStrictEqual(expectedSummary());
      const [header, first] = (s3.objects.get('bucket/data/flights/abc/result/hubs.csv') ?? '').split('\n');
      expect(header).toBe(
        'airport,city,state,flights,onTimePercent,averageDelayMinutes,medianDelayMinutes,p90DelayMinutes,destinations,states,busiestDestination',
      );
      expect(first).toBe('DFW,Dallas-Fort Worth,TX,1101,74.5,9.5,0,39,113,40,ORD');
    });

    test('keeps the rejects as they came, with their reason', async () => {
      await walk({ hubs: 1 });
      expect(s3.objects.get('bucket/data/flights/abc/quarantine/flights.csv')?.split('\n').slice(0, 2)).toStrictEqual([
        'reason,row',
        'ambiguous,"{""date"":""2001/02/18 20:40"",""delay"":35,""distance"":304,""origin"":""PHX"",""destination"":""SAN""}"',
      ]);
    });

    test('reads the data set from a bucket, and skips the quarantine when nothing is rejected', async () => {
      const good = JSON.parse(file('flights-20k.json')).slice(0, 500);
      s3.objects.set('other/in/2001/flights-20k.json', JSON.stringify(good));
      s3.objects.set('other/in/2001/airports.csv', file('airports.csv'));
      s3.objects.set('other/in/2001/weather.csv', file('weather.csv'));
      const output = await walk({ source: 's3://other/in/2001', hubs: 2 });
      expect(output).toMatchObject({ flights: 500, rejected: 0, quarantine: 'none' });
      expect(attempts).not.toContain('quarantine');
    });

    test('refuses flights that are no list, and a file that is not there', async () => {
      s3.objects.set('other/flights-20k.json', '{}');
      s3.objects.set('other/airports.csv', file('airports.csv'));
      await expect(walk({ source: 's3://other' })).rejects.toThrow('The specified key does not exist.');
      s3.objects.set('other/weather.csv', file('weather.csv'));
      await expect(walk({ source: 's3://other' })).rejects.toThrow(
        'data/flights/abc/raw/flights-20k.json is not a list of flights',
      );
    });

    test('says which setting is missing when it has no bucket', async () => {
      delete process.env['BUNSUI_BUCKET'];
      try {
        await expect(walk({})).rejects.toThrow('BUNSUI_BUCKET is not set');
      } finally {
        process.env['BUNSUI_BUCKET'] = 'bucket';
      }
    });

    test('fails in the job that is asked to fail, on every attempt', async () => {
      await expect(walk({ fail: 'by-weather' }, 3)).rejects.toThrow(
        new RehearsedFailure('by-weather was asked to fail (fail=by-weather), attempt 3'),
      );
      expect(attempts.at(-1)).toBe('by-weather');
    });

    test('fails in a job of the map by the name it has in the pipeline', async () => {
      await expect(walk({ fail: 'profile' })).rejects.toThrow('by-hub[0]/profile was asked to fail');
    });

    test('fails once in the job that is asked to be flaky', async () => {
      await expect(walk({ flaky: 'enrich' }, 1)).rejects.toThrow('enrich was asked to fail once');
      expect(await walk({ flaky: 'enrich' }, 2)).toMatchObject({ flights: 19_995 });
    });
  });

  test('lets every one of its jobs be told to fail', async () => {
    const { rehearsalJobs } = await import('../../pipelines/flights/rehearsal.ts');
    const inside = (node: NodeIr): readonly string[] => {
      if (node.kind === 'job' || node.kind === 'approval') return [node.id];
      return innerScopes(node).flatMap(({ scope }) => scope.nodes.flatMap(inside));
    };
    expect([...rehearsalJobs].sort()).toStrictEqual(['none', ...pipeline.ir.body.nodes.flatMap(inside)].sort());
  });
});

/** The first four nodes whose order is an N. */
function findN(nodes: readonly NodeIr[]): Record<'a' | 'b' | 'c' | 'd', string> | undefined {
  const before = new Map<string, Set<string>>();
  const ancestors = (node: NodeIr): Set<string> => {
    const known = before.get(node.id);
    if (known) return known;
    const parents = parentsOf(node, nodes);
    const all = new Set(parents);
    for (const parent of nodes.filter(({ id }) => parents.includes(id)))
      for (const id of ancestors(parent)) all.add(id);
    before.set(node.id, all);
    return all;
  };
  for (const node of nodes) ancestors(node);
  const ids = nodes.map(({ id }) => id);
  const precedes = (x: string, y: string) => before.get(y)?.has(x) ?? false;
  const apart = (x: string, y: string) => x !== y && !precedes(x, y) && !precedes(y, x);
  for (const a of ids) {
    for (const b of ids.filter((id) => apart(a, id))) {
      for (const c of ids.filter((id) => precedes(a, id) && precedes(b, id))) {
        const d = ids.find((id) => precedes(b, id) && apart(a, id) && apart(c, id));
        if (d) return { a, b, c, d };
      }
    }
  }
  return undefined;
}
