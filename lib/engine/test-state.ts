/**
 * TestState: one state of a definition, by itself, with mocks in place of what it would call. In goes a request as the
 * API takes it, out comes its answer; the state is stepped as in an execution, and nothing is recorded.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html
 */
import type { Json, MapState, State } from '../asl/definition.ts';
import { type Payload, payloadOfValue } from '../asl/json.ts';
import { PathFailure } from '../asl/payload-template.ts';
import { effectiveInput, endingParts, parametersOf } from './data-flow.ts';
import {
  type Execution,
  type Failure,
  newExecution,
  rootThreadId,
  speaksJsonPath,
  stateOf,
  type Thread,
} from './execution.ts';
import { matches } from './failure.ts';
import { itemsOf, mapNumber } from './map-fields.ts';
import type { EnginePorts, TaskOutcome } from './ports.ts';
import { step } from './step.ts';
import { recordTaskOutcome, recordTaskStarted, taskRequest } from './task.ts';
import { checkTest, type Prepared, type TestPlace, type TestStateRequest } from './test-state-request.ts';
import { place, type Turn, whereIn } from './turn.ts';

/** What a test finds. Inputs, outputs and inspected data are JSON text, as in the API. */
export interface TestStateAnswer {
  readonly status: 'SUCCEEDED' | 'FAILED' | 'RETRIABLE' | 'CAUGHT_ERROR';
  readonly output?: string;
  readonly error?: string;
  readonly cause?: string;
  readonly nextState?: string;
  /** From DEBUG on. */
  readonly inspectionData?: { readonly [field: string]: Json };
}

/** How the data looked on its way through the state. */
type Inspection = { [field: string]: Json };

/**
 * Tests a state. It does not wait: a Wait ends at once.
 * @param signal aborted when nobody wants the answer any more
 * @throws {TestStateRefusal} when the request or the definition is not one that can be tested.
 */
export async function testState(
  ports: Pick<EnginePorts, 'clock' | 'random' | 'uuid' | 'tasks'>,
  request: TestStateRequest,
  where: TestPlace,
  signal: AbortSignal = new AbortController().signal,
): Promise<TestStateAnswer> {
  const prepared = checkTest(request, where, ports.uuid(), ports.clock.now());
  const { identity, mock } = prepared;
  const execution = newExecution(identity);
  const turn: Turn = {
    execution,
    sources: { now: () => ports.clock.now(), random: ports.random, uuid: ports.uuid },
    hasActivity: () => true,
    objects: undefined,
    records: [],
  };
  place(turn, rootThreadId, { type: 'ExecutionStarted', executionStartedEventDetails: { input: prepared.input } }, 0);
  const thread = execution.threads.get(rootThreadId);
  if (thread === undefined) throw new TypeError('the execution has no thread');
  for (const [name, value] of Object.entries(prepared.variables)) {
    thread.variables.set(name, { value, bytes: JSON.stringify(value).length });
  }
  const state = stateOf(thread);
  const inspection: Inspection = { input: prepared.input };
  if (Object.keys(prepared.variables).length > 0) inspection['variables'] = JSON.stringify(prepared.variables);
  await step(turn, thread);
  thread.retries = ('Retry' in state ? (state.Retry ?? []) : []).map(() => prepared.retryCount);
  inspectStart(turn, thread, state, inspection);
  while (!hasEnded(execution, thread)) {
    const { phase } = thread;
    if (phase.kind === 'scheduled') {
      recordTaskStarted(turn, thread);
      const task = taskRequest(execution, thread, phase.task);
      recordTaskOutcome(turn, thread, mock ?? (await run(ports, task, signal)));
    } else if (phase.kind === 'children' || phase.kind === 'opening') {
      await mockChildren(turn, thread, state, prepared, inspection);
    } else {
      if (phase.kind === 'result') inspectResult(turn, thread, state, phase.result, inspection);
      if (phase.kind === 'failed') return failureAnswer(turn, thread, state, phase.failure, prepared, inspection);
      if (phase.kind === 'entered' && state.Type === 'Pass') inspectPass(turn, thread, state, inspection);
      await step(turn, thread);
    }
  }
  return { status: 'SUCCEEDED', ...left(execution, thread), ...inspected(prepared, inspection) };
}

function hasEnded(execution: Execution, thread: Thread): boolean {
  const { kind } = thread.phase;
  return execution.outcome.status !== 'RUNNING' || kind === 'ended' || kind === 'entering';
}

async function run(
  ports: Pick<EnginePorts, 'tasks'>,
  task: ReturnType<typeof taskRequest>,
  signal: AbortSignal,
): Promise<TaskOutcome> {
  const nothing = (): void => undefined;
  const progress = { submitted: nothing, heartbeat: nothing, taken: nothing };
  return ports.tasks.run(task, signal, progress);
}

/** Output and next state of a state that was left. */
function left(execution: Execution, thread: Thread): Pick<TestStateAnswer, 'output' | 'nextState'> {
  const exited = execution.events.at(-1);
  const details =
    exited !== undefined && 'stateExitedEventDetails' in exited ? exited.stateExitedEventDetails : undefined;
  return {
    ...(details?.output === undefined ? {} : { output: details.output }),
    ...(thread.phase.kind === 'entering' ? { nextState: thread.state } : {}),
  };
}

function inspected(prepared: Prepared, data: Inspection): Pick<TestStateAnswer, 'inspectionData'> {
  return prepared.level === 'INFO' ? {} : { inspectionData: data };
}

async function failureAnswer(
  turn: Turn,
  thread: Thread,
  state: State,
  failure: Failure,
  prepared: Prepared,
  inspection: Inspection,
): Promise<TestStateAnswer> {
  const { error, cause } = failure;
  const where = `${whereIn(thread)} `;
  const told = {
    ...(error === undefined ? {} : { error }),
    ...(cause === undefined ? {} : { cause: cause.startsWith(where) ? cause.slice(where.length) : cause }),
  };
  const caughtBy = ('Catch' in state ? (state.Catch ?? []) : []).findIndex((rule) =>
    matches(rule.ErrorEquals, failure),
  );
  await step(turn, thread);
  if (thread.phase.kind === 'retrying') {
    const retried = turn.records.findLast((record) => record.kind === 'private' && record['type'] === 'retry');
    inspection['errorDetails'] = {
      retryIndex: retried?.kind === 'private' ? (retried['retrier'] ?? 0) : 0,
      retryBackoffIntervalSeconds: Math.round((thread.phase.atMs - turn.sources.now()) / 1_000),
    };
    return { status: 'RETRIABLE', ...told, ...inspected(prepared, inspection) };
  }
  if (turn.execution.outcome.status !== 'RUNNING' || caughtBy < 0 || thread.phase.kind === 'failed') {
    return { status: 'FAILED', ...told, ...inspected(prepared, inspection) };
  }
  inspection['errorDetails'] = { catchIndex: caughtBy };
  return { status: 'CAUGHT_ERROR', ...told, ...left(turn.execution, thread), ...inspected(prepared, inspection) };
}

/** What stands in place of the branches or iterations of a state. */
async function mockChildren(
  turn: Turn,
  thread: Thread,
  state: State,
  { mock, iterationFailures, items }: Prepared,
  inspection: Inspection,
): Promise<void> {
  let failure: Failure | undefined = mock?.ok === false ? mock : undefined;
  if (state.Type === 'Map') {
    const limits = await inspectMap(turn, thread, state, inspection);
    const total = items ?? (state.ItemReader === undefined ? (await itemsOf(turn, thread, state)).length : 0);
    const { count = Number.POSITIVE_INFINITY, percentage = Number.POSITIVE_INFINITY } = limits;
    if (iterationFailures > count || (iterationFailures / Math.max(total, 1)) * 100 > percentage) {
      const cause = 'The specified tolerated failure threshold was exceeded';
      failure ??= { error: 'States.ExceedToleratedFailureThreshold', cause };
    }
  }
  thread.phase =
    failure === undefined
      ? { kind: 'result', result: payloadOfValue(mock?.ok === true ? mock.output : null) }
      : { kind: 'failed', failure, marked: false };
  for (const child of [...thread.children.values()]) turn.execution.threads.delete(child.id);
  thread.children.clear();
}

async function inspectMap(
  turn: Turn,
  thread: Thread,
  state: MapState,
  inspection: Inspection,
): Promise<{ readonly count?: number | undefined; readonly percentage?: number | undefined }> {
  if (speaksJsonPath(turn.execution, state) && state.ItemReader === undefined) {
    inspection['afterItemsPath'] = JSON.stringify(await itemsOf(turn, thread, state));
  }
  inspection['maxConcurrency'] = (await mapNumber(turn, thread, state, 'MaxConcurrency')) ?? 0;
  const count = await mapNumber(turn, thread, state, 'ToleratedFailureCount');
  const percentage = await mapNumber(turn, thread, state, 'ToleratedFailurePercentage');
  if (count !== undefined) inspection['toleratedFailureCount'] = count;
  if (percentage !== undefined) inspection['toleratedFailurePercentage'] = percentage;
  return { count, percentage };
}

function inspectStart(turn: Turn, thread: Thread, state: State, inspection: Inspection): void {
  if (!speaksJsonPath(turn.execution, state)) {
    if (thread.phase.kind === 'scheduled') inspection['afterArguments'] = thread.phase.task.arguments.text;
    return;
  }
  if (state.Type === 'Parallel' || (state.Type === 'Pass' && state.Result !== undefined)) return;
  whenItHolds(() => {
    inspection['afterInputPath'] = JSON.stringify(effectiveInput(turn, thread));
    if (thread.phase.kind === 'scheduled') inspection['afterParameters'] = thread.phase.task.arguments.text;
    else if (state.Type === 'Pass') inspection['afterParameters'] = parametersOf(turn, thread).text;
  });
}

function inspectPass(turn: Turn, thread: Thread, state: State, inspection: Inspection): void {
  if (!speaksJsonPath(turn.execution, state) || state.Type !== 'Pass') return;
  if (state.Result !== undefined) inspection['result'] = JSON.stringify(state.Result);
  inspectEnd(turn, thread, undefined, inspection);
}

function inspectResult(turn: Turn, thread: Thread, state: State, result: Payload, inspection: Inspection): void {
  if (state.Type === 'Task') inspection['result'] = result.text;
  if (speaksJsonPath(turn.execution, state)) inspectEnd(turn, thread, result, inspection);
}

function inspectEnd(turn: Turn, thread: Thread, result: Payload | undefined, inspection: Inspection): void {
  whenItHolds(() => {
    const { selected, placed } = endingParts(turn, thread, result);
    inspection['afterResultSelector'] = selected.text;
    inspection['afterResultPath'] = placed.text;
  });
}

/** Data that a failing path keeps from being made is left out; the state itself fails in its own time. */
function whenItHolds(look: () => void): void {
  try {
    look();
  } catch (thrown) {
    if (!(thrown instanceof PathFailure)) throw thrown;
  }
}
