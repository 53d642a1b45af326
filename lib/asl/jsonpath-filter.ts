/** Filters of JSONPath: `[?(@.price < 10 && @.name in ['a', 'b'])]`. */
import { isDeepStrictEqual } from 'node:util';
import type { Json } from './definition.ts';
import type { JsonPath } from './jsonpath.ts';

export type Filter =
  | { readonly kind: 'any' | 'every'; readonly filters: readonly Filter[] }
  | { readonly kind: 'not'; readonly filter: Filter }
  | { readonly kind: 'exists'; readonly path: PathOperand }
  | { readonly kind: 'compare'; readonly comparison: Comparison; readonly left: Operand; readonly right: Operand };

export type Comparison =
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '=~'
  | 'in'
  | 'nin'
  | 'contains'
  | 'size'
  | 'empty'
  | 'subsetof'
  | 'anyof'
  | 'noneof';

export interface PathOperand {
  readonly kind: 'path';
  /** Applied to the item that is looked at (`@`), or to the root of the whole path (`$`). */
  readonly ofItem: boolean;
  readonly path: Pick<JsonPath, 'steps' | 'definite'>;
}
export type Operand =
  | PathOperand
  | { readonly kind: 'value'; readonly value: Json }
  | { readonly kind: 'pattern'; readonly pattern: RegExp };

/**
 * Whether something passes a filter.
 * @param read gives the value of a path in it; undefined when it has none.
 */
export function passes(filter: Filter, read: (operand: PathOperand) => Json | undefined): boolean {
  switch (filter.kind) {
    case 'any':
      return filter.filters.some((part) => passes(part, read));
    case 'every':
      return filter.filters.every((part) => passes(part, read));
    case 'not':
      return !passes(filter.filter, read);
    case 'exists': {
      const found = read(filter.path);
      return found !== undefined && (filter.path.path.definite || (Array.isArray(found) && found.length > 0));
    }
    case 'compare': {
      const { comparison, left, right } = filter;
      const value = (operand: Operand): Json | undefined => {
        if (operand.kind === 'value') return operand.value;
        return operand.kind === 'path' ? read(operand) : undefined;
      };
      if (right.kind !== 'pattern') return compare(comparison, value(left), value(right));
      const text = value(left);
      return comparison === '=~' && typeof text === 'string' && right.pattern.test(text);
    }
  }
}

function compare(comparison: Comparison, left: Json | undefined, right: Json | undefined): boolean {
  const same = (a: Json | undefined, b: Json | undefined) => isDeepStrictEqual(a, b);
  const isIn = (value: Json | undefined, list: Json | undefined) =>
    Array.isArray(list) && list.some((each: Json) => same(each, value));
  const parts: readonly Json[] = Array.isArray(left) ? left : [];
  switch (comparison) {
    case '==':
      return left !== undefined && same(left, right);
    case '!=':
      return !same(left, right);
    case '<':
      return ordered(left, right, (order) => order < 0);
    case '<=':
      return ordered(left, right, (order) => order <= 0);
    case '>':
      return ordered(left, right, (order) => order > 0);
    case '>=':
      return ordered(left, right, (order) => order >= 0);
    case '=~':
      return false;
    case 'in':
      return isIn(left, right);
    case 'nin':
      return !isIn(left, right);
    case 'contains':
      return typeof left === 'string' ? typeof right === 'string' && left.includes(right) : isIn(right, left);
    case 'size':
      return (Array.isArray(left) || typeof left === 'string') && left.length === right;
    case 'empty':
      return (Array.isArray(left) || typeof left === 'string') && (left.length === 0) === right;
    case 'subsetof':
      return Array.isArray(left) && parts.every((part) => isIn(part, right));
    case 'anyof':
      return parts.some((part) => isIn(part, right));
    case 'noneof':
      return Array.isArray(left) && !parts.some((part) => isIn(part, right));
  }
}

/** Numbers and texts have an order among themselves; anything else has none. */
function ordered(left: Json | undefined, right: Json | undefined, accepts: (order: number) => boolean): boolean {
  if (typeof left === 'number' && typeof right === 'number') return accepts(left - right);
  if (typeof left === 'string' && typeof right === 'string') return accepts(left < right ? -1 : left > right ? 1 : 0);
  return false;
}
