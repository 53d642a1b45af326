import { parseAirports } from '../airports.ts';
import { normalise } from '../operations.ts';
import { rehearse } from '../rehearsal.ts';
import { readText, writeRows } from '../store.ts';
import { dailyNormals } from '../weather.ts';

export const handler = normalise.handler(async (input, ctx) => {
  rehearse(input, ctx);
  const [weather, airports] = await Promise.all([readText(input.weather), readText(input.airports)]);
  const normals = dailyNormals(weather, parseAirports(airports));
  const covered = new Set(normals.map(({ airport }) => airport));
  ctx.log.info('normalised', { airports: [...covered], rows: normals.length });
  return { key: await writeRows(ctx.session, 'weather/normals.jsonl', normals), airports: covered.size };
});
