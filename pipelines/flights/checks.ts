/**
 * Checks: which flights can be trusted. A rule says what is wrong with a flight; the first rule that a flight breaks
 * is the reason it is rejected for. Rejects are kept, never dropped.
 */
import { type Airport, type AirportsByCode, milesBetween } from './airports.ts';
import { type Flight, parseFlight } from './flights.ts';

/** A flight with what the rules look at. */
interface Candidate {
  readonly flight: Flight;
  readonly origin: Airport | undefined;
  readonly destination: Airport | undefined;
  /** Records, this one included, of the same route in the same minute. */
  readonly namesakes: number;
}

type Rule = (candidate: Candidate) => boolean;

/** Reported and computed distances differ by 1.4 % at most where both are right (whole miles, a round earth). */
const distanceTolerance = 0.05;

const rules = {
  'same-airport': ({ flight }) => flight.origin === flight.destination,
  'unknown-airport': ({ origin, destination }) => !origin || !destination,
  /** Nobody could say which state the flight counts for. */
  'airport-without-state': ({ origin, destination }) => !origin?.state || !destination?.state,
  'wrong-distance': ({ flight, origin, destination }) => {
    if (!origin || !destination) return false;
    const miles = milesBetween(origin, destination);
    return Math.abs(flight.distanceMiles - miles) > distanceTolerance * miles;
  },
  /** The source has no carrier and no flight number: two records of one route and minute cannot be told apart. */
  ambiguous: ({ namesakes }) => namesakes > 1,
} as const satisfies Record<string, Rule>;

export type RejectReason = 'malformed' | keyof typeof rules;

/** A row of the source that was not accepted, as it came, and why. */
export interface Reject {
  readonly reason: RejectReason;
  readonly row: unknown;
}

export interface CheckedFlights {
  readonly accepted: readonly Flight[];
  readonly rejected: readonly Reject[];
}

/** Sorts the rows of the source into flights and rejects. */
export function checkFlights(rows: readonly unknown[], airports: AirportsByCode): CheckedFlights {
  const parsed = rows.map((row) => ({ row, flight: parseFlight(row) }));
  const namesakes = countBy(parsed.flatMap(({ flight }) => (flight ? [slot(flight)] : [])));
  const accepted: Flight[] = [];
  const rejected: Reject[] = [];
  for (const { row, flight } of parsed) {
    const reason = flight
      ? brokenRule({
          flight,
          origin: airports.get(flight.origin),
          destination: airports.get(flight.destination),
          namesakes: namesakes.get(slot(flight)) ?? 0,
        })
      : 'malformed';
    if (reason) rejected.push({ reason, row });
    else if (flight) accepted.push(flight);
  }
  return { accepted, rejected };
}

/** How many rows were rejected for which reason, most frequent first. */
export function countReasons(rejects: readonly Reject[]): { reason: RejectReason; rows: number }[] {
  return [...countBy(rejects.map(({ reason }) => reason))]
    .map(([reason, rows]) => ({ reason, rows }))
    .sort((a, b) => b.rows - a.rows || (a.reason < b.reason ? -1 : 1));
}

function brokenRule(candidate: Candidate): RejectReason | undefined {
  const names = Object.keys(rules) as (keyof typeof rules)[];
  return names.find((name) => rules[name](candidate));
}

function slot({ departure, origin, destination }: Flight): string {
  return `${departure} ${origin} ${destination}`;
}

function countBy<T>(values: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
