import { ingest } from '../operations.ts';
import { rehearse } from '../rehearsal.ts';
import { readSource } from '../source.ts';
import { writeText } from '../store.ts';

export const handler = ingest.handler(async (input, ctx) => {
  rehearse(input, ctx);
  const { text, from } = await readSource(input.source, input.file, ctx.signal);
  const bytes = Buffer.byteLength(text);
  ctx.log.info('copied', { file: input.file, from, bytes });
  return { key: await writeText(ctx.session, `raw/${input.file}`, text), bytes, from };
});
