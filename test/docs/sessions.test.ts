import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { builtInKinds } from '../../lib/dsl/operations/built-in.ts';

const page = readFileSync(new URL('../../docs/sessions.md', import.meta.url), 'utf8');

it('the page about sessions says of every kind of operation what a pause does', () => {
  const [, table = ''] = page.split('## Pause');
  const rows = table.split('\n').flatMap((line) => /^\| (.*?) \|/.exec(line)?.[1] ?? []);
  const said = (kind: string) => rows.some((row) => row.includes(kind === 'call' ? 'a call' : `\`${kind}\``));
  expect(['lambda', ...builtInKinds.map(({ kind }) => kind)].filter((kind) => !said(kind))).toStrictEqual([]);
});
