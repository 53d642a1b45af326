/** Leaving a state: assignments and output are evaluated, measured and recorded with the event that exits the state. */
import { type Awaitable, andThen } from '../asl/awaitable.ts';
import type { Assignments, Json, Template } from '../asl/definition.ts';
import type { StateExitedDetails } from '../asl/history.ts';
import { fitsBytes, maxPayloadBytes, type Payload, payloadOfValue } from '../asl/json.ts';
import { evaluateTemplate } from '../asl/jsonata.ts';
import { bindingsFor, type Extras } from './bindings.ts';
import { endByPaths } from './data-flow.ts';
import { speaksJsonPath, stateOf, type Thread } from './execution.ts';
import { note, record, type Turn } from './turn.ts';

/** @see https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html */
const maxVariableBytes = 262_144;
const maxExecutionVariableBytes = 10_485_760;

/** Where output and assignments come from: the state, a choice rule or a catcher. */
export interface Ending {
  readonly part: {
    readonly Output?: Template;
    readonly Assign?: Assignments;
    readonly ResultPath?: string | null;
  };
  /** Path of the part within the state: empty, or `Choices[0]/`. */
  readonly location: string;
  /** The output when the part has none. */
  readonly otherwise: Payload;
  readonly extras: Extras;
  /** The next state, where the state alone does not tell. */
  readonly next?: string;
}

/**
 * Records the exit of a state. An output or variables beyond AWS's limits fail the state instead.
 * @throws {QueryEvaluationError | PathFailure} when an expression or a path fails.
 */
export function finish(turn: Turn, thread: Thread, ending: Ending): Awaitable<void> {
  const { part, location } = ending;
  const state = stateOf(thread);
  if (state.Type === 'Fail') return;
  if (speaksJsonPath(turn.execution, state)) {
    const { output, assigned } = endByPaths(turn, thread, ending);
    return exit(turn, thread, ending, output, assigned);
  }
  const { Assign, Output } = part;
  if (Output === undefined && Assign === undefined) return exit(turn, thread, ending, ending.otherwise, undefined);
  // Assignments see the values at entry, as the output does: both are evaluated before either counts.
  const bindings = bindingsFor(turn.execution, thread, ending.extras);
  const evaluate = (template: Template | undefined, field: string): Awaitable<Json | undefined> =>
    template === undefined ? undefined : evaluateTemplate(template, bindings, turn.sources, `${location}${field}`);
  return andThen(evaluate(Assign as Template | undefined, 'Assign'), (assigned) =>
    andThen(evaluate(Output, 'Output'), (output) =>
      exit(
        turn,
        thread,
        ending,
        output === undefined ? ending.otherwise : payloadOfValue(output),
        assigned as { readonly [name: string]: Json } | undefined,
      ),
    ),
  );
}

function exit(
  turn: Turn,
  thread: Thread,
  ending: Ending,
  output: Payload,
  variables: { readonly [name: string]: Json } | undefined,
): void {
  const assigned =
    variables === undefined
      ? []
      : Object.entries(variables).map(([name, value]): [string, string] => [name, JSON.stringify(value)]);
  const { Type: type } = stateOf(thread);
  if (type === 'Fail') return;
  const tooLarge = oversize(turn, thread, output, assigned);
  if (tooLarge !== undefined) {
    note(turn, thread, { type: 'failure', error: 'States.DataLimitExceeded', cause: tooLarge, terminal: true });
    return;
  }
  const { state: name } = thread;
  const stateExitedEventDetails: StateExitedDetails =
    assigned.length === 0
      ? { name, output: output.text }
      : { name, output: output.text, assignedVariables: Object.fromEntries(assigned) };
  if (ending.next !== undefined) note(turn, thread, { type: 'next', state: ending.next });
  turn.execution.made = output;
  record(turn, thread, { type: exitedTypes[type], stateExitedEventDetails });
}

/** A table, for a text put together anew for each event is a text that every comparison reads to its end. */
const exitedTypes = {
  Choice: 'ChoiceStateExited',
  Map: 'MapStateExited',
  Parallel: 'ParallelStateExited',
  Pass: 'PassStateExited',
  Succeed: 'SucceedStateExited',
  Task: 'TaskStateExited',
  Wait: 'WaitStateExited',
} as const;

function oversize(
  turn: Turn,
  thread: Thread,
  output: Payload,
  assigned: readonly (readonly [string, string])[],
): string | undefined {
  if (!fitsBytes(output.text, maxPayloadBytes)) return oversizeCause(thread.state);
  let sum = 0;
  for (const [name, text] of assigned) {
    if (!fitsBytes(text, maxVariableBytes))
      return `The variable '${name}' exceeds the maximum of ${maxVariableBytes} bytes.`;
    sum += text.length;
  }
  if (sum > maxVariableBytes)
    return `The variables assigned in one state exceed the maximum of ${maxVariableBytes} bytes.`;
  if (turn.execution.variableBytes + sum > maxExecutionVariableBytes) {
    return `The variables of the execution exceed the maximum of ${maxExecutionVariableBytes} bytes.`;
  }
  return undefined;
}

/**
 * Fails a thread when data made on the way into or out of a Parallel or Map is beyond the payload limit.
 * @returns true when it does.
 */
export function failsBySize(turn: Turn, thread: Thread, what: string, text: string): boolean {
  if (fitsBytes(text, maxPayloadBytes)) return false;
  note(turn, thread, {
    type: 'failure',
    error: 'States.DataLimitExceeded',
    cause: oversizeCause(what),
    terminal: true,
  });
  return true;
}

export function oversizeCause(what: string): string {
  return `The state/task '${what}' returned a result with a size exceeding the maximum number of bytes service limit.`;
}
