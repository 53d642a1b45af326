/**
 * The steps: given a thread of a folded execution, what happens next. A step records its decision and does nothing
 * else; whatever it decides follows from the fold, the clock and the sources of chance.
 */
import { type Awaitable, andThen } from '../asl/awaitable.ts';
import { ruleHolds } from '../asl/choice.ts';
import type {
  ChoiceRule,
  ChoiceState,
  FailState,
  Json,
  State,
  StateOf,
  StateType,
  WaitState,
} from '../asl/definition.ts';
import { type Payload, parseTimestamp } from '../asl/json.ts';
import { type EvaluationSources, evaluateTyped, QueryEvaluationError } from '../asl/jsonata.ts';
import { evaluateField, lookUp, PathFailure } from '../asl/payload-template.ts';
import { bindingsFor } from './bindings.ts';
import { dataOf } from './data-flow.ts';
import { speaksJsonPath, stateOf, type Thread } from './execution.ts';
import { handleFailure } from './failure.ts';
import { canContinue, continueFan, iterationInput, startMap, startParallel } from './fan-out.ts';
import { type Ending, failsBySize, finish } from './finish.ts';
import { openMapRun, readMapRun, recordChildStarted, redriveChild, redriveMapRun } from './map-run.ts';
import { isActivity, recordTaskStarted, recordTaskTimedOut, scheduleTask } from './task.ts';
import { evaluating, note, record, type Turn, whereIn } from './turn.ts';

/** When a thread wants to be looked at again for the sake of time alone; undefined when it waits for no time. */
export function wakeUpMs(thread: Thread): number | undefined {
  const { phase } = thread;
  if (phase.kind === 'waiting') return phase.untilMs;
  if (phase.kind === 'retrying') return phase.atMs;
  if (phase.kind !== 'started' && !(phase.kind === 'scheduled' && isActivity(thread))) return undefined;
  const { deadlineMs = Number.POSITIVE_INFINITY, heartbeatDueMs = Number.POSITIVE_INFINITY } = phase.task;
  const atMs = Math.min(deadlineMs, heartbeatDueMs);
  return atMs === Number.POSITIVE_INFINITY ? undefined : atMs;
}

/** True when a step of this thread would decide something now. */
export function isRunnable(thread: Thread, clock: Pick<EvaluationSources, 'now'>): boolean {
  switch (thread.phase.kind) {
    case 'waiting':
    case 'retrying':
    case 'started':
      return isDue(thread, clock);
    case 'scheduled':
      return !isActivity(thread) || isDue(thread, clock);
    case 'children':
      return canContinue(thread.phase.fan);
    case 'writing':
      return false;
    default:
      return true;
  }
}

function isDue(thread: Thread, clock: Pick<EvaluationSources, 'now'>): boolean {
  const atMs = wakeUpMs(thread);
  return atMs !== undefined && clock.now() >= atMs;
}

/** Takes one step of a runnable thread. Gives a promise only where an expression, or reading items, needs one. */
export function step(turn: Turn, thread: Thread): Awaitable<unknown> {
  const { phase } = thread;
  switch (phase.kind) {
    case 'entering':
      return enter(turn, thread);
    case 'entered':
    case 'retrying':
      return begin(turn, thread);
    case 'scheduled':
      if (isActivity(thread)) recordTaskTimedOut(turn, thread);
      else recordTaskStarted(turn, thread);
      break;
    case 'started':
      recordTaskTimedOut(turn, thread);
      break;
    case 'waiting':
      return leave(turn, thread, { extras: {} });
    case 'children':
      continueFan(turn, thread, phase.fan);
      break;
    case 'opening':
      return evaluating(turn, thread, () => openMapRun(turn, thread));
    case 'again':
      redriveChild(turn, thread);
      break;
    case 'redriving':
      redriveMapRun(turn, thread, phase.run);
      break;
    case 'reading': {
      const { run, items } = phase;
      const given = items.map(({ value }) => value);
      return evaluating(turn, thread, () => readMapRun(turn, thread, run, given));
    }
    case 'aborting':
      for (const { type, index } of phase.owed) {
        if (type === 'MapIterationFailed') {
          record(turn, thread, { type, mapIterationFailedEventDetails: { name: thread.state, index: index ?? 0 } });
        } else if (type === 'MapIterationAborted') {
          record(turn, thread, { type, mapIterationAbortedEventDetails: { name: thread.state, index: index ?? 0 } });
        } else {
          record(turn, thread, { type });
        }
      }
      break;
    case 'result':
      return leave(turn, thread, { otherwise: phase.result, extras: { result: phase.result } });
    case 'failed':
      return handleFailure(turn, thread, phase.failure, phase.marked);
    case 'ended':
      end(turn, thread, phase.output.text);
      break;
  }
  return undefined;
}

function enter(turn: Turn, thread: Thread): Awaitable<unknown> {
  if (thread.child?.events === 0) recordChildStarted(turn, thread);
  if (thread.item === undefined || thread.enteredId !== 0) return enterWith(turn, thread, thread.input);
  // ItemSelector is the Map's: when it fails, the history names the Map.
  let { input } = thread;
  let text = '';
  const selecting = () =>
    andThen(iterationInput(turn, thread), (selected) => {
      input = selected;
      // The text is made here, where an input that is nested too deeply fails the Map.
      text = selected.text;
    });
  return andThen(evaluating(turn, thread, selecting, thread.parent), (selected) =>
    selected && !failsBySize(turn, thread, thread.parent?.state ?? thread.state, text)
      ? enterWith(turn, thread, input)
      : undefined,
  );
}

function enterWith(turn: Turn, thread: Thread, input: Payload): Awaitable<unknown> {
  const { Type: type } = stateOf(thread);
  turn.execution.made = input;
  record(turn, thread, {
    type: enteredTypes[type],
    stateEnteredEventDetails: { name: thread.state, input: input.text },
  });
  // As on AWS, a task is scheduled with its entering, before any other branch gets its turn.
  return type === 'Task' ? begin(turn, thread) : undefined;
}

const enteredTypes = {
  Choice: 'ChoiceStateEntered',
  Fail: 'FailStateEntered',
  Map: 'MapStateEntered',
  Parallel: 'ParallelStateEntered',
  Pass: 'PassStateEntered',
  Succeed: 'SucceedStateEntered',
  Task: 'TaskStateEntered',
  Wait: 'WaitStateEntered',
} as const;

/** What a state's work begins with. */
const beginners: { readonly [T in StateType]: (turn: Turn, thread: Thread, state: StateOf<T>) => Awaitable<void> } = {
  Pass: (turn, thread) => leaveAsItIs(turn, thread, { extras: {} }),
  Succeed: (turn, thread) => leaveAsItIs(turn, thread, { extras: {} }),
  Task: scheduleTask,
  Choice: choose,
  Wait: beginWait,
  Fail: failOnPurpose,
  Parallel: startParallel,
  Map: startMap,
};

function begin(turn: Turn, thread: Thread): Awaitable<boolean> {
  const state = stateOf(thread);
  const beginner = beginners[state.Type] as (turn: Turn, thread: Thread, state: State) => Awaitable<void>;
  return evaluating(turn, thread, () => beginner(turn, thread, state));
}

type Left = Pick<Ending, 'extras'> & Partial<Pick<Ending, 'otherwise'>>;

/** Leaves a state by its own Output and Assign. */
function leave(turn: Turn, thread: Thread, ending: Left): Awaitable<unknown> {
  return evaluating(turn, thread, () => leaveAsItIs(turn, thread, ending));
}

function leaveAsItIs(turn: Turn, thread: Thread, { extras, otherwise = thread.input }: Left): Awaitable<void> {
  const part = stateOf(thread);
  return part.Type === 'Fail' ? undefined : finish(turn, thread, { part, location: '', otherwise, extras });
}

function choose(turn: Turn, thread: Thread, state: ChoiceState): Awaitable<void> {
  const holds = chooser(turn, thread, state);
  const tryFrom = (first: number): Awaitable<void> => {
    for (let index = first; index < state.Choices.length; index += 1) {
      const rule = state.Choices[index] as ChoiceRule;
      const location = `Choices[${index}]/`;
      const ending = { part: rule, location, otherwise: thread.input, extras: {}, next: rule.Next };
      const held = holds(rule, location);
      if (held instanceof Promise) return held.then((so) => (so ? finish(turn, thread, ending) : tryFrom(index + 1)));
      if (held === true) return finish(turn, thread, ending);
    }
    return chooseDefault(turn, thread, state);
  };
  return tryFrom(0);
}

function chooseDefault(turn: Turn, thread: Thread, state: ChoiceState): Awaitable<void> {
  if (state.Default === undefined) {
    const cause = `${whereIn(thread)} Failed to transition out of the state. The state does not point to a next state.`;
    note(turn, thread, { type: 'failure', error: 'States.NoChoiceMatched', cause });
    return undefined;
  }
  return finish(turn, thread, { part: state, location: '', otherwise: thread.input, extras: {}, next: state.Default });
}

/** Whether a rule holds; `at`: where it stands, with a slash behind. */
function chooser(turn: Turn, thread: Thread, state: ChoiceState): (rule: ChoiceRule, at: string) => Awaitable<boolean> {
  if (speaksJsonPath(turn.execution, state)) {
    const data = dataOf(turn, thread);
    return (rule) => ruleHolds(rule, data);
  }
  const bindings = bindingsFor(turn.execution, thread);
  return (rule: ChoiceRule, at: string) =>
    evaluateTyped('boolean', rule.Condition ?? false, bindings, turn.sources, `${at}Condition`);
}

/** Waits longer than this are refused; it is what a signed 32-bit number of seconds holds. */
const longestWaitSeconds = 2_147_483_647;

function noteWait(turn: Turn, thread: Thread, untilMs: number): void {
  if (untilMs - thread.enteredAtMs > longestWaitSeconds * 1_000) throw new PathFailure('Wait state delay is too long.');
  note(turn, thread, { type: 'wait', untilMs });
}

/** A Wait whose end is at a path. */
function waitByPath(turn: Turn, thread: Thread, field: 'SecondsPath' | 'TimestampPath', path: string): void {
  const value = lookUp(path, dataOf(turn, thread));
  if (value === undefined) throw new PathFailure(`The ${field} parameter does not reference an input value: ${path}`);
  if (field === 'SecondsPath') {
    const seconds = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
    if (typeof seconds !== 'number' || !Number.isInteger(seconds)) {
      throw new PathFailure(
        `The SecondsPath parameter cannot be parsed as a long value: ${path} == ${inMessage(value)}`,
      );
    }
    if (seconds < 0) throw new PathFailure(`The SecondsPath parameter cannot be negative: ${path} == ${seconds}`);
    noteWait(turn, thread, thread.enteredAtMs + seconds * 1_000);
    return;
  }
  const untilMs = typeof value === 'string' ? parseTimestamp(value) : undefined;
  if (untilMs === undefined) {
    throw new PathFailure(
      `The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: ${path} == ${inMessage(value)}`,
    );
  }
  noteWait(turn, thread, untilMs);
}

/** A value in a message: texts as they are, anything else as JSON. */
function inMessage(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

async function beginWait(turn: Turn, thread: Thread, state: WaitState): Promise<void> {
  if (state.SecondsPath !== undefined) return waitByPath(turn, thread, 'SecondsPath', state.SecondsPath);
  if (state.TimestampPath !== undefined) return waitByPath(turn, thread, 'TimestampPath', state.TimestampPath);
  const bindings = bindingsFor(turn.execution, thread);
  if (state.Timestamp !== undefined) {
    const text = await evaluateTyped('string', state.Timestamp, bindings, turn.sources, 'Timestamp');
    const untilMs = parseTimestamp(text);
    if (untilMs === undefined) {
      const message = `The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: ${text}`;
      throw new QueryEvaluationError(message, 'Timestamp', true);
    }
    noteWait(turn, thread, untilMs);
    return;
  }
  const seconds = await evaluateTyped('number', state.Seconds ?? 0, bindings, turn.sources, 'Seconds');
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > 99_999_999) {
    const message = `The Seconds field must be an integer from 0 to 99999999 but was: ${seconds}`;
    throw new QueryEvaluationError(message, 'Seconds', true);
  }
  note(turn, thread, { type: 'wait', untilMs: thread.enteredAtMs + seconds * 1_000 });
}

async function failOnPurpose(turn: Turn, thread: Thread, state: FailState): Promise<void> {
  const bindings = bindingsFor(turn.execution, thread);
  const textOf = async (field: 'Error' | 'Cause') => {
    const path = state[`${field}Path`];
    if (path !== undefined) {
      const value = evaluateField(path, `${field}Path`, dataOf(turn, thread));
      if (typeof value === 'string') return value;
      throw new PathFailure(
        `The ${field}Path parameter does not reference a string value: ${path} == ${inMessage(value)}`,
      );
    }
    const template = state[field];
    return template === undefined ? undefined : evaluateTyped('string', template, bindings, turn.sources, field);
  };
  const [error, cause] = [await textOf('Error'), await textOf('Cause')];
  note(turn, thread, {
    type: 'failure',
    ...(error === undefined ? {} : { error }),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The end of the machine or of an iteration. */
function end(turn: Turn, thread: Thread, output: string): void {
  const { parent, index } = thread;
  if (parent === undefined || thread.child !== undefined)
    record(turn, thread, { type: 'ExecutionSucceeded', executionSucceededEventDetails: { output } });
  else
    record(turn, thread, {
      type: 'MapIterationSucceeded',
      mapIterationSucceededEventDetails: { name: parent.state, index },
    });
}
