/** Shapes of what is asked about sessions, and of what is kept and cleared away of them. */
import * as z from 'zod/mini';
import { checkpointKinds } from '../sessions/checkpoints.ts';
import { jobStatuses, sessionStatuses, terminalStatuses } from '../sessions/status.ts';
import {
  count,
  cursor,
  described,
  instant,
  jobPath,
  limit,
  nextCursor,
  pipelineId,
  sessionId,
  value,
} from './schemas.ts';

/** A request ends before API Gateway ends it, which is after 29 s. */
export const longestWaitSeconds = 25;
export const waitQuery = z.strictObject({
  timeout: z
    ._default(
      z.pipe(
        z.string().check(z.regex(/^\d{1,2}$/, 'is no whole number')),
        z.pipe(z.transform(Number), z.int().check(z.maximum(longestWaitSeconds))),
      ),
      20,
    )
    .check(
      z.meta({
        description: 'seconds to wait, at most; 0 only looks',
        type: 'integer',
        minimum: 0,
        maximum: longestWaitSeconds,
        default: 20,
      }),
    ),
});
export const waited = z.strictObject({
  session_id: sessionId(),
  status: z.enum(sessionStatuses),
  ended: described(z.boolean(), 'false when it had not ended in that time: ask again'),
  completed_at: z.optional(instant()),
  error_code: z.optional(z.string()),
  error_message: z.optional(z.string()),
});

export const whyQuery = z.strictObject({ job: jobPath() });
export const why = z.strictObject({
  session_id: sessionId(),
  job_id: jobPath(),
  status: z.enum(jobStatuses),
  reasons: described(z.array(z.string()), 'sentences, the one that tells most first'),
  before: described(
    z.array(z.strictObject({ id: z.string(), status: z.enum(jobStatuses), ended_at: z.optional(instant()) })),
    'ids of what it waits for, or has waited for; what ended last is the last',
  ),
});

export const diffQuery = z.strictObject({ with: described(sessionId(), 'id of the other session') });
const changes = (description: string) =>
  described(
    z.array(
      z.strictObject({
        path: described(z.string(), 'place in the value; empty for the whole'),
        a: value('what stands there in the session; absent where nothing does'),
        b: value('what stands there in the other one; {"truncated": true, "bytes"} when it is long'),
      }),
    ),
    description,
  );
const side = z.optional(
  z.strictObject({ status: z.enum(jobStatuses), attempts: count(), duration_ms: z.optional(count()) }),
);
export const diff = z.strictObject({
  a: sessionId(),
  b: sessionId(),
  facts: changes('pipeline, version, status and duration, where they differ'),
  input: changes('of the inputs, at most a hundred'),
  output: changes('of the outputs, at most a hundred'),
  jobs: described(
    z.array(
      z.strictObject({
        job_id: jobPath(),
        a: side,
        b: side,
        other_output: described(z.optional(z.literal(true)), 'both have completed, with other outputs'),
      }),
    ),
    'every job, at most ten thousand',
  ),
});

export const checkpointQuery = z.strictObject({
  job: z.optional(jobPath()),
  data: described(z.optional(z.enum(['true', 'false'])), '"true": with values'),
  limit: limit(1_000, 200),
  cursor: cursor(),
});
const checkpoint = z.strictObject({
  job_id: jobPath(),
  generation: z.int(),
  kind: described(
    z.enum(checkpointKinds),
    '"result": the job has completed; "candidate": a rerun may take it; "progress": a handler has kept it on its way, "milestone": under a name; "manual": a person has kept either',
  ),
  milestone: z.optional(z.string()),
  by: described(
    z.optional(z.strictObject({ kind: z.enum(['manual', 'api']), user: z.optional(z.string()) })),
    'the person',
  ),
  attempt: z.optional(z.int()),
  at: instant(),
  reused_from: described(z.optional(z.int()), 'the generation that computed it'),
  bytes: count(),
  value: value('when asked for; pointers stand for what is large'),
});
export const checkpointPage = z.strictObject({ checkpoints: z.array(checkpoint), cursor: nextCursor() });
export const keepBody = z.strictObject({
  job: jobPath(),
  value: described(
    z.unknown().check(z.refine((given) => given !== undefined, 'is required')),
    'any JSON, at most 256 KiB',
  ),
  milestone: described(z.optional(z.string()), 'its name, where it is to stay beside what is kept later'),
});
export const keptAnswer = checkpoint;
export const pruneBody = z.strictObject({
  all: described(
    z._default(z.boolean(), false),
    'also results of the last generation, so that a rerun computes them anew; else what no rerun needs',
  ),
});
export const pruned = z.strictObject({ session_id: sessionId(), deleted: count() });

export const purgeBody = z.strictObject({
  before: described(instant(), 'sessions that were created before and have ended'),
  pipeline: z.optional(pipelineId()),
  status: z.optional(z.enum(terminalStatuses)),
  limit: described(z._default(z.int().check(z.minimum(1), z.maximum(100)), 50), 'how many, at most'),
  dry_run: described(z._default(z.boolean(), false), 'only say which'),
});
export const purged = z.strictObject({
  sessions: described(
    z.array(
      z.strictObject({
        session_id: sessionId(),
        created_at: instant(),
        pipeline_id: pipelineId(),
        status: z.enum(sessionStatuses),
      }),
    ),
    'those that are gone, or would be',
  ),
  more: described(z.boolean(), 'there are others: ask again'),
});
