/** The page about data and secrets: what it shows works as it stands there. */
import { readFileSync } from 'node:fs';
import { gt, type JsonLines, jsonLines, lambda, pipeline } from 'bunsui';
import { recordsOf, runPipeline } from 'bunsui/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { maxInlineBytes } from '../../lib/payload-layout.ts';
import { typeCheck } from './type-check.ts';

const page = readFileSync(new URL('../../docs/data.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);

describe('the page about data and secrets', () => {
  it('has pipelines and handlers that type-check', () => {
    expect(examples.length).toBe(4);
    // One module of all: the type-checker is slow to start.
    const [first = '', records = '', handlers = '', last = ''] = examples;
    const rest = (text: string, name: string) =>
      text.replaceAll(/^import .*$/gm, '').replace('export default', `export const ${name} =`);
    const shop =
      'declare const shop: { pages(day: string, o: object): AsyncIterable<{ orders: { id: string; cents: number }[] }> };';
    const [one = '', two = ''] = handlers.split(/(?=\/\/ bill.ts)/);
    const code = [
      first.replace('gt, lambda, pipeline, tpl', 'gt, jsonLines, lambda, pipeline, secret, tpl'),
      rest(records, 'billing'),
      shop,
      one,
      two.replace('const handler', 'const other'),
      rest(last, 'warehouse'),
    ].join('\n');
    expect(typeCheck(code).errors).toStrictEqual([]);
  });

  it('has an example that yields records and goes over them', async () => {
    const given = { gt, jsonLines, lambda, pipeline, z };
    const body = (examples[1] ?? '')
      .replaceAll(/^import .*$|export (?=const)/gm, '')
      .replace('export default', 'const billing =')
      .concat('\nreturn { billing, bill };');
    const { billing, bill } = new Function(...Object.keys(given), body)(...Object.values(given));
    const operations = {
      *'export-orders'({ day }: { readonly day: string }) {
        yield { id: day, cents: 3 };
        yield { id: 'b', cents: 4 };
      },
      bill: async ({ orders }: { readonly orders: JsonLines<{ readonly cents: number }> }) => {
        let cents = 0;
        for await (const order of orders) cents += order.cents;
        return { cents };
      },
    };
    const run = await runPipeline(billing, { input: { day: '2026-01-31' }, operations });
    expect([run.status, run.output]).toStrictEqual(['SUCCEEDED', { orders: 2, cents: 7 }]);
    const handler = bill.handler(operations.bill);
    expect(await handler.run({ orders: await recordsOf([{ id: 'a', cents: 5 }]) })).toStrictEqual({ cents: 5 });
    await expect(handler.run({ orders: await recordsOf([{ id: 'a' }]) })).rejects.toThrow(
      'does not fit its schema: cents',
    );
  });

  it('names the limit that holds', () => {
    expect(page).toContain(`up to ${maxInlineBytes / 1_024} KiB of JSON`);
  });
});
