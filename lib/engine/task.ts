/** Task states: what is recorded of a task, and what the runner is asked to do. */
import { type Awaitable, andThen } from '../asl/awaitable.ts';
import type { Json, TaskState } from '../asl/definition.ts';
import type { FailureDetails } from '../asl/history.ts';
import { fitsBytes, maxPayloadBytes, type Payload, payloadOfValue } from '../asl/json.ts';
import { evaluateTemplate, evaluateTyped, QueryEvaluationError } from '../asl/jsonata.ts';
import { fillTemplate, PathFailure, selectPath } from '../asl/payload-template.ts';
import { bindingsFor } from './bindings.ts';
import { dataOf, parametersOf } from './data-flow.ts';
import type { TaskNews } from './effects.ts';
import {
  childOf,
  type Execution,
  retryCount,
  speaksJsonPath,
  stateOf,
  type TaskInFlight,
  type Thread,
} from './execution.ts';
import { oversizeCause } from './finish.ts';
import type { TaskOutcome, TaskRequest } from './ports.ts';
import { note, record, type Turn } from './turn.ts';

/** How the history names a resource: `arn:aws:states:::lambda:invoke` is `lambda` and `invoke`. */
interface Resource {
  /** Functions named by their ARN and activities have sets of events of their own. */
  readonly family: 'Task' | 'LambdaFunction' | 'Activity';
  readonly resourceType: string;
  readonly resource: string;
}

/** By the state, because it is asked for several times in each try. */
const knownResources = new WeakMap<TaskState, Resource>();

function resourceOf(state: TaskState): Resource {
  let known = knownResources.get(state);
  if (known === undefined) {
    known = readResource(state.Resource);
    knownResources.set(state, known);
  }
  return known;
}

function readResource(text: string): Resource {
  const parts = text.split(':');
  if (parts[2] === 'lambda') return { family: 'LambdaFunction', resourceType: 'lambda', resource: text };
  if (parts[5] === 'activity') return { family: 'Activity', resourceType: 'activity', resource: text };
  // `.sync:2` has a colon of its own.
  const [, resourceType = '', resource = ''] = /^(.*?):([^:]+(?:\.sync:2)?)$/.exec(parts.slice(5).join(':')) ?? [];
  return { family: 'Task', resourceType, resource };
}

/** Whether the thread's task is offered to the workers of an activity. */
export function isActivity(thread: Thread): boolean {
  const state = stateOf(thread);
  return state.Type === 'Task' && resourceOf(state).family === 'Activity';
}

function hasToken(state: TaskState): boolean {
  return resourceOf(state).family === 'Activity' || state.Resource.endsWith('.waitForTaskToken');
}

/** Whether a resumed execution starts the thread's task again: not when somebody outside is at work on it. */
export function startsAnew(thread: Thread): boolean {
  return thread.phase.kind === 'started' && thread.phase.task.submitted !== true && !isActivity(thread);
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
  readonly heartbeat: number | undefined;
  readonly roleArn: string | undefined;
}

/** @throws {PathFailure} */
function callByPaths(turn: Turn, thread: Thread, state: TaskState): Call {
  const data = dataOf(turn, thread);
  const secondsOf = (field: 'TimeoutSeconds' | 'HeartbeatSeconds'): number | undefined => {
    const path = state[`${field}Path`];
    if (path === undefined) return state[field] as number | undefined;
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
    timeout: secondsOf('TimeoutSeconds'),
    heartbeat: secondsOf('HeartbeatSeconds'),
    parameters: parametersOf(turn, thread),
    roleArn: roleArn.RoleArn,
  };
}

function callByExpressions(turn: Turn, thread: Thread, state: TaskState): Awaitable<Call> {
  const { Arguments, Credentials } = state;
  const bindings = bindingsFor(turn.execution, thread);
  const secondsOf = (field: 'TimeoutSeconds' | 'HeartbeatSeconds'): Awaitable<number | undefined> => {
    const template = state[field];
    if (template === undefined) return undefined;
    return andThen(evaluateTyped('number', template, bindings, turn.sources, field), (seconds) => {
      if (Number.isInteger(seconds) && seconds > 0 && seconds <= 99_999_999) return seconds;
      throw new QueryEvaluationError(
        `The ${field} field must be an integer from 1 to 99999999 but was: ${seconds}`,
        field,
      );
    });
  };
  const roleOf = (): Awaitable<string | undefined> =>
    Credentials === undefined
      ? undefined
      : evaluateTyped('string', Credentials.RoleArn ?? '', bindings, turn.sources, 'Credentials/RoleArn');
  const rest = (parameters: Payload): Awaitable<Call> =>
    andThen(secondsOf('TimeoutSeconds'), (timeout) =>
      andThen(secondsOf('HeartbeatSeconds'), (heartbeat) =>
        andThen(roleOf(), (roleArn) => ({ parameters, timeout, heartbeat, roleArn })),
      ),
    );
  if (Arguments === undefined) return rest(thread.input);
  return andThen(evaluateTemplate(Arguments, bindings, turn.sources, 'Arguments'), (value) =>
    rest(payloadOfValue(value)),
  );
}

/** Evaluates what the task is called with and records that it is scheduled. */
export function scheduleTask(turn: Turn, thread: Thread): Awaitable<void> {
  const state = taskStateOf(thread);
  if (isActivity(thread) && !turn.hasActivity(state.Resource)) {
    throw new PathFailure(`The activity ${state.Resource} does not exist.`);
  }
  if (hasToken(state)) note(turn, thread, { type: 'token', token: turn.sources.uuid() });
  const call = speaksJsonPath(turn.execution, state)
    ? callByPaths(turn, thread, state)
    : callByExpressions(turn, thread, state);
  return andThen(call, (made) => recordTaskScheduled(turn, thread, state, made));
}

function recordTaskScheduled(turn: Turn, thread: Thread, state: TaskState, call: Call): void {
  const { parameters, timeout, heartbeat, roleArn } = call;
  if (!fitsBytes(parameters.text, maxPayloadBytes)) {
    const cause = `The arguments of the state '${thread.state}' exceed the maximum of ${maxPayloadBytes} bytes.`;
    note(turn, thread, { type: 'failure', error: 'States.DataLimitExceeded', cause });
    return;
  }
  const options = {
    ...(timeout === undefined ? {} : { timeoutInSeconds: timeout }),
    ...(heartbeat === undefined ? {} : { heartbeatInSeconds: heartbeat }),
    ...(roleArn === undefined ? {} : { taskCredentials: { roleArn } }),
  };
  const { family, resourceType, resource } = resourceOf(state);
  if (family === 'LambdaFunction') {
    record(turn, thread, {
      type: 'LambdaFunctionScheduled',
      lambdaFunctionScheduledEventDetails: { input: parameters.text, resource, ...options },
    });
  } else if (family === 'Activity') {
    record(turn, thread, {
      type: 'ActivityScheduled',
      activityScheduledEventDetails: { input: parameters.text, resource, ...options },
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
  const { family, resourceType, resource } = resourceOf(taskStateOf(thread));
  if (family === 'LambdaFunction') record(turn, thread, { type: 'LambdaFunctionStarted' });
  else record(turn, thread, { type: 'TaskStarted', taskStartedEventDetails: { resource, resourceType } });
}

/**
 * Records what a task has told before its end. News that does not fit the task's pattern is not recorded; an answer to
 * the request itself that is too large or no JSON fails the task.
 */
export function recordProgress(turn: Turn, thread: Thread, news: TaskNews): void {
  const { family, resourceType, resource } = resourceOf(taskStateOf(thread));
  const { phase } = thread;
  if (news.kind === 'taken') {
    if (family !== 'Activity' || phase.kind !== 'scheduled') return;
    const { workerName } = news;
    const activityStartedEventDetails = workerName === undefined ? {} : { workerName };
    record(turn, thread, { type: 'ActivityStarted', activityStartedEventDetails });
  } else if (phase.kind !== 'started') {
    return;
  } else if (news.kind === 'heartbeat') {
    if (phase.task.heartbeatSeconds !== undefined) {
      note(turn, thread, { type: 'heartbeat', atMs: turn.sources.now() });
    }
  } else if (family === 'Task' && /\.(sync(:2)?|waitForTaskToken)$/.test(resource) && phase.task.submitted !== true) {
    const measured = measure({ ok: true, output: news.answer }, resourceType);
    const of = { resource, resourceType };
    if ('output' in measured)
      record(turn, thread, { type: 'TaskSubmitted', taskSubmittedEventDetails: { ...measured, ...of } });
    else record(turn, thread, { type: 'TaskSubmitFailed', taskSubmitFailedEventDetails: { ...measured, ...of } });
  }
}

export function recordTaskTimedOut(turn: Turn, thread: Thread): void {
  const { family, resourceType, resource } = resourceOf(taskStateOf(thread));
  const error = 'States.Timeout';
  if (family === 'LambdaFunction')
    record(turn, thread, { type: 'LambdaFunctionTimedOut', lambdaFunctionTimedOutEventDetails: { error } });
  else if (family === 'Activity')
    record(turn, thread, { type: 'ActivityTimedOut', activityTimedOutEventDetails: { error } });
  else record(turn, thread, { type: 'TaskTimedOut', taskTimedOutEventDetails: { error, resource, resourceType } });
}

/** Records how a task ended. An output that is too large or no JSON fails the task. */
export function recordTaskOutcome(turn: Turn, thread: Thread, outcome: TaskOutcome): void {
  const { family, resourceType, resource } = resourceOf(taskStateOf(thread));
  const measured = measure(outcome, family === 'Task' ? resourceType : resource);
  if ('output' in measured) {
    const { output } = measured;
    if (family === 'LambdaFunction')
      record(turn, thread, { type: 'LambdaFunctionSucceeded', lambdaFunctionSucceededEventDetails: { output } });
    else if (family === 'Activity')
      record(turn, thread, { type: 'ActivitySucceeded', activitySucceededEventDetails: { output } });
    else record(turn, thread, { type: 'TaskSucceeded', taskSucceededEventDetails: { output, resource, resourceType } });
  } else if (family === 'LambdaFunction') {
    record(turn, thread, { type: 'LambdaFunctionFailed', lambdaFunctionFailedEventDetails: measured });
  } else if (family === 'Activity') {
    record(turn, thread, { type: 'ActivityFailed', activityFailedEventDetails: measured });
  } else {
    record(turn, thread, { type: 'TaskFailed', taskFailedEventDetails: { ...measured, resource, resourceType } });
  }
}

function measure(outcome: TaskOutcome, task: string): { readonly output: string } | FailureDetails {
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
    tryId: `${(childOf(thread) ?? execution.identity).executionArn}#${task.scheduledId}`,
    resource: taskStateOf(thread).Resource,
    arguments: task.arguments.value,
    retryCount: retryCount(thread),
    restarts: thread.restarts,
    ...(task.timeoutSeconds === undefined ? {} : { timeoutSeconds: task.timeoutSeconds }),
    ...(task.heartbeatSeconds === undefined ? {} : { heartbeatSeconds: task.heartbeatSeconds }),
    ...(task.token === undefined ? {} : { token: task.token }),
    ...(task.submitted === true ? { submitted: true } : {}),
    ...(task.credentialsRoleArn === undefined ? {} : { credentialsRoleArn: task.credentialsRoleArn }),
  };
}
