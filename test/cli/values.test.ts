import { expect, it } from 'vitest';
import { palette } from '../../lib/cli/terminal.ts';
import { layoutValue } from '../../lib/cli/values.ts';

const options = { columns: 60, palette: palette(false) };

it('lays nested objects out as columns and lists of records as tables', () => {
  const value = {
    flights: 19978,
    onTimePercent: 78.4,
    best: { hour: 6, averageDelay: 1.2 },
    hubs: [
      { code: 'ORD', flights: 1043, late: 0.21 },
      { code: 'ATL', flights: 990, late: 0.18 },
    ],
    tags: ['a', 'b'],
    none: [],
    note: null,
    'hostile\u001b[31m': 'text\u001b[2J\r\nmore',
  };
  expect(layoutValue(value, options)).toStrictEqual([
    'flights        19978',
    'onTimePercent  78.4',
    'best',
    '  hour          6',
    '  averageDelay  1.2',
    'hubs',
    '  code  flights  late',
    '  ORD      1043  0.21',
    '  ATL       990  0.18',
    'tags           ["a","b"]',
    'none           (none)',
    'note           null',
    'hostile        text\\r\\nmore',
  ]);
});

it('counts what it leaves out of long lists', () => {
  const rows = Array.from({ length: 15 }, (_, index) => ({ n: index }));
  expect(layoutValue({ rows, ids: rows.map(({ n }) => 1_000_000_000 + n) }, { ...options, maxRows: 2 })).toStrictEqual([
    'rows',
    '  n',
    '  0',
    '  1',
    '  … and 13 more',
    'ids',
    '  - 1000000000',
    '  - 1000000001',
    '  … and 13 more',
  ]);
});

it('shows what is no object, and cuts lines that are too long', () => {
  expect([
    layoutValue('plain', options),
    layoutValue(3, options),
    layoutValue([], options),
    layoutValue({ text: 'x'.repeat(500), key: 'x'.repeat(100) }, { ...options, columns: 20 }),
    layoutValue([{ deep: { er: 1 } }, 2], options),
  ]).toStrictEqual([
    ['plain'],
    ['3'],
    [],
    [`text  ${'x'.repeat(399)}…`, `key   ${'x'.repeat(100)}`],
    ['- {"deep":{"er":1}}', '- 2'],
  ]);
});

it('shows the fields of a list that fit side by side, and names the others', () => {
  const rows = [{ code: 'ORD', city: 'Chicago', delay: 7.4, state: 'IL', share: 12.3 }];
  expect(layoutValue(rows, { ...options, columns: 24 })).toStrictEqual([
    'code  city     delay',
    'ORD   Chicago    7.4',
    '… and the fields state,…',
  ]);
});
