/**
 * The HTTP API: routes as data, made into a Hono app. Whoever serves it (API Gateway's function, a test) hands in the
 * clients, and with each request who calls and the request's id.
 */
import type { Context } from 'hono';
import { Hono } from 'hono/tiny';
import { BunsuiError } from '../errors.ts';
import { refusalOf } from './answers.ts';
import { approvalRoutes } from './approval-routes.ts';
import { authorise } from './authorise.ts';
import { addLinkPages } from './link-pages.ts';
import { operatingRoutes } from './operating-routes.ts';
import { pipelineRoutes } from './pipeline-routes.ts';
import { platformRoutes } from './platform-routes.ts';
import { maxBodyBytes, readJson, tooLarge } from './read-json.ts';
import { recordRoutes } from './record-routes.ts';
import type { Answer, ApiDeps, Caller, RawRequest, Route } from './route.ts';
import { sessionRoutes } from './session-routes.ts';

/** What comes with a request beside it. */
export interface ApiBindings {
  readonly caller: Caller;
  readonly requestId: string;
}

type Env = { readonly Bindings: ApiBindings };

export const apiRoutes: readonly Route[] = platformRoutes([
  ...pipelineRoutes,
  ...sessionRoutes,
  ...recordRoutes,
  ...operatingRoutes,
  ...approvalRoutes,
]);

/** On every answer: it is data, for this caller alone, and no page. */
const answerHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
};

export function apiApp(deps: ApiDeps): Hono<Env> {
  const app = new Hono<Env>();
  app.onError((thrown, context) => refuse(deps, context, thrown));
  app.notFound((context) => refuse(deps, context, noSuchRoute(context)));
  addLinkPages(app, deps);
  for (const route of apiRoutes) {
    const path = route.path.replaceAll(/\{(\w+)\}/g, ':$1');
    app.on(route.method, path, authorise(route), async (context) => {
      try {
        return send(context, await route.run(deps, await requestOf(context)));
      } catch (thrown) {
        // Here and not in `onError`, which hears of errors only, and not of whatever else may be thrown.
        return refuse(deps, context, thrown);
      }
    });
  }
  return app;
}

async function requestOf(context: Context<Env>): Promise<RawRequest> {
  const { req, env } = context;
  return {
    params: req.param() as { readonly [name: string]: string },
    query: queryOf(req.queries()),
    headers: req.header(),
    body: await bodyOf(context),
    caller: env.caller,
  };
}

function send(context: Context<Env>, { status, body, headers }: Answer): Response {
  return Response.json(body, {
    status,
    headers: { ...answerHeaders, ...headers, 'x-request-id': context.env.requestId },
  });
}

function refuse(deps: ApiDeps, context: Context<Env>, thrown: unknown): Response {
  const { requestId } = context.env;
  const refusal = refusalOf(thrown, requestId);
  if (refusal.status >= 500 || refusal.status === 429) deps.onFailure(requestId, thrown);
  const allow =
    thrown instanceof BunsuiError && thrown.code === 'BS6003' ? { allow: methodsAt(context).join(', ') } : {};
  return send(context, { ...refusal, headers: { ...refusal.headers, ...allow } });
}

/** @throws {BunsuiError} BS6001 for a name that is given twice: which of the two is meant, nobody knows */
function queryOf(given: { readonly [name: string]: readonly string[] }): { readonly [name: string]: string } {
  return Object.fromEntries(
    Object.entries(given).map(([name, [value = '', ...more]]) => {
      if (more.length === 0) return [name, value];
      throw new BunsuiError('ValidationError', 'BS6001', `the query has "${name.slice(0, 60)}" more than once`);
    }),
  );
}

async function bodyOf({ req }: Context<Env>): Promise<ReturnType<typeof readJson> | undefined> {
  const announced = Number(req.header('content-length') ?? 0);
  if (announced > maxBodyBytes) throw tooLarge(announced);
  const text = await req.text();
  if (text === '') return undefined;
  const type = req.header('content-type') ?? 'application/json';
  if (/^application\/(json|[\w.+-]+\+json)\s*(;|$)/i.test(type)) return readJson(text);
  throw new BunsuiError(
    'ValidationError',
    'BS6001',
    `the body is said to be ${type.slice(0, 60)}, not application/json`,
  );
}

function methodsAt({ req }: Context<Env>): readonly string[] {
  const fits = ({ path }: Route) => new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(req.path);
  return apiRoutes.filter(fits).map(({ method }) => method);
}

function noSuchRoute(context: Context<Env>): BunsuiError {
  const methods = methodsAt(context);
  const { method, path } = context.req;
  const at = path.slice(0, 100);
  if (methods.length === 0) {
    return new BunsuiError('ValidationError', 'BS6002', `there is nothing at ${at}`, { hint: 'see /v1/openapi.json' });
  }
  return new BunsuiError('ValidationError', 'BS6003', `${at} does not take ${method}, only ${methods.join(' and ')}`);
}
