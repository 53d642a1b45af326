/**
 * `aws`: any call of any AWS service through the SDK integrations of Step Functions. The author's schemas type what goes
 * in and what comes out; the action of IAM follows from the call.
 */
import * as z from 'zod';
import type { In, Ref } from '../refs.ts';
import type { JsonOnly, Schema } from '../schemas.ts';
import { iamActions } from './iam-actions.ts';
import {
  type Contract,
  type JobFacts,
  kindInterface,
  type Operation,
  type OperationKind,
  operationOf,
} from './kind.ts';
import { arns, filePath, isWild, requestFunction, wildcardReason } from './settings.ts';

const settings = z
  .strictObject({
    service: z.string().regex(/^[a-z0-9]{2,40}$/, {
      error: 'give the name that SDK integrations have for the service: dynamodb, sfn, secretsmanager',
    }),
    action: z.string().regex(/^[a-z][A-Za-z0-9]{1,80}$/, { error: 'give the call in camel case: getItem' }),
    request: requestFunction.optional(),
    result: z.array(z.string().min(1)).max(10).optional(),
    resources: arns,
    wildcard: wildcardReason.optional(),
    actions: z
      .array(z.string().regex(/^[a-z0-9-]+:[A-Za-z0-9]+$/, { error: 'give actions of IAM: s3:GetObject' }))
      .optional(),
    transient: z.array(z.string().min(1)).optional(),
    local: filePath.optional(),
  })
  .refine(({ resources, wildcard }) => wildcard !== undefined || !resources.some(isWild), {
    path: ['resources'],
    error: 'a wildcard stands here: name the resources, or say in `wildcard` why they cannot be named',
  });

/** What `aws` is given. */
export interface AwsContract<I, O> extends Contract<I, O> {
  /** As SDK integrations name it: `dynamodb`, `sfn`, `secretsmanager`. */
  readonly service: string;
  /** The call, in camel case: `getItem`. */
  readonly action: string;
  /**
   * The request, from the job's input. Step Functions begins every name with a capital, whatever the service's own API does.
   * @default the input itself
   */
  readonly request?: (input: Ref<I extends Schema ? z.output<I> : never>, facts: JobFacts) => In<unknown>;
  /** Field names from the answer inwards to the output. @default the whole answer */
  readonly result?: readonly string[];
  /** ARNs that the call is about. `${AWS::Region}`, `${AWS::AccountId}`, `${AWS::Partition}` stand for where it is deployed. */
  readonly resources: readonly string[];
  /** Why a wildcard stands in `resources`. */
  readonly wildcard?: string;
  /** Actions of IAM. @default that of the call's name, and its exceptions */
  readonly actions?: readonly string[];
  /** Errors that say nothing about the job, and are tried again by themselves: `DynamoDb.ThrottlingException`. @default none */
  readonly transient?: readonly string[];
  /** File that exports `handler`, which takes the request and answers in the service's place on a laptop. @default what the local runtime has of the service */
  readonly local?: string;
}

export const awsKind = {
  interface: kindInterface,
  kind: 'aws',
  icon: '☁',
  summary: 'any call of an AWS service',
  settings,
  lower(given: z.output<typeof settings>, { input, facts, resolve }) {
    const { service, action, request, result, resources, wildcard, actions, transient, local } = given;
    return {
      task: {
        resource: `arn:aws:states:::aws-sdk:${service}:${action}`,
        arguments: request === undefined ? input : (request(input as never, facts) as In<unknown>),
        ...(result === undefined ? {} : { result }),
        ...(transient === undefined ? {} : { transient }),
        statements: [
          {
            actions: actions ?? iamActions(service, action),
            resources,
            ...(wildcard === undefined ? {} : { wildcard }),
          },
        ],
        ...(local === undefined ? {} : { standIn: resolve(local) }),
      },
    };
  },
} satisfies OperationKind;

/**
 * Declares an operation that calls an AWS service.
 *
 * @example
 * export const settings = aws('settings', {
 *   service: 'ssm',
 *   action: 'getParameter',
 *   input: z.object({ name: z.string() }),
 *   output: z.object({ Value: z.string() }),
 *   request: (input) => ({ Name: input.name }),
 *   result: ['Parameter'],
 *   resources: ['arn:aws:ssm:${AWS::Region}:${AWS::AccountId}:parameter/reports/daily'],
 * });
 */
export function aws<I extends Schema, O extends Schema>(
  id: string,
  contract: AwsContract<I, O & JsonOnly<z.output<O>>>,
): Operation<I, O> {
  return operationOf(awsKind, id, contract as unknown as Contract<I, O>);
}
