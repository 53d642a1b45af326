import { describe, expect, test } from 'vitest';
import { type ItemFormat, itemsWithin } from '../../lib/asl/item-formats.ts';

const itemsOfFile = (text: string, format: ItemFormat) => [...itemsWithin(text, format)];

describe('the items of a file', () => {
  test('CSV: headers from the first row; quotes, missing and surplus fields', () => {
    const text = 'a,b\r\n1,"x, ""y""\nz"\n2\n3,4,5\n\n';
    expect(itemsOfFile(text, { InputType: 'CSV', CSVHeaderLocation: 'FIRST_ROW' })).toStrictEqual([
      { a: '1', b: 'x, "y"\nz' },
      { a: '2', b: '' },
      { a: '3', b: '4' },
    ]);
  });

  test('CSV: headers that are given, and another delimiter', () => {
    const format = {
      InputType: 'CSV',
      CSVHeaderLocation: 'GIVEN',
      CSVHeaders: ['a', 'b'],
      CSVDelimiter: 'PIPE',
    } as const;
    expect(itemsOfFile('1|2\n3|4', format)).toStrictEqual([
      { a: '1', b: '2' },
      { a: '3', b: '4' },
    ]);
  });

  test('JSON: the list, or the one at a pointer', () => {
    expect([
      itemsOfFile('[1, {"a": 2}]', { InputType: 'JSON' }),
      itemsOfFile('{"a/b": {"c": [[1]]}}', { InputType: 'JSON', ItemsPointer: '/a~1b/c/0' }),
    ]).toStrictEqual([[1, { a: 2 }], [1]]);
  });

  test('JSON Lines: one item per line, blank lines left out', () => {
    expect(itemsOfFile('{"a":1}\n\n2\r\n', { InputType: 'JSONL' })).toStrictEqual([{ a: 1 }, 2]);
  });

  test.each([
    ['a,a\n1,2', { InputType: 'CSV' }, 'CSV headers cannot contain duplicates.'],
    ['{"a": 1}', { InputType: 'JSON' }, 'Attempting to map over non-iterable node.'],
    ['{"a": 1}', { InputType: 'JSON', ItemsPointer: '/no/way' }, 'Attempting to map over non-iterable node.'],
    ['{', { InputType: 'JSON' }, 'The file is not valid JSON'],
    ['1\n{', { InputType: 'JSONL' }, 'The file is not valid JSON'],
  ] as const)('that cannot be read are told as such: %s', (text, format, message) => {
    expect(() => itemsOfFile(text, format)).toThrow(message);
    expect(() => itemsOfFile(text, format)).toThrow(expect.objectContaining({ name: 'States.ItemReaderFailed' }));
  });
});
