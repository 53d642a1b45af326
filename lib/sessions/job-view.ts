/** One job's or wait's events, in order of their ids, turned into what is known of the job. */
import type { HistoryEvent } from '../asl/history.ts';
import { jobErrors } from '../errors.ts';
import type { GatedInput, GateWork } from '../gate-layout.ts';
import type { Json } from '../ir/expressions.ts';
import { containerVariables, reservedInputKey } from '../storage-layout.ts';
import { askedBy, isAsking } from './approval-view.ts';
import { begunBy, callFailure, callingJob } from './call-view.ts';
import { field, parseJson } from './json-parts.ts';
import { type StateShape, retriesAfter } from './machine-map.ts';
import type { AttemptStatus, JobStatus } from './status.ts';
import type { AttemptView, CalledSession, FailureView } from './view.ts';

/** A job as its own events tell it; whether something around it ended it is for the caller to add. */
export interface JobFacts {
  /** `running` until its state has been left or has failed for good; `retrying` when the state will try again. */
  readonly status: Extract<JobStatus, 'running' | 'retrying' | 'completed' | 'failed' | 'timeout'>;
  /** True when the last attempt delivered its output, whether or not the state has been left. */
  readonly delivered: boolean;
  readonly attempts: readonly AttemptView[];
  readonly input?: Json;
  /** Of a call, the session that the last attempt has begun. */
  readonly called?: CalledSession;
  /** Values that the input lacks in the history, because the job's function fetched them from behind gates. */
  readonly fetched?: readonly GatedInput[];
  /** Of a compensation: the path of the job that it undoes. */
  readonly compensates?: string;
  readonly output?: Json;
  readonly error?: FailureView;
  readonly startedAt: number;
  readonly endedAt?: number;
  readonly lastEventId: number;
}

type Sent = Pick<JobFacts, 'input' | 'fetched' | 'called' | 'compensates'>;

/** The job's own input: what the wrapper hands to the handler, what a person is asked, or all that the service was called with. */
function sentTo(parameters: string): Sent {
  const called = parseJson(parameters);
  const begun = begunBy(called);
  if (begun !== undefined) return begun;
  if (isAsking(called)) {
    const asked = askedBy(called);
    return asked === undefined ? {} : { input: { message: asked.message, who: asked.who } };
  }
  const payload = field(called, 'Payload');
  const envelope = field(payload, reservedInputKey);
  const input = payload === undefined ? called : envelope === undefined ? payload : field(payload, 'input');
  // Written by the compiler, and by nobody else into a history.
  const work = field(envelope, 'gates') as GateWork | undefined;
  const compensates = field(envelope, 'compensates');
  return {
    ...(input === undefined ? {} : { input }),
    ...(work?.inputs === undefined ? {} : { fetched: work.inputs }),
    ...(typeof compensates === 'string' ? { compensates } : {}),
  };
}

/** Path of the job that an event schedules, where the call says so: a function of ours is told whom it works for. */
export function jobScheduledBy(event: HistoryEvent): string | undefined {
  if (event.type !== 'TaskScheduled') return undefined;
  const called = parseJson(event.taskScheduledEventDetails.parameters);
  const job =
    askedBy(called)?.job ??
    field(field(field(called, 'Payload'), reservedInputKey), 'job') ??
    callingJob(called) ??
    containerVariable(called, containerVariables.job);
  return typeof job === 'string' ? job : undefined;
}

/** A variable of the container that a task is to run. */
export function containerVariable(given: Json | undefined, name: string): Json | undefined {
  const [overrides] = listOf(field(field(given, 'Overrides'), 'ContainerOverrides'));
  return field(
    listOf(field(overrides, 'Environment')).find((one) => field(one, 'Name') === name),
    'Value',
  );
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}

function outputOf({ result }: StateShape, text: string, resourceType?: string): Json | undefined {
  const answer = parseJson(text);
  if (result !== undefined) return result.reduce<Json | undefined>(field, answer);
  return resourceType === 'lambda' ? (field(answer, 'Payload') ?? answer) : answer;
}

interface Ending {
  readonly status: AttemptStatus;
  readonly error?: FailureView;
  readonly output?: Json | undefined;
}

function failure(details: { readonly error?: string; readonly cause?: string } | undefined): FailureView {
  return { name: details?.error ?? '', cause: details?.cause ?? '' };
}

/** What an expression that checks a service's answer has found wrong goes by the name that functions give it. */
function evaluationFailure(details: { readonly error?: string; readonly cause?: string }): FailureView {
  const { name, cause } = failure(details);
  const found = [jobErrors.outputInvalid, jobErrors.outputTooLarge].find((one) => cause.includes(`${one}: `));
  return { name: found ?? name, cause };
}

/** How an event ends an attempt; undefined when it does not. */
function endingOf(state: StateShape, event: HistoryEvent): Ending | undefined {
  switch (event.type) {
    case 'TaskSucceeded': {
      const { output, resourceType } = event.taskSucceededEventDetails;
      return { status: 'completed', output: outputOf(state, output, resourceType) };
    }
    case 'LambdaFunctionSucceeded':
      return { status: 'completed', output: outputOf(state, event.lambdaFunctionSucceededEventDetails.output) };
    case 'TaskFailed':
      return { status: 'failed', error: failure(event.taskFailedEventDetails) };
    case 'TaskStartFailed':
      return { status: 'failed', error: failure(event.taskStartFailedEventDetails) };
    case 'TaskSubmitFailed':
      return { status: 'failed', error: failure(event.taskSubmitFailedEventDetails) };
    case 'LambdaFunctionFailed':
      return { status: 'failed', error: failure(event.lambdaFunctionFailedEventDetails) };
    case 'LambdaFunctionStartFailed':
      return { status: 'failed', error: failure(event.lambdaFunctionStartFailedEventDetails) };
    case 'TaskTimedOut':
      return { status: 'timeout', error: failure(event.taskTimedOutEventDetails) };
    case 'LambdaFunctionTimedOut':
      return { status: 'timeout', error: failure(event.lambdaFunctionTimedOutEventDetails) };
    default:
      return undefined;
  }
}

/** The same, as the record of a call has it. */
function endOf(state: StateShape, event: HistoryEvent, called: CalledSession | undefined): Ending | undefined {
  const ending = endingOf(state, event);
  if (ending === undefined || called === undefined) return ending;
  if (ending.error !== undefined) return { ...ending, error: callFailure(ending.error) };
  return state.result?.length === 0 ? { ...ending, output: { session: called.session } } : ending;
}

function inputOfEvent(event: HistoryEvent): Sent | undefined {
  if (event.type === 'TaskScheduled') return sentTo(event.taskScheduledEventDetails.parameters);
  if (event.type === 'LambdaFunctionScheduled') {
    const input = parseJson(event.lambdaFunctionScheduledEventDetails.input);
    return input === undefined ? {} : { input };
  }
  return undefined;
}

function newAttempt(
  before: readonly AttemptView[],
  { timestamp, id }: HistoryEvent,
  called: CalledSession | undefined,
): AttemptView {
  const number = before.length + 1;
  return { number, startedAt: timestamp, status: 'running', eventId: id, ...(called && { called }) };
}

/** What is known of an attempt that ended with the process that ran it. */
const interruption: FailureView = { name: jobErrors.interrupted, cause: 'the runtime stopped while this attempt ran' };

/** @param events The job's events by ascending id; at least one. */
export function jobFacts(state: StateShape, events: readonly HistoryEvent[]): JobFacts {
  const attempts: AttemptView[] = [];
  const failures: string[] = [];
  let status = 'running' as JobFacts['status'];
  let sent: Sent = {};
  let output: Json | undefined;
  let error: FailureView | undefined;
  let endedAt: number | undefined;
  let delivered = false;
  // Whether what was scheduled last has been started.
  let started = false;

  const fail = (as: 'failed' | 'timeout', why: FailureView, at: number): void => {
    failures.push(why.name);
    error = why;
    delivered = false;
    output = undefined;
    status = retriesAfter(state, why.name, failures) ? 'retrying' : as;
    endedAt = status === 'retrying' ? undefined : at;
  };

  for (const event of events) {
    const begun = inputOfEvent(event);
    const ending = endOf(state, event, sent.called);
    if (event.type === 'TaskStateEntered') {
      // A retried Parallel or Map enters its states anew: what was known of failures counts no more.
      failures.length = 0;
      status = 'running';
      endedAt = undefined;
    } else if (begun !== undefined) {
      // Scheduled anew without being retried: a redrive, which counts tries anew.
      if (attempts.length > 0 && status !== 'retrying') failures.length = 0;
      sent = begun;
      status = 'running';
      endedAt = undefined;
      delivered = false;
      started = false;
      // Scheduled anew without an end of its own: a redrive took the place of what the failure elsewhere had cut off.
      const last = attempts.at(-1);
      if (last?.status === 'running') attempts.splice(-1, 1, { ...last, status: 'cancelled' });
      attempts.push(newAttempt(attempts, event, sent.called));
    } else if (event.type === 'TaskStarted' || event.type === 'LambdaFunctionStarted') {
      // A second start of what was scheduled once: a resumed execution began it again.
      const cut = started ? attempts.pop() : undefined;
      started = true;
      if (cut === undefined) continue;
      attempts.push({ ...cut, endedAt: event.timestamp, status: 'cancelled', error: interruption });
      attempts.push(newAttempt(attempts, event, sent.called));
    } else if (ending !== undefined) {
      const attempt = attempts.pop();
      if (attempt === undefined) continue;
      attempts.push({
        ...attempt,
        endedAt: event.timestamp,
        status: ending.status,
        ...(ending.error === undefined ? {} : { error: ending.error }),
      });
      if (ending.error === undefined) {
        delivered = true;
        output = ending.output;
        error = undefined;
      } else {
        fail(ending.status === 'timeout' ? 'timeout' : 'failed', ending.error, event.timestamp);
      }
    } else if (event.type === 'EvaluationFailed') {
      fail('failed', evaluationFailure(event.evaluationFailedEventDetails), event.timestamp);
    } else if (event.type === 'TaskStateExited' || event.type === 'WaitStateExited') {
      // Left after a failure means that the pipeline caught it and went on: the job stays failed.
      status = error === undefined ? 'completed' : attempts.at(-1)?.status === 'timeout' ? 'timeout' : 'failed';
      endedAt = event.timestamp;
    }
  }
  return {
    status,
    delivered,
    attempts,
    ...sent,
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error }),
    startedAt: events[0]?.timestamp ?? 0,
    ...(endedAt === undefined ? {} : { endedAt }),
    lastEventId: events.at(-1)?.id ?? 0,
  };
}
