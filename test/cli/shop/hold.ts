import { appendFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { hold } from './operations.ts';

export const handler = hold.handler(async ({ folder }, ctx) => {
  if (folder === '') return { held: false };
  appendFileSync(join(folder, 'began.txt'), `${ctx.session} ${ctx.attempt}\n`);
  while (!existsSync(join(folder, 'go'))) await wait(20);
  appendFileSync(join(folder, 'ended.txt'), `${ctx.session}\n`);
  return { held: true };
});
