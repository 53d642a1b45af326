/** Names of variables and states. Both are seen by people in the AWS console and are stable from compile to compile. */
import { reservedVariables } from './jsonata.ts';

/**
 * Gives each (node, depth) a variable name of its own. Inner scopes of a machine may read outer variables but not
 * assign their names, so a value has another name at each depth of Parallel and Map: `load`, `load_1`, …
 */
export function variableNames(): (id: string, depth: number) => string {
  const given: Map<string, string>[] = [];
  const taken = new Set<string>();
  return (id, depth) => {
    given[depth] ??= new Map();
    const known = given[depth].get(id);
    if (known !== undefined) return known;
    const whole = `${id.replaceAll(/[^A-Za-z0-9_]/g, '_')}${depth === 0 ? '' : `_${depth}`}`;
    const wanted =
      whole.length <= longestVariable ? whole : `${whole.slice(0, longestVariable - 9)}_${shortHash(`${depth} ${id}`)}`;
    let name = reservedVariables.has(wanted) ? `${wanted}_` : wanted;
    while (taken.has(name)) name = `${name}_`;
    taken.add(name);
    given[depth].set(id, name);
    return name;
  };
}

/** Longest name of a variable; a few characters stay free for making it unique. */
const longestVariable = 76;

/** Longest state name that Step Functions accepts, in characters. */
const longestStateName = 80;

/** The choice in front of a job that has a condition. */
export function conditionState(id: string): string {
  return `${id}?`;
}

/** The state that brings a container its input. */
export function givenState(id: string): string {
  return `${id} input`;
}

/** The state that takes a container's output. */
export function takenState(id: string): string {
  return `${id} output`;
}

/** The state that ends a scope when its last job is skipped, or the last side of a branch has no jobs. */
export function skipState(id: string): string {
  return `${id} skipped`;
}

/** The state that ends a scope when its last approval was answered by nobody. */
export function timedOutState(id: string): string {
  return `${id} timed out`;
}

/** The state that ends a scope when a side that has no jobs is taken, by its number. */
export function emptyState(id: string, side: number): string {
  return side === 0 ? `${id} empty` : `${id} empty ${side + 1}`;
}

/** The state that ends a scope when its last node, a branch, switch or map, is skipped as a whole. */
export function passedState(id: string): string {
  return `${id} is skipped`;
}

/** The state that ends a scope when its last job has failed and the pipeline goes on. */
export function failedState(id: string): string {
  return `${id} failed`;
}

/** The states of a guard beside the one that runs what is guarded. */
export function guardState(id: string, what: 'has ended' | 'ends' | 'fails'): string {
  return `${id} ${what}`;
}

/** The states of a loop beside the one that runs a round: its start, where it is seen whether it goes on, its ends. */
export function loopState(id: string, what: 'starts' | 'goes on' | 'ends' | 'is at its bound'): string {
  return `${id} ${what}`;
}

/** The first state of an execution for a batch of a map over S3. */
export function batchState(id: string): string {
  return `${id} batch`;
}

/** The state that asks for the totals of a map over S3. */
export function totalsState(id: string): string {
  return `${id} totals`;
}

/** The state that runs a child machine. No node is named so. */
export function shardState(number: number): string {
  return `part ${number}`;
}

/** A state that serves gates: before its node, or after it. */
export function gateState(id: string, what: string, index = 0): string {
  const whole = `${id} ${what}${index === 0 ? '' : ` ${index + 1}`}`;
  return whole.length <= longestStateName ? whole : `${whole.slice(0, longestStateName - 10)} #${shortHash(whole)}`;
}

/** The Parallel state over branches that begin with these states. Unique, because no two forks begin with the same two. */
export function forkState(heads: readonly string[]): string {
  const whole = `fork ${heads.join(', ')}`;
  if (whole.length <= longestStateName) return whole;
  const [first = '', second = ''] = heads;
  return `fork ${first.slice(0, 24)}, ${second.slice(0, 24)}, … ${heads.length} #${shortHash(heads.join('\n'))}`;
}

/** 32-bit FNV-1a as 8 hexadecimal digits: only keeps cut names apart. */
function shortHash(value: string): string {
  let hash = 0x811c9dc5;
  for (const character of value) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}
