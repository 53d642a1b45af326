import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { milesBetween, parseAirports } from '../../pipelines/flights/airports.ts';
import { checkFlights } from '../../pipelines/flights/checks.ts';
import { formatCsv, parseCsv } from '../../pipelines/flights/csv.ts';
import { enrichFlights, type Flight, parseFlight } from '../../pipelines/flights/flights.ts';
import { profileHub } from '../../pipelines/flights/hubs.ts';
import { bestAndWorstHour, punctualityOf } from '../../pipelines/flights/punctuality.ts';
import { fetchFile } from '../../pipelines/flights/source.ts';
import { dailyNormals, weatherImpact } from '../../pipelines/flights/weather.ts';

const airports = parseAirports(
  [
    'iata,name,city,state,country,latitude,longitude',
    'SEA,Seattle-Tacoma,Seattle,WA,USA,47.449,-122.309',
    'PDX,Portland,Portland,OR,USA,45.589,-122.597',
    'MQT,Marquette,NA,NA,USA,46.354,-87.395',
    'BTR,"Baton Rouge Metropolitan, Ryan",Baton Rouge,LA,USA,30.533,-91.150',
  ].join('\n'),
);
const row = { date: '2001/01/31 18:05', delay: 3, distance: 129, origin: 'SEA', destination: 'PDX' };
const flight: Flight = {
  departure: '2001-01-31T18:05',
  origin: 'SEA',
  destination: 'PDX',
  distanceMiles: 129,
  delayMinutes: 3,
};

describe('CSV', () => {
  test('is read with quotes, commas, line breaks and either line end', () => {
    expect(parseCsv('a,b\r\n"x, ""y""",1\r\n"two\nlines",\r\n')).toStrictEqual([
      { a: 'x, "y"', b: '1' },
      { a: 'two\nlines', b: '' },
    ]);
  });

  test('is read without a last line end, and when it is empty', () => {
    expect(parseCsv('a,b\n1,2')).toStrictEqual([{ a: '1', b: '2' }]);
    expect(parseCsv('a,b\n1,')).toStrictEqual([{ a: '1', b: '' }]);
    expect(parseCsv('')).toStrictEqual([]);
  });

  test('is refused where a quote is left open', () => {
    expect(() => parseCsv('a,b\n"x,1\n')).toThrow('not CSV: a stray quote near character 4');
  });

  test('comes back as it was written', () => {
    const records = [
      { name: 'plain', text: 'a, "b"\nc' },
      { name: '', text: 'x' },
    ];
    expect(formatCsv(records)).toBe('name,text\nplain,"a, ""b""\nc"\n,x\n');
    expect(parseCsv(formatCsv(records))).toStrictEqual(records);
  });
});

describe('airports', () => {
  test('have their city and state behind quoted names, and none where the source says NA', () => {
    const place = (code: string) => [airports.get(code)?.city, airports.get(code)?.state];
    expect(place('BTR')).toStrictEqual(['Baton Rouge', 'LA']);
    expect(place('MQT')).toStrictEqual([undefined, undefined]);
  });

  test('are a great circle apart', () => {
    const [seattle, portland] = [airports.get('SEA'), airports.get('PDX')];
    expect(seattle && portland && Math.round(milesBetween(seattle, portland))).toBe(129);
  });
});

describe('a row of the source', () => {
  test('becomes a flight', () => {
    expect(parseFlight(row)).toStrictEqual(flight);
  });

  test.each([
    ['no object', 'SEA'],
    ['another date format', { ...row, date: '2001-01-31 18:05' }],
    ['a day that does not exist', { ...row, date: '2001/02/30 18:05' }],
    ['an hour that does not exist', { ...row, date: '2001/01/31 24:05' }],
    ['no delay', { ...row, delay: null }],
    ['no distance', { ...row, distance: 0 }],
    ['a code in lower case', { ...row, origin: 'sea' }],
  ])('is no flight with %s', (_what, malformed) => {
    expect(parseFlight(malformed)).toBeUndefined();
  });

  test.each([
    ['malformed', { ...row, delay: '3' }],
    ['same-airport', { ...row, destination: 'SEA' }],
    ['unknown-airport', { ...row, destination: 'XXX' }],
    ['airport-without-state', { ...row, destination: 'MQT' }],
    ['wrong-distance', { ...row, distance: 137 }],
  ])('is rejected as %s', (reason, bad) => {
    const good = { ...row, date: '2001/01/31 18:06' };
    expect(checkFlights([bad, good], airports)).toStrictEqual({
      accepted: [{ ...flight, departure: '2001-01-31T18:06' }],
      rejected: [{ reason, row: bad }],
    });
  });

  test('is rejected as ambiguous with every other of its route and minute', () => {
    const twin = { ...row, delay: 99 };
    const back = { ...row, origin: 'PDX', destination: 'SEA' };
    expect(checkFlights([row, twin, back], airports)).toStrictEqual({
      accepted: [{ ...flight, origin: 'PDX', destination: 'SEA' }],
      rejected: [
        { reason: 'ambiguous', row },
        { reason: 'ambiguous', row: twin },
      ],
    });
  });

  test('cannot be joined with an airport that has no state', () => {
    expect(() => enrichFlights([{ ...flight, origin: 'MQT' }], airports)).toThrow('no state is known for airport MQT');
  });
});

describe('punctuality', () => {
  const delayed = (...delays: readonly number[]) => delays.map((delayMinutes) => ({ ...flight, delayMinutes }));

  test('counts a flight late from the minute that is given', () => {
    expect(punctualityOf(delayed(-10, 14, 15, 60), 15)).toStrictEqual({
      flights: 4,
      onTimePercent: 50,
      averageDelayMinutes: 19.8,
      medianDelayMinutes: 14,
      p90DelayMinutes: 60,
    });
  });

  test('is zero of no flights', () => {
    expect(punctualityOf([], 15)).toStrictEqual({
      flights: 0,
      onTimePercent: 0,
      averageDelayMinutes: 0,
      medianDelayMinutes: 0,
      p90DelayMinutes: 0,
    });
  });

  test('compares hours with a hundred flights, or all when none has that many', () => {
    const hour = (at: number, flights: number, averageDelayMinutes: number) => ({
      ...punctualityOf([], 15),
      hour: at,
      flights,
      averageDelayMinutes,
    });
    const many = [hour(3, 99, 50), hour(6, 100, 4), hour(7, 100, 9), hour(8, 100, 9)];
    expect(bestAndWorstHour(many)).toStrictEqual({ best: many[1], worst: many[2] });
    const few = [hour(3, 9, 50), hour(4, 9, 5)];
    expect(bestAndWorstHour(few)).toStrictEqual({ best: few[1], worst: few[0] });
    expect(() => bestAndWorstHour([])).toThrow('no flights to compare hours by');
  });

  test('of a hub needs departures', () => {
    expect(() => profileHub([], 15)).toThrow('a hub without departures');
  });
});

test('a day is wet when it was wet in at least half of the years', () => {
  const csv = [
    'location,date,precipitation,temp_max,temp_min,wind,weather',
    'Seattle,2012-01-31,0.3,9,4,4.7,rain',
    'Seattle,2013-01-31,0.0,9,4,4.7,sun',
    'Seattle,2012-02-01,0.0,9,4,4.7,sun',
    'New York,2012-01-31,0.0,9,4,4.7,sun',
  ].join('\n');
  const normals = dailyNormals(csv, airports);
  expect(normals).toStrictEqual([
    { airport: 'SEA', day: '01-31', years: 2, wetYears: 1 },
    { airport: 'SEA', day: '02-01', years: 1, wetYears: 0 },
  ]);
  const dry = { ...flight, departure: '2001-02-01T07:00', delayMinutes: 1 };
  const unknown = { ...flight, origin: 'PDX', destination: 'SEA' };
  expect(weatherImpact([flight, dry, unknown], normals, 15)).toStrictEqual({
    wetDays: punctualityOf([flight], 15),
    dryDays: punctualityOf([dry], 15),
    extraDelayMinutes: 2,
  });
});

describe('a file of the network', () => {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/weather.csv' ? 200 : 503).end('a,b\n');
  });
  let base = '';
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())));

  test('is read as text', async () => {
    expect(await fetchFile(`${base}/weather.csv`)).toStrictEqual({ text: 'a,b\n', from: `${base}/weather.csv` });
  });

  test.each([
    ['is not there', '/airports.csv', 'answered 503'],
    ['cannot be reached', ':1/airports.csv', 'could not be reached'],
  ])('that %s is an error that says what to do', async (_what, path, found) => {
    const url = path.startsWith(':') ? `http://127.0.0.1${path}` : `${base}${path}`;
    await expect(fetchFile(url)).rejects.toThrow(
      `${url} ${found}: install vega-datasets, or put its files into a bucket and run with source=s3://bucket/prefix`,
    );
  });
});
