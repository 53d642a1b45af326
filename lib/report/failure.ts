/** What an error's `cause` says, however it was written. */
import type { FailureView } from '../sessions/view.ts';

export interface Explained {
  /** The name that Retry and Catch match. */
  readonly name: string;
  readonly message: string;
  /** Lines of a stack trace; empty when there is none. */
  readonly trace: readonly string[];
}

/**
 * Takes a failure apart. Lambda writes its cause as JSON: `{"errorType","errorMessage","trace"}` (`stackTrace` in some
 * runtimes); anything else is a message as it stands.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html
 */
export function explainFailure({ name, cause }: FailureView): Explained {
  const parsed = parseObject(cause);
  const message = parsed?.['errorMessage'];
  if (typeof message !== 'string') return { name, message: cause, trace: [] };
  const trace = parsed?.['trace'] ?? parsed?.['stackTrace'];
  const lines = Array.isArray(trace) ? trace.filter((line) => typeof line === 'string') : [];
  return { name, message, trace: lines };
}

function parseObject(text: string): { readonly [key: string]: unknown } | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined; // an author's text that only looks like JSON
    throw error;
  }
}
