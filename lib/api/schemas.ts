/** Shapes of what the API takes and gives. Names of fields are those of the records. */
import * as z from 'zod/mini';
import { jobStatuses, sessionStatuses } from '../sessions/status.ts';
import { isInstant, isJobPath } from '../storage-layout.ts';

const described = <S extends z.ZodMiniType>(schema: S, description: string): S =>
  schema.check(z.describe(description)) as S;

/** Ids become parts of keys: `isSafeId`. */
const id = () => z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/));
export const pipelineId = () => described(id(), 'id of a pipeline');
export const sessionId = () => described(id(), 'id of a session');
const version = () => described(z.string().check(z.regex(/^[0-9a-z]{1,64}$/)), 'version of a pipeline: its hash');
export const instant = () =>
  described(
    z.string().check(z.refine(isInstant, 'is no moment in UTC such as 2026-11-21T06:00:00Z')),
    'a moment in UTC, ISO 8601',
  );
export const jobPath = () =>
  described(
    z.string().check(z.refine(isJobPath, 'is no path of a job such as load or convert[17]/one')),
    'path of a job, with the indexes of maps: load, convert[17]/one',
  );
const text = (most: number) => z.string().check(z.minLength(1), z.maxLength(most));
const count = () => z.int().check(z.minimum(0));
/** Any JSON; read from text and from nothing else. */
const value = (description: string) => described(z.unknown(), description);

export const pipelineParams = z.strictObject({ pipeline: pipelineId() });
export const sessionParams = z.strictObject({ session: sessionId() });

/** A number in a query, which is text. */
export const limit = (most: number, otherwise: number) =>
  described(
    z._default(
      z.pipe(
        z.string().check(z.regex(/^[1-9]\d{0,3}$/, 'is no whole number from 1')),
        z.pipe(z.transform(Number), z.int().check(z.maximum(most))),
      ),
      otherwise,
    ),
    `at most so many, 1 to ${most}; ${otherwise} when left out`,
  );
export const cursor = () =>
  described(
    z.optional(z.string().check(z.regex(/^[A-Za-z0-9_-]{1,1024}$/, 'is no cursor that this API gave'))),
    'where the page before ended, as that page gave it',
  );
const nextCursor = () => described(z.optional(z.string()), 'asks for the next page; absent on the last');

export const trigger = z.strictObject({
  kind: z.enum(['manual', 'api', 'schedule', 'event']),
  detail: z.optional(z.string()),
});

const sessionFields = {
  session_id: sessionId(),
  created_at: instant(),
  pipeline_id: pipelineId(),
  pipeline_version: version(),
  status: z.enum(sessionStatuses),
  started_at: z.optional(instant()),
  completed_at: z.optional(instant()),
  error_code: z.optional(z.string()),
  error_message: z.optional(z.string()),
  total_jobs: described(count(), 'jobs; while it runs, those outside of maps'),
  completed_jobs: count(),
  failed_jobs: count(),
  generation: described(z.int().check(z.minimum(1)), 'raised by a rerun that runs every job again'),
  redrive_count: described(count(), 'how often the execution of this generation was redriven'),
  execution_arn: z.optional(z.string()),
  trigger,
  user_name: z.optional(z.string()),
  environment: z.optional(z.string()),
  region: z.string(),
  updated_at: instant(),
};
export const sessionSummary = z.strictObject(sessionFields);
export const session = z.strictObject({
  ...sessionFields,
  input: value('what it was started with; {"truncated": true, "full", "start"} when that is long'),
  output: z.optional(value('what it gave, when it has completed; shortened as the input is')),
});
export const sessionPage = z.strictObject({ sessions: z.array(sessionSummary), cursor: nextCursor() });

export const startBody = z.strictObject({
  version: described(z.optional(version()), 'version to start; the one deployed last when left out'),
  input: described(z._default(z.record(z.string(), z.unknown()), {}), 'input of the pipeline'),
});
export const startHeaders = z.object({
  'idempotency-key': described(
    z.optional(z.string().check(z.regex(/^[\x21-\x7e]{1,255}$/, 'is not 1 to 255 printable ASCII characters'))),
    'the same key never starts a second session; with another pipeline, version or input it is refused',
  ),
});
export const startedSession = z.strictObject({
  session_id: sessionId(),
  created_at: instant(),
  execution_arn: z.string(),
  outcome: described(z.enum(['created', 'exists']), '"exists": an earlier request with the same key made the session'),
});

export const failure = z.strictObject({
  error: z.strictObject({
    code: described(z.string().check(z.regex(/^BS\d{4}$/)), 'stable'),
    message: z.string(),
    hint: z.optional(z.string()),
    recoverable: described(z.boolean(), 'the same request can succeed later'),
    context: z.optional(z.record(z.string(), z.unknown())),
    request_id: z.string(),
  }),
});
export const health = z.strictObject({ status: z.literal('ok') });
export const jobStatus = z.enum(jobStatuses);
export { count, described, nextCursor, text, value, version };
