import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { cancel } from './operations.ts';

export const handler = cancel.handler(({ input: { folder, name }, output: { id } }, { undoes, idempotencyKey }) => {
  if (name === 'car') throw Object.assign(new Error('too late'), { name: 'TooLate' });
  if (id !== `id of ${name}` || !undoes?.idempotencyKey.endsWith(`/${undoes.job}`) || idempotencyKey === '')
    throw new Error(`${id} for ${name}`);
  appendFileSync(join(folder, 'ledger'), `-${name}\n`);
  return { cancelled: id };
});
