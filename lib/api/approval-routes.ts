/** Routes of approvals: what waits, what was answered, and answering. */
import * as z from 'zod/mini';
import { BunsuiError } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';
import { type AnswerDeps, answerApproval } from '../sessions/answer-approval.ts';
import type { AnswerItem } from '../sessions/items.ts';
import { listApprovals } from '../sessions/list-approvals.ts';
import { listJobRecords } from '../sessions/store.ts';
import { readCursor, writeCursor } from './cursors.ts';
import { type ApiDeps, noHeaders, nothing, type Route, route } from './route.ts';
import {
  answerBody,
  approvalPage,
  type answer as answerSchema,
  instant,
  jobPath,
  listQuery,
  sessionApprovals,
  sessionId,
  sessionParams,
  takenAnswer,
} from './schemas.ts';
import { recordedValue } from '../sessions/recorded-value.ts';
import { optional } from './session-record.ts';
import { requireSession } from './session-routes.ts';

/** @throws {BunsuiError} BS6002 where nothing can be asked */
export function answerDepsOf(deps: ApiDeps): AnswerDeps {
  const { gatesTable } = deps;
  if (gatesTable !== undefined) return { ...deps, gatesTable };
  throw new BunsuiError('ConfigError', 'BS6002', 'this API has no table in which approvals wait');
}

const mark = z.tuple([instant(), sessionId(), jobPath()]);

const list = route({
  method: 'GET',
  path: '/v1/approvals',
  operation: 'listApprovals',
  role: 'viewer',
  summary: 'Approvals that wait for a person, the oldest first',
  params: nothing,
  query: listQuery,
  headers: noHeaders,
  answers: { 200: { description: 'a page of approvals', schema: approvalPage } },
  handle: async (deps, { query }) => {
    const after = query.cursor === undefined ? undefined : readCursor(mark, query.cursor);
    const all = await listApprovals(answerDepsOf(deps));
    const place = (one: (typeof all)[number]) => `${one.asked_at} ${one.session_id} ${one.job_id}`;
    const sorted = all.toSorted((a, b) => (place(a) < place(b) ? -1 : 1));
    const rest = after === undefined ? sorted : sorted.filter((one) => place(one) > after.join(' '));
    const approvals = rest.slice(0, query.limit);
    const last = approvals.at(-1);
    const isLast = last === undefined || rest.length === approvals.length;
    const cursor = isLast ? {} : { cursor: writeCursor([last.asked_at, last.session_id, last.job_id]) };
    return { status: 200, body: { approvals, ...cursor } };
  },
});

function answerOf(item: AnswerItem): z.output<typeof answerSchema> {
  const { job_id, generation, asked_at, approved, answered_by: by, answered_at: at, answered_via: via } = item;
  return {
    ...{ job_id, generation, message: item.message, asked_at, approved },
    ...(item.answer === undefined ? {} : { answer: recordedValue(item.answer) }),
    ...optional(item, 'reason'),
    ...{ by, at, via },
  };
}

const ofSession = route({
  method: 'GET',
  path: '/v1/sessions/{session}/approvals',
  operation: 'listSessionApprovals',
  role: 'viewer',
  summary: 'What a session asks people, and what they have answered',
  params: sessionParams,
  query: nothing,
  headers: noHeaders,
  answers: { 200: { description: 'what waits, and every answer of all generations', schema: sessionApprovals } },
  handle: async (deps, { params }) => {
    const { session_id } = await requireSession(deps, params.session);
    const waiting = await listApprovals(answerDepsOf(deps));
    const { answers } = await listJobRecords(deps, session_id);
    const own = waiting.filter((one) => one.session_id === session_id);
    return { status: 200, body: { waiting: own, answers: answers.map(answerOf) } };
  },
});

const answer = route({
  method: 'POST',
  path: '/v1/sessions/{session}/approvals',
  operation: 'answerApproval',
  role: 'operator',
  summary: 'Answers an approval that waits, once',
  params: sessionParams,
  query: nothing,
  headers: noHeaders,
  body: answerBody,
  answers: { 200: { description: 'the answer was taken', schema: takenAnswer } },
  handle: async (deps, { params, body, caller }) => {
    const taken = await answerApproval(answerDepsOf(deps), {
      session: params.session,
      job: body.job_id,
      // Read from JSON text: it can hold nothing else.
      answer: body.approved ? { approve: (body.answer ?? {}) as Json } : 'reject',
      ...optional(body, 'reason'),
      by: caller.user ?? 'unknown',
      via: 'api',
      ...(body.asked_at === undefined ? {} : { askedAt: body.asked_at }),
    });
    return { status: 200, body: taken };
  },
});

export const approvalRoutes: readonly Route[] = [list, ofSession, answer];
