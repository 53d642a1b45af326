/** Routes of sessions: start, list, get. */
import type { Json } from '../ir/expressions.ts';
import { BunsuiError } from '../errors.ts';
import type { StoreDeps } from '../sessions/deps.ts';
import type { SessionItem } from '../sessions/items.ts';
import { startSession } from '../sessions/start-session.ts';
import { getSession } from '../sessions/store.ts';
import { noHeaders, nothing, type Route, route } from './route.ts';
import { pipelineParams, session, sessionParams, startBody, startedSession, startHeaders } from './schemas.ts';
import { sessionOf } from './session-record.ts';

/** @throws {BunsuiError} BS3002 when there is no session of that id */
export async function requireSession(deps: StoreDeps, id: string): Promise<SessionItem> {
  const found = await getSession(deps, id);
  if (found !== undefined) return found;
  throw new BunsuiError('SessionError', 'BS3002', `no session has the id "${id}"`, { context: { session_id: id } });
}

/**
 * Keys of callers are kept apart from those of schedules and triggers: nobody can use up the key of a firing that is
 * still to come.
 */
const dedupKey = (idempotencyKey: string) => `api#${idempotencyKey}`;

const start = route({
  method: 'POST',
  path: '/v1/pipelines/{pipeline}/sessions',
  operation: 'startSession',
  role: 'operator',
  summary: 'Starts a session of a pipeline',
  params: pipelineParams,
  query: nothing,
  headers: startHeaders,
  body: startBody,
  answers: {
    201: { description: 'the session was started', schema: startedSession },
    200: { description: 'an earlier request with the same key has started it', schema: startedSession },
  },
  handle: async (deps, { params, headers, body, caller }) => {
    const key = headers['idempotency-key'];
    const started = await startSession(deps, {
      pipeline: params.pipeline,
      // Read from JSON text: it can hold nothing else.
      input: body.input as { readonly [field: string]: Json },
      trigger: { kind: 'api' },
      ...(body.version === undefined ? {} : { version: body.version }),
      ...(key === undefined ? {} : { key: dedupKey(key) }),
      ...(caller.user === undefined ? {} : { user: caller.user }),
    });
    const { session_id, created_at, execution_arn, outcome } = started;
    return {
      status: outcome === 'created' ? 201 : 200,
      body: { session_id, created_at, execution_arn, outcome },
      headers: { location: `/v1/sessions/${session_id}` },
    };
  },
});

const get = route({
  method: 'GET',
  path: '/v1/sessions/{session}',
  operation: 'getSession',
  role: 'viewer',
  summary: 'One session',
  params: sessionParams,
  query: nothing,
  headers: noHeaders,
  answers: { 200: { description: 'the session as it stands', schema: session } },
  handle: async (deps, { params }) => ({
    status: 200,
    body: sessionOf(await requireSession(deps, params.session)),
  }),
});

export const sessionRoutes: readonly Route[] = [start, get];
