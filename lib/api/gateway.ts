/** Requests as API Gateway hands them to a function, and answers as it takes them back: REST API, proxy integration. */
import * as z from 'zod/mini';
import type { ApiBindings } from './app.ts';

const texts = z.nullish(z.record(z.string(), z.nullish(z.string())));
const lists = z.nullish(z.record(z.string(), z.nullish(z.array(z.string()))));

/** @see https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html */
export const proxyEvent = z.object({
  httpMethod: z.string(),
  path: z.string(),
  /** The resource of API Gateway that took it. */
  resource: z.nullish(z.string()),
  headers: texts,
  multiValueHeaders: lists,
  queryStringParameters: texts,
  multiValueQueryStringParameters: lists,
  body: z.nullish(z.string()),
  isBase64Encoded: z.nullish(z.boolean()),
  requestContext: z.object({
    requestId: z.string(),
    identity: z.nullish(z.object({ userArn: z.nullish(z.string()) })),
  }),
});
export type ProxyEvent = z.output<typeof proxyEvent>;

export interface ProxyAnswer {
  readonly statusCode: number;
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
}

/** The values of each name: all of them where the event has them, the last one where it has only that. */
function valuesOf(lists: ProxyEvent['multiValueHeaders'], texts: ProxyEvent['headers']): readonly [string, string][] {
  const all = Object.entries(lists ?? {}).flatMap(([name, values]) =>
    (values ?? []).map((value): [string, string] => [name, value]),
  );
  const known = new Set(all.map(([name]) => name));
  const rest = Object.entries(texts ?? {}).filter(([name]) => !known.has(name));
  return [...all, ...rest.map(([name, value]): [string, string] => [name, value ?? ''])];
}

/** A header's value that `Headers` takes: others cannot have come over HTTP, but in an event that somebody made. */
const isHeader = ([name, value]: readonly [string, string]) =>
  /^[\w!#$%&'*+.^`|~-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value);

/** The part of a path from the API's own on: a custom domain may put something before it. */
const ownPath = (path: string) => /\/(v\d+(\/.*)?|links)$/.exec(path)?.[0] ?? path;

export function requestOf(event: ProxyEvent): Request {
  const url = new URL('https://api.invalid');
  url.pathname = ownPath(event.path);
  for (const [name, value] of valuesOf(event.multiValueQueryStringParameters, event.queryStringParameters)) {
    url.searchParams.append(name, value);
  }
  const headers = new Headers(
    valuesOf(event.multiValueHeaders, event.headers)
      .filter(isHeader)
      .map(([...pair]) => pair),
  );
  headers.delete('content-length');
  const { httpMethod: method } = event;
  const isBodiless = method === 'GET' || method === 'HEAD';
  const body = Buffer.from(event.body ?? '', event.isBase64Encoded === true ? 'base64' : 'utf8');
  return new Request(url, { method, headers, ...(isBodiless || body.length === 0 ? {} : { body }) });
}

/** The one resource that asks nobody for a signature (`platform-api.ts`): its requests reach no route. */
export const linkResource = '/links';

/**
 * Who calls. API Gateway lets a request in when IAM allows its caller that method and path: what comes here may do all
 * that it asks for.
 */
export function bindingsOf({ resource, requestContext: { requestId, identity } }: ProxyEvent): ApiBindings {
  if (resource === linkResource) return { requestId, caller: { role: undefined } };
  const user = identity?.userArn ?? undefined;
  return { requestId, caller: { role: 'admin', ...(user === undefined ? {} : { user }) } };
}

export async function proxyAnswer(response: Response): Promise<ProxyAnswer> {
  return { statusCode: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
}
