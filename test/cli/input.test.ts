import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { readInput } from '../../lib/cli/input.ts';
import type { BunsuiError } from '../../lib/errors.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bunsui-input-'));
  writeFileSync(join(folder, 'day.json'), '{"date":"2026-11-20","hubs":3,"__proto__":{"x":1}}');
  writeFileSync(join(folder, 'list.json'), '[1]');
  writeFileSync(join(folder, 'broken.json'), '{"date":');
  writeFileSync(join(folder, 'huge.json'), `"${'x'.repeat(7_000_000)}"`);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const shared = z.object({ a: z.int() }).meta({ id: 'shared' });
const schema = z.toJSONSchema(
  z.object({
    date: z.iso.date(),
    hubs: z.int(),
    share: z.number(),
    dry: z.boolean(),
    regions: z.array(z.string()),
    options: z.object({ deep: z.boolean() }),
    either: z.union([z.string(), z.int()]),
    maybe: z.string().nullable(),
    level: z.enum(['1', '2']),
    one: z.literal(1),
    again: shared,
    later: shared,
    free: z.json(),
  }),
);

it('types parameters by the schema', async () => {
  const params = [
    'date=2026-11-20',
    'hubs=12',
    'share=0.5',
    'dry=true',
    'regions=["eu"]',
    'options={"deep":false}',
    'either=7',
    'maybe=null',
    'level=1',
    'one=1',
    'again={"a":1}',
  ];
  expect(await readInput({ params }, schema, folder)).toStrictEqual({
    date: '2026-11-20',
    hubs: 12,
    share: 0.5,
    dry: true,
    regions: ['eu'],
    options: { deep: false },
    either: 7,
    maybe: null,
    level: '1',
    one: 1,
    again: { a: 1 },
  });
});

it('leaves to the check that follows what does not fit', async () => {
  const params = [
    'hubs=many',
    'hub=1',
    'share="1"',
    'either=true',
    'date=20261120',
    'toString=1',
    'empty=',
    'equal=a=b',
  ];
  expect(await readInput({ params }, schema, folder)).toStrictEqual({
    hubs: 'many',
    hub: '1',
    share: '1',
    either: 'true',
    date: '20261120',
    toString: '1',
    empty: '',
    equal: 'a=b',
  });
});

it('puts parameters over the fields of a file, and takes no prototype from it', async () => {
  const input = await readInput({ params: ['hubs=4'], file: 'day.json' }, schema, folder);
  expect([Object.keys(input), input['hubs'], Object.getPrototypeOf(input) === Object.prototype]).toStrictEqual([
    ['date', 'hubs', '__proto__'],
    4,
    true,
  ]);
});

it('refuses what is no input, with the reason', async () => {
  const tries = [
    { params: ['novalue'] },
    { params: ['=x'] },
    { params: [], file: 'gone.json' },
    { params: [], file: '.' },
    { params: [], file: 'list.json' },
    { params: [], file: 'broken.json' },
    { params: [], file: 'huge.json' },
  ];
  const errors = await Promise.all(
    tries.map((sources) =>
      readInput(sources, schema, folder).catch((thrown: BunsuiError) => [thrown.code, thrown.message]),
    ),
  );
  expect(errors).toStrictEqual([
    ['BS2001', '"novalue" is no parameter: it has no key and "="'],
    ['BS2001', '"=x" is no parameter: it has no key and "="'],
    ['BS2002', 'there is no input file "gone.json"'],
    ['BS2002', 'the input file "." cannot be read (EISDIR)'],
    ['BS3001', 'the input file "list.json" is a list, not an object'],
    ['BS3001', 'the input file "broken.json" is not JSON: Unexpected end of JSON input'],
    ['BS3001', 'the input file "huge.json" is larger than 6291456 bytes'],
  ]);
});
