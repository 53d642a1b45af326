/** Routes of pipelines: those that can be started, in the version that would start now. */
import * as z from 'zod/mini';
import { readPolicy } from '../ir/policy.ts';
import { pipelineToStart } from '../sessions/deployed.ts';
import type { PipelineItem } from '../sessions/items.ts';
import { listPipelines } from '../sessions/list-pipelines.ts';
import { readCursor, writeCursor } from './cursors.ts';
import { noHeaders, nothing, type Route, route } from './route.ts';
import { listQuery, pipeline, pipelineId, pipelinePage, pipelineParams, type pipelineSummary } from './schemas.ts';
import { optional } from './session-record.ts';

function summaryOf(item: PipelineItem): z.output<typeof pipelineSummary> {
  const { pipeline_id, version, created_at, total_jobs } = item;
  return { pipeline_id, version, created_at, total_jobs };
}

function pipelineOf(item: PipelineItem): z.output<typeof pipeline> {
  const { overlap = 'allow', deadlineSeconds, schedules = [], triggers = [] } = readPolicy(item.policy);
  return {
    ...summaryOf(item),
    // Written by registerPipeline and by nothing else.
    input_schema: JSON.parse(item.input_schema) as { readonly [keyword: string]: unknown },
    overlap,
    ...(deadlineSeconds === undefined ? {} : { deadline_seconds: deadlineSeconds }),
    schedules: schedules.map((one) => ({
      schedule_id: one.id,
      expression: one.expression,
      timezone: one.timezone,
      enabled: one.enabled,
      catch_up: one.catchUp,
      ...optional(one, 'start', 'end'),
      ...(one.flexibleWindowMinutes === undefined ? {} : { flexible_window_minutes: one.flexibleWindowMinutes }),
    })),
    triggers: triggers.map(({ id, kind }) => ({ trigger_id: id, kind })),
  };
}

const mark = z.tuple([pipelineId()]);

const list = route({
  method: 'GET',
  path: '/v1/pipelines',
  operation: 'listPipelines',
  role: 'viewer',
  summary: 'Pipelines that can be started, by id',
  params: nothing,
  query: listQuery,
  headers: noHeaders,
  answers: { 200: { description: 'a page of pipelines', schema: pipelinePage } },
  handle: async (deps, { query }) => {
    const { pipelines, last } = await listPipelines(deps, {
      limit: query.limit,
      ...(query.cursor === undefined ? {} : { after: readCursor(mark, query.cursor)[0] }),
    });
    const cursor = last === undefined ? {} : { cursor: writeCursor([last]) };
    return { status: 200, body: { pipelines: pipelines.map(summaryOf), ...cursor } };
  },
});

const get = route({
  method: 'GET',
  path: '/v1/pipelines/{pipeline}',
  operation: 'getPipeline',
  role: 'viewer',
  summary: 'One pipeline, as it would start now',
  params: pipelineParams,
  query: nothing,
  headers: noHeaders,
  answers: { 200: { description: 'the pipeline', schema: pipeline } },
  handle: async (deps, { params }) => ({
    status: 200,
    body: pipelineOf(await pipelineToStart(deps, params.pipeline)),
  }),
});

export const pipelineRoutes: readonly Route[] = [list, get];
