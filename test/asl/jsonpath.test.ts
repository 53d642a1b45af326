import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json } from '../../lib/asl/definition.ts';
import { applyPath, compilePath, followReference, isReferencePath, putAt, valueAt } from '../../lib/asl/jsonpath.ts';

const data: Json = {
  store: {
    book: [
      { title: 'A', price: 8, tags: ['x', 'y'], isbn: '1' },
      { title: 'B', price: 12, tags: [] },
      { title: 'C', price: 8.5, tags: ['y'] },
    ],
    bicycle: { price: 20 },
  },
  'odd name': { "it's": 1 },
  empty: [],
  none: null,
};
const at = (text: string): unknown => applyPath(compilePath(text), data);

describe('a path', () => {
  test.each([
    ['$', data],
    ['$.store.bicycle.price', 20],
    ["$['store']['bicycle']", { price: 20 }],
    ["$[\"odd name\"]['it\\'s']", 1],
    ['$.store.book[0].title', 'A'],
    ['$.store.book[-1].title', 'C'],
    ['$.store.book[0,2].title', ['A', 'C']],
    ['$.store.book[1:].title', ['B', 'C']],
    ['$.store.book[:1].title', ['A']],
    ['$.store.book[-2:].title', ['B', 'C']],
    ['$.store.book[0:-1].title', []],
    ['$.store.book[0:9].title', ['A', 'B', 'C']],
    ['$.store.book[*].price', [8, 12, 8.5]],
    ['$.store.*.price', [20]],
    ['$..price', [8, 12, 8.5, 20]],
    ["$.store.book[0]['title','price']", { title: 'A', price: 8 }],
    [
      "$.store.book[*]['title','price']",
      [
        { title: 'A', price: 8 },
        { title: 'B', price: 12 },
        { title: 'C', price: 8.5 },
      ],
    ],
    ['$.store.book.length()', 3],
    ['$.store.book[*].price.sum()', 28.5],
    ['$.store.book[*].price.max()', 12],
    ['$.store.book[*].price.min()', 8],
    ['$.store.book[*].price.avg()', 9.5],
    ['$.store.bicycle.keys()', ['price']],
    ['$.store.book[*].title.first()', 'A'],
    ['$.store.book[*].title.last()', 'C'],
    ['$.none', null],
  ])('%s', (text, expected) => {
    expect(at(text)).toStrictEqual(expected);
  });

  test.each([
    ['@.price == 8', ['A']],
    ['@.price != 8', ['B', 'C']],
    ['@.price < 9', ['A', 'C']],
    ['@.price >= 8.5', ['B', 'C']],
    ["@.title == 'B'", ['B']],
    ['@.title > "A"', ['B', 'C']],
    ['@.isbn', ['A']],
    ['!(@.isbn)', ['B', 'C']],
    ['@.price < 10 && @.isbn', ['A']],
    ['@.price > 10 || @.isbn', ['A', 'B']],
    ["@.title in ['A', 'C']", ['A', 'C']],
    ["@.title nin ['A', 'C']", ['B']],
    ["@.tags contains 'y'", ['A', 'C']],
    ['@.tags empty true', ['B']],
    ['@.tags size 2', ['A']],
    ["@.tags subsetof ['y', 'z']", ['B', 'C']],
    ["@.tags anyof ['x']", ['A']],
    ["@.tags noneof ['x']", ['B', 'C']],
    ['@.title =~ /[ab]/i', ['A', 'B']],
    ['@.price == $.store.bicycle.price', []],
    ['@.price < $.store.bicycle.price', ['A', 'B', 'C']],
    ['@.nothing == null', []],
  ])('with the filter %s', (filter, expected) => {
    expect(at(`$.store.book[?(${filter})].title`)).toStrictEqual(expected);
  });

  test.each([
    ['$.no', "No results for path: $['no']"],
    ['$.no.such', "Missing property in path $['no']"],
    ['$.store.book[9]', "No results for path: $['store']['book'][9]"],
    ['$.store.book.title', "No results for path: $['store']['book']['title']"],
    ['$.none.x', "No results for path: $['none']['x']"],
    ['$.empty[*].max()', 'Aggregation function attempted to calculate value using empty array'],
  ])('that gives no value fails: %s', (text, message) => {
    expect(() => at(text)).toThrow(message);
    expect(valueAt(compilePath(text), data)).toBeUndefined();
  });

  test.each(['$.no[*]', '$.no[1:].x', '$..no', '$.store.book[?(@.no)]', '$.no[?(@.x)].y'])(
    'that may give several gives an empty list: %s',
    (text) => {
      expect(at(text)).toStrictEqual([]);
    },
  );

  test.each([
    ['$', '$'],
    ['$$.Execution.Id', '$$'],
    ['$item.name', 'item'],
    ['$größe', 'größe'],
    ['$.${Key}.x', '$'],
  ])('begins with data, context or a variable: %s', (text, root) => {
    expect(compilePath(text).root).toBe(root);
  });

  test.each([
    ['', 'expected $ at character 0 and found the end'],
    ['a', "expected $ at character 0 and found 'a'"],
    ['$.', 'expected a name at character 2 and found the end'],
    ['$.a b', "expected the end at character 3 and found ' b'"],
    ['$[', 'expected an index, a name in quotes, * or a filter at character 2 and found the end'],
    ["$['a]", "expected a closing ' at character 5 and found the end"],
    ['$[1:]x', "expected the end at character 5 and found 'x'"],
    ['$[:]', "expected an index at character 3 and found ']'"],
    ['$[1,]', "expected an index at character 4 and found ']'"],
    ['$[?(1)]', "expected a comparison at character 5 and found ')]'"],
    ['$[?(@.a =~ /(/)]', "expected a regular expression at character 14 and found ')]'"],
    ['$[?(@.a == )]', "expected a path or a value at character 11 and found ')]'"],
    ['$.a.nothing()', 'expected one of the functions'],
    [`$[?(${'('.repeat(200)}`, 'expected at most 100 levels of parentheses'],
  ])('that is none is refused: %s', (text, message) => {
    expect(() => compilePath(text)).toThrow(message);
  });

  test('reads what was put at a reference path, and nothing else has changed', () => {
    const key = fc.string({ unit: fc.constantFrom('a', 'b', "'", '"', '\\', ' ', '.', '_'), minLength: 1 });
    const names = fc.array(key, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(names, fc.jsonValue(), (parts, value) => {
        const text = `$${parts.map((part) => `['${part.replace(/(\\|')/g, '\\$1')}']`).join('')}`;
        const put = putAt(compilePath(text), { other: 1 }, value as Json);
        expect(followReference(compilePath(text), put)).toStrictEqual(value);
        expect(applyPath(compilePath(text), put)).toStrictEqual(value);
        if (parts[0] !== 'other') expect(put).toMatchObject({ other: 1 });
      }),
      { seed: 5 },
    );
  });
});

describe('a reference path', () => {
  test.each([
    ['$.a', true],
    ["$['a'][0].b", true],
    ['$.a[*]', false],
    ['$.a[-1]', false],
    ['$..a', false],
    ["$['a','b']", false],
    ['$.a.length()', false],
  ])('%s: %j', (text, expected) => {
    expect(isReferencePath(compilePath(text))).toBe(expected);
  });

  test('replaces an item, a field, or everything', () => {
    expect([
      putAt(compilePath('$.a[1]'), { a: [1, 2], b: 3 }, 9),
      putAt(compilePath('$.a'), { a: [1, 2], b: 3 }, 9),
      putAt(compilePath('$'), { a: 1 }, 9),
      Object.keys(putAt(compilePath('$.a'), { a: 1, b: 2 }, 9) as object),
      JSON.stringify(putAt(compilePath("$['__proto__'].x"), {}, 1)),
    ]).toStrictEqual([{ a: [1, 9], b: 3 }, { a: 9, b: 3 }, 9, ['a', 'b'], '{"__proto__":{"x":1}}']);
  });

  test.each([
    ['$.a[2]', { a: [1] }, 'Unable to apply step "2" to input [1]'],
    ['$.a.b', { a: 1 }, 'Unable to apply step "b" to input 1'],
    ['$.a', [1], 'Unable to apply step "a" to input [1]'],
  ])('that does not fit the data is a conflict: %s', (text, into, message) => {
    expect(() => putAt(compilePath(text), into, 1)).toThrow(message);
    expect(() => followReference(compilePath(text), into)).toThrow(message);
  });
});
