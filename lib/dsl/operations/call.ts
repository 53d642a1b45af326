/**
 * `call`: a pipeline that another one calls. The child is a session of its own, with its own records, report and logs;
 * the state machine starts it, and waits for its end where that is wanted.
 *
 * @see https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
 */
import * as z from 'zod';
import type { Schema } from '../schemas.ts';
import { kindInterface, type Operation, type OperationKind, operationOf } from './kind.ts';

/** What can be called: what `pipeline(…)` returns, as far as a call reads it. */
export interface Callable<I extends Schema, O extends Schema> {
  readonly id: string;
  readonly input: I;
  readonly output: O | undefined;
}

/** What a call gives that does not wait. */
export const started = z.object({ session: z.string() });

const settings = z.strictObject({ pipeline: z.string(), waits: z.boolean() });

/**
 * Faults of Step Functions that come before anything has begun, and one that may come after: the name of the session is
 * the same at the next try, so that none is begun twice.
 */
const transient = ['StepFunctions.ThrottlingException', 'StepFunctions.SdkClientException'];

export const callKind = {
  interface: kindInterface,
  kind: 'call',
  icon: '↪',
  summary: 'another pipeline, as a session of its own',
  settings,
  lower({ pipeline, waits }: z.output<typeof settings>, { input }) {
    return {
      task: {
        resource: `arn:aws:states:::states:startExecution${waits ? '.sync:2' : ''}`,
        arguments: { Input: input },
        result: waits ? ['Output'] : [],
        transient,
        // The machine's ARN is known where it is deployed, and so is what is allowed on it.
        statements: [],
        call: { pipeline, waits },
      },
    };
  },
} satisfies OperationKind;

/** The operation of a call: what goes in and comes out is what the child's own contract says. */
export function callOf<I extends Schema, O extends Schema>(
  { id, input, output }: Callable<I, O>,
  waits: boolean,
): Operation<I, Schema> {
  const gives: Schema = waits ? (output ?? z.unknown()) : started;
  const contract = { input, output: gives, ...{ pipeline: id, waits } };
  return operationOf(callKind, `${waits ? 'call' : 'start'}-${id}`, contract);
}
