import { readFileSync } from 'node:fs';
import { add, eq, gt, lambda, orElse, pipeline, pluck, sum, tpl } from 'bunsui';
import { runPipeline } from 'bunsui/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { typeCheck } from './type-check.ts';

/** The examples of docs/structures.md: type-checked together, and run. */
const page = readFileSync(new URL('../../docs/structures.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code);

const op = <I extends z.ZodObject, O extends z.ZodObject>(id: string, input: I, output: O) =>
  lambda(id, { entry: './x.ts', input, output: output as never }) as unknown as ReturnType<typeof lambda<I, O>>;
const key = z.object({ key: z.string() });
const rows = z.object({ rows: z.int() });
const operations = {
  reserve: op('reserve', z.object({ order: z.string() }), z.object({ parcel: z.string() })),
  ship: op('ship', z.object({ parcel: z.string() }), z.object({})),
  tell: op('tell', z.object({ text: z.string() }), z.object({})),
  close: op('close', z.object({ order: z.string() }), z.object({})),
  inspect: op('inspect', key, z.object({ kind: z.enum(['csv', 'json', 'other']) })),
  readCsv: op('read-csv', key, rows),
  readJson: op('read-json', key, rows),
  book: op('book', z.object({ what: z.string() }), z.object({ id: z.string() })),
  unbook: op(
    'unbook',
    z.object({ input: z.object({ what: z.string() }), output: z.object({ id: z.string() }) }),
    z.object({}),
  ),
  pay: op('pay', z.object({ id: z.string() }), z.object({})),
  readPage: op('read-page', z.object({ from: z.string() }), z.object({ next: z.string(), rows: z.int() })),
  charge: op(
    'charge',
    z.object({ day: z.string(), orders: z.array(z.object({ id: z.string(), amount: z.int() })) }),
    z.object({ charged: z.int(), refused: z.array(z.string()) }),
  ),
  addUp: op(
    'add-up',
    z.object({ results: z.object({ bucket: z.string(), key: z.string() }) }),
    z.object({ charged: z.int(), refused: z.array(z.string()) }),
  ),
};

/** What the examples take for granted, as text for the type-checker. */
const contracts = `
import { add, eq, gt, lambda, orElse, pipeline, pluck, sum, tpl } from 'bunsui';
import * as z from 'zod';
const op = <I extends z.ZodObject, O extends z.ZodObject>(id: string, input: I, output: O) => lambda(id, { entry: './x.ts', input, output: output as never }) as unknown as ReturnType<typeof lambda<I, O>>;
const key = z.object({ key: z.string() });
const rows = z.object({ rows: z.int() });
const reserve = op('reserve', z.object({ order: z.string() }), z.object({ parcel: z.string() }));
const ship = op('ship', z.object({ parcel: z.string() }), z.object({}));
const tell = op('tell', z.object({ text: z.string() }), z.object({}));
const close = op('close', z.object({ order: z.string() }), z.object({}));
const inspect = op('inspect', key, z.object({ kind: z.enum(['csv', 'json', 'other']) }));
const readCsv = op('read-csv', key, rows);
const readJson = op('read-json', key, rows);
const book = op('book', z.object({ what: z.string() }), z.object({ id: z.string() }));
const unbook = op('unbook', z.object({ input: z.object({ what: z.string() }), output: z.object({ id: z.string() }) }), z.object({}));
const pay = op('pay', z.object({ id: z.string() }), z.object({}));
const readPage = op('read-page', z.object({ from: z.string() }), z.object({ next: z.string(), rows: z.int() }));
const charge = op('charge', z.object({ day: z.string(), orders: z.array(z.object({ id: z.string(), amount: z.int() })) }), z.object({ charged: z.int(), refused: z.array(z.string()) }));
const addUp = op('add-up', z.object({ results: z.object({ bucket: z.string(), key: z.string() }) }), z.object({ charged: z.int(), refused: z.array(z.string()) }));
`;

/** The pipelines of the page, as they are written there. */
function examples(): { readonly [name: string]: ReturnType<typeof pipeline> } {
  const code = blocks.join('\n').replaceAll(/export const (\w+) =/g, 'made.$1 =');
  const made: { [name: string]: ReturnType<typeof pipeline> } = {};
  const given = { ...operations, z, add, eq, gt, orElse, pipeline, pluck, sum, tpl, made };
  new Function(...Object.keys(given), code)(...Object.values(given));
  return made;
}

const named = (name: string) => () => {
  throw Object.assign(new Error('as asked'), { name });
};

describe('the page on structures', () => {
  it('shows pipelines that type-check', () => {
    expect(typeCheck(contracts + blocks.join('\n')).errors).toStrictEqual([]);
  });

  it('would not pass with a case that the enum does not have', () => {
    expect(typeCheck(contracts + blocks.join('\n').replace('    json:', '    jsn:')).errors).not.toStrictEqual([]);
  });

  it.each([
    ['goes on', {}, ['reserve', 'ship', 'close'], true],
    ['tolerates what it names', { reserve: named('OutOfStock') }, ['reserve', 'apologise', 'close'], false],
  ])('has an example that %s', async (_name, changed, ran, shipped) => {
    const { orders } = examples();
    if (orders === undefined) throw new Error('no such example');
    const usual = { reserve: () => ({ parcel: 'p' }), ship: () => ({}), tell: () => ({}), close: () => ({}) };
    const run = await runPipeline(orders, { input: { order: 'o' }, operations: { ...usual, ...changed } });
    const jobs = run.attempts.map(({ job }) => job);
    expect({ output: run.output, ran: jobs.sort() }).toStrictEqual({ output: { shipped }, ran: [...ran].sort() });
  });

  it('has an example that undoes what it has done', async () => {
    const { trip } = examples();
    if (trip === undefined) throw new Error('no such example');
    const undone: string[] = [];
    const operations = {
      book: ({ what }: { readonly what: string }) => ({ id: `id of ${what}` }),
      unbook: ({
        input,
        output,
      }: {
        readonly input: { readonly what: string };
        readonly output: { readonly id: string };
      }) => {
        undone.push(`${input.what}: ${output.id}`);
        return {};
      },
      pay: named('Declined'),
    };
    const run = await runPipeline(trip, { input: { from: 'HND', nights: ['mon', 'tue'] }, operations });
    expect(run.error).toBe('Declined');
    expect([undone.slice(0, 2).toSorted(), undone.slice(2)]).toStrictEqual([
      ['mon: id of mon', 'tue: id of tue'],
      ['HND: id of HND'],
    ]);
  });

  it('has an example that fails with what it does not name', async () => {
    const { orders } = examples();
    if (orders === undefined) throw new Error('no such example');
    const operations = { reserve: named('Broken'), ship: () => ({}), tell: () => ({}), close: () => ({}) };
    expect(await runPipeline(orders, { input: { order: 'o' }, operations })).toMatchObject({
      status: 'FAILED',
      error: 'Broken',
    });
  });

  it.each([
    ['succeeds', undefined, 'SUCCEEDED', ['close', 'read']],
    ['fails', 'Unreadable', 'FAILED', ['alarm', 'close', 'read']],
  ])('has an example that closes when it %s', async (_name, error, status, jobs) => {
    const { nightly } = examples();
    if (nightly === undefined) throw new Error('no such example');
    const read = error === undefined ? () => ({ rows: 1 }) : named(error);
    const given = { 'read-csv': read, tell: () => ({}), close: () => ({}) };
    const run = await runPipeline(nightly, { input: { key: 'k' }, operations: given });
    expect([run.status, run.error, run.attempts.map(({ job }) => job).sort()]).toStrictEqual([status, error, jobs]);
  });

  it('has an example that reads pages until there is none, and waits', async () => {
    const { pages } = examples();
    if (pages === undefined) throw new Error('no such example');
    const nextOf: { readonly [from: string]: string } = { a: 'b', b: 'c', c: '' };
    const readPage = ({ from }: { readonly from: string }) => ({ next: nextOf[from] ?? '', rows: 2 });
    const run = await runPipeline(pages, { input: { from: 'a' }, operations: { 'read-page': readPage } });
    expect([run.output, run.elapsedMs, run.attempts.at(-1)?.job]).toStrictEqual([
      { rows: 6 },
      600_000,
      'pages[2]/read',
    ]);
  });

  it.each([
    ['csv', 3],
    ['json', 4],
    ['other', 0],
  ])('has an example that takes the case of %s', async (kind, expected) => {
    const { files } = examples();
    if (files === undefined) throw new Error('no such example');
    const given = { inspect: () => ({ kind }), 'read-csv': () => ({ rows: 3 }), 'read-json': () => ({ rows: 4 }) };
    const run = await runPipeline(files, { input: { key: 'k' }, operations: given });
    expect(run.output).toStrictEqual({ rows: expected });
  });

  it('has an example that maps over S3', async () => {
    const { charging } = examples();
    if (charging === undefined) throw new Error('no such example');
    const lines = (...ids: readonly string[]) => ids.map((id) => `${JSON.stringify({ id, amount: 1 })}\n`).join('');
    const said: string[] = [];
    const run = await runPipeline(charging, {
      input: { day: 'monday' },
      objects: {
        'orders/monday/1.jsonl': lines('a', 'b', 'c'),
        'orders/monday/2.jsonl': lines('d', 'e'),
        'orders/sunday/1': '',
      },
      operations: {
        charge: ({ orders }: { readonly orders: readonly { readonly id: string }[] }) => {
          if (orders.some(({ id }) => id === 'e')) throw new RangeError('no e');
          const refused = orders.flatMap(({ id }) => (id === 'b' ? [id] : []));
          return { charged: orders.length - refused.length, refused };
        },
        'add-up': ({ results: { key: manifest } }: { readonly results: { readonly key: string } }) => {
          said.push(manifest.replace(/[^/]{36}/, '*'));
          return { charged: 3, refused: ['b'] };
        },
        tell: ({ text }: { readonly text: string }) => {
          said.push(text);
          return {};
        },
      },
    });
    expect(run).toMatchObject({ status: 'SUCCEEDED', output: { charged: 3, refused: ['b'] } });
    expect(said.sort()).toStrictEqual(['1 of 5 orders', 'maps/charging/test/orders/*/manifest.json']);
    const given = Object.entries(run.objects ?? {}).find(([place]) => place.endsWith('/SUCCEEDED_0.jsonl'))?.[1];
    expect(given).toBe('{"charged":1,"refused":["b"]}\n{"charged":2,"refused":[]}\n');
  });

  it('has an example that calls another pipeline for each order, and once more without waiting', async () => {
    const { billing } = examples();
    if (billing === undefined) throw new Error('no such example');
    const operations = { 'read-csv': ({ key: of }: { key: string }) => ({ rows: of.length }), tell: () => ({}) };
    const run = await runPipeline(billing, { input: { orders: ['a', 'bc'] }, operations });
    expect(run).toMatchObject({ status: 'SUCCEEDED', output: { rows: 3 } });
    const inputs = run.attempts.map(({ input }) => JSON.stringify(input)).sort();
    expect(inputs).toStrictEqual([
      '{"key":"a"}',
      '{"key":"audit"}',
      '{"key":"bc"}',
      expect.stringMatching(/^\{"text":"audited by session [0-9a-z]{26}"\}$/),
    ]);
    const whole = { 'call-bill': () => ({ rows: 5 }), 'start-bill': () => ({ session: 's' }), tell: () => ({}) };
    const replaced = await runPipeline(billing, { input: { orders: ['a', 'bc'] }, operations: whole });
    expect(replaced.output).toStrictEqual({ rows: 10 });
  });

  it('has an example that gives a map a machine of its own', async () => {
    const { yearly } = examples();
    if (yearly === undefined) throw new Error('no such example');
    const operations = { 'read-csv': ({ key: of }: { key: string }) => ({ rows: of.length }) };
    const run = await runPipeline(yearly, { input: { days: ['a', 'bc'] }, operations });
    expect([run.output, yearly.ir.body.nodes[0]?.isolate]).toStrictEqual([{ rows: 3 }, true]);
  });
});
