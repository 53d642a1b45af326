import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { book } from './operations.ts';

export const handler = book.handler(({ folder, name }) => {
  appendFileSync(join(folder, 'ledger'), `+${name}\n`);
  return { id: `id of ${name}` };
});
