/** The syntax of JSONPath: text in, steps out. */

import type { PathFunction, Step } from './jsonpath.ts';
import type { Comparison, Filter, Operand } from './jsonpath-filter.ts';

interface Parsed {
  readonly root: string;
  readonly steps: readonly Step[];
}

/** Where a parser stands. */
interface Cursor {
  readonly text: string;
  at: number;
}

const functions: ReadonlySet<string> = new Set<PathFunction>([
  'length',
  'keys',
  'min',
  'max',
  'avg',
  'sum',
  'stddev',
  'first',
  'last',
]);

/** Parses a whole text. @throws {SyntaxError} with the place of what is wrong. */
export function parsePath(text: string): Parsed {
  const cursor = { text, at: 0 };
  const parsed = parsePathAt(cursor);
  if (cursor.at < text.length) throw wrong(cursor, 'the end');
  return parsed;
}

/** Parses a path that may be followed by something else, such as an argument list's comma. */
export function parsePathAt(cursor: Cursor): Parsed {
  if (cursor.text[cursor.at] !== '$') throw wrong(cursor, '$');
  cursor.at += 1;
  let root = '$';
  const variable = matchAt(cursor, /[\p{ID_Start}_][\p{ID_Continue}]*/uy);
  if (variable !== undefined) root = variable;
  else if (matchAt(cursor, /\$/y) !== undefined) root = '$$';
  return { root, steps: parseSteps(cursor) };
}

function parseSteps(cursor: Cursor): readonly Step[] {
  const steps: Step[] = [];
  for (;;) {
    const char = cursor.text[cursor.at];
    if (char === '[') steps.push(parseBracket(cursor));
    else if (char === '.') parseDot(cursor, steps);
    else return steps;
  }
}

function parseDot(cursor: Cursor, steps: Step[]): void {
  cursor.at += 1;
  if (matchAt(cursor, /\./y) !== undefined) {
    steps.push({ kind: 'deep' });
    if (cursor.text[cursor.at] === '[') return;
  }
  if (cursor.text[cursor.at] === '[') {
    steps.push(parseBracket(cursor));
    return;
  }
  if (matchAt(cursor, /\*/y) !== undefined) {
    steps.push({ kind: 'all' });
    return;
  }
  // A placeholder that nobody has filled in is part of a name.
  const name = matchAt(cursor, /(?:\$\{[^}]*\}|[^\s.[\](),'"=<>!&|~?@*$])+/uy);
  if (name === undefined) throw wrong(cursor, 'a name');
  if (matchAt(cursor, /\(\s*\)/y) === undefined) {
    steps.push({ kind: 'names', names: [name] });
    return;
  }
  if (!functions.has(name)) throw wrong(cursor, `one of the functions ${[...functions].join(', ')}`);
  steps.push({ kind: 'function', name: name as PathFunction });
}

function parseBracket(cursor: Cursor): Step {
  expect(cursor, '[');
  const step = parseInside(cursor);
  skipSpace(cursor);
  expect(cursor, ']');
  return step;
}

function parseInside(cursor: Cursor): Step {
  skipSpace(cursor);
  const char = cursor.text[cursor.at];
  if (char === '*') {
    cursor.at += 1;
    return { kind: 'all' };
  }
  if (char === '?') {
    cursor.at += 1;
    skipSpace(cursor);
    expect(cursor, '(');
    const filter = parseOr(cursor);
    expect(cursor, ')');
    return { kind: 'filter', filter };
  }
  if (char === "'" || char === '"') return { kind: 'names', names: listOf(cursor, parseText) };
  const from = integerAt(cursor);
  skipSpace(cursor);
  if (matchAt(cursor, /:/y) !== undefined) {
    skipSpace(cursor);
    const to = integerAt(cursor);
    if (from === undefined && to === undefined) throw wrong(cursor, 'an index');
    return { kind: 'slice', from, to };
  }
  if (from === undefined) throw wrong(cursor, 'an index, a name in quotes, * or a filter');
  const more: number[] = [];
  while (matchAt(cursor, /\s*,\s*/y) !== undefined) {
    const index = integerAt(cursor);
    if (index === undefined) throw wrong(cursor, 'an index');
    more.push(index);
  }
  return { kind: 'indexes', indexes: [from, ...more] };
}

function listOf<T>(cursor: Cursor, parse: (cursor: Cursor) => T): readonly T[] {
  const items = [parse(cursor)];
  while (matchAt(cursor, /\s*,\s*/y) !== undefined) items.push(parse(cursor));
  return items;
}

/** A text in single or double quotes. A backslash stands before that quote or itself; before anything else it is text. */
function parseText(cursor: Cursor): string {
  const quote = cursor.text[cursor.at];
  if (quote !== "'" && quote !== '"') throw wrong(cursor, 'a quoted text');
  let text = '';
  for (cursor.at += 1; cursor.at < cursor.text.length; cursor.at += 1) {
    let char = cursor.text[cursor.at];
    if (char === quote) {
      cursor.at += 1;
      return text;
    }
    const next = cursor.text[cursor.at + 1];
    if (char === '\\' && (next === quote || next === '\\')) {
      cursor.at += 1;
      char = next;
    }
    text += char;
  }
  throw wrong(cursor, `a closing ${quote}`);
}

function integerAt(cursor: Cursor): number | undefined {
  const digits = matchAt(cursor, /-?\d+/y);
  return digits === undefined ? undefined : Number(digits);
}

/** How deep parentheses and negations of a filter may nest. */
const maxDepth = 100;

function parseOr(cursor: Cursor, depth = 0): Filter {
  if (depth > maxDepth) throw wrong(cursor, `at most ${maxDepth} levels of parentheses`);
  const filters = [parseAnd(cursor, depth)];
  while (matchAt(cursor, /\s*\|\|/y) !== undefined) filters.push(parseAnd(cursor, depth));
  const [only] = filters;
  return filters.length === 1 && only !== undefined ? only : { kind: 'any', filters };
}

function parseAnd(cursor: Cursor, depth: number): Filter {
  const filters = [parseTerm(cursor, depth)];
  while (matchAt(cursor, /\s*&&/y) !== undefined) filters.push(parseTerm(cursor, depth));
  const [only] = filters;
  return filters.length === 1 && only !== undefined ? only : { kind: 'every', filters };
}

function parseTerm(cursor: Cursor, depth: number): Filter {
  skipSpace(cursor);
  if (matchAt(cursor, /!(?!=)/y) !== undefined) return { kind: 'not', filter: parseTerm(cursor, depth + 1) };
  if (matchAt(cursor, /\(/y) !== undefined) {
    const filter = parseOr(cursor, depth + 1);
    skipSpace(cursor);
    expect(cursor, ')');
    return filter;
  }
  const left = parseOperand(cursor);
  const operator = matchAt(cursor, /\s*(==|!=|<=|>=|=~|<|>|(?:in|nin|contains|size|empty|subsetof|anyof|noneof)\b)/iy);
  if (operator === undefined) {
    skipSpace(cursor);
    if (left.kind !== 'path') throw wrong(cursor, 'a comparison');
    return { kind: 'exists', path: left };
  }
  const right = parseOperand(cursor);
  skipSpace(cursor);
  return { kind: 'compare', comparison: operator.trim().toLowerCase() as Comparison, left, right };
}

function parseOperand(cursor: Cursor): Operand {
  skipSpace(cursor);
  const char = cursor.text[cursor.at];
  if (char === '@' || char === '$') {
    cursor.at += 1;
    return { kind: 'path', ofItem: char === '@', path: pathOf(parseSteps(cursor)) };
  }
  if (char === "'" || char === '"') return { kind: 'value', value: parseText(cursor) };
  if (char === '[') {
    cursor.at += 1;
    skipSpace(cursor);
    const items = cursor.text[cursor.at] === ']' ? [] : listOf(cursor, parseOperand);
    skipSpace(cursor);
    expect(cursor, ']');
    return { kind: 'value', value: items.map((item) => (item.kind === 'value' ? item.value : null)) };
  }
  const pattern = matchAt(cursor, /\/(?:[^/\\]|\\.)*\/[a-z]*/iy);
  if (pattern !== undefined) return { kind: 'pattern', pattern: patternOf(cursor, pattern) };
  const literal = matchAt(cursor, /true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
  if (literal === undefined) throw wrong(cursor, 'a path or a value');
  return { kind: 'value', value: JSON.parse(literal) as null | boolean | number };
}

function pathOf(steps: readonly Step[]) {
  const definite = steps.every(
    (step) =>
      step.kind === 'function' ||
      (step.kind === 'names' && step.names.length === 1) ||
      (step.kind === 'indexes' && step.indexes.length === 1),
  );
  return { steps, definite };
}

function patternOf(cursor: Cursor, text: string): RegExp {
  const end = text.lastIndexOf('/');
  const flags = [...text.slice(end + 1)].filter((flag) => 'ims'.includes(flag)).join('');
  try {
    return new RegExp(`^(?:${text.slice(1, end)})$`, flags);
  } catch {
    throw wrong(cursor, 'a regular expression');
  }
}

function matchAt(cursor: Cursor, pattern: RegExp): string | undefined {
  pattern.lastIndex = cursor.at;
  const match = pattern.exec(cursor.text)?.[0];
  if (match !== undefined) cursor.at += match.length;
  return match;
}

function skipSpace(cursor: Cursor): void {
  matchAt(cursor, /\s+/y);
}

function expect(cursor: Cursor, char: string): void {
  if (cursor.text[cursor.at] !== char) throw wrong(cursor, `'${char}'`);
  cursor.at += 1;
}

function wrong(cursor: Cursor, expected: string): SyntaxError {
  const found = cursor.at < cursor.text.length ? `'${cursor.text.slice(cursor.at, cursor.at + 20)}'` : 'the end';
  return new SyntaxError(`expected ${expected} at character ${cursor.at} and found ${found}`);
}
