import type { EnrichedFlight } from '../flights.ts';
import { busiestOrigins } from '../hubs.ts';
import { partition } from '../operations.ts';
import { rehearse } from '../rehearsal.ts';
import { readRows, writeRows } from '../store.ts';

export const handler = partition.handler(async (input, ctx) => {
  rehearse(input, ctx);
  const hubs = busiestOrigins(await readRows<EnrichedFlight>(input.flights), input.hubs);
  ctx.log.info('chosen', { hubs: hubs.map(([airport]) => airport) });
  return {
    hubs: await Promise.all(
      hubs.map(async ([airport, departures]) => ({
        airport,
        key: await writeRows(ctx.session, `hubs/${airport}.jsonl`, departures),
      })),
    ),
  };
});
