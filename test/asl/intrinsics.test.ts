import { describe, expect, test } from 'vitest';
import type { Json } from '../../lib/asl/definition.ts';
import { compileIntrinsic } from '../../lib/asl/intrinsics.ts';
import {
  evaluateField,
  fillTemplate,
  lookUp,
  type PathData,
  PathFailure,
  selectPath,
} from '../../lib/asl/payload-template.ts';

const variables: { readonly [name: string]: Json } = { n: 5, list: [1, 2] };
const data: PathData = {
  input: { s: 'text', list: [3, 1, 3], object: { a: 1, b: [true, null] }, n: 1.5, zero: 0 },
  context: () => ({ State: { Name: 'here' } }),
  variable: (name) => variables[name],
  sources: { now: () => 0, random: () => 0.25, uuid: () => 'id-1' },
};
const call = (text: string): Json => evaluateField(text, 'x.$', data);

describe('an intrinsic function', () => {
  test.each<readonly [string, Json]>([
    ["States.Format('{} and {}', $.s, 2)", 'text and 2'],
    ["States.Format('{}', $.object)", '{a=1, b=[true, null]}'],
    ["States.Format('\\{\\} \\' \\\\ {}', 'x')", "{} ' \\ x"],
    ["States.Format('none')", 'none'],
    ['States.StringToJson(\'{"a": [1]}\')', { a: [1] }],
    ["States.StringToJson(' ')", null],
    ['States.JsonToString($.object)', '{"a":1,"b":[true,null]}'],
    ["States.Array(1, 'a', null, true, $.n)", [1, 'a', null, true, 1.5]],
    ['States.Array()', []],
    ['States.ArrayPartition($.list, 2)', [[3, 1], [3]]],
    ['States.ArrayContains($.list, 3)', true],
    ['States.ArrayContains($.list, $.object)', false],
    ['States.ArrayRange(1, 9, 4)', [1, 5, 9]],
    ['States.ArrayRange(3, 1, -1)', [3, 2, 1]],
    ['States.ArrayRange(3, 1, 1)', []],
    ['States.ArrayGetItem($.list, 1)', 1],
    ['States.ArrayLength($list)', 2],
    ['States.ArrayUnique(States.Array($.object, 1, $.object, 1))', [{ a: 1, b: [true, null] }, 1]],
    ["States.Base64Encode('héllo')", 'aMOpbGxv'],
    ["States.Base64Decode('aMOpbGxv')", 'héllo'],
    ["States.Hash('input data', 'SHA-1')", 'aaff4a450a104cd177d28d18d74485e8cae074b7'],
    ["States.Hash($.zero, 'MD5')", 'cfcd208495d565ef66e7dff9f98764da'],
    ['States.JsonMerge($.object, States.StringToJson(\'{"b": 2}\'), false)', { a: 1, b: 2 }],
    ['States.MathRandom(10, 20)', 12],
    ['States.MathAdd($n, -6)', -1],
    ['States.MathAdd(1.5, 0)', 2],
    ['States.MathAdd(-1.5, 0)', -1],
    ['States.MathAdd(-0.4, 0)', 0],
    ["States.StringSplit('a,b;;c', ',;')", ['a', 'b', 'c']],
    ['States.UUID()', 'id-1'],
    ["States.Format('{}', $$.State.Name)", 'here'],
  ])('%s', (text, expected) => {
    expect(call(text)).toStrictEqual(expected);
  });

  test('with a seed draws the same number again', () => {
    const drawn = call('States.MathRandom(0, 1000000, 7)');
    expect([
      call('States.MathRandom(0, 1000000, 7)'),
      call('States.MathRandom(0, 1000000, 8)') === drawn,
    ]).toStrictEqual([drawn, false]);
  });

  test.each([
    ["States.Format('{}')", 'Expected 1 arguments for the placeholders of the template, but got 0'],
    ["States.StringToJson('{')", 'The argument at position 1 must be valid JSON, but was: "{"'],
    ['States.ArrayLength(1)', 'The argument at position 1 must be an array, but was: 1'],
    ['States.ArrayGetItem($.list, 3)', 'The argument at position 2 must be an index from 0 to 2, but was: 3'],
    ['States.ArrayPartition($.list, 0)', 'The argument at position 2 must be a positive number, but was: 0'],
    ['States.ArrayRange(1, 2, 0)', 'The argument at position 3 must be a number other than 0, but was: 0'],
    ['States.ArrayRange(1, 2000, 1)', 'The range has more than 1000 items'],
    ["States.Base64Decode('#')", 'The argument at position 1 must be Base64 text, but was: "#"'],
    ["States.Hash('a', 'SHA1')", 'The argument at position 2 must be one of MD5, SHA-1'],
    ['States.JsonMerge($.object, $.object, true)', 'The argument at position 3 must be false'],
    ['States.JsonMerge($.list, $.object, false)', 'The argument at position 1 must be an object'],
    ['States.MathRandom(2, 2)', 'The argument at position 2 must be greater than the start, which is 2, but was: 2'],
    ["States.MathAdd('1', 1)", 'The argument at position 1 must be a number, but was: "1"'],
    ['States.StringSplit(1, 2)', 'The argument at position 1 must be a string, but was: 1'],
  ])('refuses an argument: %s', (text, message) => {
    expect(() => call(text)).toThrow(`The function '${text}' had the following error: ${message}`);
    expect(() => call(text)).toThrow(expect.objectContaining({ name: 'States.IntrinsicFailure' }));
  });

  test('names the argument that is not there', () => {
    expect(() => call('States.Array(States.UUID(), $.no)')).toThrow(
      new PathFailure(
        `The function 'States.Array(States.UUID(), $.no)' had the following error: The JSONPath argument for the field '$.no' could not be found in the input '${JSON.stringify(data.input)}'`,
      ),
    );
  });

  test.each([
    'States.Nothing()',
    'States.UUID',
    'States.UUID(1)',
    'States.MathAdd(1)',
    "States.Format('\\n')",
    "States.Format('open)",
    'States.Array(1 2)',
    'States.Array(x)',
    'States.UUID() x',
    `${'States.Array('.repeat(11)}${')'.repeat(11)}`,
  ])('that is none is refused: %s', (text) => {
    expect(() => compileIntrinsic(text)).toThrow(SyntaxError);
  });
});

describe('a payload template', () => {
  test('fills fields that end in .$, at any depth, and leaves the others', () => {
    const template = {
      'a.$': '$.list[0]',
      b: '$.list',
      c: [{ 'd.$': '$$.State.Name' }, 'e.$'],
      'f.$': '$n',
      'g.$': "States.Format('{}', $n)",
      'h.$': 7,
    };
    expect(fillTemplate(template, data)).toStrictEqual({
      a: 3,
      b: '$.list',
      c: [{ d: 'here' }, 'e.$'],
      f: 5,
      g: '5',
      'h.$': 7,
    });
  });

  test('says which field has no value', () => {
    expect(() => fillTemplate({ x: { 'a.$': '$.no' } }, { ...data, input: { b: 1 } })).toThrow(
      new PathFailure("The JSONPath '$.no' specified for the field 'a.$' could not be found in the input '{\"b\":1}'"),
    );
  });

  test('takes nothing from data that are null', () => {
    const none = { ...data, input: null };
    expect(() => fillTemplate({ 'a.$': '$' }, none)).toThrow(
      'Unable to apply Path transformation to null or empty input.',
    );
    expect(fillTemplate({ 'a.$': '$n', 'b.$': '$$.State.Name' }, none)).toStrictEqual({ a: 5, b: 'here' });
  });

  test('a selecting path is the data by default, an empty object for null, and must have a value', () => {
    expect([selectPath(undefined, data), selectPath(null, data), selectPath('$list', data)]).toStrictEqual([
      data.input,
      {},
      [1, 2],
    ]);
    expect(() => selectPath('$.no', data)).toThrow("Invalid path '$.no' : No results for path: $['no']");
    expect(() => selectPath('$no', data)).toThrow("Invalid path '$no' : the variable '$no' is not assigned");
    expect(lookUp('$no.x', data)).toBeUndefined();
  });
});
