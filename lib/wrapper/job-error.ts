/** Errors that a job fails with. Step Functions matches `name`, so it is set as a literal from `jobErrors`. */
import { isNativeError } from 'node:util/types';
import { inspect } from 'node:util';
import type { jobErrors } from '../errors.ts';

export type JobErrorName = (typeof jobErrors)[keyof typeof jobErrors];

/** An error with one of the names that bunsui gives. */
export function jobError(name: JobErrorName, message: string, cause?: unknown): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause });
  error.name = name;
  return error;
}

/** What a handler threw, as an Error: Lambda reports anything else without name and message. */
export function asError(thrown: unknown): Error {
  if (thrown instanceof Error || isNativeError(thrown)) return thrown;
  return new Error(typeof thrown === 'string' ? thrown : inspect(thrown, { depth: 2 }), { cause: thrown });
}
