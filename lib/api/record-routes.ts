/** Routes of what a session has left: its jobs, its log, its report. */
import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { BunsuiError } from '../errors.ts';
import type { SessionItem } from '../sessions/items.ts';
import { objectKeys } from '../storage-layout.ts';
import { jobPage } from './job-pages.ts';
import { logPage } from './log-pages.ts';
import { type ApiDeps, noHeaders, nothing, type Route, route } from './route.ts';
import { jobPageSchema, jobQuery, logPageSchema, logQuery, reportAt, sessionParams } from './schemas.ts';
import { requireSession } from './session-routes.ts';

const jobs = route({
  method: 'GET',
  path: '/v1/sessions/{session}/jobs',
  operation: 'listJobs',
  role: 'viewer',
  summary: 'Jobs of a session that have begun, with their attempts',
  description: 'By path. Jobs that were skipped, or have not begun, have left no record: the report shows them.',
  params: sessionParams,
  query: jobQuery,
  headers: noHeaders,
  answers: { 200: { description: 'a page of jobs', schema: jobPageSchema } },
  handle: async (deps, { params, query }) => {
    const session = await requireSession(deps, params.session);
    return { status: 200, body: await jobPage(deps, session, { ...query, data: query.data === 'true' }) };
  },
});

const logs = route({
  method: 'GET',
  path: '/v1/sessions/{session}/logs',
  operation: 'listLogLines',
  role: 'viewer',
  summary: 'The log of a session, oldest line first',
  description: 'While it runs the page ends with what has been written until now.',
  params: sessionParams,
  query: logQuery,
  headers: noHeaders,
  answers: { 200: { description: 'a page of lines', schema: logPageSchema } },
  handle: async (deps, { params, query }) => ({
    status: 200,
    body: await logPage(deps, await requireSession(deps, params.session), query),
  }),
});

const report = route({
  method: 'GET',
  path: '/v1/sessions/{session}/report',
  operation: 'getReport',
  role: 'viewer',
  summary: 'The report of a session that has ended',
  params: sessionParams,
  query: nothing,
  headers: noHeaders,
  answers: {
    303: {
      description: 'where the page is',
      schema: reportAt,
      headers: { location: 'an address that can be read without credentials for some minutes' },
    },
  },
  handle: async (deps, { params }) => {
    const { url, expiresAt } = await deps.objectUrl(
      await requireReport(deps, await requireSession(deps, params.session)),
    );
    return { status: 303, body: { url, expires_at: expiresAt }, headers: { location: url } };
  },
});

/** @throws {BunsuiError} BS3011 when it is not written yet, or not kept any more */
async function requireReport({ s3, names }: ApiDeps, item: SessionItem): Promise<string> {
  const { session_id, created_at, status } = item;
  const key = objectKeys.report({ createdAt: created_at, session: session_id });
  try {
    await s3.send(new HeadObjectCommand({ Bucket: names.bucket, Key: key }));
    return key;
  } catch (thrown) {
    const { name } = thrown as { readonly name?: string };
    if (name !== 'NotFound' && name !== 'NoSuchKey') throw thrown;
    throw new BunsuiError('SessionError', 'BS3011', `session ${session_id} is ${status} and has no report`, {
      context: { session_id, status },
      hint: 'it is written when a session ends, and kept as long as the platform says',
    });
  }
}

export const recordRoutes: readonly Route[] = [jobs, logs, report];
