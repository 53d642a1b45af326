import type { Flight } from '../flights.ts';
import { compareWeather } from '../operations.ts';
import { rehearse } from '../rehearsal.ts';
import { readRows } from '../store.ts';
import { type DailyNormal, weatherImpact } from '../weather.ts';

export const handler = compareWeather.handler(async (input, ctx) => {
  rehearse(input, ctx);
  const [flights, normals] = await Promise.all([readRows<Flight>(input.flights), readRows<DailyNormal>(input.normals)]);
  const impact = weatherImpact(flights, normals, input.lateAfterMinutes);
  ctx.log.info('compared', { wet: impact.wetDays.flights, dry: impact.dryDays.flights });
  return impact;
});
