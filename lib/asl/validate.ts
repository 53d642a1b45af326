/**
 * Checks a state machine before anything runs: in goes any JSON, out comes a typed `Definition` or everything that is
 * wrong with it. Codes and wording follow ValidateStateMachineDefinition; what AWS runs and this engine does not is
 * answered with `UNSUPPORTED`, never accepted.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html
 */
import type { Definition, StateType } from './definition.ts';
import { parseResource } from './resources.ts';
import { type Check, type Fields, isObject, type Report, walkFields } from './validate-fields.ts';
import { checkExclusions, pathStateFields } from './validate-paths.ts';
import { checkEnding, stateFields } from './validate-states.ts';

export type ValidationCode =
  | 'INVALID_JSON_DESCRIPTION'
  | 'SCHEMA_VALIDATION_FAILED'
  | 'MISSING_TRANSITION_TARGET'
  | 'UNSUPPORTED';

/** An EXPRESS machine does not wait for jobs, tokens and activities. */
export type MachineType = 'STANDARD' | 'EXPRESS';

/** One thing that is wrong. `location` is a path from the root: `/States/Load/Retry[0]/MaxAttempts`; empty for none. */
export interface ValidationDiagnostic {
  readonly code: ValidationCode;
  readonly message: string;
  readonly location: string;
}

export type ValidationResult =
  | { readonly ok: true; readonly definition: Definition }
  | { readonly ok: false; readonly diagnostics: readonly ValidationDiagnostic[] };

/** Deeper nesting than this is refused: no checker or evaluator here may be overflowed by its input. */
const maxDepth = 200;
const maxStateName = 80;
/** In the order in which AWS names them. */
const types: readonly StateType[] = ['Task', 'Wait', 'Pass', 'Succeed', 'Fail', 'Choice', 'Parallel', 'Map'];

type Raw = { readonly [field: string]: unknown };

/** What is around a scope: its language, the variables that may exist when it is entered, all state names so far. */
interface Surroundings {
  readonly language: unknown;
  readonly hasVariable: (name: string) => boolean;
  readonly names: Map<string, string>;
  readonly type: MachineType;
}

/** Checks the text of a definition. */
export function validateDefinitionText(text: string, type: MachineType = 'STANDARD'): ValidationResult {
  let input: unknown;
  try {
    // As on AWS, an empty text is a missing object and not broken JSON.
    input = text.trim() === '' ? undefined : JSON.parse(text);
  } catch (thrown) {
    return { ok: false, diagnostics: [brokenJson(text, thrown)] };
  }
  return validateDefinition(input, type);
}

function brokenJson(text: string, thrown: unknown): ValidationDiagnostic {
  const code = 'INVALID_JSON_DESCRIPTION';
  const token = /^\s*([\p{ID_Start}$_][\p{ID_Continue}$]*)/u.exec(text);
  const [before = '', word = ''] = token ?? [];
  if (token === null || ['true', 'false', 'null'].includes(word)) {
    return { code, message: thrown instanceof Error ? thrown.message : String(thrown), location: '' };
  }
  const lines = before.split('\n');
  const location = `[Source: (String)"${text}"; line: ${lines.length}, column: ${(lines.at(-1) ?? '').length + 1}]`;
  const expected = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";
  return { code, message: `Unrecognized token '${word}': was expecting ${expected}\n at ${location}`, location };
}

export function validateDefinition(input: unknown, type: MachineType = 'STANDARD'): ValidationResult {
  const diagnostics: ValidationDiagnostic[] = [];
  const report: Report = (location, message, code = 'SCHEMA_VALIDATION_FAILED') => {
    diagnostics.push({ code, message, location });
  };
  if (!isObject(input)) report('', 'Definition must be a valid JSON object');
  else if (deeperThan(input, maxDepth)) report('/', `The definition is nested deeper than ${maxDepth} levels`);
  else checkMachine(input, type, report);
  return diagnostics.length === 0
    ? { ok: true, definition: input as unknown as Definition }
    : { ok: false, diagnostics };
}

function checkMachine(machine: Raw, type: MachineType, report: Report): void {
  const language = machine['QueryLanguage'];
  if (language !== undefined && language !== 'JSONata' && language !== 'JSONPath') {
    report('/QueryLanguage', "The value of 'QueryLanguage' must be one of [JSONPath, JSONata]");
  }
  walkFields(machine, machineFields, '', report);
  checkScope(machine, '', { language, hasVariable: () => false, names: new Map(), type }, report);
}

const text: Check = (value, location, report) => {
  if (typeof value !== 'string') report(location, 'Expected value of type String');
};

// StartAt and States are checked by checkScope, for machines, branches and item processors alike.
const anything: Check = () => undefined;
const machineFields: Fields = {
  Comment: text,
  Version: text,
  QueryLanguage: anything,
  StartAt: anything,
  States: anything,
  TimeoutSeconds: (value, location, report) => {
    if (!Number.isInteger(value) || Number(value) < 1 || Number(value) > 99_999_999) {
      report(location, 'Expected an integer from 1 to 99999999');
    }
  },
};

function checkScope(scope: Raw, location: string, around: Surroundings, report: Report): void {
  const at = location === '' ? '/' : location;
  const missing = ['States', 'StartAt'].filter((field) => scope[field] === undefined);
  if (missing.length > 0) report(at, `These fields are required: [${missing.join(', ')}]`);
  const states = scope['States'];
  if (states !== undefined && (!isObject(states) || Object.keys(states).length === 0)) {
    report(`${location}/States`, 'Expected an object with at least one state');
  }
  if (scope['StartAt'] !== undefined && typeof scope['StartAt'] !== 'string') {
    report(`${location}/StartAt`, 'Expected value of type String');
  }
  if (!isObject(states)) return;

  const named = Object.entries(states).filter((entry): entry is [string, Raw] => {
    if (isObject(entry[1])) return true;
    report(`${location}/States/${entry[0]}`, 'Expected value of type Object');
    return false;
  });
  checkVariables(named, location, around.hasVariable, report);
  // Most names belong to one scope; only the others are worth a search of the graph.
  const assigned = new Set(
    named.flatMap(([, state]) => assigningParts(state).flatMap(([part]) => namesAssigned(part))),
  );
  for (const [name, state] of named) {
    const hasVariable = (variable: string) =>
      around.hasVariable(variable) || (assigned.has(variable) && assignedBefore(variable, name, states));
    checkState(name, state, `${location}/States/${name}`, { ...around, hasVariable }, report);
  }
  checkTransitions(scope['StartAt'], states, location, report);
}

function checkState(name: string, state: Raw, location: string, around: Surroundings, report: Report): void {
  const first = around.names.get(name);
  if (first !== undefined) report(location, `The state name '${name}' is used twice in the machine, first at ${first}`);
  else around.names.set(name, location);
  if (name.length === 0 || name.length > maxStateName) {
    report(location, `A state name has 1 to ${maxStateName} characters, this one has ${name.length}`);
  }
  const type = state['Type'];
  if (typeof type !== 'string' || !Object.hasOwn(stateFields, type)) {
    report(
      `${location}/Type`,
      type === undefined
        ? `The field 'Type' is required but was missing`
        : `The field 'Type' should have one of these values: [${types.join(', ')}]`,
    );
    return;
  }
  const language = state['QueryLanguage'] ?? around.language ?? 'JSONPath';
  if (around.language === 'JSONata' && state['QueryLanguage'] === 'JSONPath') {
    report(location, "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine");
  } else if (language !== 'JSONata' && language !== 'JSONPath') {
    report(`${location}/QueryLanguage`, "The value of 'QueryLanguage' must be one of [JSONPath, JSONata]");
  } else {
    const fields = language === 'JSONPath' ? pathStateFields : stateFields;
    walkFields(state, fields[type as StateType], location, report);
    checkExclusions(state, location, report);
    checkEnding(state, location, report);
  }
  if (type === 'Task' && around.type === 'EXPRESS') checkExpress(state['Resource'], `${location}/Resource`, report);
  for (const [scope, at] of innerScopes(state, location)) checkScope(scope, at, around, report);
}

function checkExpress(resource: unknown, location: string, report: Report): void {
  const pattern = typeof resource === 'string' ? parseResource(resource)?.pattern : undefined;
  if (pattern === 'sync' || pattern === 'waitForTaskToken') {
    report(location, `Express state machine does not support '.${pattern}' service integration `);
  } else if (pattern === 'activity') {
    report(location, 'Express state machine does not support Activity ARN');
  }
}

function innerScopes(state: Raw, location: string): readonly (readonly [Raw, string])[] {
  const branches = Array.isArray(state['Branches']) ? (state['Branches'] as readonly unknown[]) : [];
  const bodies = ['ItemProcessor', 'Iterator'].flatMap((field) => {
    const body = state[field];
    return isObject(body) ? [[body, `${location}/${field}`] as const] : [];
  });
  return [
    ...branches.flatMap((branch, index) =>
      isObject(branch) ? [[branch, `${location}/Branches[${index}]`] as const] : [],
    ),
    ...bodies,
  ];
}

/** The parts of a state that may assign: itself, its choice rules, its catchers. */
function assigningParts(state: Raw): readonly (readonly [Raw, string])[] {
  const listed = ['Choices', 'Catch'].flatMap((field) => {
    const list = state[field];
    if (!Array.isArray(list)) return [];
    return (list as readonly unknown[]).flatMap((part, index) =>
      isObject(part) ? [[part, `/${field}[${index}]`] as const] : [],
    );
  });
  return [[state, ''], ...listed];
}

function namesAssigned(part: Raw): readonly string[] {
  return isObject(part['Assign']) ? Object.keys(part['Assign']).map(variableName) : [];
}

/** The variable that a field of Assign sets; in JSONPath `name.$` sets `name`. */
function variableName(field: string): string {
  return field.endsWith('.$') ? field.slice(0, -2) : field;
}

/** An inner scope reads the variables around it, and may not assign their names. */
function checkVariables(
  states: readonly (readonly [string, Raw])[],
  location: string,
  isOuter: (name: string) => boolean,
  report: Report,
): void {
  for (const [name, state] of states) {
    for (const [part, at] of assigningParts(state)) {
      for (const variable of namesAssigned(part)) {
        if (!isOuter(variable)) continue;
        const where = `${location}/States/${name}${at}/Assign/${variable}`;
        report(where, `The variable '${variable}' belongs to an outer scope and can not be assigned here`);
      }
    }
  }
}

/** True when a state can be reached after the variable was assigned, in one scope. */
function assignedBefore(variable: string, target: string, states: Raw): boolean {
  const waiting = Object.values(states).flatMap((state) =>
    isObject(state)
      ? assigningParts(state).flatMap(([part]) =>
          namesAssigned(part).includes(variable) ? [part['Next'], part['Default']] : [],
        )
      : [],
  );
  const seen = new Set<unknown>();
  for (let name = waiting.pop(); waiting.length > 0 || name !== undefined; name = waiting.pop()) {
    if (name === target) return true;
    if (typeof name !== 'string' || seen.has(name) || !Object.hasOwn(states, name)) continue;
    seen.add(name);
    const state = states[name];
    if (isObject(state)) waiting.push(...assigningParts(state).flatMap(([part]) => [part['Next'], part['Default']]));
  }
  return false;
}

function checkTransitions(startAt: unknown, states: Raw, location: string, report: Report): void {
  const reached = new Set<string>();
  const waiting: string[] = [];
  const reach = (target: unknown, at: string, field: string): void => {
    if (typeof target !== 'string') return;
    if (!Object.hasOwn(states, target)) {
      report(at, `Missing '${field}' target: ${target}`, 'MISSING_TRANSITION_TARGET');
    } else if (!reached.has(target)) {
      reached.add(target);
      waiting.push(target);
    }
  };
  reach(startAt, `${location}/StartAt`, 'StartAt');
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const state = states[name];
    if (!isObject(state)) continue;
    for (const [part, at] of assigningParts(state)) reach(part['Next'], `${location}/States/${name}${at}/Next`, 'Next');
    reach(state['Default'], `${location}/States/${name}/Default`, 'Default');
  }
  // Without a start nothing is reached, and saying so of every state would not help.
  for (const name of reached.size === 0 ? [] : Object.keys(states)) {
    if (!reached.has(name)) {
      report(`${location}/States/${name}`, `State "${name}" is not reachable.`, 'MISSING_TRANSITION_TARGET');
    }
  }
}

function deeperThan(value: unknown, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > limit) return true;
    level = level.flatMap((part) => (typeof part === 'object' && part !== null ? Object.values(part) : []));
  }
  return false;
}
