/**
 * How data flows through a state written in JSONPath: InputPath, Parameters, the work, ResultSelector, ResultPath,
 * OutputPath. (A state in JSONata has Arguments and Output in their place.) All of it follows from what is recorded.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/concepts-input-output-filtering.html
 */
import type { Assignments, Json, State, Template } from '../asl/definition.ts';
import { type Payload, payloadOfValue } from '../asl/json.ts';
import { compilePath, putAt, ReferencePathConflict } from '../asl/jsonpath.ts';
import { fillTemplate, type PathData, PathFailure, selectPath } from '../asl/payload-template.ts';
import { pathDataFor } from './bindings.ts';
import { stateOf, type Thread } from './execution.ts';
import type { Ending } from './finish.ts';
import type { Turn } from './turn.ts';

/** What InputPath leaves of the state's input. @throws {PathFailure} */
export function effectiveInput(turn: Turn, thread: Thread): Json {
  return effectivePayload(turn, thread).value;
}

function effectivePayload(turn: Turn, thread: Thread): Payload {
  const state = stateOf(thread);
  const path = 'InputPath' in state ? state.InputPath : undefined;
  if (path === undefined || path === '$') return thread.input;
  return payloadOfValue(selectPath(path, pathDataFor(turn, thread, thread.input.value)));
}

/** The data that the paths of a state's own fields see: `$` is what InputPath leaves. */
export function dataOf(turn: Turn, thread: Thread): PathData {
  return pathDataFor(turn, thread, effectiveInput(turn, thread));
}

/** What the state's work gets: its Parameters, or its effective input. @throws {PathFailure} */
export function parametersOf(turn: Turn, thread: Thread): Payload {
  const state = stateOf(thread);
  const template = 'Parameters' in state ? state.Parameters : undefined;
  if (template === undefined) return effectivePayload(turn, thread);
  return payloadOfValue(fillTemplate(template, dataOf(turn, thread)));
}

/** Output and assigned variables of a state that ends. @throws {PathFailure} */
export function endByPaths(
  turn: Turn,
  thread: Thread,
  ending: Ending,
): { readonly output: Payload; readonly assigned: { readonly [name: string]: Json } | undefined } {
  const { part, extras } = ending;
  const { errorOutput } = extras;
  if (errorOutput !== undefined) {
    const assigned = assign(turn, thread, part.Assign, payloadOfValue(errorOutput));
    return { output: placed(thread, part.ResultPath, payloadOfValue(errorOutput)), assigned };
  }
  const state = stateOf(thread);
  const { selected, placed: output } = endingParts(turn, thread, extras.result);
  const assigned = assign(turn, thread, part.Assign, selected);
  const path = 'OutputPath' in state ? state.OutputPath : undefined;
  if (path === undefined || path === '$') return { output, assigned };
  return { output: payloadOfValue(selectPath(path, pathDataFor(turn, thread, output.value))), assigned };
}

/** The result as ResultSelector leaves it, and the state's output before OutputPath. @throws {PathFailure} */
export function endingParts(
  turn: Turn,
  thread: Thread,
  result: Payload | undefined,
): { readonly selected: Payload; readonly placed: Payload } {
  const state = stateOf(thread);
  const selected = resultOf(turn, thread, state, result);
  return { selected, placed: 'ResultPath' in state ? placed(thread, state.ResultPath, selected) : selected };
}

/** The result as ResultPath and Assign see it. A state that makes none hands on its effective input. */
function resultOf(turn: Turn, thread: Thread, state: State, result: Payload | undefined): Payload {
  if (state.Type === 'Pass') {
    return state.Result === undefined ? parametersOf(turn, thread) : payloadOfValue(state.Result);
  }
  if (result === undefined) return effectivePayload(turn, thread);
  const selector = 'ResultSelector' in state ? state.ResultSelector : undefined;
  if (selector === undefined) return result;
  return payloadOfValue(fillTemplate(selector, pathDataFor(turn, thread, result.value)));
}

function assign(
  turn: Turn,
  thread: Thread,
  template: Assignments | undefined,
  input: Payload,
): { readonly [name: string]: Json } | undefined {
  if (template === undefined) return undefined;
  return fillTemplate(template as Template, pathDataFor(turn, thread, input.value)) as {
    readonly [name: string]: Json;
  };
}

/** The state's raw input with a result put into it. */
function placed(thread: Thread, path: string | null | undefined, result: Payload): Payload {
  if (path === undefined || path === '$') return result;
  if (path === null) return thread.input;
  try {
    return payloadOfValue(putAt(compilePath(path), thread.input.value, result.value));
  } catch (thrown) {
    if (!(thrown instanceof ReferencePathConflict)) throw thrown;
    throw new PathFailure(thrown.message, 'States.ResultPathMatchFailure');
  }
}
