/**
 * How deep the JSONata that an expression is printed as lies in itself: what evaluates it calls itself for each level. Said
 * of the expression and not of its text, so that it is known before anything is printed; never less than the text has,
 * and a few more for a value that may be null or has a default.
 */
import type { CallExpression, Expression, Json, RefExpression } from '../ir/expressions.ts';
import { continues, longestRow } from './jsonata.ts';

/** A path and its steps, with what asks whether it is null, and its default; and each item in it, which may be one of null. */
const ofRef = 7;
const ofItem = 5;

/** Levels that a call adds around the deepest of its arguments. */
const around: { readonly [name in Exclude<CallExpression['name'], 'and' | 'or' | 'text'>]: number } = {
  // Brackets, and the operator.
  eq: 2,
  gt: 2,
  gte: 2,
  lt: 2,
  lte: 2,
  add: 2,
  subtract: 2,
  multiply: 2,
  // A function, and what it is given.
  ne: 2,
  not: 1,
  sum: 1,
  count: 1,
  // Brackets, a condition, a function.
  orElse: 3,
  // A list, a path, a step.
  pluck: 3,
  // A path, brackets; and what asks whether it is null.
  get: 6,
  ok: 3,
};

/** Levels of the text that is printed. No recursion along the expression: it may be deep. */
export function levelsOf(expression: Expression): number {
  let deepest = 0;
  const open: (readonly [expression: Expression, depth: number])[] = [[expression, 0]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [at, depth] = next;
    deepest = Math.max(deepest, depth + 1);
    switch (at.kind) {
      case 'literal':
        deepest = Math.max(deepest, depth + levelsOfConstant(at.value));
        break;
      case 'ref':
        deepest = Math.max(deepest, depth + ofRef + nestedSteps(at) * ofItem);
        break;
      case 'object':
        for (const inner of Object.values(at.fields)) open.push([inner, depth + 1]);
        break;
      case 'array':
        // A list in a list is bracketed twice.
        for (const inner of at.items) open.push([inner, depth + 2]);
        break;
      case 'call':
        for (const [index, inner] of at.arguments.entries()) open.push([inner, depth + levelsTo(at, index)]);
    }
  }
  return deepest;
}

/** As deep as it is written: JSON is read by recursion too. */
function levelsOfConstant(value: Json): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((deepest: number, inner) => Math.max(deepest, 1 + levelsOfConstant(inner)), 1);
}

/** Items, and fields whose names no path can have. */
function nestedSteps({ path }: RefExpression): number {
  return path.filter((key) => typeof key === 'number' || key === '' || key.includes('`')).length;
}

/** How much deeper than a call one of its arguments lies. */
function levelsTo({ name, arguments: given }: CallExpression, index: number): number {
  switch (name) {
    case 'and':
    case 'or':
      return levelsInRow(given.length);
    case 'text':
      return levelsInRow(given.length) + 1;
    case 'add':
    case 'subtract':
    case 'multiply': {
      const [first] = given;
      return index === 0 && first !== undefined && continues(name, first) ? 1 : around[name];
    }
    default:
      return around[name];
  }
}

/** Of a row of operands, which is printed in halves where it is long. */
function levelsInRow(operands: number): number {
  let halves = 0;
  let left = operands;
  for (; left > longestRow; left = Math.ceil(left / 2)) halves += 1;
  return 2 * halves + left;
}
