import { parseAirports } from '../airports.ts';
import { enrichFlights, type Flight } from '../flights.ts';
import { enrich } from '../operations.ts';
import { rehearse } from '../rehearsal.ts';
import { readRows, readText, writeRows } from '../store.ts';

export const handler = enrich.handler(async (input, ctx) => {
  rehearse(input, ctx);
  const [flights, airports] = await Promise.all([readRows<Flight>(input.flights), readText(input.airports)]);
  const enriched = enrichFlights(flights, parseAirports(airports));
  ctx.log.info('joined with airports', { rows: enriched.length });
  return { key: await writeRows(ctx.session, 'enriched/flights.jsonl', enriched) };
});
