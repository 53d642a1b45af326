import type { Flight } from '../flights.ts';
import { measure } from '../operations.ts';
import { bestAndWorstHour, punctualityByHour, punctualityOf } from '../punctuality.ts';
import { rehearse } from '../rehearsal.ts';
import { readRows, writeRows } from '../store.ts';

export const handler = measure.handler(async (input, ctx) => {
  rehearse(input, ctx);
  const flights = await readRows<Flight>(input.flights);
  const overall = punctualityOf(flights, input.lateAfterMinutes);
  const hours = punctualityByHour(flights, input.lateAfterMinutes);
  const { best, worst } = bestAndWorstHour(hours);
  ctx.log.info('measured', { ...overall });
  const key = await writeRows(ctx.session, 'punctuality/by-hour.jsonl', hours);
  return { key, overall, bestHour: best, worstHour: worst };
});
