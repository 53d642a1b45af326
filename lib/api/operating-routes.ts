/** Routes that ask about sessions, wait for their ends, and clear them and what is kept of them away. */
import { setTimeout as wait } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { Json } from '../ir/expressions.ts';
import { askWhy } from '../sessions/ask-why.ts';
import {
  checkpointKinds,
  type KeptCheckpoint,
  keepCheckpoint,
  listCheckpoints,
  pruneCheckpoints,
} from '../sessions/checkpoints.ts';
import { deleteSession, sessionsToPurge } from '../sessions/delete-session.ts';
import { type DiffSide, diffSessions, type JobChange, type ValueChange } from '../sessions/diff.ts';
import type { SessionItem } from '../sessions/items.ts';
import { recordedValue } from '../sessions/recorded-value.ts';
import { artifactOf, sessionNow } from '../sessions/session-now.ts';
import { isTerminal } from '../sessions/status.ts';
import { maxPageBytes, readCursor, writeCursor } from './cursors.ts';
import {
  checkpointPage,
  checkpointQuery,
  diff,
  diffQuery,
  keepBody,
  keptAnswer,
  pruneBody,
  pruned,
  purgeBody,
  purged,
  waited,
  waitQuery,
  why,
  whyQuery,
} from './operating-schemas.ts';
import { type ApiDeps, noHeaders, nothing, type Route, route } from './route.ts';
import { jobPath, sessionParams } from './schemas.ts';
import { optional } from './session-record.ts';
import { requireSession } from './session-routes.ts';

/** How often a session that is waited for is looked at. */
const lookMs = 1_000;

const waitRoute = route({
  method: 'GET',
  path: '/v1/sessions/{session}/wait',
  operation: 'waitForSession',
  role: 'viewer',
  summary: 'Waits for the end of a session',
  params: sessionParams,
  query: waitQuery,
  headers: noHeaders,
  answers: { 200: { description: 'it has ended, or the time is over', schema: waited } },
  handle: async (deps, { params, query }) => {
    let item = await requireSession(deps, params.session);
    for (let left = query.timeout * 1_000; left > 0 && !isTerminal(item.status); left -= lookMs) {
      await wait(Math.min(left, lookMs));
      item = await requireSession(deps, params.session);
    }
    const { session_id, status } = item;
    const ended = isTerminal(status);
    const end = ended ? optional(item, 'completed_at', 'error_code', 'error_message') : {};
    return { status: 200, body: { session_id, status, ended, ...end } };
  },
});

async function asItStands(deps: ApiDeps, id: string) {
  const item = await requireSession(deps, id);
  const artifact = await artifactOf(deps, item);
  return { item, artifact, view: await sessionNow(deps, item, artifact) };
}

const whyRoute = route({
  method: 'GET',
  path: '/v1/sessions/{session}/why',
  operation: 'askWhy',
  role: 'viewer',
  summary: 'Why a job ran, waits, was skipped or failed',
  params: sessionParams,
  query: whyQuery,
  headers: noHeaders,
  answers: { 200: { description: 'what the record tells of it', schema: why } },
  handle: async (deps, { params, query }) => {
    const found = await askWhy(deps, await asItStands(deps, params.session), query.job);
    const before = found.before.map(({ id, status, ended_at: at }) => ({
      id,
      status,
      ...(at === undefined ? {} : { ended_at: new Date(at).toISOString() }),
    }));
    const { job, status, reasons } = found;
    return { status: 200, body: { session_id: params.session, job_id: job, status, reasons, before } };
  },
});

/** Characters of JSON of one value that a comparison shows, and jobs. */
const longestValue = 4_096;
const mostJobs = 10_000;

function shortValue(value: Json | undefined): Json | undefined {
  const bytes = value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value));
  return bytes <= longestValue ? value : { truncated: true, bytes };
}

const shortChange = ({ path, a, b }: ValueChange): ValueChange => ({
  path: path.slice(0, longestValue),
  ...(a === undefined ? {} : { a: shortValue(a) ?? null }),
  ...(b === undefined ? {} : { b: shortValue(b) ?? null }),
});

const diffRoute = route({
  method: 'GET',
  path: '/v1/sessions/{session}/diff',
  operation: 'diffSessions',
  role: 'viewer',
  summary: 'What is different between two sessions',
  params: sessionParams,
  query: diffQuery,
  headers: noHeaders,
  answers: { 200: { description: 'versions, inputs, outputs, and how their jobs went', schema: diff } },
  handle: async (deps, { params, query }) => {
    const sideOf = async (id: string): Promise<DiffSide> => {
      const { item, view } = await asItStands(deps, id);
      return { session: id, pipeline: item.pipeline_id, version: item.pipeline_version, view };
    };
    const [a, b] = [await sideOf(params.session), await sideOf(query.with)];
    const { facts, input, output, jobs } = diffSessions(a, b);
    const shown = jobs.slice(0, mostJobs).map(({ job, ...rest }: JobChange) => ({ job_id: job, ...rest }));
    return {
      status: 200,
      body: {
        a: a.session,
        b: b.session,
        facts: facts.map(shortChange),
        input: input.map(shortChange),
        output: output.map(shortChange),
        jobs: shown,
      },
    };
  },
});

/** The last one of a page: generation, job, kind, milestone. */
const mark = z.tuple([z.int(), jobPath(), z.enum(checkpointKinds), z.string()]);

const markOf = ({ generation, job, kind, milestone = '' }: KeptCheckpoint): z.output<typeof mark> => [
  generation,
  job,
  kind,
  milestone,
];

/** Whether something stands behind a mark: newest generation first, then by job, kind and milestone. */
function isBehind(one: KeptCheckpoint, [atGeneration, atJob, atKind, atMilestone]: z.output<typeof mark>) {
  const { generation, job, kind, milestone = '' } = one;
  if (generation !== atGeneration) return generation < atGeneration;
  if (job !== atJob) return job > atJob;
  return kind === atKind ? milestone > atMilestone : kind > atKind;
}

const checkpoints = route({
  method: 'GET',
  path: '/v1/sessions/{session}/checkpoints',
  operation: 'listCheckpoints',
  role: 'viewer',
  summary: 'What is kept of the jobs of a session',
  description: 'Results of jobs, and what handlers have kept on their way: the newest generation first, then by path.',
  params: sessionParams,
  query: checkpointQuery,
  headers: noHeaders,
  answers: { 200: { description: 'a page of them', schema: checkpointPage } },
  handle: async (deps, { params, query }) => {
    const { session_id } = await requireSession(deps, params.session);
    const after = query.cursor === undefined ? undefined : readCursor(mark, query.cursor);
    const all = (await listCheckpoints(deps, session_id))
      .filter((one) => query.job === undefined || one.job === query.job)
      .toSorted((a, b) => (isBehind(a, markOf(b)) ? 1 : isBehind(b, markOf(a)) ? -1 : 0));
    const left = after === undefined ? all : all.filter((one) => isBehind(one, after));
    const page: KeptCheckpoint[] = [];
    let bytes = 0;
    for (const one of left) {
      bytes += 400 + (query.data === 'true' ? one.bytes : 0);
      if (page.length === query.limit || (page.length > 0 && bytes > maxPageBytes)) break;
      page.push(one);
    }
    const last = page.at(-1);
    const isLast = last === undefined || page.length === left.length;
    const cursor = isLast ? {} : { cursor: writeCursor(markOf(last)) };
    const shown = page.map(({ job, value, ...rest }) => ({
      job_id: job,
      ...rest,
      ...(query.data === 'true' ? { value: recordedValue(value) } : {}),
    }));
    return { status: 200, body: { checkpoints: shown, ...cursor } };
  },
});

const keep = route({
  method: 'POST',
  path: '/v1/sessions/{session}/checkpoints',
  operation: 'keepCheckpoint',
  role: 'operator',
  summary: 'Keeps a value for a job in place of its handler',
  description: 'The next try of the job in the generation of the session is given it.',
  params: sessionParams,
  query: nothing,
  headers: noHeaders,
  body: keepBody,
  answers: { 200: { description: 'it is kept', schema: keptAnswer } },
  handle: async (deps, { params, body, caller }) => {
    const { session_id: session } = await requireSession(deps, params.session);
    const by = { kind: 'api', ...optional(caller, 'user') } as const;
    const request = { session, job: body.job, value: JSON.stringify(body.value), by, ...optional(body, 'milestone') };
    const { job, value: _, ...kept } = await keepCheckpoint(deps, request);
    return { status: 200, body: { job_id: job, ...kept } };
  },
});

const prune = route({
  method: 'POST',
  path: '/v1/sessions/{session}/checkpoints/prune',
  operation: 'pruneCheckpoints',
  role: 'admin',
  summary: 'Deletes what is kept of the jobs of a session that has ended',
  params: sessionParams,
  query: nothing,
  headers: noHeaders,
  body: pruneBody,
  answers: { 200: { description: 'they are gone', schema: pruned } },
  handle: async (deps, { params, body }) => {
    const gone = await pruneCheckpoints(deps, { session: params.session, all: body.all });
    return { status: 200, body: { session_id: params.session, deleted: gone.length } };
  },
});

/** After so long no further session is begun with: the request must end before API Gateway ends it. */
const purgingMs = 15_000;

const lineOf = ({ session_id, created_at, pipeline_id, status }: SessionItem) => ({
  session_id,
  created_at,
  pipeline_id,
  status,
});

const purge = route({
  method: 'POST',
  path: '/v1/sessions/purge',
  operation: 'purgeSessions',
  role: 'admin',
  summary: 'Deletes old sessions that have ended, with records, logs and reports',
  description: 'A request deletes as many as it has time for, and says whether there are more.',
  params: nothing,
  query: nothing,
  headers: noHeaders,
  body: purgeBody,
  answers: { 200: { description: 'they are gone, or would be (dry_run)', schema: purged } },
  handle: async (deps, { body }) => {
    const { before, limit } = body;
    const found = await sessionsToPurge(deps, { before, limit: limit + 1, ...optional(body, 'pipeline', 'status') });
    const wanted = found.slice(0, limit);
    if (body.dry_run) return { status: 200, body: { sessions: wanted.map(lineOf), more: found.length > limit } };
    const untilMs = deps.now() + purgingMs;
    const gone: SessionItem[] = [];
    for (const { session_id } of wanted) {
      if (deps.now() >= untilMs) break;
      gone.push(await deleteSession(deps, session_id));
    }
    return { status: 200, body: { sessions: gone.map(lineOf), more: found.length > gone.length } };
  },
});

export const operatingRoutes: readonly Route[] = [waitRoute, whyRoute, diffRoute, checkpoints, keep, prune, purge];
