/**
 * What the expressions of a state see. JSONata: `$states` with input, result, errorOutput and context, and the
 * variables. JSONPath: `$` (which depends on the field), `$$` and the variables.
 */
import type { Json } from '../asl/definition.ts';
import type { Payload } from '../asl/json.ts';
import type { Bindings } from '../asl/jsonata.ts';
import type { PathData } from '../asl/payload-template.ts';
import { childOf, type Execution, type Failure, readVariable, retryCount, stateOf, type Thread } from './execution.ts';
import type { Turn } from './turn.ts';

/** What a state has besides its input when its output is made. */
export interface Extras {
  readonly result?: Payload;
  readonly errorOutput?: Json;
}

/** Everything is made when an expression asks for it: most ask for little. */
export function bindingsFor(execution: Execution, thread: Thread, extras: Extras = {}): Bindings {
  const { result, errorOutput } = extras;
  let context: Json | undefined;
  return {
    states: {
      get input() {
        return thread.input.value;
      },
      get context() {
        context ??= contextOf(execution, thread);
        return context;
      },
      ...(errorOutput === undefined ? {} : { errorOutput }),
      ...(result === undefined ? {} : { result: result.value }),
    },
    variable: (name) => readVariable(thread, name),
  };
}

/** What the paths of a JSONPath state are applied to. `of`: whose state, context and variables they see. */
export function pathDataFor(turn: Turn, of: Thread, input: Json): PathData {
  return {
    input,
    context: () => contextOf(turn.execution, of),
    variable: (name) => readVariable(of, name),
    sources: turn.sources,
  };
}

/** An error as `$states.errorOutput`, and as what a Catch gives on when it has no Output. */
export function errorOutput({ error, cause }: Failure): {
  readonly Error: string | null;
  readonly Cause: string | null;
} {
  // A named error without a cause has an empty one; what a caller failed without either has neither.
  return { Error: error ?? null, Cause: cause ?? (error === undefined ? null : '') };
}

/** @see https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html */
function contextOf(execution: Execution, thread: Thread): Json {
  const { identity } = execution;
  if (identity.context !== undefined) return identity.context;
  const child = childOf(thread);
  const item = itemOf(thread);
  const { redrives, redrivenAtMs } = child ?? execution;
  return {
    Execution: {
      Id: child?.executionArn ?? identity.executionArn,
      Input: (child?.input ?? execution.input)?.value ?? null,
      Name: child?.name ?? identity.name,
      ...(identity.roleArn === undefined ? {} : { RoleArn: identity.roleArn }),
      StartTime: new Date(child?.startedAtMs ?? execution.startedAtMs).toISOString(),
      ...(identity.express === 'sync' ? {} : { RedriveCount: redrives }),
      ...(redrives === 0 ? {} : { RedriveTime: new Date(redrivenAtMs).toISOString() }),
    },
    ...(item === undefined ? {} : { Map: { Item: item } }),
    State: {
      EnteredTime: new Date(thread.enteredAtMs).toISOString(),
      Name: thread.state,
      ...(retryable.has(stateOf(thread).Type) ? { RetryCount: retryCount(thread) } : {}),
    },
    ...(thread.token === undefined ? {} : { Task: { Token: thread.token } }),
    StateMachine: {
      Id: `${identity.stateMachineArn}${child === undefined ? '' : `/${child.label}`}`,
      Name: child?.stateMachineName ?? identity.stateMachineName,
    },
  };
}

/** Types of states that may have a Retry. */
const retryable: ReadonlySet<string> = new Set(['Task', 'Parallel', 'Map']);

/** The item of the nearest Map around. */
function itemOf(thread: Thread): Json | undefined {
  for (let at: Thread | undefined = thread; at !== undefined; at = at.parent) {
    if (at.item !== undefined) return { Index: at.index, Value: at.item.value };
    if (at.child !== undefined) return undefined;
  }
  return undefined;
}
