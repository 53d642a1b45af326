/** Leaving a state: assignments and output are evaluated, measured and recorded with the event that exits the state. */
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
export async function finish(turn: Turn, thread: Thread, ending: Ending): Promise<void> {
  const { part, location } = ending;
  const state = stateOf(thread);
  if (state.Type === 'Fail') return;
  let output = ending.otherwise;
  let assigned: [string, string][] = [];
  const textsOf = (values: { readonly [name: string]: Json }) =>
    Object.entries(values).map(([name, value]): [string, string] => [name, JSON.stringify(value)]);
  if (speaksJsonPath(turn.execution, state)) {
    const ended = endByPaths(turn, thread, ending);
    output = ended.output;
    assigned = textsOf(ended.assigned);
  } else if (part.Output !== undefined || part.Assign !== undefined) {
    // Assignments see the values at entry, as the output does: both are evaluated before either counts.
    const bindings = bindingsFor(turn.execution, thread, ending.extras);
    const evaluate = (template: Template, field: string): Json | Promise<Json> =>
      evaluateTemplate(template, bindings, turn.sources, `${location}${field}`);
    if (part.Assign !== undefined) {
      const values = await evaluate(part.Assign as Template, 'Assign');
      assigned = textsOf(values as { readonly [name: string]: Json });
    }
    if (part.Output !== undefined) output = payloadOfValue(await evaluate(part.Output, 'Output'));
  }
  const tooLarge = oversize(turn, thread, output, assigned);
  if (tooLarge !== undefined) {
    note(turn, thread, { type: 'failure', error: 'States.DataLimitExceeded', cause: tooLarge, terminal: true });
    return;
  }
  const details: StateExitedDetails = {
    name: thread.state,
    output: output.text,
    ...(assigned.length === 0 ? {} : { assignedVariables: Object.fromEntries(assigned) }),
  };
  if (ending.next !== undefined) note(turn, thread, { type: 'next', state: ending.next });
  record(turn, thread, { type: `${state.Type}StateExited`, stateExitedEventDetails: details });
}

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
