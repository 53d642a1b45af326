/** Routes about the API itself. */
import { GetCommand } from '@aws-sdk/lib-dynamodb';
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

export const platformRoutes: readonly Route[] = [healthRoute];
