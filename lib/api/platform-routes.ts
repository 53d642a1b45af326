/** Routes about the API itself. */
import { GetCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod/mini';
import { openApi } from './openapi.ts';
import { noHeaders, nothing, type Route, route } from './route.ts';
import { health } from './schemas.ts';

const healthRoute = route({
  method: 'GET',
  path: '/v1/health',
  operation: 'getHealth',
  role: 'viewer',
  summary: 'Whether the API and its tables answer',
  params: nothing,
  query: nothing,
  headers: noHeaders,
  answers: { 200: { description: 'they do', schema: health } },
  handle: async ({ db, names }) => {
    await db.send(new GetCommand({ TableName: names.sessionsTable, Key: { session_id: 'health', created_at: '-' } }));
    return { status: 200, body: { status: 'ok' } };
  },
});

/** The description of the given routes and of itself. */
export function platformRoutes(others: readonly Route[]): readonly Route[] {
  const description = route({
    method: 'GET',
    path: '/v1/openapi.json',
    operation: 'getOpenApi',
    role: 'viewer',
    summary: 'This description, OpenAPI 3.1',
    params: nothing,
    query: nothing,
    headers: noHeaders,
    answers: { 200: { description: 'the document', schema: z.record(z.string(), z.unknown()) } },
    handle: async () => ({ status: 200, body: openApi(all) }),
  });
  const all: readonly Route[] = [...others, description, healthRoute];
  return all;
}
