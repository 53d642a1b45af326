import { expect, test } from 'vitest';
import { expressionText } from '../../lib/graph/expression-text.ts';
import type { CallExpression, Expression, ExpressionFunction } from '../../lib/ir/expressions.ts';
import { literal, ref } from './sample.ts';

const call = (name: ExpressionFunction, ...given: readonly Expression[]): CallExpression => ({
  kind: 'call',
  name,
  arguments: given,
});

test.each<[Expression, string]>([
  [call('gt', ref('validate', 'rejected'), literal(0)), 'validate.rejected > 0'],
  [
    call('and', call('eq', ref('a', 'state'), literal('ok')), call('not', ref('b', 'empty'))),
    '(a.state = "ok") and not b.empty',
  ],
  [call('not', call('or', ref('a'), ref('b'))), 'not (a or b)'],
  [call('and', call('ok', ref('load')), literal(true)), '(load ran) and true'],
  [call('sum', call('pluck', ref('m'), literal('rows'))), 'sum(pluck(m, "rows"))'],
  [ref('list', 0, 'name'), 'list[0].name'],
  [{ kind: 'ref', target: { kind: 'input' }, path: ['date'] }, 'input.date'],
  [{ kind: 'ref', target: { kind: 'item', map: 'each' }, path: ['key'] }, 'item of each.key'],
  [{ kind: 'ref', target: { kind: 'index', map: 'each' }, path: [] }, 'index of each'],
  [{ kind: 'array', items: [literal(1), literal(null)] }, '[1, null]'],
  [{ kind: 'object', fields: { a: literal(1), b: ref('x') } }, '{ a: 1, b: x }'],
  [{ kind: 'object', fields: {} }, '{}'],
])('%j reads %s', (expression, text) => {
  expect(expressionText(expression)).toBe(text);
});
