/** Hubs: the airports that most flights leave from, and what is to be said of each. */
import type { EnrichedFlight } from './flights.ts';
import { type Punctuality, punctualityOf } from './punctuality.ts';

export interface HubProfile extends Punctuality {
  readonly airport: string;
  readonly city: string;
  readonly state: string;
  /** How many airports and states it has flights to. */
  readonly destinations: number;
  readonly states: number;
  readonly busiestDestination: string;
}

/** The flights of the busiest origins, busiest first; among equals in the order of their codes. */
export function busiestOrigins(
  flights: readonly EnrichedFlight[],
  count: number,
): (readonly [string, EnrichedFlight[]])[] {
  return ranked(Map.groupBy(flights, ({ origin }) => origin)).slice(0, count);
}

/** Describes one hub by its departures. */
export function profileHub(departures: readonly EnrichedFlight[], lateAfterMinutes: number): HubProfile {
  const [first] = departures;
  if (!first) throw new Error('a hub without departures');
  const byDestination = Map.groupBy(departures, ({ destination }) => destination);
  return {
    airport: first.origin,
    city: first.originCity,
    state: first.originState,
    ...punctualityOf(departures, lateAfterMinutes),
    destinations: byDestination.size,
    states: new Set(departures.map(({ destinationState }) => destinationState)).size,
    busiestDestination: ranked(byDestination)[0]?.[0] ?? '',
  };
}

function ranked<T>(groups: ReadonlyMap<string, T[]>): (readonly [string, T[]])[] {
  return [...groups].sort(([a, these], [b, those]) => those.length - these.length || (a < b ? -1 : 1));
}
