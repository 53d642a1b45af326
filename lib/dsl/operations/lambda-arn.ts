/** `lambdaArn`: a Lambda function that exists already. It is given the job's input, and what it answers is checked. */
import * as z from 'zod';
import { lambdaFaults } from '../../ir/operations.ts';
import type { JsonOnly, Schema } from '../schemas.ts';
import { type Contract, kindInterface, type Operation, type OperationKind, operationOf } from './kind.ts';
import { filePath } from './settings.ts';

const functionArn =
  /^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]{1,64}(:(\$LATEST|[A-Za-z0-9_-]{1,128}))?$/;

const settings = z.strictObject({
  arn: z.string().regex(functionArn, {
    error:
      'give the ARN of a function, with a version or alias if need be: arn:aws:lambda:eu-west-1:123456789012:function:score:live',
  }),
  local: filePath.optional(),
});

/** What `lambdaArn` is given. */
export interface LambdaArnContract<I, O> extends Contract<I, O> {
  /** ARN of the function, with a version or alias where one is meant. */
  readonly arn: string;
  /** File that exports `handler`, which is called in the function's place on a laptop. @default a job of it fails there */
  readonly local?: string;
}

export const lambdaArnKind = {
  interface: kindInterface,
  kind: 'lambdaArn',
  icon: 'λ',
  summary: 'a Lambda function that exists already',
  settings,
  lower({ arn, local }: z.output<typeof settings>, { input, resolve }) {
    return {
      task: {
        resource: 'arn:aws:states:::lambda:invoke',
        arguments: { FunctionName: arn, Payload: input },
        result: ['Payload'],
        transient: lambdaFaults,
        statements: [{ actions: ['lambda:InvokeFunction'], resources: [arn] }],
        ...(local === undefined ? {} : { standIn: resolve(local) }),
      },
    };
  },
} satisfies OperationKind;

/**
 * Declares an operation that calls a Lambda function which exists already.
 *
 * @example
 * export const score = lambdaArn('score', {
 *   arn: 'arn:aws:lambda:eu-west-1:123456789012:function:score:live',
 *   input: z.object({ customer: z.string() }),
 *   output: z.object({ score: z.number() }),
 * });
 */
export function lambdaArn<I extends Schema, O extends Schema>(
  id: string,
  contract: LambdaArnContract<I, O & JsonOnly<z.output<O>>>,
): Operation<I, O> {
  return operationOf(lambdaArnKind, id, contract as LambdaArnContract<I, O>);
}
