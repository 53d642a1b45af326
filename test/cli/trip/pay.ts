import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pay } from './operations.ts';

export const handler = pay.handler(({ folder }) => {
  if (!existsSync(join(folder, 'money'))) throw Object.assign(new Error('no money'), { name: 'Declined' });
  return {};
});
