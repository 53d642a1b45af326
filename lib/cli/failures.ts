/**
 * What an error of a job says to a person: its name and the first line of what was thrown.
 */
import type { FailureView } from '../sessions/view.ts';
import { harmlessText } from './harmless.ts';

/** A failure in words. `message` may have several lines, `trace` is the handler's stack. */
export interface FailureText {
  readonly name: string;
  readonly message: string;
  readonly trace: readonly string[];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Lambda's cause is JSON (`{"errorType","errorMessage","trace"}`), Step Functions' own is text: both are made harmless. */
export function failureText(failure: FailureView): FailureText {
  const name = harmlessText(failure.name).replaceAll('\n', ' ');
  const cause = parsed(failure.cause);
  if (!isRecord(cause) || typeof cause['errorMessage'] !== 'string') {
    return { name, message: harmlessText(failure.cause), trace: [] };
  }
  const trace = Array.isArray(cause['trace']) ? cause['trace'].filter((line) => typeof line === 'string') : [];
  return {
    name,
    message: harmlessText(cause['errorMessage']),
    trace: trace.map((line) => harmlessText(line).replaceAll('\n', ' ')),
  };
}

/** One line: `Name: message`. */
export function failureLine(failure: FailureView): string {
  const { name, message } = failureText(failure);
  const first = message.split('\n', 1)[0] ?? '';
  return first === '' ? name : `${name}: ${first}`;
}
