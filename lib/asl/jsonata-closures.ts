/**
 * The common shapes of JSONata as closures, where npm jsonata evaluates each node in an asynchronous function of its own. Taken: paths of names and fixed indexes from `$states` or a variable, objects made in them, literals, objects, lists,
 * comparisons, arithmetic, `&`, `and`, `or`, conditions, and the functions below. Anything else is left to jsonata.
 *
 * So is whatever a closure meets and does not know for sure: a list on the way of a path, an operand of another type, a
 * number beyond range. It gives `unsure` then, and jsonata evaluates the expression from the start; nothing here has an
 * effect. Therefore all errors are jsonata's own. `test/asl/jsonata-closures.test.ts` compares both on generated expressions.
 */
import type { Bindings } from './jsonata.ts';

/** Only jsonata can tell. */
export const unsure = Symbol('unsure');

/** What an expression gives; undefined for nothing. */
type Result = unknown;
export type Closure = (bindings: Bindings) => Result;
/** Of a part of an expression. `focus`: the value that names without a `$` are fields of; `unsure` outside of all. */
type Part = (bindings: Bindings, focus: Result) => Result;

/** A node of jsonata's own tree, as far as it is read here. */
interface Node {
  readonly type?: unknown;
  readonly value?: unknown;
  readonly steps?: readonly Node[];
  readonly stages?: readonly Node[];
  readonly predicate?: readonly Node[];
  readonly expr?: Node;
  readonly lhs?: Node | readonly (readonly [key: Node, value: Node])[];
  readonly rhs?: Node;
  readonly expression?: Node;
  readonly expressions?: readonly Node[];
  readonly condition?: Node;
  readonly then?: Node;
  readonly else?: Node;
  readonly procedure?: Node;
  readonly arguments?: readonly Node[];
}

/** Fields that a node of a type may have. One that has others means more than is known here. */
const fieldsOf: { readonly [type: string]: readonly string[] } = {
  string: [],
  number: [],
  value: [],
  variable: ['predicate', 'stages'],
  path: ['steps'],
  name: ['stages'],
  filter: ['expr'],
  binary: ['lhs', 'rhs'],
  unary: ['expression', 'expressions', 'lhs', 'consarray'],
  condition: ['condition', 'then', 'else'],
  block: ['expressions'],
  function: ['procedure', 'arguments', 'name'],
};

/** jsonata counts how deep it is over all that it evaluates at once, and stops at 1,000. */
const maxNodes = 300;

/**
 * The closure of an expression; undefined when it is left to jsonata.
 * @param ast as jsonata's `ast()` gives it
 * @param names the names that a binding is looked for
 */
export function closureOf(ast: unknown, names: ReadonlySet<string>): Closure | undefined {
  const part = isKnown(ast, { left: maxNodes }) ? compile(ast, names) : undefined;
  return part && ((bindings) => part(bindings, unsure));
}

/** Whether a tree has known nodes only, and not too many of them. */
function isKnown(node: unknown, count: { left: number }): node is Node {
  if (typeof node !== 'object' || node === null) return true;
  if (Array.isArray(node)) return node.every((part) => isKnown(part, count));
  count.left -= 1;
  const { type } = node as Node;
  const fields = typeof type === 'string' && Object.hasOwn(fieldsOf, type) ? fieldsOf[type] : undefined;
  if (fields === undefined || count.left < 0) return false;
  return Object.entries(node).every(
    ([field, part]) =>
      field === 'type' || field === 'value' || field === 'position' || (fields.includes(field) && isKnown(part, count)),
  );
}

function compile(node: Node | undefined, names: ReadonlySet<string>): Part | undefined {
  switch (node?.type) {
    case 'string':
    case 'number':
    case 'value': {
      const { value } = node;
      return () => value;
    }
    case 'variable':
      return node.value === 'states' ? undefined : variable(node, names);
    case 'path':
      return path(node.steps ?? [], names);
    case 'binary':
      return binary(node, names);
    case 'unary':
      return unary(node, names);
    case 'condition':
      return condition(node, names);
    case 'block':
      return node.expressions?.length === 1 ? compile(node.expressions[0], names) : undefined;
    case 'function':
      return call(node, names);
    default:
      return undefined;
  }
}

/** All of them, or none. */
function compileAll(nodes: readonly (Node | undefined)[], names: ReadonlySet<string>): readonly Part[] | undefined {
  const closures = nodes.flatMap((node) => compile(node, names) ?? []);
  return closures.length === nodes.length ? closures : undefined;
}

function variable({ value: name, predicate, stages }: Node, names: ReadonlySet<string>): Part | undefined {
  // They are called stages where the variable begins a path.
  const indexes = indexesIn(predicate ?? stages ?? []);
  if (typeof name !== 'string' || !names.has(name) || indexes === undefined) return undefined;
  if (name === 'states') return ({ states }) => takeIndexes(states, indexes);
  // A name without a value may be one of jsonata's functions.
  return (bindings) => {
    const value = bindings.variable(name);
    return value === undefined ? unsure : takeIndexes(value, indexes);
  };
}

/** The indexes that filters are; undefined when one of them is something else. */
function indexesIn(filters: readonly Node[]): readonly number[] | undefined {
  const indexes = filters.flatMap(({ type, expr }) =>
    type === 'filter' && expr?.type === 'number' && typeof expr.value === 'number' ? Math.floor(expr.value) : [],
  );
  return indexes.length === filters.length ? indexes : undefined;
}

/** Anything that is no list counts as a list of itself. */
function takeIndexes(value: Result, indexes: readonly number[]): Result {
  let found = value;
  for (const index of indexes) {
    if (Array.isArray(found)) found = found.at(index) as unknown;
    else if (index !== 0 && index !== -1) return found === unsure ? unsure : undefined;
  }
  return found;
}

/** Takes a field and perhaps items of its list, or makes an object whose values are seen from there. */
type Step = { readonly name: string; readonly indexes: readonly number[] } | { readonly made: Part };

function stepOf(node: Node, names: ReadonlySet<string>): Step | undefined {
  const { type, value: name, stages = [] } = node;
  if (type === 'unary' && name === '{') {
    const made = object(node, names);
    return made && { made };
  }
  const indexes = indexesIn(stages);
  return type === 'name' && typeof name === 'string' && indexes !== undefined ? { name, indexes } : undefined;
}

function path(nodes: readonly Node[], names: ReadonlySet<string>): Part | undefined {
  const [first] = nodes;
  const isRelative = first?.type === 'name';
  const base: Part | undefined = isRelative
    ? (_, focus) => focus
    : first?.type === 'variable'
      ? variable(first, names)
      : compile(first, names);
  const rest = isRelative ? nodes : nodes.slice(1);
  const steps = rest.flatMap((node) => stepOf(node, names) ?? []);
  if (base === undefined || steps.length === 0 || steps.length < rest.length) return undefined;
  return (bindings, focus) => {
    let value = base(bindings, focus);
    for (const step of steps) {
      if (value === unsure || Array.isArray(value)) return unsure;
      if ('made' in step) {
        if (typeof value !== 'object' || value === null) return value === undefined ? undefined : unsure;
        value = step.made(bindings, value);
        continue;
      }
      const { name, indexes } = step;
      if (typeof value !== 'object' || value === null) return undefined;
      if (isMarked(value)) return unsure;
      value = Object.hasOwn(value, name) ? (value as { readonly [name: string]: unknown })[name] : undefined;
      if (indexes.length > 0) value = takeIndexes(value, indexes);
    }
    return value;
  };
}

/** Data may look like jsonata's own functions. */
function isMarked(value: object): boolean {
  return '_jsonata_lambda' in value || '_jsonata_function' in value;
}

type Operator = (left: Result, right: Result) => Result;

const operators: { readonly [operator: string]: Operator } = {
  '+': (left, right) => arithmetic(left, right, (a, b) => a + b),
  '-': (left, right) => arithmetic(left, right, (a, b) => a - b),
  '*': (left, right) => arithmetic(left, right, (a, b) => a * b),
  '/': (left, right) => arithmetic(left, right, (a, b) => a / b),
  '%': (left, right) => arithmetic(left, right, (a, b) => a % b),
  '=': equal,
  '!=': (left, right) => {
    const same = left === undefined || right === undefined ? true : equal(left, right);
    return same === unsure ? unsure : !same;
  },
  '<': (left, right) => ordered(left, right, (a, b) => a < b),
  '<=': (left, right) => ordered(left, right, (a, b) => a <= b),
  '>': (left, right) => ordered(left, right, (a, b) => a > b),
  '>=': (left, right) => ordered(left, right, (a, b) => a >= b),
  '&': (left, right) => {
    const [first, second] = [left === undefined ? '' : textOf(left), right === undefined ? '' : textOf(right)];
    return typeof first === 'string' && typeof second === 'string' ? first + second : unsure;
  },
};

function arithmetic(left: Result, right: Result, apply: (a: number, b: number) => number): Result {
  if (typeof left === 'number' && typeof right === 'number') {
    const value = apply(left, right);
    return Number.isFinite(value) ? value : unsure;
  }
  const isOperand = (value: Result) => value === undefined || typeof value === 'number';
  return isOperand(left) && isOperand(right) ? undefined : unsure;
}

function equal(left: Result, right: Result): Result {
  if (left === undefined || right === undefined) return false;
  // Two lists or objects are compared in depth.
  return isNode(left) && isNode(right) ? unsure : left === right;
}

function isNode(value: Result): boolean {
  return typeof value === 'object' && value !== null;
}

function ordered(left: Result, right: Result, apply: (a: number | string, b: number | string) => boolean): Result {
  if (typeof left === 'number' && typeof right === 'number') return apply(left, right);
  if (typeof left === 'string' && typeof right === 'string') return apply(left, right);
  const isOperand = (value: Result) => value === undefined || typeof value === 'number' || typeof value === 'string';
  const isNothing = left === undefined || right === undefined;
  return isNothing && isOperand(left) && isOperand(right) ? undefined : unsure;
}

/** As `$string` has it: numbers with at most 15 digits. */
function textOf(value: Result): Result {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(Number.isInteger(value) ? value : Number(value.toPrecision(15)));
  return typeof value === 'boolean' || value === null ? String(value) : unsure;
}

/** Whether a value counts as true; nothing does not. */
function truth(value: Result): Result {
  if (typeof value === 'boolean') return value;
  if (value === undefined || value === null) return false;
  if (typeof value === 'string') return value !== '';
  return typeof value === 'number' ? value !== 0 : unsure;
}

function binary({ value: operator, lhs, rhs }: Node, names: ReadonlySet<string>): Part | undefined {
  const [left, right] = compileAll([lhs as Node, rhs], names) ?? [];
  if (left === undefined || right === undefined || typeof operator !== 'string') return undefined;
  if (operator === 'and' || operator === 'or') {
    return (bindings, focus) => {
      const first = asked(left(bindings, focus), truth);
      return first === unsure || first === (operator === 'or') ? first : asked(right(bindings, focus), truth);
    };
  }
  const apply = Object.hasOwn(operators, operator) ? operators[operator] : undefined;
  if (apply === undefined) return undefined;
  return (bindings, focus) => {
    const [first, second] = [left(bindings, focus), right(bindings, focus)];
    return first === unsure || second === unsure ? unsure : apply(first, second);
  };
}

function asked(value: Result, ask: (value: Result) => Result): Result {
  return value === unsure ? unsure : ask(value);
}

function unary(node: Node, names: ReadonlySet<string>): Part | undefined {
  if (node.value === '-') {
    const operand = compile(node.expression, names);
    return operand && ((bindings, focus) => asked(operand(bindings, focus), negative));
  }
  return node.value === '[' ? list(node.expressions ?? [], names) : object(node, names);
}

function negative(value: Result): Result {
  if (value === undefined) return undefined;
  return typeof value === 'number' ? -value : unsure;
}

/** A list takes in the items of lists within it, unless they are written in brackets themselves. */
function list(nodes: readonly Node[], names: ReadonlySet<string>): Part | undefined {
  const items = compileAll(nodes, names);
  if (items === undefined) return undefined;
  const isBracketed = nodes.map(({ value }) => value === '[');
  return (bindings, focus) => {
    const values: unknown[] = [];
    for (const [index, item] of items.entries()) {
      const value = item(bindings, focus);
      if (value === unsure) return unsure;
      if (Array.isArray(value) && isBracketed[index] !== true) {
        // jsonata has a limit on how long lists get.
        if (value.length > maxListed) return unsure;
        for (const inner of value) values.push(inner);
      } else if (value !== undefined) values.push(value);
    }
    return values;
  };
}

const maxListed = 1_000;

/** An object with keys as they stand there; fields without a value are left out. */
function object({ value, lhs }: Node, names: ReadonlySet<string>): Part | undefined {
  if (value !== '{' || !Array.isArray(lhs)) return undefined;
  const pairs = lhs as readonly (readonly [key: Node, value: Node])[];
  const keys = pairs.map(([key]) => (key.type === 'string' ? String(key.value) : '__proto__'));
  const isPlain = (key: string) => !['__proto__', '_jsonata_lambda', '_jsonata_function'].includes(key);
  const fields = compileAll(
    pairs.map(([, field]) => field),
    names,
  );
  if (fields === undefined || new Set(keys).size < keys.length || !keys.every(isPlain)) return undefined;
  return (bindings, focus) => {
    const made: { [key: string]: unknown } = {};
    for (const [index, field] of fields.entries()) {
      const fieldValue = field(bindings, focus);
      if (fieldValue === unsure) return unsure;
      if (fieldValue !== undefined) made[keys[index] as string] = fieldValue;
    }
    return made;
  };
}

function condition(node: Node, names: ReadonlySet<string>): Part | undefined {
  const [test, yes] = compileAll([node.condition, node.then], names) ?? [];
  const no: Part | undefined = node.else === undefined ? () => undefined : compile(node.else, names);
  if (test === undefined || yes === undefined || no === undefined) return undefined;
  return (bindings, focus) => {
    const holds = asked(test(bindings, focus), truth);
    if (holds === unsure) return unsure;
    return holds === true ? yes(bindings, focus) : no(bindings, focus);
  };
}

/** Functions of one argument. */
const functions: { readonly [name: string]: (value: Result) => Result } = {
  boolean: (value) => (value === undefined ? undefined : truth(value)),
  count: (value) => (value === undefined ? 0 : Array.isArray(value) ? value.length : 1),
  exists: (value) => value !== undefined,
  not: (value) => {
    const holds = value === undefined ? undefined : truth(value);
    return typeof holds === 'boolean' ? !holds : holds;
  },
  string: (value) => (value === undefined ? undefined : textOf(value)),
  sum: (value) => {
    if (value === undefined) return undefined;
    let total = 0;
    for (const item of Array.isArray(value) ? (value as readonly unknown[]) : [value]) {
      if (typeof item !== 'number') return unsure;
      total += item;
    }
    return Number.isFinite(total) ? total : unsure;
  },
  type: (value) => {
    if (value === undefined) return undefined;
    if (value === null) return 'null';
    if (Array.isArray(value)) return 'array';
    return typeof value;
  },
};

function call({ procedure, arguments: given = [] }: Node, names: ReadonlySet<string>): Part | undefined {
  const { type, value: name } = procedure ?? {};
  const [argument] = given.length === 1 ? (compileAll(given, names) ?? []) : [];
  if (argument === undefined || type !== 'variable' || typeof name !== 'string') return undefined;
  const apply = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (apply === undefined) return undefined;
  return (bindings, focus) => {
    // A variable hides the function of its name.
    if (bindings.variable(name) !== undefined) return unsure;
    const value = argument(bindings, focus);
    return typeof value === 'object' && value !== null && isMarked(value) ? unsure : asked(value, apply);
  };
}
