import { countReasons, type Reject } from '../checks.ts';
import { formatCsv } from '../csv.ts';
import { quarantine } from '../operations.ts';
import { rehearse } from '../rehearsal.ts';
import { readRows, writeText } from '../store.ts';

export const handler = quarantine.handler(async (input, ctx) => {
  rehearse(input, ctx);
  const rejects = await readRows<Reject>(input.rejects);
  const table = formatCsv(rejects.map(({ reason, row }) => ({ reason, row: JSON.stringify(row) })));
  const reasons = countReasons(rejects);
  ctx.log.warn('quarantined', { rows: rejects.length, reasons });
  return { key: await writeText(ctx.session, 'quarantine/flights.csv', table), reasons };
});
