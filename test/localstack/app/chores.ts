import { eq, pipeline } from 'bunsui';
import * as z from 'zod';
import { note, work } from './operations.ts';

/** Two maps over S3: rows of a file of CSV, and objects of a listing; then what the totals of both come to. */
export const chores = pipeline(
  'chores',
  {
    input: z.object({ file: z.string(), prefix: z.string() }),
    output: z.object({ rows: z.int(), objects: z.int(), said: z.string() }),
  },
  (p, input) => {
    const rows = p.mapS3(
      'rows',
      { format: 'csv', key: input.file, item: z.object({ name: z.string(), until: z.string() }) },
      (row, q) => q.job('row', work, { seconds: 0, until: row.until, fail: eq(row.name, 'never') }),
      { concurrency: 2, tolerate: { count: 1 } },
    );
    const objects = p.mapS3(
      'objects',
      { format: 'objects', prefix: input.prefix },
      (object, q) => q.job('object', note, { what: object.Key, wait: false }),
      { tolerate: { count: 1 } },
    );
    const said = p.job('say', note, { what: rows.out.results.key, wait: false }, { after: [objects] });
    p.output({ rows: rows.out.succeeded, objects: objects.out.total, said: said.out.what });
  },
);
