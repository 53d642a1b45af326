/** Routes of sessions: start, list, get, tag, cancel, pause, resume, rerun, delete. */
import * as z from 'zod/mini';
import { BunsuiError } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';
import { cancelSession } from '../sessions/cancel.ts';
import { deleteSession } from '../sessions/delete-session.ts';
import type { StoreDeps } from '../sessions/deps.ts';
import type { SessionItem } from '../sessions/items.ts';
import { listSessions } from '../sessions/list-sessions.ts';
import { planRerun } from '../sessions/plan-rerun.ts';
import { pauseSession } from '../sessions/pause.ts';
import { rerunSession, resumeSession } from '../sessions/rerun.ts';
import { startSession } from '../sessions/start-session.ts';
import { getSession } from '../sessions/store.ts';
import { tagSession } from '../sessions/tags.ts';
import { readCursor, writeCursor } from './cursors.ts';
import { noHeaders, nothing, type Route, route } from './route.ts';
import {
  cancelBody,
  cancelledSession,
  deletedSession,
  instant,
  pauseBody,
  pausedSession,
  pipelineParams,
  rerun,
  rerunBody,
  rerunPlan,
  session,
  sessionId,
  sessionPage,
  sessionParams,
  sessionQuery,
  sessionTags,
  startBody,
  startedSession,
  startHeaders,
  tagsBody,
} from './schemas.ts';
import { optional, sessionOf, summaryOf } from './session-record.ts';

/** As `listSessions` writes it. */
const sessionMark = z.tuple([instant(), sessionId()]);

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
      ...optional(body, 'version', 'tags'),
      ...(key === undefined ? {} : { key: dedupKey(key) }),
      ...(caller.user === undefined ? {} : { user: caller.user }),
    });
    const { session_id, created_at, execution_arn, outcome } = started;
    return {
      status: outcome === 'created' ? 201 : 200,
      body: { session_id, created_at, execution_arn, outcome, ...optional(started, 'overlap', 'deleted') },
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
    body: await sessionOf(deps, await requireSession(deps, params.session)),
  }),
});

const list = route({
  method: 'GET',
  path: '/v1/sessions',
  operation: 'listSessions',
  role: 'viewer',
  summary: 'Sessions, the latest first',
  params: nothing,
  query: sessionQuery,
  headers: noHeaders,
  answers: { 200: { description: 'a page of sessions, without inputs and outputs', schema: sessionPage } },
  handle: async (deps, { query }) => {
    const after = query.cursor === undefined ? undefined : readCursor(sessionMark, query.cursor);
    const page = await listSessions(deps, {
      limit: query.limit,
      ...optional(query, 'pipeline', 'status', 'from', 'to', 'error'),
      ...(query.tag === undefined ? {} : { tags: [tagOf(query.tag)] }),
      ...(after === undefined ? {} : { cursor: writeCursor(after) }),
    });
    const { sessions, cursor } = page;
    return { status: 200, body: { sessions: sessions.map(summaryOf), ...(cursor === undefined ? {} : { cursor }) } };
  },
});

function tagOf(given: string): { readonly key: string; readonly value?: string } {
  const at = given.indexOf('=');
  return at < 0 ? { key: given } : { key: given.slice(0, at), value: given.slice(at + 1) };
}

const tag = route({
  method: 'POST',
  path: '/v1/sessions/{session}/tags',
  operation: 'tagSession',
  role: 'operator',
  summary: 'Sets tags of a session, or takes them away',
  params: sessionParams,
  query: nothing,
  headers: noHeaders,
  body: tagsBody,
  answers: { 200: { description: 'its tags', schema: sessionTags } },
  handle: async (deps, { params: { session: session_id }, body }) => ({
    status: 200,
    body: { session_id, tags: await tagSession(deps, { session: session_id, ...optional(body, 'set', 'remove') }) },
  }),
});

const remove = route({
  method: 'POST',
  path: '/v1/sessions/{session}/delete',
  operation: 'deleteSession',
  role: 'admin',
  summary: 'Deletes a session that has ended, with records, logs and report',
  params: sessionParams,
  query: nothing,
  headers: noHeaders,
  answers: { 200: { description: 'it is gone', schema: deletedSession } },
  handle: async (deps, { params }) => {
    const { session_id, created_at } = await deleteSession(deps, params.session);
    return { status: 200, body: { session_id, created_at } };
  },
});

const cancel = route({
  method: 'POST',
  path: '/v1/sessions/{session}/cancel',
  operation: 'cancelSession',
  role: 'operator',
  summary: 'Cancels a session that has not ended',
  params: sessionParams,
  query: nothing,
  headers: noHeaders,
  body: cancelBody,
  answers: {
    200: { description: 'it is cancelled', schema: cancelledSession },
    202: { description: 'it is being stopped', schema: cancelledSession },
  },
  handle: async (deps, { params, body, caller }) => {
    const cancelled = await cancelSession(deps, {
      session: params.session,
      ...optional(body, 'reason'),
      ...optional(caller, 'user'),
      kind: 'api',
    });
    return { status: cancelled.outcome === 'stopping' ? 202 : 200, body: cancelled };
  },
});

const pause = route({
  method: 'POST',
  path: '/v1/sessions/{session}/pause',
  operation: 'pauseSession',
  role: 'operator',
  summary: 'Pauses a session that runs',
  params: sessionParams,
  query: nothing,
  headers: noHeaders,
  body: pauseBody,
  answers: {
    202: { description: 'no job starts any more', schema: pausedSession },
    200: { description: 'it was paused before', schema: pausedSession },
  },
  handle: async (deps, { params, body, caller }) => {
    const by = { kind: 'api', ...optional(caller, 'user') } as const;
    const paused = await pauseSession(deps, { session: params.session, by, ...optional(body, 'reason', 'now') });
    return { status: paused.outcome === 'pausing' ? 202 : 200, body: paused };
  },
});

const resume = route({
  method: 'POST',
  path: '/v1/sessions/{session}/resume',
  operation: 'resumeSession',
  role: 'operator',
  summary: 'Goes on with a session that is paused',
  params: sessionParams,
  query: nothing,
  headers: noHeaders,
  answers: { 202: { description: 'it runs again', schema: rerun } },
  handle: async (deps, { params, caller }) => {
    const by = { kind: 'api', ...optional(caller, 'user') } as const;
    return { status: 202, body: await resumeSession(deps, { session: params.session, by }) };
  },
});

const rerunRoute = route({
  method: 'POST',
  path: '/v1/sessions/{session}/rerun',
  operation: 'rerunSession',
  role: 'operator',
  summary: 'Runs a session again: what failed, what has changed, or what is chosen',
  params: sessionParams,
  query: nothing,
  headers: noHeaders,
  body: rerunBody,
  answers: {
    200: { description: 'what would be done (dry_run)', schema: rerunPlan },
    202: { description: 'it runs again', schema: rerun },
  },
  handle: async (deps, { params, body, caller }) => {
    const { input } = body;
    const request = {
      session: params.session,
      ...optional(body, 'road', 'from', 'only', 'skip', 'failed', 'version'),
      // Read from JSON text: it can hold nothing else.
      ...(input === undefined ? {} : { input: input as { readonly [field: string]: Json } }),
    };
    if (body.dry_run) return { status: 200, body: await planRerun(deps, request) };
    return {
      status: 202,
      body: await rerunSession(deps, { ...request, by: { kind: 'api', ...optional(caller, 'user') } }),
    };
  },
});

export const sessionRoutes: readonly Route[] = [start, list, get, tag, cancel, pause, resume, rerunRoute, remove];
