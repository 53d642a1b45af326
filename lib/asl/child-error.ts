/**
 * What a task fails with that has waited for another execution (`states:startExecution.sync:2`): the cause is what
 * DescribeExecution says of that one, as JSON, with the error that it has ended with.
 */

interface Failure {
  readonly error?: string | undefined;
  readonly cause?: string | undefined;
}

/** The execution of a called pipeline is named for its session. */
const calledSession = /^session-[0-9a-z]{26}-\d+$/;

/**
 * The error that an execution has ended with; if that is the end of a child, the child's own. One level is enough: child
 * machines start none.
 */
export function childError(failure: Failure): Failure {
  if (failure.error !== 'States.TaskFailed' || failure.cause === undefined) return failure;
  let described: unknown;
  try {
    described = JSON.parse(failure.cause);
  } catch {
    return failure;
  }
  if (typeof described !== 'object' || described === null || !('Status' in described)) return failure;
  const { Status, Name: name, Error: error, Cause: cause } = described as { readonly [field: string]: unknown };
  // A pipeline that was called has a session of its own, whose failure is told there: this one fails because of it.
  if (typeof name === 'string' && calledSession.test(name)) return failure;
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  if (Status === 'TIMED_OUT') return { error: text(error) ?? 'States.Timeout', cause: text(cause) };
  return text(error) === undefined && text(cause) === undefined ? failure : { error: text(error), cause: text(cause) };
}
