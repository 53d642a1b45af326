import type { EnrichedFlight } from '../flights.ts';
import { profileHub } from '../hubs.ts';
import { profile } from '../operations.ts';
import { rehearse } from '../rehearsal.ts';
import { readRows } from '../store.ts';

export const handler = profile.handler(async (input, ctx) => {
  rehearse(input, ctx);
  const hub = profileHub(await readRows<EnrichedFlight>(input.departures), input.lateAfterMinutes);
  ctx.log.info('profiled', { airport: hub.airport, flights: hub.flights, onTimePercent: hub.onTimePercent });
  return hub;
});
