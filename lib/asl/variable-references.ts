/**
 * Which variables each state of a machine reads, as DescribeStateMachine lists them.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachine.html
 */
import type { Definition, Json, QueryLanguage, Scope, State } from './definition.ts';
import { compileIntrinsic, type Intrinsic } from './intrinsics.ts';
import { expressionIn, variablesOf } from './jsonata.ts';
import { compilePath } from './jsonpath.ts';

/** Names of variables by name of state, sorted; states that read none are left out. */
export function variableReferences(definition: Definition): { readonly [state: string]: readonly string[] } {
  const found: [string, readonly string[]][] = [];
  collectScope(definition, definition.QueryLanguage ?? 'JSONPath', found);
  return Object.fromEntries(found);
}

function collectScope(scope: Scope, language: QueryLanguage, found: [string, readonly string[]][]): void {
  for (const [name, state] of Object.entries(scope.States)) {
    const names = new Set<string>();
    const { inner, own } = partsOf(state);
    if ((state.QueryLanguage ?? language) === 'JSONata') collectExpressions(own, names);
    else collectPaths(own, '', names);
    if (names.size > 0) found.push([name, [...names].sort()]);
    for (const each of inner) collectScope(each, language, found);
  }
}

/** The scopes inside a state, and the rest of it. */
function partsOf(state: State): { readonly inner: readonly Scope[]; readonly own: Json } {
  if (state.Type === 'Parallel') {
    const { Branches, ...own } = state;
    return { inner: Branches, own: own as unknown as Json };
  }
  if (state.Type === 'Map') {
    const { ItemProcessor, Iterator, ...own } = state;
    return { inner: [ItemProcessor, Iterator].filter((scope) => scope !== undefined), own: own as unknown as Json };
  }
  return { inner: [], own: state as unknown as Json };
}

function collectExpressions(value: Json, names: Set<string>): void {
  if (typeof value === 'string') {
    const expression = expressionIn(value);
    if (expression !== undefined) for (const name of variablesOf(expression)) names.add(name);
  } else if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) collectExpressions(part as Json, names);
  }
}

/** Paths stand in fields whose name ends in `.$` or `Path`, in `Variable`, and nowhere else. */
function collectPaths(value: Json, field: string, names: Set<string>): void {
  if (typeof value === 'string') {
    if (field.endsWith('.$') || field.endsWith('Path') || field === 'Variable') collectText(value, names);
  } else if (Array.isArray(value)) {
    for (const part of value as readonly Json[]) collectPaths(part, '', names);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, part] of Object.entries(value)) {
      if (key !== 'Result') collectPaths(part as Json, key, names);
    }
  }
}

function collectText(text: string, names: Set<string>): void {
  const intrinsic: Intrinsic = text.startsWith('$')
    ? { kind: 'path', path: compilePath(text) }
    : compileIntrinsic(text);
  collectIntrinsic(intrinsic, names);
}

function collectIntrinsic(intrinsic: Intrinsic, names: Set<string>): void {
  if (intrinsic.kind === 'call') for (const arg of intrinsic.args) collectIntrinsic(arg, names);
  else if (intrinsic.kind === 'path' && !intrinsic.path.root.startsWith('$')) names.add(intrinsic.path.root);
}
