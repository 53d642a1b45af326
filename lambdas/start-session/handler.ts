/** Starts a session: `{ pipeline, version?, input?, key?, trigger?, user? }` → `{ session_id, created_at, execution_arn, outcome }`. */
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import * as z from 'zod/mini';
import { type StartRequest, startSession } from '../../lib/sessions/start-session.ts';
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
});

const deps = startDeps(process.env);
const logger = functionLogger();

export const handler = middy(async (event: unknown) => {
  const { version, key, user, trigger, ...request } = parseEvent(requestSchema, event, 'request to start a session');
  const started = await startSession(deps, {
    ...request,
    trigger: { kind: trigger.kind, ...(trigger.detail === undefined ? {} : { detail: trigger.detail }) },
    ...(version === undefined ? {} : { version }),
    ...(key === undefined ? {} : { key }),
    ...(user === undefined ? {} : { user }),
  });
  logger.info('session started', { ...started, pipeline_id: request.pipeline });
  return started;
}).use(injectLambdaContext(logger, { resetKeys: true }));
