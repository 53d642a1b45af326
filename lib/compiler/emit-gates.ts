/**
 * The gates of a node: the states before it, which wait at gates and fetch what stands behind them; the states after
 * it, which keep its value and open gates; and the work that a job's function does instead of such states.
 */
import type { Json } from '../ir/expressions.ts';
import type { JobIr, NodeIr, PipelineIr } from '../ir/nodes.ts';
import { hasFunction, isContainer } from '../ir/operations.ts';
import type { ScopeGates } from './behind-gates.ts';
import {
  type Around,
  type Emitter,
  type Exit,
  type Frame,
  noOverrides,
  noteOrigin,
  type State,
} from './emit-context.ts';
import { handedOn, leaving } from './emit-exits.ts';
import { readsFor, valueAt } from './emit-values.ts';
import { type Gate, keepFields, openingFields, readFields, valueKey, waitFields } from './gates.ts';
import { literal, quoted, text } from './jsonata.ts';
import { conditionState, gateState, givenState, loopState } from './names.ts';
import { failureOf, keptOf } from './reads.ts';

/** A state before a node: it waits at a gate, or fetches a value from behind one. */
type Waiting = { readonly name: string } & ({ readonly gate: Gate } | { readonly from: string });

/** A state after a node that opens a gate, or leaves a value of the node for readers behind gates. */
export type Step = { readonly name: string } & ({ readonly gate: Gate } | { readonly value: string });

/** The states before a node: where it waits at gates, and where it fetches what stands behind them. */
function statesBefore(node: NodeIr, gates: ScopeGates): readonly Waiting[] {
  return [
    ...(gates.waits.get(node.id) ?? []).map((gate, index) => ({ name: gateState(node.id, 'waits', index), gate })),
    ...(gates.fetched.get(node.id) ?? []).map((from) => ({ name: gateState(node.id, `reads ${from}`), from })),
  ];
}

function ownFirstState(pipeline: PipelineIr, node: NodeIr): string {
  return node.when ? conditionState(node.id) : entryState(pipeline, node);
}

/** Name of the state with which a node begins when it runs. */
export function entryState({ operations }: PipelineIr, node: NodeIr): string {
  if (node.kind === 'loop') return loopState(node.id, 'starts');
  const operation = node.kind === 'job' ? operations[node.operation] : undefined;
  return operation !== undefined && isContainer(operation) ? givenState(node.id) : node.id;
}

/** Name of the state with which a node begins, with its gates. */
export function firstState(pipeline: PipelineIr, node: NodeIr, gates: ScopeGates): string {
  return statesBefore(node, gates)[0]?.name ?? ownFirstState(pipeline, node);
}

const nothingLearned = (): void => {};

/**
 * The states before a node, and what it knows through them: homes of fetched values, nodes that its functions read.
 *
 * @returns takes that knowledge back, which is nothing to another node.
 */
export function emitBefore(emitter: Emitter, node: NodeIr, frame: Frame, { gates, place }: Around): () => void {
  const { home, behind, variable } = emitter;
  const before = statesBefore(node, gates);
  if (before.length === 0 && !gates.pointed.has(node.id)) return nothingLearned;
  const seen = (gates.fetched.get(node.id) ?? []).map((from) => [from, home.get(from)] as const);
  const pointed = (gates.pointed.get(node.id) ?? []).filter((from) => !behind.has(from));
  for (const [index, waiting] of before.entries()) {
    const on = { next: before[index + 1]?.name ?? ownFirstState(emitter.pipeline, node), output: handedOn(frame) };
    if ('gate' in waiting) frame.states[waiting.name] = waitFields(waiting.gate, place, on);
    else {
      const to = variable(`${waiting.from}-for-${node.id}`, frame.depth);
      frame.states[waiting.name] = readFields(waiting.from, place, to, on);
      home.set(waiting.from, `$${to}`);
    }
    noteOrigin(emitter, waiting.name, 'gate', node);
  }
  for (const from of gates.pointed.get(node.id) ?? []) behind.set(from, frame.maps.length);
  return () => {
    for (const [from, where] of seen) {
      if (where === undefined) home.delete(from);
      else home.set(from, where);
    }
    for (const from of pointed) behind.delete(from);
  };
}

/**
 * The states after a node for its gates: a job with a function needs them only where it is skipped or has failed, the
 * function does the rest.
 */
export function stepsAfter({ pipeline }: Emitter, node: NodeIr, gates: ScopeGates): readonly Step[] {
  const byFunction = node.kind === 'job' && hasFunction(pipeline, node);
  if (byFunction && !node.when && !node.tolerate) return [];
  const opens = gates.opens.get(node.id) ?? [];
  const steps: Step[] = opens.map((gate) => ({ name: gateState(node.id, `opens ${gate.key}`), gate }));
  const kept = [
    ...(byFunction ? [] : [{ name: gateState(node.id, 'is kept'), value: node.id }]),
    { name: gateState(node.id, 'failure is kept'), value: failureOf(node.id) },
  ];
  return [...kept.filter(({ value }) => gates.kept.has(value)), ...steps];
}

/** Emits the states after a node, of which the last one leaves by the node's exit. */
export function emitSteps(
  emitter: Emitter,
  node: NodeIr,
  steps: readonly Step[],
  frame: Frame,
  exit: Exit,
  place: Around['place'],
): void {
  const { states } = frame;
  for (const [index, step] of steps.entries()) {
    const { name } = step;
    const following = steps[index + 1];
    const on: State =
      following === undefined
        ? leaving(emitter, exit, frame, noOverrides)
        : { Output: handedOn(frame), Next: following.name };
    noteOrigin(emitter, name, 'gate', node);
    if ('value' in step) {
      states[name] = { ...keepFields(step.value, place, valueAt(emitter, noOverrides, step.value)), ...on };
      continue;
    }
    const { gate } = step;
    const told = (what: string) => gateState(node.id, `${what} ${gate.key}`);
    emitter.gateUse.openedByStates = true;
    const names = { take: told('finds who waits at'), send: told('wakes who waits at'), done: told('has opened') };
    const one = told('wakes one at');
    const dead = told('wakes nobody at');
    const { open, take, send } = openingFields(gate, node.id, place, { take: names.take, one, dead });
    states[name] = { ...open, ...on };
    states[names.take] = { ...take, Next: names.send };
    states[names.send] = { ...send, Output: quoted('$states.input.given'), Next: names.done };
    states[names.done] = { Type: 'Pass', ...on };
    for (const other of [...Object.values(names), one, dead]) noteOrigin(emitter, other, 'gate', node);
  }
}

/**
 * What the job's function has to do for gates, as a field of the envelope: a `GateWork`.
 *
 * @param fetched inputs that the function reads for itself, as JSONata.
 */
export function gateWork(
  emitter: Emitter,
  node: JobIr,
  { gates, place: { path } }: Around,
  fetched: readonly string[],
): readonly string[] {
  const opens = (gates.opens.get(node.id) ?? []).map(({ kind, key, producers }) =>
    kind === 'flag'
      ? `{"flag": ${text(key)}}`
      : `{"latch": ${text(key)}, "all": ${producers.length}, "self": ${text(node.id)}}`,
  );
  const keeps = gates.kept.has(node.id);
  if (opens.length > 0 || keeps) emitter.gateUse.openedBy.add(node.operation);
  const fields = [
    ...(path === undefined || (opens.length === 0 && !keeps) ? [] : [`"path": ${path}`]),
    ...(fetched.length === 0 ? [] : [`"inputs": [${fetched.join(', ')}]`]),
    ...(opens.length === 0 ? [] : [`"open": [${opens.join(', ')}]`]),
    ...(keeps ? [`"keep": ${literal(keepOf(emitter, node))}`] : []),
  ];
  return fields.length === 0 ? [] : [`"gates": {${fields.join(', ')}}`];
}

function keepOf(emitter: Emitter, { id }: JobIr): Json {
  return { key: valueKey(id), fields: keptOf(readsFor(emitter, id)) as Json };
}
