/** What the types of records promise. Checked by the type-checker alone. */
import { gt, jsonLines, lambda, pipeline } from 'bunsui';
import * as z from 'zod';

const order = z.object({ id: z.string(), amount: z.int().default(0) });
const flight = z.object({ from: z.string() });
const given = z.object({ day: z.string() });
const extract = lambda('extract', { entry: './x.ts', input: given, output: jsonLines(order) });
const load = lambda('load', {
  entry: './x.ts',
  input: z.object({ orders: jsonLines(order) }),
  output: z.object({ rows: z.int() }),
});

// @ts-expect-error a Date is no JSON
jsonLines(z.object({ at: z.date() }));

extract.handler(async function* ({ day }) {
  yield { id: day };
  yield { id: day, amount: 3 };
});
extract.handler(function* () {
  yield { id: 'a' };
});
extract.handler(() => [{ id: 'a' }]);
extract.handler(async ({ day }) => [{ id: day }].values());
// @ts-expect-error what it yields is no order
extract.handler(async function* () {
  yield { from: 'a' };
});
// @ts-expect-error a record is no list of records
extract.handler(() => ({ id: 'a' }));
// @ts-expect-error a handler of a value is no generator
load.handler(async function* () {
  yield { rows: 1 };
});

load.handler(async ({ orders }) => {
  let rows = 0;
  for await (const { id, amount } of orders) rows += id.length + amount;
  // @ts-expect-error an order has no such field
  for await (const { from } of orders) rows += from;
  return { rows: rows + orders.count };
});

pipeline('p', { input: given }, (p, input) => {
  const orders = p.job('extract', extract, { day: input.day });
  p.job('load', load, { orders: orders.out }, { when: gt(orders.out.count, 0) });
  const flights = lambda('flights', { entry: './x.ts', input: given, output: jsonLines(flight) });
  const other = p.job('flights', flights, { day: input.day });
  // @ts-expect-error these are records of flights
  p.job('wrong', load, { orders: other.out });
  // @ts-expect-error records are given as the output of a job
  p.job('made', load, { orders: { bucket: 'b', key: 'k', count: 1, bytes: 1 } });
});
