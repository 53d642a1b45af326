/**
 * How states go on: what the last state of a node assigns and hands on, and where a path leads that runs nothing.
 */
import type { Json } from '../ir/expressions.ts';
import type { NodeIr } from '../ir/nodes.ts';
import { type Emitter, type Exit, type Frame, noteOrigin, type Overrides, type State } from './emit-context.ts';
import { assigned, valueAt } from './emit-values.ts';
import { quoted } from './jsonata.ts';
import { valuesOf } from './reads.ts';

/** The exit to a state of the same frame, which needs nothing but to be reached. */
export function exitTo(next: string): Exit {
  return { next, assign: () => ({}), output: () => ({}) };
}

/** Input of every state of a frame is its output too; at the top nothing needs to travel. */
export function handedOn(frame: Frame): Json {
  return frame.maps.length === 0 ? {} : quoted('$states.input');
}

/** Fields of a state that ends a node: own variable, what the exit assigns, and where to go. */
export function leaving(emitter: Emitter, exit: Exit, frame: Frame, ended: Overrides): State {
  if (exit.next === undefined) return { Output: exit.output(ended), End: true };
  const { reads, variable } = emitter;
  const own = [...ended.keys()]
    .filter((id) => reads.has(id))
    .map((id) => [variable(id, frame.depth), assigned(valueAt(emitter, ended, id))] as const);
  const assign = { ...Object.fromEntries(own), ...exit.assign(ended) };
  return {
    ...(Object.keys(assign).length === 0 ? {} : { Assign: assign }),
    Output: handedOn(frame),
    Next: exit.next,
  };
}

/** The values of a node that gives nothing, as overrides. */
export function nothingFrom(node: NodeIr): Overrides {
  return new Map(valuesOf(node).map((value) => [value, 'null']));
}

/** The values of a node that ends with this output, as overrides: it has not failed. */
export function endedWith(node: NodeIr, output: string): Overrides {
  return new Map(valuesOf(node).map((value) => [value, value === node.id ? output : 'null']));
}

/** The same as `nothingFrom`, as assignments of a state. */
export function assignNothing({ reads, variable }: Emitter, node: NodeIr, frame: Frame): State {
  const read = valuesOf(node).filter((value) => reads.has(value));
  if (read.length === 0) return {};
  return { Assign: Object.fromEntries(read.map((value) => [variable(value, frame.depth), null])) };
}

/** Where a Choice goes on that leads to no node: the next state, and what the Choice itself assigns then. */
export interface Skip {
  readonly next: string;
  readonly assign: State;
}

/**
 * Where a path goes on that runs nothing: to the next state, or to a Pass that ends the scope.
 *
 * @param name of the Pass, should there be need of one.
 */
export function skipTo(emitter: Emitter, exit: Exit, frame: Frame, name: string, node: NodeIr, ended: Overrides): Skip {
  if (exit.next !== undefined) {
    const { Assign } = leaving(emitter, exit, frame, ended);
    return { next: exit.next, assign: Assign === undefined ? {} : { Assign } };
  }
  frame.states[name] = { Type: 'Pass', ...leaving(emitter, exit, frame, ended) };
  noteOrigin(emitter, name, 'skip', node);
  return { next: name, assign: {} };
}
