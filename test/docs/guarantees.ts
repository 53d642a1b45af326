/** The page of guarantees as data. */
import { readFileSync } from 'node:fs';

export interface Guarantee {
  readonly id: string;
  readonly happens: string;
  readonly comes: string;
  readonly tests: readonly { readonly file: string; readonly title: string }[];
}

export function guarantees(): readonly Guarantee[] {
  const page = readFileSync(new URL('../../docs/guarantees.md', import.meta.url), 'utf8');
  return [...page.matchAll(/^\| (R\d+) \| (.*?) \| (.*?) \| (.*) \|$/gm)].map(
    ([, id = '', happens = '', comes = '', cell = '']) => ({
      id,
      happens,
      comes,
      tests: [...cell.matchAll(/`(test\/[^`]+)`: (.*?)(?=; `test\/|$)/g)].map(([, file = '', title = '']) => ({
        file,
        title,
      })),
    }),
  );
}
