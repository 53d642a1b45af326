import { parseAirports } from '../airports.ts';
import { checkFlights } from '../checks.ts';
import { validate } from '../operations.ts';
import { rehearse } from '../rehearsal.ts';
import { readText, writeRows } from '../store.ts';

export const handler = validate.handler(async (input, ctx) => {
  rehearse(input, ctx);
  const [flights, airports] = await Promise.all([readText(input.flights), readText(input.airports)]);
  const rows: unknown = JSON.parse(flights);
  if (!Array.isArray(rows)) throw new Error(`${input.flights} is not a list of flights`);
  const { accepted, rejected } = checkFlights(rows, parseAirports(airports));
  for (const { reason, row } of rejected) ctx.log.warn('rejected', { reason, row });
  ctx.log.info('checked', { accepted: accepted.length, rejected: rejected.length });
  const [valid, rejects] = await Promise.all([
    writeRows(ctx.session, 'valid/flights.jsonl', accepted),
    writeRows(ctx.session, 'rejects/flights.jsonl', rejected),
  ]);
  return { accepted: accepted.length, rejected: rejected.length, flights: valid, rejects };
});
