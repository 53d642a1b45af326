/** A route: where it is, who may call it, what it takes and answers, and what it does. */
import * as z from 'zod/mini';
import { BunsuiError } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';
import type { EndDeps } from '../sessions/deps.ts';
import { issueText } from './issue-text.ts';

/** What the API is handed. */
export interface ApiDeps extends EndDeps {
  /** An address under which an object of the bucket can be read for some minutes, without credentials. */
  readonly objectUrl: (key: string) => Promise<{ readonly url: string; readonly expiresAt: string }>;
  /** Hears of every request that ended with a status from 500 on: the answer says nothing about it. */
  readonly onFailure: (requestId: string, thrown: unknown) => void;
}

/** Who may call a route, from the one who may least. Each may what those before it may. */
export const roles = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof roles)[number];

/** Who calls, as far as whoever let the request in has made sure of it. */
export interface Caller {
  /** For the record: the ARN of an IAM identity. */
  readonly user?: string;
  readonly role: Role | undefined;
}

/** A request as it came; nothing of it is to be trusted. */
export interface RawRequest {
  readonly params: { readonly [name: string]: string };
  readonly query: { readonly [name: string]: string };
  /** Names in lower case. */
  readonly headers: { readonly [name: string]: string };
  /** `undefined` where nothing was sent. */
  readonly body: Json | undefined;
  readonly caller: Caller;
}

export interface Answer {
  readonly status: number;
  /** Sent as JSON. */
  readonly body: unknown;
  readonly headers?: { readonly [name: string]: string };
}

/** What an answer of some status says. */
export interface AnswerSpec {
  readonly description: string;
  readonly schema: z.ZodMiniType;
  readonly headers?: { readonly [name: string]: string };
}

type Schema = z.ZodMiniType;

interface RouteSpec<P extends Schema, Q extends Schema, H extends Schema, B extends Schema> {
  readonly method: 'GET' | 'POST';
  /** `/v1/sessions/{session}` */
  readonly path: string;
  /** Its name among all operations. */
  readonly operation: string;
  readonly role: Role;
  readonly summary: string;
  readonly description?: string;
  readonly params: P;
  readonly query: Q;
  readonly headers: H;
  /** Left out where a body is not taken. */
  readonly body?: B;
  readonly answers: { readonly [status: number]: AnswerSpec };
  readonly handle: (
    deps: ApiDeps,
    request: {
      readonly params: z.output<P>;
      readonly query: z.output<Q>;
      readonly headers: z.output<H>;
      readonly body: z.output<B>;
      readonly caller: Caller;
    },
  ) => Promise<Answer>;
}

export interface Route extends Omit<RouteSpec<Schema, Schema, Schema, Schema>, 'handle'> {
  /** Checks the request and answers it. @throws {BunsuiError} BS6001 when it is not as its schemas say */
  readonly run: (deps: ApiDeps, request: RawRequest) => Promise<Answer>;
}

/** Nothing in this place. */
export const nothing = z.strictObject({});
/** Headers that routes read; others come with every request. */
export const noHeaders = z.object({});

export function route<
  P extends Schema = typeof nothing,
  Q extends Schema = typeof nothing,
  H extends Schema = typeof noHeaders,
  B extends Schema = typeof nothing,
>(spec: RouteSpec<P, Q, H, B>): Route {
  const { handle, ...rest } = spec;
  const bodySchema: Schema = spec.body ?? nothing;
  return {
    ...rest,
    run: (deps, request) =>
      handle(deps, {
        params: parse(spec.params, request.params, 'address'),
        query: parse(spec.query, request.query, 'query'),
        headers: parse(spec.headers, request.headers, 'header'),
        body: parse(bodySchema as B, request.body ?? {}, 'body'),
        caller: request.caller,
      }),
  };
}

function parse<S extends Schema>(schema: S, value: unknown, part: string): z.output<S> {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => ({
    path: [part, ...issue.path.map(String)],
    message: issueText(issue),
  }));
  const text = issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
  throw new BunsuiError('ValidationError', 'BS6001', `the request does not fit: ${text.slice(0, 1_000)}`, {
    context: { issues: issues.slice(0, 20) },
    hint: 'see /v1/openapi.json',
  });
}
