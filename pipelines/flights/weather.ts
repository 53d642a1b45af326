/**
 * Weather: are flights later at the time of year when it usually rains?
 *
 * The weather record (Seattle and New York, 2012 to 2015) and the flights (2001) have no day in common. What they
 * share is the calendar: the record says how often a day of the year is wet, and that is what flights are joined with.
 */
import type { AirportsByCode } from './airports.ts';
import { parseCsv } from './csv.ts';
import type { Flight } from './flights.ts';
import { type Punctuality, punctualityOf, share } from './punctuality.ts';

/** What a day of the year is usually like at an airport. */
export interface DailyNormal {
  readonly airport: string;
  /** `01-31`. */
  readonly day: string;
  /** How many years were recorded, and in how many of them it rained or snowed that day. */
  readonly years: number;
  readonly wetYears: number;
}

export interface WeatherImpact {
  /** Departures on days that are wet in at least half of the years. */
  readonly wetDays: Punctuality;
  /** Departures on all other days. */
  readonly dryDays: Punctuality;
  /** How much later flights are on wet days, on average; one decimal. */
  readonly extraDelayMinutes: number;
}

/** Reads `weather.csv` into daily normals for every airport that lies in a city with a weather record. */
export function dailyNormals(csv: string, airports: AirportsByCode): DailyNormal[] {
  const daysByCity = Map.groupBy(parseCsv(csv), (row) => row['location'] ?? '');
  return [...daysByCity].flatMap(([city, rows]) => {
    const days = [...Map.groupBy(rows, (row) => (row['date'] ?? '').slice(5))].map(([day, years]) => ({
      day,
      years: years.length,
      wetYears: years.filter((row) => Number(row['precipitation']) > 0).length,
    }));
    const inCity = [...airports.values()].filter((airport) => airport.city === city);
    return inCity.flatMap(({ code }) => days.map((day) => ({ airport: code, ...day })));
  });
}

/** Compares departures on usually wet days with those on usually dry days, where the weather is known. */
export function weatherImpact(
  flights: readonly Flight[],
  normals: readonly DailyNormal[],
  lateAfterMinutes: number,
): WeatherImpact {
  const isWet = new Map(
    normals.map((normal) => [`${normal.airport} ${normal.day}`, 2 * normal.wetYears >= normal.years]),
  );
  const skies = Map.groupBy(flights, ({ origin, departure }) => isWet.get(`${origin} ${departure.slice(5, 10)}`));
  const wetDays = punctualityOf(skies.get(true) ?? [], lateAfterMinutes);
  const dryDays = punctualityOf(skies.get(false) ?? [], lateAfterMinutes);
  return { wetDays, dryDays, extraDelayMinutes: share(wetDays.averageDelayMinutes - dryDays.averageDelayMinutes, 1) };
}
