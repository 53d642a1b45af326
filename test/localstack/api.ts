/** Calls the HTTP API that is deployed: API Gateway in front of its function. */
import { main, target } from './platforms.ts';

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

export async function callApi<T = unknown>(
  method: string,
  path: string,
  body?: object,
  headers: { readonly [name: string]: string } = {},
): Promise<Answer<T>> {
  const [api = ''] = await main.physical('AWS::ApiGateway::RestApi');
  const answer = await fetch(`${target.endpoint}/_aws/execute-api/${api}/api${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    redirect: 'manual',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: (text === '' ? undefined : JSON.parse(text)) as T };
}
