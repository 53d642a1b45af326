import { formatCsv } from '../csv.ts';
import { publish } from '../operations.ts';
import { rehearse } from '../rehearsal.ts';
import { writeText } from '../store.ts';

export const handler = publish.handler(async (input, ctx) => {
  rehearse(input, ctx);
  const { result } = input;
  const [summary, table] = await Promise.all([
    writeText(ctx.session, 'result/summary.json', `${JSON.stringify(result, null, 2)}\n`),
    writeText(ctx.session, 'result/hubs.csv', formatCsv(result.hubs)),
  ]);
  ctx.log.info('published', { summary, table });
  return { summary, table };
});
