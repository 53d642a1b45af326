/** A call of another pipeline as its session shows it: which session it has begun, with what, and why that has failed. */
import type { Json } from '../ir/expressions.ts';
import { readCaller, readExecutionBlock, reservedInputKey, sessionNamed } from '../storage-layout.ts';
import { field, parseJson } from './json-parts.ts';
import type { CalledSession, FailureView } from './view.ts';

/** What Step Functions gives the child: a value, or the text of one. */
function givenTo(call: Json | undefined): Json | undefined {
  const input = field(call, 'Input');
  return typeof input === 'string' ? parseJson(input) : input;
}

/** The session that a task begins which calls a pipeline, and its input; undefined of any other task. */
export function begunBy(call: Json | undefined): { readonly called: CalledSession; readonly input: Json } | undefined {
  const given = givenTo(call);
  const block = field(given, reservedInputKey);
  const { session, createdAt } = readExecutionBlock(block) ?? {};
  if (session === undefined || createdAt === undefined || readCaller(block) === undefined) return undefined;
  const { [reservedInputKey]: _, ...input } = given as { readonly [name: string]: Json };
  return { called: { session, createdAt }, input };
}

/** The path of the job that calls. */
export function callingJob(call: Json | undefined): Json | undefined {
  return field(field(field(givenTo(call), reservedInputKey), 'parent'), 'job');
}

const endedAs: { readonly [status: string]: string } = { TIMED_OUT: 'ran out of time', ABORTED: 'was cancelled' };

/**
 * Of a call that has failed, which session it was and what that has failed with: Step Functions tells all it knows of the
 * execution. Any other failure is given back as it is.
 */
export function callFailure(failure: FailureView): FailureView {
  if (failure.name !== 'States.TaskFailed') return failure;
  const told = parseJson(failure.cause);
  const text = (name: string) => {
    const value = field(told, name);
    return typeof value === 'string' ? value : '';
  };
  // What is long is cut off, and no JSON then: the name is there all the same.
  const name =
    told === undefined ? (/"Name":"(session-[0-9a-z]{26}-\d+)"/.exec(failure.cause)?.[1] ?? '') : text('Name');
  const session = sessionNamed(name);
  if (session === undefined) return failure;
  const inner = callFailure({ name: text('Error'), cause: text('Cause') });
  const thrown = field(parseJson(inner.cause), 'errorMessage');
  const reason = [inner.name, typeof thrown === 'string' ? thrown : inner.cause].filter((part) => part !== '');
  const ended = `session ${session} ${endedAs[text('Status')] ?? 'failed'}`;
  return { name: failure.name, cause: [ended, ...reason].join(': ') };
}
