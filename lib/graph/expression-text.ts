/** Expressions as a person would say them, for labels: `validate.rejected > 0`. Not meant to be parsed again. */
import type { CallExpression, Expression, ExpressionFunction, RefExpression } from '../ir/expressions.ts';

const infix: { readonly [name in ExpressionFunction]?: string } = {
  eq: '=',
  ne: '≠',
  gt: '>',
  gte: '≥',
  lt: '<',
  lte: '≤',
  and: 'and',
  or: 'or',
  add: '+',
  subtract: '−',
  multiply: '×',
};

/** An expression in plain words. Refs are written as `job.field`, the pipeline's input as `input.field`. */
export function expressionText(expression: Expression): string {
  switch (expression.kind) {
    case 'literal':
      return JSON.stringify(expression.value);
    case 'ref':
      return refText(expression);
    case 'call':
      return callText(expression);
    case 'array':
      return `[${expression.items.map(expressionText).join(', ')}]`;
    case 'object': {
      const fields = Object.entries(expression.fields).map(([name, value]) => `${name}: ${expressionText(value)}`);
      return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
    }
  }
}

function refText({ target, path }: RefExpression): string {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
  switch (target.kind) {
    case 'input':
      return `input${steps}`;
    case 'node':
      return `${target.id}${steps}`;
    case 'failure':
      return `${target.id}.failure${steps}`;
    case 'item':
      return `item of ${target.map}${steps}`;
    case 'index':
      return `index of ${target.map}`;
    case 'state':
      return `state of ${target.map}${steps}`;
  }
}

function callText({ name, arguments: given }: CallExpression): string {
  const operator = infix[name];
  if (operator !== undefined) return given.map(operandText).join(` ${operator} `);
  if (name === 'not') return `not ${given.map(operandText).join(' ')}`;
  const [asked] = given;
  if (name === 'ok' && asked?.kind === 'ref' && asked.target.kind === 'failure') return `${asked.target.id} failed`;
  if (name === 'ok') return `${given.map(expressionText).join(', ')} ran`;
  return `${name}(${given.map(expressionText).join(', ')})`;
}

/** Calls inside an operator are bracketed, so that no reader needs to know which binds tighter. */
function operandText(expression: Expression): string {
  const text = expressionText(expression);
  const bare = expression.kind !== 'call' || (infix[expression.name] === undefined && expression.name !== 'ok');
  return bare ? text : `(${text})`;
}
