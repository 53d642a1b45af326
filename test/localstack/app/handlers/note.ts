import { note } from '../operations.ts';
import { waitForGo } from './go.ts';

export const handler = note.handler(async ({ what, wait }) => {
  if (wait) await waitForGo(what);
  return { what, code: process.env['CODE'] ?? 'first' };
});
