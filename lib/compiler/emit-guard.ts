/**
 * Guards: a Parallel of one branch, whose Catch leads to the handler. A variable holds what has failed: by it the last
 * state knows whether the pipeline goes on or fails on.
 */
import type { GuardIr } from '../ir/nodes.ts';
import { hasFailed } from '../ir/shapes.ts';
import { type Emitter, type Exit, type Frame, noOverrides, noteOrigin, type State } from './emit-context.ts';
import { exitTo, handedOn, leaving, skipTo } from './emit-exits.ts';
import { caught } from './emit-job.ts';
import { assigned, readsFor, resultOf } from './emit-values.ts';
import { quoted } from './jsonata.ts';
import { guardState } from './names.ts';
import { failureOf, readByResult } from './reads.ts';

/** Emits a guard. */
export function emitGuard(emitter: Emitter, node: GuardIr, frame: Frame, exit: Exit): void {
  const { id, handler } = node;
  const failure = emitter.variable(failureOf(id), frame.depth);
  emitter.home.set(failureOf(id), `$${failure}`);
  const rethrow = guardState(id, 'fails');
  const ended = guardState(id, 'has ended');
  const isAlways = handler.on === 'end';
  const known = isAlways ? frame.known : [...frame.known, hasFailed(id)];
  const which = { scope: handler.scope, name: `${id}.${handler.on}`, readOutside: new Set<string>() };
  const after = isAlways ? ended : rethrow;
  const entry = emitter.emitScope(emitter, which, { ...frame, known }, exitTo(after)) ?? after;

  frame.states[id] = {
    Type: 'Parallel',
    Branches: [guarded(emitter, node, frame)],
    Catch: [
      { ErrorEquals: ['States.ALL'], Assign: { [failure]: quoted(caught) }, Output: handedOn(frame), Next: entry },
    ],
    ...(isAlways
      ? { Assign: { ...ownValue(emitter, node, frame), [failure]: null }, Output: handedOn(frame), Next: entry }
      : leaving(emitter, exit, frame, new Map([[id, '$states.result[0]']]))),
  };
  noteOrigin(emitter, id, 'guard', node);
  emitter.home.set(id, `$${emitter.variable(id, frame.depth)}`);
  if (isAlways) emitEnd(emitter, node, frame, exit, { ended, rethrow, failure });
  frame.states[rethrow] = { Type: 'Fail', Error: quoted(`$${failure}.name`), Cause: quoted(`$${failure}.cause`) };
  noteOrigin(emitter, rethrow, 'rethrow', node);
}

function ownValue({ reads, variable }: Emitter, { id }: GuardIr, frame: Frame): State {
  return reads.has(id) ? { [variable(id, frame.depth)]: quoted('$states.result[0]') } : {};
}

function guarded(emitter: Emitter, { id, body }: GuardIr, frame: Frame): State {
  const inner: Frame = { ...frame, depth: frame.depth + 1, states: {} };
  const which = { scope: body, name: `${id}.guarded`, readOutside: readByResult(body) };
  const { result } = body;
  const entry = emitter.emitScope(emitter, which, inner, {
    next: undefined,
    assign: () => ({}),
    output: (overrides) =>
      result === undefined || !emitter.reads.has(id)
        ? {}
        : assigned(resultOf(emitter, overrides, result, readsFor(emitter, id))),
  });
  return { StartAt: entry ?? '', States: inner.states };
}

/** Where it is seen, after a handler that always runs, whether there was a failure. */
function emitEnd(
  emitter: Emitter,
  node: GuardIr,
  frame: Frame,
  exit: Exit,
  names: { readonly ended: string; readonly rethrow: string; readonly failure: string },
): void {
  const { next, assign } = skipTo(emitter, exit, frame, guardState(node.id, 'ends'), node, noOverrides);
  frame.states[names.ended] = {
    Type: 'Choice',
    Choices: [{ Condition: quoted(`$type($${names.failure}) = "null"`), Next: next, ...assign }],
    Default: names.rethrow,
  };
  noteOrigin(emitter, names.ended, 'ends', node);
}
