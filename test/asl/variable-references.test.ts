import { expect, test } from 'vitest';
import { variablesOf } from '../../lib/asl/jsonata.ts';
import { validateDefinition } from '../../lib/asl/validate.ts';
import { variableReferences } from '../../lib/asl/variable-references.ts';

test('the variables that each state reads, in either language, with those of inner states apart', () => {
  const checked = validateDefinition({
    StartAt: 'p',
    States: {
      p: { Type: 'Pass', Result: { 'a.$': '$no' }, Comment: '$no', Assign: { v: '$no', 'w.$': '$list[0]' }, Next: 'c' },
      c: {
        Type: 'Choice',
        Choices: [
          {
            And: [
              { Variable: '$v', IsNull: true },
              { Variable: '$.x', StringEqualsPath: '$w.y' },
            ],
            Next: 'm',
          },
        ],
      },
      m: {
        Type: 'Map',
        ItemsPath: '$list',
        ItemSelector: { 'a.$': "States.Format('{}{}', $v, States.UUID())" },
        ItemProcessor: {
          StartAt: 'i',
          States: {
            i: { Type: 'Pass', QueryLanguage: 'JSONata', Output: { a: '{% $v + $sum($list) %}', b: '$no' }, End: true },
          },
        },
        Next: 'q',
      },
      q: {
        Type: 'Parallel',
        Branches: [{ StartAt: 'b', States: { b: { Type: 'Succeed', OutputPath: '$$.x' } } }],
        End: true,
      },
    },
  });
  expect(checked.ok && variableReferences(checked.definition)).toStrictEqual({
    p: ['list'],
    c: ['v', 'w'],
    m: ['list', 'v'],
    i: ['list', 'v'],
  });
});

test.each([
  ['$a + $b.c[$d > 1]', ['a', 'b', 'd']],
  ['$states.input.a', []],
  ['($x := $y; $x + 1)', ['y']],
  ['$map($list, function($item, $index) { $item + $n })', ['list', 'n']],
  ['$now() & $uuid()', []],
  ['items.{"a": $, "b": $$}', []],
])('an expression reads: %s', (expression, expected) => {
  expect([...variablesOf(expression)].sort()).toStrictEqual(expected);
});
