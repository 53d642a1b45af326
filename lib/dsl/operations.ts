/**
 * Operations: the contracts of what jobs run. A contract stands in a file that holds contracts only; its handler
 * lives in the file `entry` names, so that neither the pipeline loads handlers nor a handler the pipeline.
 */
import type * as z from 'zod';
import type { SourcePosition } from '../errors.ts';
import { type HandlerContext, type LambdaHandler, runHandler, wrapHandler } from '../wrapper/wrap-handler.ts';
import { callSite } from './call-site.ts';
import type { Duration } from './durations.ts';
import type { JsonOnly, Schema } from './schemas.ts';

/** When and how a failed job is tried again. */
export interface Retry {
  /** Tries after the first one, 0 to 99. */
  readonly max: number;
  /** Before the first retry. @default "1s" */
  readonly delay?: Duration;
  /** Factor from one wait to the next, at least 1. @default 2 */
  readonly backoff?: number;
  /** Ceiling of a single wait. @default none */
  readonly maxDelay?: Duration;
  /** Draw each wait between 0 and its length, so that many do not retry at once. @default false */
  readonly jitter?: boolean;
  /** Names of the errors to retry. @default all */
  readonly errors?: readonly string[];
}

/** What `lambda` is given. */
export interface LambdaContract<I, O> {
  /** File that exports `handler`, relative to the file that declares the contract. */
  readonly entry: string;
  readonly description?: string;
  /** What the handler is given. */
  readonly input: I;
  /** What the handler gives back: JSON values only. */
  readonly output: O;
  /** How long one call may take, at most 15 minutes. @default "60s" */
  readonly timeout?: Duration;
  /** Memory in MiB, 128 to 10240. @default 512 */
  readonly memory?: number;
  /** Environment variables of the function. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Retry of every job that runs this operation, unless the job says otherwise. @default none */
  readonly retry?: Retry;
}

/** A contract: what a job runs, typed in and out. */
export interface Operation<I extends Schema, O extends Schema> {
  readonly kind: 'lambda';
  readonly id: string;
  readonly input: I;
  readonly output: O;
  readonly contract: Omit<LambdaContract<Schema, Schema>, 'input' | 'output'>;
  /** Where the contract was declared. */
  readonly source: SourcePosition;
}

/** A handler that Lambda can call, and that a unit test calls with plain values through `run`. */
export interface OperationHandler<I extends Schema, O extends Schema> extends LambdaHandler {
  /**
   * Checks the input, runs the handler, checks the output. Nothing is recorded.
   * @throws an error named `Bunsui.InputInvalid` or `Bunsui.OutputInvalid`, or what the handler throws
   */
  run(input: z.input<I>, context?: Partial<HandlerContext>): Promise<z.output<O>>;
}

/** An operation whose handler is the author's own function. */
export interface LambdaOperation<I extends Schema, O extends Schema> extends Operation<I, O> {
  /**
   * Makes the exported `handler` of the entry file.
   * @example export const handler = extract.handler(async (input, ctx) => ({ rows: 1 }));
   */
  handler(
    run: (input: z.output<I>, context: HandlerContext) => Promise<z.input<O>> | z.input<O>,
  ): OperationHandler<I, O>;
}

/**
 * Declares an operation that runs the author's own code on Lambda.
 *
 * @example
 * export const extract = lambda('extract', {
 *   entry: './extract.ts',
 *   input: z.object({ date: z.iso.date() }),
 *   output: z.object({ key: z.string(), rows: z.int() }),
 * });
 */
export function lambda<I extends Schema, O extends Schema>(
  id: string,
  contract: LambdaContract<I, O & JsonOnly<z.output<O>>>,
): LambdaOperation<I, O> {
  const { input, output, ...rest } = contract as LambdaContract<I, O>;
  const shape = { id, input, output };
  return {
    kind: 'lambda',
    id,
    input,
    output,
    contract: rest,
    source: callSite(),
    handler(run) {
      const handler = wrapHandler(shape, run as never);
      return Object.assign(handler, {
        run: (value: z.input<I>, context?: Partial<HandlerContext>) =>
          runHandler(shape, run as never, value, context) as Promise<z.output<O>>,
      });
    },
  };
}
