/** Flights: what the source says of each, and what it becomes on its way through the pipeline. */
import * as z from 'zod';
import type { AirportsByCode } from './airports.ts';

/** A row of the source: actual local departure, arrival delay in minutes (negative: early), distance in miles. */
const sourceRow = z.object({
  date: z.string().regex(/^\d{4}\/\d\d\/\d\d \d\d:\d\d$/),
  delay: z.int(),
  distance: z.int().positive(),
  origin: z.string().regex(/^[A-Z0-9]{3}$/),
  destination: z.string().regex(/^[A-Z0-9]{3}$/),
});

export interface Flight {
  /** Actual local time, ISO 8601 without zone: `2001-01-31T18:05`. */
  readonly departure: string;
  readonly origin: string;
  readonly destination: string;
  readonly distanceMiles: number;
  /** On arrival; negative when early. */
  readonly delayMinutes: number;
}

/** A flight joined with the airports at its ends. */
export interface EnrichedFlight extends Flight {
  readonly originCity: string;
  readonly originState: string;
  readonly destinationCity: string;
  readonly destinationState: string;
}

/** Reads one row of the source; `undefined` when it is malformed. */
export function parseFlight(row: unknown): Flight | undefined {
  const { data } = sourceRow.safeParse(row);
  if (!data) return undefined;
  const departure = data.date.replaceAll('/', '-').replace(' ', 'T');
  const { origin, destination, distance: distanceMiles, delay: delayMinutes } = data;
  return isTime(departure) ? { departure, origin, destination, distanceMiles, delayMinutes } : undefined;
}

/** Joins flights with the directory of airports. Flights come here validated: each end is known and has a state. */
export function enrichFlights(flights: readonly Flight[], airports: AirportsByCode): EnrichedFlight[] {
  const place = (code: string) => {
    const airport = airports.get(code);
    if (!airport?.state) throw new Error(`no state is known for airport ${code}: was this flight validated?`);
    return { city: airport.city ?? code, state: airport.state };
  };
  return flights.map((flight) => {
    const from = place(flight.origin);
    const to = place(flight.destination);
    return {
      ...flight,
      originCity: from.city,
      originState: from.state,
      destinationCity: to.city,
      destinationState: to.state,
    };
  });
}

/** Is it a minute of the calendar? (`Date` would read 30 February as 2 March.) */
function isTime(departure: string): boolean {
  const time = new Date(`${departure}Z`);
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(departure);
}
