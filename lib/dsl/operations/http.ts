/**
 * `http`: a call of any HTTPS endpoint by Step Functions itself. Its credentials lie in a connection of EventBridge; the
 * pipeline only names it.
 */
import * as z from 'zod';
import { tpl } from '../functions.ts';
import type { In, Ref, RefBase } from '../refs.ts';
import type { JsonOnly, Schema } from '../schemas.ts';
import {
  type Contract,
  type JobFacts,
  kindInterface,
  type Operation,
  type OperationKind,
  operationOf,
} from './kind.ts';
import { filePath, requestFunction } from './settings.ts';

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

const settings = z.strictObject({
  endpoint: z.string().regex(/^https:\/\/[A-Za-z0-9.-]+(:\d{1,5})?(\/[^\s?#]*)?$/, {
    error: 'give an https address without query: what varies goes into the path by `path`, or into `query`',
  }),
  method: z.enum(methods),
  connection: z
    .string()
    .regex(/^arn:aws[a-z-]*:events:[a-z0-9-]+:\d{12}:connection\/[A-Za-z0-9._-]+(\/[A-Za-z0-9-]+)?$/, {
      error: 'give the ARN of a connection of EventBridge, which holds the credentials',
    }),
  path: requestFunction.optional(),
  query: requestFunction.optional(),
  headers: requestFunction.optional(),
  body: requestFunction.optional(),
  local: filePath.optional(),
});

type From<I, T> = (input: Ref<I extends Schema ? z.output<I> : never>, facts: JobFacts) => In<T>;

/** What `http` is given. */
export interface HttpContract<I, O> extends Contract<I, O> {
  /** `https://…`, without query. The policy allows what begins so. */
  readonly endpoint: string;
  readonly method: (typeof methods)[number];
  /** ARN of the EventBridge connection with the credentials. */
  readonly connection: string;
  /** What follows the endpoint, from the job's input. */
  readonly path?: From<I, string>;
  readonly query?: From<I, { readonly [name: string]: string }>;
  readonly headers?: From<I, { readonly [name: string]: string }>;
  /** @default none, for GET, HEAD, DELETE and OPTIONS; else the input */
  readonly body?: From<I, unknown>;
  /** File that exports `handler`, which takes `{ ApiEndpoint, Method, … }` and answers `{ ResponseBody }` on a laptop. */
  readonly local?: string;
}

/** Faults of the network and of busy servers. @see https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html */
const transient = [
  'States.Http.Socket',
  'States.Http.StatusCode.429',
  'States.Http.StatusCode.502',
  'States.Http.StatusCode.503',
  'States.Http.StatusCode.504',
];

export const httpKind = {
  interface: kindInterface,
  kind: 'http',
  icon: '⇄',
  summary: 'a call of an HTTPS endpoint, with the credentials of a connection',
  settings,
  lower(given: z.output<typeof settings>, { input, facts, resolve }) {
    const { endpoint, method, connection, path, query, headers, body, local } = given;
    const of = input as never;
    const sendsBody = ['POST', 'PUT', 'PATCH'].includes(method);
    const [partition = 'aws'] = connection.split(':').slice(1);
    const secret = connection.split(':').slice(3, 5).join(':');
    return {
      task: {
        resource: 'arn:aws:states:::http:invoke',
        arguments: {
          ApiEndpoint: path === undefined ? endpoint : joined(endpoint, path(of, facts)),
          Method: method,
          Authentication: { ConnectionArn: connection },
          ...(query === undefined ? {} : { QueryParameters: query(of, facts) as In<unknown> }),
          ...(headers === undefined ? {} : { Headers: headers(of, facts) as In<unknown> }),
          ...(body !== undefined
            ? { RequestBody: body(of, facts) as In<unknown> }
            : sendsBody
              ? { RequestBody: input }
              : {}),
        },
        result: ['ResponseBody'],
        transient,
        statements: [
          {
            actions: ['states:InvokeHTTPEndpoint'],
            resources: ['arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:*'],
            conditions: {
              StringEquals: { 'states:HTTPMethod': method },
              StringLike: { 'states:HTTPEndpoint': path === undefined ? endpoint : `${endpoint}*` },
            },
            wildcard: 'the endpoint and the method are what is allowed: see the conditions',
          },
          { actions: ['events:RetrieveConnectionCredentials'], resources: [connection] },
          {
            actions: ['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret'],
            resources: [`arn:${partition}:secretsmanager:${secret}:secret:events!connection/*`],
            wildcard: "EventBridge ends the name of a connection's secret with characters of its own",
          },
        ],
        ...(local === undefined ? {} : { standIn: resolve(local) }),
      },
    };
  },
} satisfies OperationKind;

function joined(endpoint: string, path: unknown): Ref<string> {
  return tpl`${endpoint}${path as RefBase<string> | string}`;
}

/**
 * Declares an operation that calls an HTTPS endpoint.
 *
 * @example
 * export const order = http('order', {
 *   endpoint: 'https://api.example.com/orders',
 *   method: 'GET',
 *   connection: 'arn:aws:events:eu-west-1:123456789012:connection/orders/0b5dbd9c-0d0f-4b4b-9d5a-1e5a2a4a7a55',
 *   input: z.object({ id: z.string() }),
 *   output: z.object({ total: z.number() }),
 *   path: (input) => tpl`/${input.id}`,
 * });
 */
export function http<I extends Schema, O extends Schema>(
  id: string,
  contract: HttpContract<I, O & JsonOnly<z.output<O>>>,
): Operation<I, O> {
  return operationOf(httpKind, id, contract as unknown as Contract<I, O>);
}
