/**
 * `lambda`: the author's own code, on Lambda. Its contract stands in a file that holds contracts only; its handler lives
 * in the file that `entry` names, so that neither the pipeline loads handlers nor a handler the pipeline.
 */
import type * as z from 'zod';
import { type HandlerContext, type LambdaHandler, runHandler, wrapHandler } from '../../wrapper/wrap-handler.ts';
import type { JsonLinesSchema } from '../json-lines.ts';
import type { JsonOnly, Schema } from '../schemas.ts';
import { type Contract, kindInterface, type Operation, type OperationKind, operationOf } from './kind.ts';

interface LambdaSettings {
  /** File that exports `handler`, relative to the file that declares the contract. */
  readonly entry: string;
  /** Memory in MiB, 128 to 10240. @default 512 */
  readonly memory?: number;
  /** Environment variables of the function. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** What `lambda` is given. One call may take at most 15 minutes, by default 60 seconds. */
export interface LambdaContract<I, O> extends Contract<I, O>, LambdaSettings {}

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
  handler(run: (input: z.output<I>, context: HandlerContext) => Returned<O>): OperationHandler<I, O>;
}

/** What a handler returns: its output, or the records that are. */
type Returned<O extends Schema> =
  O extends JsonLinesSchema<infer S>
    ? AsyncIterable<z.input<S>> | Iterable<z.input<S>> | Promise<AsyncIterable<z.input<S>> | Iterable<z.input<S>>>
    : Promise<z.input<O>> | z.input<O>;

export const lambdaKind = {
  interface: kindInterface,
  kind: 'lambda',
  icon: 'λ',
  summary: "the author's own code, on Lambda",
  lower({ entry, memory = 512, environment = {} }: LambdaSettings, { resolve }) {
    const defaultTimeoutSeconds = 60;
    return { handler: { entry: resolve(entry), memoryMiB: memory, environment, defaultTimeoutSeconds } };
  },
} satisfies OperationKind;

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
  const operation = operationOf(lambdaKind, id, contract as LambdaContract<I, O>);
  const { input, output } = operation;
  const shape = { id, input, output };
  return {
    ...operation,
    handler(run) {
      const handler = wrapHandler(shape, run as never);
      return Object.assign(handler, {
        run: (value: z.input<I>, context?: Partial<HandlerContext>) =>
          runHandler(shape, run as never, value, context) as Promise<z.output<O>>,
      });
    },
  };
}
