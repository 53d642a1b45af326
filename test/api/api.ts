/** The API over a small world, and calls of it whose answers are held against the schemas that the API declares. */
import type * as z from 'zod/mini';
import { expect } from 'vitest';
import { apiApp, apiRoutes } from '../../lib/api/app.ts';
import type { ApiDeps } from '../../lib/api/deps.ts';
import type { Role, Route } from '../../lib/api/route.ts';
import { failure } from '../../lib/api/schemas.ts';
import type { Cloud } from '../sessions/cloud.ts';

export const user = 'arn:aws:iam::000000000000:user/ann';

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // What an answer holds is for each test to say.
  readonly body: unknown;
}

export interface CallOptions {
  readonly body?: unknown;
  /** Sent as it is. */
  readonly text?: string;
  readonly headers?: { readonly [name: string]: string };
  readonly role?: Role;
}

export interface TestApi {
  readonly failures: unknown[];
  call(method: string, path: string, options?: CallOptions): Promise<Answered>;
}

const pathOf = (path: string) => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`);

/** The schema of an answer, as the route declares it. */
function schemaOf(method: string, path: string, status: number): z.ZodMiniType {
  const found = apiRoutes.find((route: Route) => route.method === method && pathOf(route.path).test(path));
  const declared = found?.answers[status]?.schema;
  if (declared !== undefined) return declared;
  if (status >= 400) return failure;
  throw new Error(`${method} ${path} declares no answer ${status}`);
}

export function testApi(deps: Omit<ApiDeps, 'onFailure' | 'objectUrl'>): TestApi {
  const failures: unknown[] = [];
  let requests = 0;
  const app = apiApp({
    ...deps,
    // Where a copy is needed and the time is asked for later.
    now: () => deps.now(),
    objectUrl: async (key) => ({ url: `https://objects.invalid/${key}`, expiresAt: '2026-03-04T05:11:07.000Z' }),
    onFailure: (requestId, thrown) => failures.push([requestId, thrown]),
  });
  return {
    failures,
    async call(method, path, { body, text, headers = {}, role = 'admin' } = {}) {
      requests += 1;
      const sent = text ?? (body === undefined ? undefined : JSON.stringify(body));
      const answer = await app.request(
        path,
        {
          method,
          headers: { 'content-type': 'application/json', ...headers },
          ...(sent === undefined ? {} : { body: sent }),
        },
        { caller: { user, role }, requestId: `r${requests}` },
      );
      const given: unknown = await answer.json();
      const checked = schemaOf(method, new URL(path, 'https://a.invalid').pathname, answer.status).safeParse(given);
      expect({ path, issues: checked.error?.issues ?? [] }).toStrictEqual({ path, issues: [] });
      return { status: answer.status, headers: answer.headers, body: given };
    },
  };
}

/** A world's parts as the API takes them. */
export const apiDeps = (cloud: Cloud) => cloud.deps;
