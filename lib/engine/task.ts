/** Task states: what is recorded of a task, and what the runner is asked to do. */
import type { Json, TaskState } from '../asl/definition.ts';
import { fitsBytes, maxPayloadBytes, type Payload, payloadOfValue } from '../asl/json.ts';
import { evaluateTemplate, evaluateTyped, QueryEvaluationError } from '../asl/jsonata.ts';
import { fillTemplate, PathFailure, selectPath } from '../asl/payload-template.ts';
import { bindingsFor } from './bindings.ts';
import { dataOf, parametersOf } from './data-flow.ts';
import { type Execution, retryCount, speaksJsonPath, stateOf, type TaskInFlight, type Thread } from './execution.ts';
import { oversizeCause } from './finish.ts';
import type { TaskOutcome, TaskRequest } from './ports.ts';
import { note, record, type Turn } from './turn.ts';

/** How the history names a resource: `arn:aws:states:::lambda:invoke` is `lambda` and `invoke`. */
interface Resource {
  /** A function named by its ARN has a set of events of its own. */
  readonly isFunction: boolean;
  readonly resourceType: string;
  readonly resource: string;
}

function resourceOf(state: TaskState): Resource {
  const parts = state.Resource.split(':');
  const isFunction = parts[2] === 'lambda';
  return { isFunction, resourceType: parts.slice(5, -1).join(':'), resource: parts.at(-1) ?? '' };
}

function taskStateOf(thread: Thread): TaskState {
  const state = stateOf(thread);
  if (state.Type !== 'Task') throw new TypeError(`${thread.state} is a ${state.Type}, not a Task`);
  return state;
}

/** What a task is called with. */
interface Call {
  readonly parameters: Payload;
  readonly timeout: number | undefined;
  readonly roleArn: string | undefined;
}

/** @throws {PathFailure} */
function callByPaths(turn: Turn, thread: Thread, state: TaskState): Call {
  const data = dataOf(turn, thread);
  const secondsAt = (field: 'TimeoutSeconds', path: string): number => {
    const value = selectPath(path, data);
    if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 99_999_999) return value;
    throw new PathFailure(
      `The ${field}Path parameter does not reference an integer from 1 to 99999999: ${path} == ${JSON.stringify(value)}`,
    );
  };
  const roleArn = fillTemplate(state.Credentials ?? {}, data) as { readonly RoleArn?: Json };
  if (roleArn.RoleArn !== undefined && typeof roleArn.RoleArn !== 'string') {
    throw new PathFailure(`The RoleArn of Credentials must be a string but was: ${JSON.stringify(roleArn.RoleArn)}`);
  }
  return {
    timeout:
      state.TimeoutSecondsPath === undefined
        ? (state.TimeoutSeconds as number | undefined)
        : secondsAt('TimeoutSeconds', state.TimeoutSecondsPath),
    parameters: parametersOf(turn, thread),
    roleArn: roleArn.RoleArn,
  };
}

async function callByExpressions(turn: Turn, thread: Thread, state: TaskState): Promise<Call> {
  const { Arguments, TimeoutSeconds, Credentials } = state;
  const bindings = bindingsFor(turn.execution, thread);
  const parameters =
    Arguments === undefined
      ? thread.input
      : payloadOfValue(await evaluateTemplate(Arguments, bindings, turn.sources, 'Arguments'));
  const timeout =
    TimeoutSeconds === undefined
      ? undefined
      : await evaluateTyped('number', TimeoutSeconds, bindings, turn.sources, 'TimeoutSeconds');
  if (timeout !== undefined && !(Number.isInteger(timeout) && timeout > 0 && timeout <= 99_999_999)) {
    throw new QueryEvaluationError(
      `The TimeoutSeconds field must be an integer from 1 to 99999999 but was: ${timeout}`,
      'TimeoutSeconds',
    );
  }
  const roleArn =
    Credentials === undefined
      ? undefined
      : await evaluateTyped('string', Credentials.RoleArn ?? '', bindings, turn.sources, 'Credentials/RoleArn');
  return { parameters, timeout, roleArn };
}

/** Evaluates what the task is called with and records that it is scheduled. */
export async function scheduleTask(turn: Turn, thread: Thread): Promise<void> {
  const state = taskStateOf(thread);
  const { parameters, timeout, roleArn } = speaksJsonPath(turn.execution, state)
    ? callByPaths(turn, thread, state)
    : await callByExpressions(turn, thread, state);
  if (!fitsBytes(parameters.text, maxPayloadBytes)) {
    const cause = `The arguments of the state '${thread.state}' exceed the maximum of ${maxPayloadBytes} bytes.`;
    note(turn, thread, { type: 'failure', error: 'States.DataLimitExceeded', cause });
    return;
  }
  const options = {
    ...(timeout === undefined ? {} : { timeoutInSeconds: timeout }),
    ...(roleArn === undefined ? {} : { taskCredentials: { roleArn } }),
  };
  const { isFunction, resourceType, resource } = resourceOf(state);
  if (isFunction) {
    record(turn, thread, {
      type: 'LambdaFunctionScheduled',
      lambdaFunctionScheduledEventDetails: { input: parameters.text, resource: state.Resource, ...options },
    });
  } else {
    const region = turn.execution.identity.executionArn.split(':')[3] ?? '';
    record(turn, thread, {
      type: 'TaskScheduled',
      taskScheduledEventDetails: { parameters: parameters.text, region, resource, resourceType, ...options },
    });
  }
}

export function recordTaskStarted(turn: Turn, thread: Thread): void {
  const { isFunction, resourceType, resource } = resourceOf(taskStateOf(thread));
  if (isFunction) record(turn, thread, { type: 'LambdaFunctionStarted' });
  else record(turn, thread, { type: 'TaskStarted', taskStartedEventDetails: { resource, resourceType } });
}

export function recordTaskTimedOut(turn: Turn, thread: Thread): void {
  const { isFunction, resourceType, resource } = resourceOf(taskStateOf(thread));
  const error = 'States.Timeout';
  if (isFunction)
    record(turn, thread, { type: 'LambdaFunctionTimedOut', lambdaFunctionTimedOutEventDetails: { error } });
  else record(turn, thread, { type: 'TaskTimedOut', taskTimedOutEventDetails: { error, resource, resourceType } });
}

/** Records how a task ended. An output that is too large or no JSON fails the task. */
export function recordTaskOutcome(turn: Turn, thread: Thread, outcome: TaskOutcome): void {
  const state = taskStateOf(thread);
  const { isFunction, resourceType, resource } = resourceOf(state);
  const measured = measure(outcome, isFunction ? state.Resource : resourceType);
  if ('output' in measured) {
    const { output } = measured;
    if (isFunction)
      record(turn, thread, { type: 'LambdaFunctionSucceeded', lambdaFunctionSucceededEventDetails: { output } });
    else record(turn, thread, { type: 'TaskSucceeded', taskSucceededEventDetails: { output, resource, resourceType } });
  } else if (isFunction) {
    record(turn, thread, { type: 'LambdaFunctionFailed', lambdaFunctionFailedEventDetails: measured });
  } else {
    record(turn, thread, { type: 'TaskFailed', taskFailedEventDetails: { ...measured, resource, resourceType } });
  }
}

function measure(
  outcome: TaskOutcome,
  task: string,
): { readonly output: string } | { readonly error: string; readonly cause: string } {
  if (!outcome.ok) return limitedFailure(outcome);
  try {
    const output = JSON.stringify(outcome.output) ?? 'null';
    return fitsBytes(output, maxPayloadBytes)
      ? { output }
      : { error: 'States.DataLimitExceeded', cause: oversizeCause(task) };
  } catch (thrown) {
    return limitedFailure({ error: 'States.TaskFailed', cause: `the task's output is not JSON: ${String(thrown)}` });
  }
}

/**
 * Error and cause cut to what an event holds.
 * @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_TaskFailedEventDetails.html
 */
export function limitedFailure<T extends { readonly error?: string; readonly cause?: string }>(
  failure: T,
): Pick<T, 'error' | 'cause'> {
  const { error, cause } = failure;
  return {
    ...(error === undefined ? {} : { error: error.slice(0, 256) }),
    ...(cause === undefined ? {} : { cause: cause.slice(0, 32_768) }),
  } as Pick<T, 'error' | 'cause'>;
}

/** The request for a task in flight: after a crash the same one as before it, but for the count of restarts. */
export function taskRequest(execution: Execution, thread: Thread, task: TaskInFlight): TaskRequest {
  return {
    executionArn: execution.identity.executionArn,
    stateName: thread.state,
    resource: taskStateOf(thread).Resource,
    arguments: task.arguments.value,
    retryCount: retryCount(thread),
    restarts: thread.restarts,
    ...(task.timeoutSeconds === undefined ? {} : { timeoutSeconds: task.timeoutSeconds }),
    ...(task.credentialsRoleArn === undefined ? {} : { credentialsRoleArn: task.credentialsRoleArn }),
  };
}
