import { describe, expect, test } from 'vitest';
import { operatorTakes, ruleHolds } from '../../lib/asl/choice.ts';
import type { Json, PathRule } from '../../lib/asl/definition.ts';
import type { PathData } from '../../lib/asl/payload-template.ts';

const dataOf = (input: Json): PathData => ({
  input,
  context: () => ({}),
  variable: () => undefined,
  sources: { now: () => 0, random: () => 0, uuid: () => '' },
});
const holds = (rule: PathRule, input: Json): boolean => ruleHolds(rule, dataOf(input));

describe('a choice rule', () => {
  test.each<readonly [PathRule, Json, boolean]>([
    [{ StringEquals: 'a' }, 'a', true],
    [{ StringEquals: '1' }, 1, false],
    [{ StringLessThan: 'b' }, 'a', true],
    [{ StringGreaterThanEquals: 'b' }, 'b', true],
    [{ NumericEquals: 1 }, 1.0, true],
    [{ NumericGreaterThan: 1 }, 2, true],
    [{ NumericLessThanEquals: 1 }, '1', false],
    [{ BooleanEquals: false }, false, true],
    [{ BooleanEquals: false }, 0, false],
    [{ TimestampEquals: '2026-01-01T00:00:00Z' }, '2026-01-01T01:00:00+01:00', true],
    [{ TimestampLessThan: '2026-01-01T00:00:00Z' }, 'soon', false],
    [{ IsNull: true }, null, true],
    [{ IsNull: false }, 0, true],
    [{ IsString: true }, '', true],
    [{ IsNumeric: true }, 1, true],
    [{ IsBoolean: true }, 1, false],
    [{ IsTimestamp: true }, '2026-01-01T00:00:00Z', true],
    [{ IsTimestamp: true }, '2026-01-01', false],
    [{ IsPresent: true }, null, true],
  ])('%j of %j: %j', (rule, value, expected) => {
    expect(holds({ Variable: '$.v', ...rule }, { v: value })).toBe(expected);
  });

  test.each([
    ['log-*.txt', 'log-1.txt', true],
    ['log-*.txt', 'log-.txt', true],
    ['log-*.txt', 'log-1.csv', false],
    ['*', '', true],
    ['a*a', 'a', false],
    ['*b*', 'abc', true],
    ['*b*b*', 'abc', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['a\\\\', 'a\\', true],
    ['a.c', 'abc', false],
  ])('matches %s with %s: %j', (pattern, text, expected) => {
    expect(holds({ Variable: '$', StringMatches: pattern }, text)).toBe(expected);
  });

  test('no pattern takes long', () => {
    const rule = { Variable: '$', StringMatches: `${'*a'.repeat(2_000)}*b` };
    expect(holds(rule, 'a'.repeat(100_000))).toBe(false);
  });

  test('compares with the value at another path', () => {
    expect([
      holds({ Variable: '$.a', NumericLessThanPath: '$.b' }, { a: 1, b: 2 }),
      holds({ Variable: '$.a', StringEqualsPath: '$.b' }, { a: 'x', b: 'y' }),
    ]).toStrictEqual([true, false]);
  });

  test('is made of others by And, Or and Not', () => {
    const is = (n: number): PathRule => ({ Variable: '$', NumericEquals: n });
    expect([
      holds({ And: [is(1), { Not: is(2) }] }, 1),
      holds({ Or: [is(1), is(2)] }, 2),
      holds({ Or: [is(1), is(2)] }, 3),
      holds({ Not: { IsPresent: true, Variable: '$.x' } }, {}),
    ]).toStrictEqual([true, true, false, true]);
  });

  test.each<readonly [PathRule]>([
    [{ Variable: '$.no', IsNull: true }],
    [{ Variable: '$.no', StringEquals: 'a' }],
    [{ Variable: '$', StringEqualsPath: '$.no' }],
  ])('fails where a path has no value: %j', (rule) => {
    expect(() => holds(rule, 'a')).toThrow(
      "Invalid path '$.no': The choice state's condition path references an invalid value.",
    );
  });

  test('its operators take what their names say', () => {
    const fields = ['IsNull', 'StringMatches', 'NumericEquals', 'TimestampLessThanPath', 'BooleanEquals', 'IsPresent'];
    expect(fields.map(operatorTakes)).toStrictEqual(['Boolean', 'String', 'Numeric', 'path', 'Boolean', 'Boolean']);
    expect(['StringMatchesPath', 'BooleanLessThan', 'IsOdd', 'constructor', 'Path'].map(operatorTakes)).toStrictEqual(
      Array(5).fill(undefined),
    );
  });
});
