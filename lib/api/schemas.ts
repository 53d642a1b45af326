/** Shapes of what the API takes and gives. Names of fields are those of the records. */
import * as z from 'zod/mini';
import { approvalWays } from '../approval-layout.ts';
import { rerunRoads } from '../sessions/rerun-road.ts';
import { sessionStatuses } from '../sessions/status.ts';
import { isInstant, isJobPath } from '../storage-layout.ts';

export const described = <S extends z.ZodMiniType>(schema: S, description: string): S =>
  schema.check(z.describe(description)) as S;

/** Ids become parts of keys: `isSafeId`. */
const id = () => z.string().check(z.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/));
export const pipelineId = () => described(id(), 'id of a pipeline');
export const sessionId = () => described(id(), 'id of a session');
export const version = () =>
  described(z.string().check(z.regex(/^[0-9a-z]{1,64}$/)), 'version of a pipeline: its hash');
export const instant = () =>
  z
    .string()
    .check(
      z.refine(isInstant, 'is no moment in UTC such as 2026-11-21T06:00:00Z'),
      z.meta({ description: 'a moment in UTC', format: 'date-time' }),
    );
export const jobPath = () =>
  described(
    z.string().check(z.refine(isJobPath, 'is no path of a job such as load or convert[17]/one')),
    'path of a job, with the indexes of maps: load, convert[17]/one',
  );
const attemptStatus = z.enum(['running', 'completed', 'failed', 'cancelled', 'timeout']);
const text = (most: number) => z.string().check(z.minLength(1), z.maxLength(most));
export const count = () => z.int().check(z.minimum(0));
/** Any JSON; read from text and from nothing else. */
export const value = (description: string) => described(z.optional(z.unknown()), description);

export const pipelineParams = z.strictObject({ pipeline: pipelineId() });
export const sessionParams = z.strictObject({ session: sessionId() });

/** A number in a query, which is text. */
export const limit = (most: number, otherwise: number) =>
  z
    ._default(
      z.pipe(
        z.string().check(z.regex(/^[1-9]\d{0,3}$/, 'is no whole number from 1')),
        z.pipe(z.transform(Number), z.int().check(z.maximum(most))),
      ),
      otherwise,
    )
    .check(
      z.meta({ description: 'most items of a page', type: 'integer', minimum: 1, maximum: most, default: otherwise }),
    );
export const cursor = () =>
  described(
    z.optional(z.string().check(z.regex(/^[A-Za-z0-9_-]{1,1024}$/, 'is no cursor that this API gave'))),
    'where the page before ended, as that page gave it',
  );
export const nextCursor = () => described(z.optional(z.string()), 'asks for the next page; absent on the last');

export const trigger = z.strictObject({
  kind: z.enum(['manual', 'api', 'schedule', 'event', 'call']),
  detail: z.optional(z.string()),
  chain: described(z.optional(count()), 'how many sessions stand before it in a chain of triggers'),
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
  compensation: described(
    z.optional(z.strictObject({ undone: count(), failed: count() })),
    'how many jobs were undone after it had failed, and how many compensations have failed',
  ),
  generation: described(z.int().check(z.minimum(1)), 'raised by a rerun by a new execution'),
  redrive_count: described(count(), 'how often the execution of this generation was redriven'),
  execution_arn: z.optional(z.string()),
  trigger,
  called_by: described(
    z.optional(z.strictObject({ session_id: sessionId(), created_at: instant(), job_id: z.string() })),
    'the session and the job that have called it',
  ),
  user_name: z.optional(z.string()),
  pausing: described(
    z.optional(z.strictObject({ at: instant(), now: z.optional(z.boolean()) })),
    'it is to pause: no job starts any more, those that run finish',
  ),
  tags: z.optional(z.record(z.string(), z.string())),
  environment: z.optional(z.string()),
  region: z.string(),
  updated_at: instant(),
};
export const sessionSummary = z.strictObject(sessionFields);
const action = z.strictObject({
  action: z.enum(['rerun', 'pause', 'resume', 'cancel']),
  reason: z.optional(z.string()),
  kind: z.enum(['manual', 'api']),
  user: z.optional(z.string()),
  at: instant(),
  generation: z.int(),
  redrive_count: z.optional(count()),
});
export const session = z.strictObject({
  ...sessionFields,
  actions: described(
    z.array(action),
    'what was asked for since it was there, and by whom: the newest 20, the oldest first',
  ),
  input: value('what it was started with; {"truncated": true, "full", "start"} when that is long'),
  output: value('what it gave, when it has completed; shortened as the input is'),
});
export const sessionPage = z.strictObject({ sessions: z.array(sessionSummary), cursor: nextCursor() });

export const sessionQuery = z.strictObject({
  pipeline: z.optional(pipelineId()),
  status: z.optional(z.enum(sessionStatuses)),
  from: described(z.optional(instant()), 'created at or after'),
  to: described(z.optional(instant()), 'created at or before'),
  tag: described(z.optional(text(400)), 'with this tag: its key, or key=value'),
  error: described(z.optional(text(400)), 'a part of the name or message of the error'),
  limit: limit(100, 50),
  cursor: cursor(),
});
const tags = z.record(z.string(), z.string());
export const tagsBody = z.strictObject({
  set: described(z.optional(tags), 'tags to set; others stay'),
  remove: described(z.optional(z.array(z.string()).check(z.maxLength(50))), 'keys of tags to take away'),
});
export const sessionTags = z.strictObject({ session_id: sessionId(), tags: described(tags, 'all that it has now') });
export const deletedSession = z.strictObject({ session_id: sessionId(), created_at: instant() });

export const startBody = z.strictObject({
  version: described(z.optional(version()), 'version to start; the one deployed last when left out'),
  input: described(z._default(z.record(z.string(), z.unknown()), {}), 'input of the pipeline'),
  tags: described(z.optional(z.record(z.string(), z.string())), 'to find the session again'),
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
  overlap: described(
    z.optional(z.enum(['waiting', 'skipped'])),
    'what the overlap policy of the pipeline did with it: it waits for others to end, or was dropped; absent when it was started',
  ),
  deleted: described(z.optional(z.literal(true)), 'the session of this key was deleted since; nothing was started'),
});

export const jobQuery = z.strictObject({
  job: z.optional(jobPath()),
  data: described(z.optional(z.enum(['true', 'false'])), '"true": with inputs and outputs'),
  limit: limit(1_000, 200),
  cursor: cursor(),
});
const attempt = z.strictObject({
  attempt: described(z.int().check(z.minimum(1)), 'from 1'),
  generation: z.int(),
  job_status: attemptStatus,
  started_at: instant(),
  completed_at: z.optional(instant()),
  duration_ms: z.optional(count()),
  error_code: z.optional(z.string()),
  error_message: z.optional(z.string()),
  called_session: described(
    z.optional(z.strictObject({ session_id: sessionId(), created_at: instant() })),
    'of a call: the session that it has begun',
  ),
  compensates: described(z.optional(jobPath()), 'of a compensation: the job that it undoes'),
  reused_from: described(z.optional(z.int()), 'the generation whose result it gave instead of running'),
});
export const job = z.strictObject({
  job_id: jobPath(),
  operation_id: z.string(),
  job_status: attemptStatus,
  generation: described(z.int(), 'the latest in which it ran'),
  attempts: described(z.array(attempt), 'of all generations, in the order in which they began'),
  input: value('of its last attempt; when asked for'),
  output: value('when it has completed; when asked for'),
});
export const jobPageSchema = z.strictObject({ jobs: z.array(job), cursor: nextCursor() });

export const logLevels = ['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'] as const;
export const logQuery = z.strictObject({
  job: described(z.optional(jobPath()), 'only this job; a map with all of its iterations'),
  level: described(z.optional(z.enum(logLevels)), 'this level and the graver ones'),
  limit: limit(1_000, 500),
  cursor: cursor(),
});
const logLine = z.looseObject({
  timestamp: z.string(),
  level: z.enum(logLevels),
  message: z.string(),
  session_id: sessionId(),
  job_id: jobPath(),
  operation_id: z.string(),
  attempt: z.number(),
});
export const logPageSchema = z.strictObject({
  lines: z.array(logLine),
  ended: described(z.boolean(), 'false while it runs: ask again with the cursor for what is written from now on'),
  cursor: nextCursor(),
});

export const reportAt = z.strictObject({
  url: described(z.string(), 'where the report can be read without credentials until then'),
  expires_at: instant(),
});

export const cancelBody = z.strictObject({
  reason: described(z.optional(text(1_024)), 'for the record'),
});
export const cancelledSession = z.strictObject({
  session_id: sessionId(),
  created_at: instant(),
  status: z.enum(sessionStatuses),
  outcome: described(
    z.enum(['cancelled', 'stopping', 'exists']),
    '"stopping": its execution was stopped, its end is recorded in a moment; "exists": it had been cancelled before',
  ),
});

const jobIds = (description: string) =>
  described(z.optional(z.array(id()).check(z.minLength(1), z.maxLength(1_000))), description);
export const rerunBody = z.strictObject({
  road: described(
    z.optional(z.enum(rerunRoads)),
    'a redrive keeps what has completed, a new execution reuses the results that are valid; what fits when left out',
  ),
  from: jobIds('ids of jobs: they run, and all that comes after them'),
  only: jobIds('ids of jobs: they run and no others'),
  skip: jobIds('ids of jobs that do not run'),
  failed: described(z.optional(z.literal(true)), 'only what has no result runs, whatever has changed'),
  input: described(z.optional(z.record(z.string(), z.unknown())), 'fields of the input that are to be others now'),
  version: described(
    z.optional(z.enum(['latest', 'same'])),
    'the one deployed last (the default), or the one that it ran',
  ),
  dry_run: described(z._default(z.boolean(), false), 'only say what would be done'),
});
const plan = {
  session_id: sessionId(),
  created_at: instant(),
  pipeline_id: pipelineId(),
  road: z.enum(rerunRoads),
  reason: described(z.string(), 'why this road'),
  version: described(version(), 'the version that runs'),
  jobs: described(
    z.array(
      z.strictObject({
        job: id(),
        action: z.enum(['reuse', 'run', 'skip', 'blocked']),
        reason: z.string(),
        unless_same_input: described(z.optional(z.literal(true)), 'it runs only where its input is not what it was'),
        reused_iterations: described(z.optional(count()), 'iterations that do not run although others do'),
        expected_ms: described(z.optional(count()), 'of one run of it, by what it took before'),
        cost_usd: z.number(),
      }),
    ),
    'what becomes of each job, in the order of the pipeline',
  ),
  runs: described(z.array(z.string()), 'ids of the jobs that run'),
  keeps: described(z.array(z.string()), 'ids of the jobs that are not run again'),
  expected_ms: described(count(), 'along the longest way through the jobs that run, by what they took before'),
  cost_usd: described(z.number(), "by AWS's list prices; an estimate"),
};
export const pauseBody = z.strictObject({
  reason: described(z.optional(text(1_024)), 'for the record'),
  now: described(z._default(z.boolean(), false), 'it counts as paused at once: functions that run are not waited for'),
});
export const pausedSession = z.strictObject({
  session_id: sessionId(),
  created_at: instant(),
  status: z.enum(sessionStatuses),
  outcome: described(
    z.enum(['pausing', 'exists']),
    '"pausing": jobs that run finish first; "exists": it was paused before',
  ),
});
export const rerunPlan = z.strictObject(plan);
export const rerun = z.strictObject({
  ...plan,
  execution_arn: z.string(),
  generation: z.int(),
  redrive_count: count(),
  overlap: described(
    z.optional(z.enum(['waiting', 'skipped'])),
    'what the overlap policy of the pipeline did with it; absent when it runs',
  ),
});

const form = () => described(z.record(z.string(), z.unknown()), 'what is to be filled in: JSON Schema of an object');
export const waitingApproval = z.strictObject({
  session_id: sessionId(),
  job_id: jobPath(),
  pipeline_id: pipelineId(),
  pipeline_version: version(),
  message: z.string(),
  who: described(z.array(z.string()), 'who is asked, by name'),
  form: form(),
  asked_at: instant(),
  expires_at: described(instant(), 'until when it waits'),
});
export const approvalPage = z.strictObject({ approvals: z.array(waitingApproval), cursor: nextCursor() });

const answerFields = {
  approved: z.boolean(),
  answer: value('what was filled in; absent after a rejection'),
  reason: z.optional(z.string()),
  by: described(z.string(), 'who answered: an ARN, the user of a machine, the name given on a page'),
  at: instant(),
  via: z.enum(approvalWays),
};
export const answer = z.strictObject({
  job_id: jobPath(),
  generation: z.int(),
  message: z.string(),
  asked_at: instant(),
  ...answerFields,
});
export const sessionApprovals = z.strictObject({ waiting: z.array(waitingApproval), answers: z.array(answer) });
export const answerBody = z.strictObject({
  job_id: jobPath(),
  approved: z.boolean(),
  answer: described(z.optional(z.record(z.string(), z.unknown())), 'the form filled in; nothing of it for a rejection'),
  reason: described(z.optional(text(1_024)), 'for the record'),
  asked_at: described(z.optional(instant()), 'which asking is meant: an answer to an earlier one is refused'),
});
export const takenAnswer = z.strictObject({ session_id: sessionId(), job_id: jobPath(), ...answerFields });

const pipelineFields = {
  pipeline_id: pipelineId(),
  version: version(),
  created_at: described(instant(), 'when this version was first seen'),
  total_jobs: described(count(), 'jobs outside of maps'),
};
export const pipelineSummary = z.strictObject(pipelineFields);
export const pipelinePage = z.strictObject({ pipelines: z.array(pipelineSummary), cursor: nextCursor() });
export const pipeline = z.strictObject({
  ...pipelineFields,
  input_schema: described(z.record(z.string(), z.unknown()), 'JSON Schema of its input'),
  overlap: z.enum(['allow', 'skip', 'queue', 'cancel-running']),
  deadline_seconds: z.optional(z.number()),
  schedules: z.array(
    z.strictObject({
      schedule_id: z.string(),
      expression: z.string(),
      timezone: z.string(),
      enabled: described(z.boolean(), 'as it was written; EventBridge Scheduler says whether it is now'),
      catch_up: z.enum(['none', 'last', 'all']),
      start: z.optional(z.string()),
      end: z.optional(z.string()),
      flexible_window_minutes: z.optional(z.number()),
    }),
  ),
  triggers: z.array(z.strictObject({ trigger_id: z.string(), kind: z.enum(['s3', 'event', 'pipeline']) })),
});
export const listQuery = z.strictObject({ limit: limit(100, 50), cursor: cursor() });

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
