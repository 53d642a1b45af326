/**
 * Closures against npm jsonata, on generated expressions and data: with the shapes that JSONata is known to surprise with
 * (missing, null, one element, none, lists of lists, numbers of many digits, objects that look like functions).
 */
import fc from 'fast-check';
import jsonata from 'jsonata';
import { describe, expect, test } from 'vitest';
import type { Json } from '../../lib/asl/definition.ts';
import { type Bindings, evaluateTemplate } from '../../lib/asl/jsonata.ts';
import { closureOf, unsure } from '../../lib/asl/jsonata-closures.ts';

const sources = { now: () => 0, random: () => 0.5, uuid: () => '' };
const names = new Set(['states', 'v', 'nil', 'sum']);

const scalar = fc.constantFrom<Json>(
  null,
  true,
  false,
  0,
  -1,
  2,
  1.5,
  0.1 + 0.2,
  1e21,
  1e300,
  2 ** 53,
  '',
  'a',
  '5',
  'é',
);
const value: fc.Arbitrary<Json> = fc.letrec<{ any: Json }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    { arbitrary: scalar, weight: 8 },
    fc.constantFrom<Json>({ _jsonata_lambda: true }, { _jsonata_function: true }),
    { arbitrary: fc.array(tie('any'), { maxLength: 3 }), weight: 2 },
    {
      arbitrary: fc.dictionary(fc.constantFrom('a', 'b', 'x y', '1', '_jsonata_lambda'), tie('any'), { maxKeys: 3 }),
      weight: 3,
    },
  ),
})).any;

const field = fc.constantFrom('.a', '.b', '."x y"', '.`1`', '[0]', '[1]', '[-1]', '[0.5]', '.missing');
const root = fc.constantFrom('$states.input', '$states.context.Execution', '$v', '$nil', '($v)', '({})', '$states');
const path = fc.tuple(root, fc.array(field, { maxLength: 3 })).map(([from, fields]) => `${from}${fields.join('')}`);
const relative = fc.constantFrom('a', 'b', 'a.b', 'b[0]', '`1`', 'missing');
const literal = fc.constantFrom('null', 'true', 'false', '0', '1', '-2', '2.5', '1e22', '""', '"a"', '"["', '"5"');

const { expression } = fc.letrec<{ expression: string }>((tie) => {
  const inner = tie('expression');
  const two = (operators: readonly string[]) =>
    fc
      .tuple(inner, fc.constantFrom(...operators), inner)
      .map(([left, operator, right]) => `(${left} ${operator} ${right})`);
  return {
    expression: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      { arbitrary: path, weight: 6 },
      { arbitrary: literal, weight: 2 },
      relative,
      fc
        .tuple(path, relative, inner)
        .map(([from, name, other]) => `${from}.{"k": ${name}, "l": [${other}, ${name}], "m": ${other}}`),
      fc.tuple(path, inner).map(([from, other]) => `${from}.{"k": ${other}}.k`),
      two(['+', '-', '*', '/', '%']),
      two(['=', '!=', '<', '<=', '>', '>=']),
      two(['&', 'and', 'or']),
      inner.map((operand) => `-(${operand})`),
      fc.array(inner, { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
      fc
        .uniqueArray(fc.tuple(fc.constantFrom('a', 'b', '2', '1', '__proto__'), inner), {
          maxLength: 3,
          selector: ([key]) => key,
        })
        .map((fields) => `{${fields.map(([key, field]) => `"${key}": ${field}`).join(', ')}}`),
      fc.tuple(inner, inner, inner).map(([test, yes, no]) => `(${test} ? ${yes} : ${no})`),
      fc.tuple(inner, inner).map(([test, yes]) => `(${test} ? ${yes})`),
      fc
        .tuple(fc.constantFrom('string', 'exists', 'type', 'not', 'count', 'sum', 'boolean', 'keys'), inner)
        .map(([name, operand]) => `$${name}(${operand})`),
      path.map((maybe) => `($type(${maybe}) != "null" ? ${maybe})`),
      fc.tuple(path, inner).map(([maybe, otherwise]) => `($exists(${maybe}) ? ${maybe} : ${otherwise})`),
    ),
  };
});

function bindingsOf(input: Json, variable: Json, sum: Json | undefined): Bindings {
  const variables: { readonly [name: string]: Json | undefined } = { v: variable, nil: null, sum };
  return {
    states: { input, context: { Execution: { a: 'x', b: input } } },
    variable: (name) => (Object.hasOwn(variables, name) ? variables[name] : undefined),
  };
}

/** As npm jsonata evaluates it, with its own words for what goes wrong. */
async function byJsonata(text: string, { states, variable }: Bindings): Promise<unknown> {
  const given = Object.fromEntries(
    ['v', 'nil', 'sum'].flatMap((name) => {
      const known = variable(name);
      return known === undefined ? [] : [[name, known]];
    }),
  );
  return jsonata(text, { timeout: 10_000, stack: 1_000, sequence: 873_782 }).evaluate(undefined, { states, ...given });
}

/** As JSON, which leaves out the marks on jsonata's lists; nothing stays nothing. */
const plain = (result: unknown): unknown => (result === undefined ? undefined : JSON.parse(JSON.stringify(result)));

// A variable that hides a function is rare.
const hiding = fc.option(fc.constant<Json>('mine'), { freq: 20, nil: undefined });

describe('closures', () => {
  test('give what npm jsonata gives, or leave it to it', async () => {
    let decided = 0;
    const runs = 2_000;
    await fc.assert(
      fc.asyncProperty(expression, value, value, hiding, async (text, input, variable, sum) => {
        const bindings = bindingsOf(input, variable, sum);
        const found = closureOf(jsonata(text).ast(), names)?.(bindings) ?? unsure;
        if (found === unsure) return;
        decided += 1;
        expect(plain(found)).toStrictEqual(plain(await byJsonata(text, bindings)));
      }),
      { numRuns: runs },
    );
    expect(decided).toBeGreaterThan(runs / 4);
  });

  test('leave errors to npm jsonata: what is said is what it says', async () => {
    let failures = 0;
    await fc.assert(
      fc.asyncProperty(expression, value, value, async (text, input, variable) => {
        const bindings = bindingsOf(input, variable, undefined);
        const thrown = await byJsonata(text, bindings).then(
          () => undefined,
          (error: { readonly code?: string; readonly message: string }) => error,
        );
        if (thrown === undefined) return;
        failures += 1;
        // What goes wrong inside of jsonata itself has no code.
        const told = thrown.code === undefined ? `: ${thrown.message}` : `. ${thrown.code}: ${thrown.message}`;
        const evaluate = async () => evaluateTemplate(`{% ${text} %}`, bindings, sources, 'Output');
        await expect(evaluate()).rejects.toMatchObject({
          name: 'States.QueryEvaluationError',
          message: `The JSONata expression '${text}' specified for the field 'Output' threw an error during evaluation${told}`,
        });
      }),
      { numRuns: 1_000 },
    );
    expect(failures).toBeGreaterThan(50);
  });

  test.each([
    ['$states.input.rows + 1', 4],
    ["{'rows': $states.input.rows, 'note': $states.input.none}", { rows: 3 }],
    ['$states.input.{"note": rows & "/" & list[0].key, "none": none, "all": [rows]}', { note: '3/k', all: [3] }],
    ["'' & (0.1 + 0.2)", '0.3'],
    ["$states.input.list[0].key & '/' & $string($states.input.rows)", 'k/3'],
    ['($type($nil) = "null" ? "none" : $nil)', 'none'],
    ['[1, [$states.input.list[1].items]]', [1, [1, [2]]]],
    ['$sum([1, 2, $states.input.rows]) >= 6 and $not($exists($states.input.none))', true],
  ])('decide %s', (text, expected) => {
    const input = { rows: 3, list: [{ key: 'k' }, { items: [1, [2]] }] };
    const found = closureOf(jsonata(text).ast(), names)?.(bindingsOf(input, null, undefined));
    expect(found).toStrictEqual(expected);
  });

  test.each([
    '$states.input.list.key',
    '$states.input.list[key = "k"]',
    '$states.input.list^(key)',
    '$map($v, function($x) { $x })',
    '$uuid()',
    '$states',
    '$',
    'name',
    '$x := 1',
    '$states.input.**',
    '$states.input.rows[]',
    '{$v: 1}',
    '{"a": 1, "a": 2}',
    `[${Array.from({ length: 400 }, () => '1').join(', ')}]`,
  ])('leave %s to npm jsonata', (text) => {
    const input = { rows: 3, list: [{ key: 'k' }] };
    const closure = closureOf(jsonata(text).ast(), names);
    expect(closure === undefined ? unsure : closure(bindingsOf(input, [1], undefined))).toBe(unsure);
  });
});
