/** The items that sessions keep in DynamoDB, with the field names users know. Times are ISO 8601 in UTC. */
import type { ApprovalWay } from '../approval-layout.ts';
import type { AttemptStatus, SessionStatus } from './status.ts';

/** Who or what started a session. */
export interface SessionTrigger {
  readonly kind: 'manual' | 'api' | 'schedule' | 'event';
  /** What started it, in words of its kind: a schedule's name, an event's source, a user. */
  readonly detail?: string;
  /** How many sessions stand in the chain of triggers before this one. @default 0 */
  readonly chain?: number;
}

/** The key of a session's item. */
export interface SessionRef {
  readonly session_id: string;
  readonly created_at: string;
}

/** A session: table `sessions`, key `session_id` + `created_at`. */
export interface SessionItem {
  readonly session_id: string;
  readonly created_at: string;
  readonly pipeline_id: string;
  readonly pipeline_name: string;
  readonly pipeline_version: string;
  readonly status: SessionStatus;
  readonly started_at?: string;
  readonly completed_at?: string;
  readonly error_code?: string;
  readonly error_message?: string;
  readonly total_jobs: number;
  readonly completed_jobs: number;
  readonly failed_jobs: number;
  readonly execution_arn?: string;
  readonly execution_name?: string;
  readonly generation: number;
  /** How often its execution was redriven. @default 0 */
  readonly redrive_count?: number;
  /** How far its live numbers go: generation and event, as `liveMark` writes them. */
  readonly live_mark?: string;
  /** Its end was published (`notice.ts`): the `delivery_id`. Absent until then, and where nobody is told. */
  readonly noticed?: string;
  /** It was said that it missed its deadline. */
  readonly deadline_noticed?: string;
  /** JSON text; see `fitText` for what happens when it is long. */
  readonly input: string;
  /** JSON text. */
  readonly output?: string;
  readonly trigger: SessionTrigger;
  readonly user_name?: string;
  readonly environment?: string;
  readonly region: string;
  readonly updated_at: string;
}

/** A caller's key and the session that it stands for: table `sessions`, key `dedup#<hash>` + `-`. In no index. */
export interface DedupItem {
  readonly session_id: string;
  readonly created_at: '-';
  readonly target_session_id: string;
  readonly target_created_at: string;
  /** The version that was current when the key was first used. */
  readonly target_version: string;
  /** Hash of pipeline, asked-for version and input. */
  readonly request_hash: string;
}

/** Whose turn it is to run, for pipelines that do not run twice at once: table `sessions`, key `overlap#<pipeline>` + `-`. */
export interface TurnItem {
  readonly session_id: string;
  readonly created_at: '-';
  readonly turn_of: string;
  /** In the index by status while there is a holder. */
  readonly status?: string;
  readonly holder?: SessionRef;
  /** In the order in which it will be their turn. */
  readonly waiting: readonly SessionRef[];
  /** Counts changes. */
  readonly revision: number;
}

/** One attempt of a job: table `job-history`, key `session_id` + `job_timestamp` (`attemptKey`). */
export interface AttemptItem {
  readonly session_id: string;
  readonly job_timestamp: string;
  readonly record_type: 'attempt';
  readonly pipeline_id: string;
  readonly job_id: string;
  /** Empty for an approval. */
  readonly operation_id: string;
  readonly job_status: AttemptStatus;
  /** From 1. */
  readonly attempt: number;
  readonly generation: number;
  readonly execution_arn: string;
  readonly event_id: number;
  readonly started_at: string;
  readonly completed_at?: string;
  readonly duration_ms?: number;
  readonly error_code?: string;
  readonly error_message?: string;
  /** JSON text of the job's input. */
  readonly input?: string;
  /** JSON text of the job's output; on the attempt that completed. */
  readonly output?: string;
  /** What the output depends on (`ir/fingerprints.ts`); on the attempt that completed. */
  readonly fingerprint?: string;
}

/** A job's completion, written by the wrapper before it answers: table `job-history`, key `session_id` + `checkpointKey`. */
export interface CheckpointItem {
  readonly session_id: string;
  readonly job_timestamp: string;
  readonly record_type: 'checkpoint';
  readonly job_id: string;
  readonly operation_id: string;
  /** From 1. */
  readonly attempt: number;
  readonly generation: number;
  readonly execution_arn: string;
  /** JSON text. */
  readonly output: string;
  readonly completed_at: string;
}

/**
 * A person's answer to an approval, written before Step Functions hears of it: table `job-history`, key `session_id` +
 * `answerKey`. It is never changed: who said what, when, and by which way.
 */
export interface AnswerItem {
  readonly session_id: string;
  readonly job_timestamp: string;
  readonly record_type: 'answer';
  readonly pipeline_id: string;
  readonly job_id: string;
  readonly generation: number;
  readonly execution_arn: string;
  readonly message: string;
  readonly asked_at: string;
  readonly approved: boolean;
  /** JSON text of what was filled in; absent after a rejection. */
  readonly answer?: string;
  readonly reason?: string;
  readonly answered_by: string;
  readonly answered_at: string;
  readonly answered_via: ApprovalWay;
}

/** A deployed version of a pipeline: table `pipelines`, key `pipeline_id` + `version`. */
export interface PipelineItem {
  readonly pipeline_id: string;
  readonly version: string;
  readonly created_at: string;
  /** Object key of the artifact in the platform's bucket. */
  readonly artifact_key: string;
  /** JSON text of the schema of its input, so that a start reads nothing else. */
  readonly input_schema: string;
  /** JSON text of `PipelineArtifact.input`: what of a large input is moved to S3. Absent where nothing is. */
  readonly input_size?: string;
  /** Jobs outside of maps; how many a map will run nobody knows beforehand. */
  readonly total_jobs: number;
  /** The state machine that runs it. */
  readonly state_machine_arn: string;
  /** The machine's revision that was last seen with this version, and its published version: `…:stateMachine:name:7`. */
  readonly machine_revision?: string;
  readonly machine_version_arn?: string;
  /** JSON text of what a start needs of the pipeline besides: schedules, triggers, overlap policy, notices, deadline. */
  readonly policy?: string;
}
