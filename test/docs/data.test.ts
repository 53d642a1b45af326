/** The page about data and secrets: what it shows works as it stands there. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { maxInlineBytes } from '../../lib/payload-layout.ts';
import { typeCheck } from './type-check.ts';

const page = readFileSync(new URL('../../docs/data.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);

describe('the page about data and secrets', () => {
  it('has two pipelines that type-check', () => {
    expect(examples.length).toBe(2);
    // One module of both: the type-checker is slow to start.
    const [first = '', second = ''] = examples;
    const more = second.replaceAll(/^import .*$/gm, '').replace('export default', 'export const other =');
    expect(typeCheck(first.replace('pipeline, tpl', 'pipeline, secret, tpl') + more).errors).toStrictEqual([]);
  });

  it('names the limit that holds', () => {
    expect(page).toContain(`up to ${maxInlineBytes / 1_024} KiB of JSON`);
  });
});
