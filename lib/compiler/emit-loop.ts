/**
 * Loops and waits. A loop is a Choice and a Map of one item: the Choice looks whether there is another round, and the Map
 * runs it as an iteration, with a scope and a path of its own. Two variables carry the state and the number of rounds.
 */
import { jobErrors } from '../errors.ts';
import type { Expression } from '../ir/expressions.ts';
import type { LoopIr, RoundsIr, WaitIr } from '../ir/nodes.ts';
import { type Emitter, type Exit, type Frame, noOverrides, noteOrigin } from './emit-context.ts';
import { handedOn, leaving, skipTo } from './emit-exits.ts';
import { iterationInput } from './emit-structures.ts';
import { assigned, printScope, resultValue } from './emit-values.ts';
import { print, type PrintScope, quoted, template } from './jsonata.ts';
import { loopState } from './names.ts';
import { readByResult } from './reads.ts';

/** Emits a loop. Its value is the state of the last round. */
export function emitLoop(emitter: Emitter, node: LoopIr, frame: Frame, exit: Exit): void {
  const state = emitter.variable(`${node.id}.state`, frame.depth);
  const index = emitter.variable(`${node.id}.index`, frame.depth);
  const here = printScope(emitter, noOverrides, frame.known);
  const again = loopState(node.id, 'goes on');
  const starts = loopState(node.id, 'starts');
  const bound = loopState(node.id, 'is at its bound');
  frame.states[starts] = {
    Type: 'Pass',
    Assign: { [state]: template(here, node.start), [index]: 0 },
    Output: handedOn(frame),
    Next: again,
  };
  noteOrigin(emitter, starts, 'start', node);

  const more = print(withRound(here, node.id, { state, index }), another(node));
  const ends = skipTo(emitter, exit, frame, loopState(node.id, 'ends'), node, new Map([[node.id, `$${state}`]]));
  frame.states[again] = {
    Type: 'Choice',
    Choices: [
      { Condition: quoted(`(${more}) and $${index} < ${node.max}`), Next: node.id },
      { Condition: quoted(more), Next: bound },
    ],
    ...ends.assign,
    Default: ends.next,
  };
  noteOrigin(emitter, again, 'again', node);
  emitRound(emitter, node, frame, { state, index, again });
  frame.states[bound] = {
    Type: 'Fail',
    Error: jobErrors.loopBound,
    Cause: `loop "${node.id}" has not ended after ${node.max} rounds`,
  };
  noteOrigin(emitter, bound, 'bound', node);
  emitter.home.set(node.id, `$${emitter.variable(node.id, frame.depth)}`);
}

/** The Map that runs one round. */
function emitRound(
  emitter: Emitter,
  node: LoopIr,
  frame: Frame,
  { state, index, again }: { readonly state: string; readonly index: string; readonly again: string },
): void {
  const { body, rounds } = node;
  const here = printScope(emitter, noOverrides, frame.known);
  const inner: Frame = { ...frame, depth: frame.depth + 1, maps: [...frame.maps, node.id], states: {} };
  const which = { scope: body, name: node.id, readOutside: readByResult(body) };
  const { result } = body;
  const next = (overrides: ReadonlyMap<string, string>) =>
    result === undefined ? null : assigned(resultValue(emitter, overrides, result));
  const entry = emitter.emitScope(emitter, which, inner, { next: undefined, assign: () => ({}), output: next });
  const only = `${node.id} has no jobs`;
  if (entry === undefined) {
    inner.states[only] = { Type: 'Pass', Output: next(noOverrides), End: true };
    noteOrigin(emitter, only, 'skip', node);
  }
  const item = itemOf(here, rounds, `$${index}`);
  frame.states[node.id] = {
    Type: 'Map',
    Items: [0],
    ItemSelector: {
      ...iterationInput(node, inner.maps, { item, index: `$${index}`, state: `$${state}` }),
      ...(frame.listed ? { of: quoted('$states.input.of') } : {}),
    },
    ItemProcessor: { ProcessorConfig: { Mode: 'INLINE' }, StartAt: entry ?? only, States: inner.states },
    Assign: { [state]: quoted('$states.result[0]'), [index]: quoted(`$${index} + 1`) },
    Output: handedOn(frame),
    Next: again,
  };
  noteOrigin(emitter, node.id, 'loop', node);
}

/** What the body of a loop is handed of its list or range. */
function itemOf(here: PrintScope, rounds: RoundsIr, index: string): string {
  switch (rounds.kind) {
    case 'list':
      return `(${print(here, rounds.items)})[${index}]`;
    case 'range':
      return `${print(here, rounds.from)} + ${index}`;
    case 'while':
    case 'until':
      return index;
  }
}

/** Outside of the rounds the loop's state and index stand in variables. */
function withRound(here: PrintScope, loop: string, of: { readonly state: string; readonly index: string }): PrintScope {
  return {
    ...here,
    base: (target) =>
      (target.kind === 'state' || target.kind === 'index') && target.map === loop
        ? `$${of[target.kind]}`
        : here.base(target),
  };
}

const call = (
  name: 'lt' | 'lte' | 'or' | 'not' | 'eq' | 'count' | 'add',
  ...given: readonly Expression[]
): Expression => ({ kind: 'call', name, arguments: given });

/** Whether there is another round. */
function another({ id, rounds }: LoopIr): Expression {
  const before: Expression = { kind: 'ref', target: { kind: 'index', map: id }, path: [] };
  switch (rounds.kind) {
    case 'list':
      return call('lt', before, call('count', rounds.items));
    case 'range':
      return call('lte', call('add', rounds.from, before), rounds.to);
    case 'while':
      return rounds.condition;
    case 'until':
      return call('or', call('eq', before, { kind: 'literal', value: 0 }), call('not', rounds.condition));
  }
}

/** Emits a wait. */
export function emitWait(emitter: Emitter, node: WaitIr, frame: Frame, exit: Exit): void {
  const here = printScope(emitter, noOverrides, frame.known);
  const { lasts } = node;
  frame.states[node.id] = {
    Type: 'Wait',
    ...(lasts.kind === 'for' ? { Seconds: template(here, lasts.seconds) } : { Timestamp: template(here, lasts.time) }),
    ...leaving(emitter, exit, frame, new Map([[node.id, '{}']])),
  };
  noteOrigin(emitter, node.id, 'wait', node);
  emitter.home.set(node.id, `$${emitter.variable(node.id, frame.depth)}`);
}
