/**
 * Starts a session: `{ pipeline, version?, input?, key?, trigger?, user? }`, or of a firing `{ pipeline, firing, user? }`,
 * → `{ session_id, created_at, execution_arn, outcome, overlap? }`. Schedules, event rules, the API and people call it.
 */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import * as z from 'zod/mini';
import { type FiringRequest, fireSession } from '../../lib/sessions/firing.ts';
import { type StartedSession, type StartRequest, startSession } from '../../lib/sessions/start-session.ts';
import { functionLogger, parseEvent, startDeps } from '../function-setup.ts';

/** What a Lambda function is called with came as JSON. */
function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const id = z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/));
const text = z.string().check(z.minLength(1), z.maxLength(1_024));
const requestSchema = z.strictObject({
  pipeline: id,
  version: z.optional(id),
  input: z._default(z.custom<StartRequest['input']>(isRecord), {}),
  key: z.optional(text),
  trigger: z._default(
    z.strictObject({ kind: z.enum(['manual', 'api', 'schedule', 'event']), detail: z.optional(text) }),
    { kind: 'api' },
  ),
  user: z.optional(text),
  tags: z.optional(z.record(z.string(), z.string())),
});
const firingSchema = z.strictObject({
  pipeline: id,
  firing: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('schedule'), schedule: id, scheduledTime: text }),
    z.strictObject({
      kind: z.literal('event'),
      trigger: id,
      event: z.custom<Extract<FiringRequest['firing'], { readonly kind: 'event' }>['event']>(isRecord),
    }),
  ]),
  user: z.optional(text),
});

const deps = startDeps(process.env);
const logger = functionLogger();

function start(event: unknown): Promise<StartedSession> {
  if (typeof event === 'object' && event !== null && 'firing' in event) {
    const { user, ...request } = parseEvent(firingSchema, event, 'firing');
    return fireSession(deps, { ...request, ...(user === undefined ? {} : { user }) });
  }
  const { version, key, user, trigger, tags, ...request } = parseEvent(
    requestSchema,
    event,
    'request to start a session',
  );
  return startSession(deps, {
    ...request,
    trigger: { kind: trigger.kind, ...(trigger.detail === undefined ? {} : { detail: trigger.detail }) },
    ...(version === undefined ? {} : { version }),
    ...(key === undefined ? {} : { key }),
    ...(user === undefined ? {} : { user }),
    ...(tags === undefined ? {} : { tags }),
  });
}

export const handler = middy(async (event: unknown) => {
  const started = await start(event);
  // It was a request, or nothing would have been started.
  const { pipeline } = event as StartRequest;
  logger.info('session started', { ...started, pipeline_id: pipeline });
  return started;
}).use(injectLambdaContext(logger, { resetKeys: true }));
