/**
 * What the flights pipeline must publish with its default input, worked out once more by other code: plain loops over
 * the files of the data set. Nothing of pipelines/flights is used here.
 */
import { readFileSync } from 'node:fs';

const folder = new URL('../../node_modules/vega-datasets/data/', import.meta.url);

interface Figures {
  readonly flights: number;
  readonly onTimePercent: number;
  readonly averageDelayMinutes: number;
  readonly medianDelayMinutes: number;
  readonly p90DelayMinutes: number;
}

/** The output of the pipeline, but for the three keys of objects, which hold the session's id. */
export interface ExpectedFlights {
  readonly flights: number;
  readonly rejected: number;
  readonly onTimePercent: number;
  readonly averageDelayMinutes: number;
  readonly bestHour: number;
  readonly worstHour: number;
  readonly extraDelayOnWetDaysMinutes: number;
  readonly hubs: readonly ExpectedHub[];
}

interface ExpectedHub extends Figures {
  readonly airport: string;
  readonly city: string;
  readonly state: string;
  readonly destinations: number;
  readonly states: number;
  readonly busiestDestination: string;
}

/** The whole of `result/summary.json`. */
export interface ExpectedSummary {
  readonly flights: Figures;
  readonly rejected: number;
  readonly bestHour: Figures & { readonly hour: number };
  readonly worstHour: Figures & { readonly hour: number };
  readonly hubs: readonly ExpectedHub[];
  readonly weather: { readonly wetDays: Figures; readonly dryDays: Figures; readonly extraDelayMinutes: number };
}

interface Row {
  date: string;
  delay: number;
  distance: number;
  origin: string;
  destination: string;
}

/** City and state of an airport by its code, read from the line's ends: names hold commas, what stands around them does not. */
function places(): Map<string, { city: string; state: string }> {
  const found = new Map<string, { city: string; state: string }>();
  for (const line of readFileSync(new URL('airports.csv', folder), 'utf8').split('\n').slice(1)) {
    // code,name,city,state,country,latitude,longitude: from the right, everything up to the state is free of quotes.
    const parts = line.trim().split(',');
    if (parts.length < 7) continue;
    const code = parts[0] ?? '';
    const state = (parts[parts.length - 4] ?? '').replace('"', '').trim();
    // Three cities hold a comma too; no flight of the data set touches those airports.
    const city = parts[parts.length - 5] ?? '';
    found.set(code, { city, state });
  }
  return found;
}

function oneDecimal(value: number): number {
  return Number((Math.floor(value * 10 + 0.5) / 10).toFixed(1));
}

function figures(rows: readonly Row[], lateAfter: number): Figures {
  let sum = 0;
  let onTime = 0;
  const delays: number[] = [];
  for (const row of rows) {
    sum += row.delay;
    delays.push(row.delay);
    if (!(row.delay >= lateAfter)) onTime += 1;
  }
  delays.sort((a, b) => a - b);
  // The smallest delay that at least this share of the flights stays within.
  const within = (percent: number) => {
    for (let index = 0; index < delays.length; index += 1) {
      if ((index + 1) * 100 >= percent * delays.length) return delays[index] ?? Number.NaN;
    }
    return Number.NaN;
  };
  return {
    flights: rows.length,
    onTimePercent: oneDecimal((onTime * 100) / rows.length),
    averageDelayMinutes: oneDecimal(sum / rows.length),
    medianDelayMinutes: within(50),
    p90DelayMinutes: within(90),
  };
}

function acceptedRows(all: readonly Row[], airports: ReadonlyMap<string, { state: string }>): Row[] {
  const seen: Record<string, number> = {};
  for (const row of all) {
    const name = row.date + row.origin + row.destination;
    seen[name] = (seen[name] ?? 0) + 1;
  }
  const kept: Row[] = [];
  for (const row of all) {
    const from = airports.get(row.origin);
    const to = airports.get(row.destination);
    if (from === undefined || to === undefined) continue;
    if (from.state === 'NA' || to.state === 'NA') continue;
    if (row.origin === row.destination) continue;
    if ((seen[row.date + row.origin + row.destination] ?? 0) !== 1) continue;
    kept.push(row);
  }
  return kept;
}

function hub(
  code: string,
  kept: readonly Row[],
  airports: ReadonlyMap<string, { city: string; state: string }>,
  lateAfter: number,
): ExpectedHub {
  const rows: Row[] = [];
  const counts: Record<string, number> = {};
  const states: Record<string, true> = {};
  for (const row of kept) {
    if (row.origin !== code) continue;
    rows.push(row);
    counts[row.destination] = (counts[row.destination] ?? 0) + 1;
    states[airports.get(row.destination)?.state ?? ''] = true;
  }
  let busiest = '';
  for (const destination of Object.keys(counts).sort()) {
    if (busiest === '' || (counts[destination] ?? 0) > (counts[busiest] ?? 0)) busiest = destination;
  }
  const place = airports.get(code);
  return {
    airport: code,
    city: place?.city ?? '',
    state: place?.state ?? '',
    ...figures(rows, lateAfter),
    destinations: Object.keys(counts).length,
    states: Object.keys(states).length,
    busiestDestination: busiest,
  };
}

function hubCodes(kept: readonly Row[], howMany: number): string[] {
  const counts: Record<string, number> = {};
  for (const row of kept) counts[row.origin] = (counts[row.origin] ?? 0) + 1;
  const left = Object.keys(counts).sort();
  const chosen: string[] = [];
  while (chosen.length < howMany && left.length > 0) {
    let at = 0;
    for (let index = 1; index < left.length; index += 1) {
      if ((counts[left[index] ?? ''] ?? 0) > (counts[left[at] ?? ''] ?? 0)) at = index;
    }
    chosen.push(...left.splice(at, 1));
  }
  return chosen;
}

function weather(kept: readonly Row[], lateAfter: number): ExpectedSummary['weather'] {
  // City → day of the year → years in which it was wet; the record has four of each day but one: no 29 February was flown.
  const wet: Record<string, Record<string, number>> = { Seattle: {}, 'New York': {} };
  for (const line of readFileSync(new URL('weather.csv', folder), 'utf8').trim().split('\n').slice(1)) {
    const [city = '', date = '', precipitation = ''] = line.split(',');
    const days = wet[city];
    if (days && precipitation !== '0.0') days[date.slice(5)] = (days[date.slice(5)] ?? 0) + 1;
  }
  const airportsOf: Record<string, string> = { SEA: 'Seattle', JFK: 'New York', LGA: 'New York' };
  const wetRows: Row[] = [];
  const dryRows: Row[] = [];
  for (const row of kept) {
    const days = wet[airportsOf[row.origin] ?? ''];
    if (!days) continue;
    const day = `${row.date.slice(5, 7)}-${row.date.slice(8, 10)}`;
    if ((days[day] ?? 0) >= 2) wetRows.push(row);
    else dryRows.push(row);
  }
  const wetDays = figures(wetRows, lateAfter);
  const dryDays = figures(dryRows, lateAfter);
  return { wetDays, dryDays, extraDelayMinutes: oneDecimal(wetDays.averageDelayMinutes - dryDays.averageDelayMinutes) };
}

/** What `result/summary.json` must hold. */
export function expectedSummary(hubs = 8, lateAfterMinutes = 15): ExpectedSummary {
  const airports = places();
  const all: Row[] = JSON.parse(readFileSync(new URL('flights-20k.json', folder), 'utf8'));
  const kept = acceptedRows(all, airports);

  let best: (Figures & { hour: number }) | undefined;
  let worst: (Figures & { hour: number }) | undefined;
  for (let hour = 0; hour < 24; hour += 1) {
    const rows = kept.filter((row) => Number.parseInt(row.date.slice(11, 13), 10) === hour);
    if (rows.length < 100) continue;
    const found = { hour, ...figures(rows, lateAfterMinutes) };
    if (best === undefined || found.averageDelayMinutes < best.averageDelayMinutes) best = found;
    if (worst === undefined || found.averageDelayMinutes > worst.averageDelayMinutes) worst = found;
  }
  if (best === undefined || worst === undefined) throw new Error('no hour has a hundred flights');

  return {
    flights: figures(kept, lateAfterMinutes),
    rejected: all.length - kept.length,
    bestHour: best,
    worstHour: worst,
    hubs: hubCodes(kept, hubs).map((code) => hub(code, kept, airports, lateAfterMinutes)),
    weather: weather(kept, lateAfterMinutes),
  };
}

/** What the pipeline must give back, but for the keys of objects. */
export function expectedFlights(hubs = 8, lateAfterMinutes = 15): ExpectedFlights {
  const summary = expectedSummary(hubs, lateAfterMinutes);
  return {
    flights: summary.flights.flights,
    rejected: summary.rejected,
    onTimePercent: summary.flights.onTimePercent,
    averageDelayMinutes: summary.flights.averageDelayMinutes,
    bestHour: summary.bestHour.hour,
    worstHour: summary.worstHour.hour,
    extraDelayOnWetDaysMinutes: summary.weather.extraDelayMinutes,
    hubs: summary.hubs,
  };
}
