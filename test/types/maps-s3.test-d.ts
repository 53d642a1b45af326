/** Types of maps over S3: what a body is given, what comes out, and what does not compile. */
import { gt, lambda, pipeline, type Ref, type S3Object, type Totals } from 'bunsui';
import { expectTypeOf, test } from 'vitest';
import * as z from 'zod';

const row = z.object({ id: z.string(), amount: z.int(), note: z.string().optional() });
const one = lambda('one', {
  entry: './one.ts',
  input: z.object({ id: z.string() }),
  output: z.object({ ok: z.boolean() }),
});
const many = lambda('many', { entry: './many.ts', input: z.object({ rows: z.array(row) }), output: z.object({}) });
const count = lambda('count', { entry: './count.ts', input: z.object({ n: z.int() }), output: z.object({}) });

test('maps over S3', () => {
  pipeline('typed', { input: z.object({ key: z.string(), n: z.int(), bucket: z.string() }) }, (p, input) => {
    const each = p.mapS3('a', { format: 'jsonl', key: input.key, item: row }, (record, q, index) => {
      expectTypeOf(record.amount).toEqualTypeOf<Ref<number>>();
      expectTypeOf(index).toEqualTypeOf<Ref<number>>();
      return q.job('a1', one, { id: record.id });
    });
    expectTypeOf(each.out).toEqualTypeOf<Ref<Totals>>();
    p.job('a2', count, { n: each.out.failed }, { when: gt(each.out.total, 0), after: each });
    p.mapS3(
      'b',
      { format: 'csv', prefix: 'rows/', item: row },
      (rows, q) => {
        expectTypeOf(rows).toEqualTypeOf<Ref<readonly z.output<typeof row>[]>>();
        q.job('b1', many, { rows });
      },
      { batch: { items: 10 }, concurrency: 3, tolerate: { share: 0.1 }, results: { bucket: 'b-b', prefix: input.key } },
    );
    p.mapS3('c', { format: 'objects', bucket: input.bucket, buckets: ['in'], prefix: '' }, (object, q) => {
      expectTypeOf(object).toEqualTypeOf<Ref<S3Object>>();
      q.job('c1', one, { id: object.Key });
    });
    p.mapS3('d', { format: 'manifest', key: 'manifest.json', item: row }, (record, q) =>
      q.job('d1', one, { id: record.id }),
    );

    const body = () => undefined;
    // @ts-expect-error records without a schema
    p.mapS3('n1', { format: 'jsonl', key: 'k' }, body);
    // @ts-expect-error neither a key nor a prefix
    p.mapS3('n2', { format: 'jsonl', item: row }, body);
    // @ts-expect-error both
    p.mapS3('n3', { format: 'jsonl', key: 'k', prefix: 'p', item: row }, body);
    // @ts-expect-error a format that there is not
    p.mapS3('n4', { format: 'parquet', key: 'k', item: row }, body);
    // @ts-expect-error a listing by a key
    p.mapS3('n5', { format: 'objects', key: 'k' }, body);
    // @ts-expect-error a key that is no text
    p.mapS3('n6', { format: 'jsonl', key: input.n, item: row }, body);
    // @ts-expect-error columns of what is no CSV
    p.mapS3('n7', { format: 'jsonl', key: 'k', item: row, columns: ['id'] }, body);
    // @ts-expect-error batches of no size
    p.mapS3('n8', { format: 'jsonl', key: 'k', item: row }, body, { batch: {} });
    // @ts-expect-error tolerance of nothing in particular
    p.mapS3('n9', { format: 'jsonl', key: 'k', item: row }, body, { tolerate: {} });
    // @ts-expect-error results without a prefix
    p.mapS3('n10', { format: 'jsonl', key: 'k', item: row }, body, { results: { bucket: 'b' } });
    // @ts-expect-error a record that JSON cannot carry
    p.mapS3('n11', { format: 'jsonl', key: 'k', item: z.object({ at: z.date() }) }, body);
    p.mapS3('n12', { format: 'jsonl', key: 'k', item: row }, (record, q) => {
      // @ts-expect-error a field of another type
      q.job('n12a', one, { id: record.amount });
      // @ts-expect-error a field that there is not
      q.job('n12b', one, { id: record.ident });
      // @ts-expect-error an optional field where one is required
      q.job('n12c', one, { id: record.note });
    });
    // @ts-expect-error one record where there is a batch
    p.mapS3('n13', { format: 'jsonl', key: 'k', item: row }, (rows, q) => q.job('n13a', one, { id: rows.id }), {
      batch: { items: 2 },
    });
    // @ts-expect-error the totals are no list
    p.job('n14', many, { rows: each.out });
  });
});
