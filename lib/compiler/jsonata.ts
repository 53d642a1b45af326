/**
 * The one place that prints JSONata. It encodes what the language does that its readers do not expect:
 *
 * - a path through a list gives a bare value for one element and nothing for none: lists are read as wholes, and
 *   plucked inside brackets;
 * - brackets flatten a list inside them unless it is written in brackets itself;
 * - a comparison with something absent is nothing or false, so what may be absent goes through `$exists`;
 * - null is a value: its first item is null, and an object keeps it, so an absent output goes through `$type`;
 * - an object constructor drops keys without a value, a field of its own fails the state.
 */
import type { CallExpression, Expression, Json, RefExpression } from '../ir/expressions.ts';
import { alternatives, mayBeNull, type ShapeContext, shapeOf } from '../ir/shapes.ts';
import { reservedInputKey } from '../storage-layout.ts';

/** How to print the values that an expression refers to, at the place where it is evaluated. */
export interface PrintScope {
  /** JSONata of a target's whole value, such as `$load` or `$states.result.Payload`. */
  readonly base: (target: RefExpression['target']) => string;
  /** In a job's input: notes that the job's function fetches this value for itself, if it does. */
  readonly fetches?: (ref: RefExpression, at: readonly (string | number)[]) => boolean;
  readonly shapes: ShapeContext;
}

/** A field's name as a step of a path: plain, or in backticks where the name needs it. */
function step(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !reservedWords.has(name) ? name : `\`${name}\``;
}

/** A value's field or item, from the outside in. A name with a backtick has no path form and is looked up. */
export function access(base: string, keys: readonly (string | number)[]): string {
  return keys.reduce<string>((inner, key) => {
    if (typeof key === 'number') return `${inner}[${key}]`;
    return key.includes('`') || key === '' ? `$lookup(${inner}, ${text(key)})` : `${inner}.${step(key)}`;
  }, base);
}

const reservedWords = new Set(['and', 'or', 'in', 'true', 'false', 'null', 'function']);

/** Nothing in it has to be escaped. */
const plain = /^[\w -!#-/:-@^_|~]*$/;

/** Text as a JSONata literal. Braces are escaped so that no literal can look like the end of an expression. */
export function text(value: string): string {
  if (plain.test(value)) return `"${value}"`;
  return JSON.stringify(value)
    .replaceAll('{', '\\u007b')
    .replaceAll('}', '\\u007d')
    .replaceAll(/[\u2028\u2029\u007f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A constant, as JSONata. */
export function literal(value: Json): string {
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, inner]) => `${text(key)}: ${literal(inner)}`)
      .join(', ')}}`;
  }
  return JSON.stringify(value);
}

/** Prints an expression as JSONata, without the `{% %}` around it. */
export function print(scope: PrintScope, expression: Expression): string {
  switch (expression.kind) {
    case 'literal':
      return literal(expression.value);
    case 'ref':
      return printRef(scope, expression);
    case 'object':
      return `{${Object.entries(expression.fields)
        .map(([key, value]) => `${text(key)}: ${print(scope, value)}`)
        .join(', ')}}`;
    case 'array':
      return `[${expression.items.map((item) => printItem(scope, item)).join(', ')}]`;
    case 'call':
      return printCall(scope, expression);
  }
}

/** The absent value itself, as an expression: a field that is not there. */
const nothing = '({}).skipped';

/** What a ref points at as it stands there: an output that is absent stands there as null. */
function standing(scope: PrintScope, { kind, target, path }: RefExpression): string {
  const base = scope.base(target);
  // A node that is known, at the state being printed, to have been skipped has no fields.
  if (base === 'null' && path.length > 0) return nothing;
  // The input of an execution also holds what bunsui passes along.
  if (target.kind === 'input' && path.length === 0) {
    return `$sift(${base}, function($value, $key){ $key != ${text(reservedInputKey)} })`;
  }
  return path.reduce<string>((inner, key, index) => {
    const whole: RefExpression = { kind, target, path: path.slice(0, index) };
    if (typeof key === 'number' && mayBeNull(shapeOf(scope.shapes, whole))) return access(unlessNull(inner), [key]);
    const field = access(inner, [key]);
    return target.kind === 'input' && index === 0 ? orDefault(scope, key, field) : field;
  }, base);
}

/**
 * A field of the pipeline's input, or its default: a session has it filled in, an execution that was started in the
 * AWS console does not.
 */
function orDefault(scope: PrintScope, key: string | number, value: string): string {
  const { properties } = scope.shapes.pipeline.input;
  const property = (properties as { readonly [name: string]: { readonly default?: Json } } | undefined)?.[key];
  return property?.default === undefined ? value : `($exists(${value}) ? ${value} : ${literal(property.default)})`;
}

/** A value, or nothing when it is null. The first item of null would be null itself. */
function unlessNull(value: string): string {
  return twice(value, (one) => `$type(${one}) != "null" ? ${one}`);
}

/** No state assigns it (`reservedVariables`). */
const found = 'found';

/**
 * A block that uses a value more than once. One that itself holds such a block is named first: written out each time, a
 * row of them one in the other would double with each.
 */
function twice(value: string, use: (value: string) => string): string {
  return value.includes(' ? ') ? `($${found} := ${value}; ${use(`$${found}`)})` : `(${use(value)})`;
}

/** A ref as a value: nothing where it is absent, so that objects leave it out and no comparison is true of it. */
function printRef(scope: PrintScope, ref: RefExpression): string {
  const value = standing(scope, ref);
  if (value === 'null') return nothing;
  const { absent, asNull } = shapeOf(scope.shapes, ref);
  return absent && asNull ? unlessNull(value) : value;
}

/** @param value the value that it is a part of, printed */
function printGet(scope: PrintScope, from: Expression, value: string, key: string | number): string {
  const maybeNull = typeof key === 'number' && mayBeNull(shapeOf(scope.shapes, from));
  return access(maybeNull ? unlessNull(value) : `(${value})`, [key]);
}

/** @param printed the first value; printed once, for each of a row in one another would be printed twice as often as the one around it */
function printOrElse(scope: PrintScope, first: Expression, printed: string, otherwise: string): string {
  if (first.kind !== 'ref') {
    return twice(printed, (one) => `$exists(${one}) ? ${one} : ${otherwise}`);
  }
  const value = standing(scope, first);
  if (scope.base(first.target) === 'null') return otherwise;
  const { asNull } = shapeOf(scope.shapes, first);
  if (!asNull) return twice(value, (one) => `$exists(${one}) ? ${one} : ${otherwise}`);
  return first.path.length === 0
    ? `($type(${value}) = "null" ? ${otherwise} : ${value})`
    : twice(value, (one) => `$exists(${one}) and $type(${one}) != "null" ? ${one} : ${otherwise}`);
}

/** An item of a bracketed list: a list that is not written in brackets goes into some, or it would be flattened. */
function printItem(scope: PrintScope, item: Expression): string {
  const printed = print(scope, item);
  return isList(scope, item) && !printed.startsWith('[') ? `[${printed}]` : printed;
}

function isList(scope: PrintScope, expression: Expression): boolean {
  return alternatives(shapeOf(scope.shapes, expression).schema).some((schema) => schema['type'] === 'array');
}

const infix: { readonly [name: string]: string } = {
  eq: '=',
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
  add: '+',
  subtract: '-',
  multiply: '*',
};

function printCall(scope: PrintScope, { name, arguments: given }: CallExpression): string {
  const printed = given.map((value) => print(scope, value));
  const [a = 'null', b = 'null'] = printed;
  const [first, second] = given;
  const printedText = (value: Expression, index: number): string =>
    value.kind === 'literal' && typeof value.value === 'string' ? (printed[index] ?? '') : `$string(${printed[index]})`;
  switch (name) {
    case 'eq':
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return `(${a} ${infix[name]} ${b})`;
    case 'add':
    case 'subtract':
    case 'multiply':
      return `(${first && continues(name, first) ? a.slice(1, -1) : a} ${infix[name]} ${b})`;
    case 'ne':
      return `$not(${a} = ${b})`;
    case 'and':
      return given.length === 0 ? 'true' : chained(printed, 'and');
    case 'or':
      return given.length === 0 ? 'false' : chained(printed, 'or');
    case 'not':
      return `$not(${a})`;
    case 'text':
      return given.length === 0 ? '""' : chained(given.map(printedText), '&');
    case 'orElse':
      return first ? printOrElse(scope, first, a, b) : b;
    case 'pluck': {
      const key = second?.kind === 'literal' ? String(second.value) : '';
      const nested = alternatives(shapeOf(scope.shapes, { kind: 'call', name, arguments: given }).schema).some(
        (schema) => isListOfLists(schema),
      );
      // A path of bracketed steps would unwrap the list of a lone item.
      return nested
        ? `$reduce(${a}, function($list, $item){ $append($list, [[${access('$item', [key])}]]) }, [])`
        : `[${access(a, [key])}]`;
    }
    case 'sum':
      return `$sum(${a})`;
    case 'count':
      return `$count(${a})`;
    case 'get':
      return first && second?.kind === 'literal' ? printGet(scope, first, a, second.value as string | number) : a;
    case 'ok':
      return `($type(${first?.kind === 'ref' ? standing(scope, first) : a}) != "null")`;
  }
}

/** Whether an operator after this needs no brackets around it, which would be a level more for each: it is read from the left. */
export function continues(operator: string, left: Expression): boolean {
  if (left.kind !== 'call') return false;
  return operator === 'multiply' ? left.name === 'multiply' : isSum(operator) && isSum(left.name);
}

const isSum = (name: string) => name === 'add' || name === 'subtract';

/** More than this in a row are printed as two halves: a row is nested as deep as it is long, and depth has a limit. */
export const longestRow = 32;

/** Operands of an operator that may be taken in any order of brackets. */
function chained(operands: readonly string[], operator: string): string {
  if (operands.length <= longestRow) return `(${operands.join(` ${operator} `)})`;
  const middle = Math.ceil(operands.length / 2);
  return `(${chained(operands.slice(0, middle), operator)} ${operator} ${chained(operands.slice(middle), operator)})`;
}

function isListOfLists(schema: { readonly [keyword: string]: unknown }): boolean {
  const { items } = schema;
  return (
    typeof items === 'object' &&
    items !== null &&
    alternatives(items as { readonly [keyword: string]: unknown }).some((inner) => inner['type'] === 'array')
  );
}

/** An expression as Step Functions takes it: `{% … %}`. */
export function quoted(jsonata: string): string {
  return `{% ${jsonata} %}`;
}

/**
 * An expression as a template: constants as they are, structures as structures, the rest as `{% … %}`. Where a value
 * may be absent the structure around it is one object constructor, which leaves such fields out.
 */
export function template(scope: PrintScope, expression: Expression, at: readonly (string | number)[] = []): Json {
  switch (expression.kind) {
    case 'literal':
      return literalTemplate(expression.value);
    case 'array':
      return expression.items.map((item, index) => template(scope, item, [...at, index]));
    case 'object': {
      const fields = Object.entries(expression.fields);
      if (fields.some(([, value]) => shapeOf(scope.shapes, value).absent)) return quoted(print(scope, expression));
      return Object.fromEntries(fields.map(([key, value]) => [key, template(scope, value, [...at, key])]));
    }
    case 'ref':
      return scope.fetches?.(expression, at) ? null : quoted(print(scope, expression));
    default:
      return quoted(print(scope, expression));
  }
}

function literalTemplate(value: Json): Json {
  // What looks like an expression or a placeholder of ours is written so that it does not.
  if (typeof value === 'string') return /\{%|%\}|^\$\{[a-z]+:/.test(value) ? quoted(text(value)) : value;
  if (Array.isArray(value)) return value.map(literalTemplate);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, literalTemplate(inner)]));
  return value;
}

/** Names a variable must not have: they would hide JSONata's functions or what Step Functions sets. */
export const reservedVariables: ReadonlySet<string> = new Set(
  (
    'states found abs append assert average base64decode base64encode boolean ceil clone contains count decodeUrl decodeUrlComponent distinct each encodeUrl ' +
    'encodeUrlComponent error eval exists filter floor formatBase formatInteger formatNumber fromMillis hash join keys length lookup lowercase map match max merge ' +
    'millis min not now number pad parse parseInteger partition power random range reduce replace reverse round shuffle sift single sort split spread sqrt string ' +
    'substring substringAfter substringBefore sum toMillis trim type typeOf uppercase uuid zip'
  ).split(' '),
);
