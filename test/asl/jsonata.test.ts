import { describe, expect, test } from 'vitest';
import type { Json } from '../../lib/asl/definition.ts';
import { type Bindings, evaluateTemplate, evaluateTyped, expressionIn, syntaxErrorOf } from '../../lib/asl/jsonata.ts';

const sources = {
  now: () => Date.parse('2026-03-01T12:00:00.250Z'),
  random: () => 0.25,
  uuid: () => '00000000-0000-4000-8000-000000000000',
};
const bindings: Bindings = {
  states: {
    input: { items: [{ n: 1 }, { n: 2 }], one: [{ n: 1 }], none: [], a: { b: 'c' } },
    context: { Execution: { Id: 'x' } },
  },
  variable: (name) => (name === 'v' ? [1, 2, 3] : name === 'sum' ? 'mine' : name === 'nil' ? null : undefined),
};
const evaluate = (template: Json) => evaluateTemplate(template, bindings, sources, 'Output');
const message = async (template: Json): Promise<string> => {
  try {
    return `no error but ${JSON.stringify(await evaluate(template))}`;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
};

describe('what is an expression', () => {
  test.each([
    ['{% 1 %}', '1'],
    ['{%%}', ''],
    ['{%1%}', '1'],
    [' {% 1 %}', undefined],
    ['{% 1 %} ', undefined],
    ['a {% 1 %}', undefined],
    ['{%}', undefined],
  ])('%j', (text, expected) => {
    expect(expressionIn(text)).toBe(expected);
  });

  test('syntax errors are told in words', () => {
    expect([syntaxErrorOf('1 +'), syntaxErrorOf('1 + 1')]).toStrictEqual(['Unexpected end of expression', undefined]);
  });
});

describe('templates', () => {
  test('without expressions are themselves, at once', () => {
    const template = { a: [1, 'x', null], b: { c: true } };
    expect(evaluate(template)).toBe(template);
  });

  test('evaluate each string that is wholly an expression, wherever it stands', async () => {
    expect(
      await evaluate({ a: ['{% $states.input.a.b %}', 'text {% 1 %}'], __proto__x: { deep: '{% $v[1] %}' }, n: 1 }),
    ).toStrictEqual({
      a: ['c', 'text {% 1 %}'],
      __proto__x: { deep: 2 },
      n: 1,
    });
  });

  test.each<[string, Json]>([
    ['{% $states.input.items.n %}', [1, 2]],
    ['{% $states.input.one.n %}', 1],
    ['{% [$states.input.one.n] %}', [1]],
    ['{% $v[$ > 1] %}', [2, 3]],
    ['{% {"a": $missing, "b": 1} %}', { b: 1 }],
    ['{% $sum %}', 'mine'],
    ['{% null %}', null],
    ['{% $nil %}', null],
    ["{% '$v' & $string($nil) %}", '$vnull'],
    ['{% $v %}', [1, 2, 3]],
    ['{% $states.context.Execution.Id %}', 'x'],
  ])('%s', async (template, expected) => {
    expect(await evaluate(template)).toStrictEqual(expected);
  });
});

describe('AWS’s functions', () => {
  test.each<[string, Json]>([
    ['{% $partition([1..5], 2) %}', [[1, 2], [3, 4], [5]]],
    ['{% $partition(7, 2) %}', [[7]]],
    ['{% $range(1, 9, 4) %}', [1, 5, 9]],
    ['{% $range(3, 1, -1) %}', [3, 2, 1]],
    ['{% $range(1, 0, 1) %}', []],
    ['{% $hash("x", "SHA-256") %}', '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'],
    ['{% $hash("x", "MD5") %}', '9dd4e461268c8034f5c8564e155c67a6'],
    ['{% $random() %}', 0.25],
    ['{% $random(7) = $random(7) and $random(7) != $random(8) and $random(7) < 1 %}', true],
    ['{% $uuid() %}', '00000000-0000-4000-8000-000000000000'],
    ['{% $parse("{\\"a\\": [1]}") %}', { a: [1] }],
    ['{% $now() %}', '2026-03-01T12:00:00.250Z'],
    ['{% $now("[Y0001]/[M01]") %}', '2026/03'],
    ['{% $millis() %}', 1_772_366_400_250],
  ])('%s', async (template, expected) => {
    expect(await evaluate(template)).toStrictEqual(expected);
  });

  test.each([
    ['{% $partition([1], 0) %}', ': the second argument of $partition must be at least 1'],
    ['{% $partition([1], "x") %}', ': the second argument of $partition must be a number'],
    ['{% $range(1, 2, 0) %}', ': the step of $range must not be 0'],
    ['{% $range(1, "2", 1) %}', ': the arguments of $range must be three numbers: first, last and step'],
    ['{% $range(1, 1001, 1) %}', ': $range gives at most 1000 numbers'],
    ['{% $hash("x", "toString") %}', ': the algorithm of $hash must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512'],
    ['{% $parse(1) %}', ': the argument of $parse must be a string'],
    ['{% $random("x") %}', ': the seed of $random must be a number'],
    ['{% $eval("1") %}', ': the function $eval is not supported, use $parse for JSON text'],
    ['{% $abs("x") %}', '. T0410: Argument 1 of function "abs" does not match function signature'],
    ['{% $nosuch() %}', '. T1006: Attempted to invoke a non-function'],
    [
      '{% ($f := function($n) { 1 + $f($n) }; $f(1)) %}',
      '. D1011: Stack overflow. Check for non-terminating recursive function.  Consider rewriting as tail-recursive',
    ],
  ])('%s fails with words', async (template, expected) => {
    expect(await message(template)).toBe(
      `The JSONata expression '${expressionIn(template)}' specified for the field 'Output' threw an error during evaluation${expected}`,
    );
  });

  test('give nothing of nothing', async () => {
    for (const call of ['$partition($missing, 1)', '$hash($missing, "MD5")', '$parse($missing)']) {
      expect(await message(`{% ${call} %}`)).toContain('returned nothing (undefined).');
    }
  });
});

describe('results that are no JSON', () => {
  test.each([
    ['{% $states.input.none.x %}', 'returned nothing (undefined).'],
    ['{% function($x) { $x } %}', 'returned an unsupported result type.'],
    ['{% $sum ~> $abs %}', 'threw an error'],
    ['{% [1, function($x) { $x }] %}', 'returned an unsupported result type.'],
    ['{% {"f": $uppercase} %}', 'returned an unsupported result type.'],
    ['{% /a/ %}', 'returned an unsupported result type.'],
  ])('%s', async (template, expected) => {
    expect(await message(template)).toContain(expected);
  });

  test('name the field down to the key and index', async () => {
    const thrown: unknown = await Promise.resolve(evaluate({ a: [1, { b: '{% $missing %}' }] })).catch(
      (error: unknown) => error,
    );
    expect(thrown).toMatchObject({ name: 'States.QueryEvaluationError', location: 'Output/a[1]/b', afterwards: false });
  });

  test('or are of another type than the field wants', async () => {
    const typed = async () => evaluateTyped('boolean', '{% [1] %}', bindings, sources, 'Condition');
    await expect(typed()).rejects.toThrow(
      "The JSONata expression '[1]' specified for the field 'Condition' returned an unexpected result type. Expected 'boolean', but was 'array' for value: [1]",
    );
  });
});
