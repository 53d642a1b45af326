/** The items that sessions keep in DynamoDB, with the field names users know. Times are ISO 8601 in UTC. */
import type { ApprovalWay } from '../approval-layout.ts';
import type { Fingerprint } from '../ir/fingerprints.ts';
import type { AttemptStatus, SessionStatus } from './status.ts';

/** Who or what started a session. */
export interface SessionTrigger {
  readonly kind: 'manual' | 'api' | 'schedule' | 'event' | 'call';
  /** What started it, in words of its kind: a schedule's name, an event's source, a user, the job that has called it. */
  readonly detail?: string;
  /** How many sessions stand in the chain of triggers before this one. @default 0 */
  readonly chain?: number;
}

/** Who asks for something that is done with a session. */
export interface Asker {
  /** At a command line, or through the API. */
  readonly kind: 'manual' | 'api';
  /** The user of the machine; the ARN of the IAM identity that called the API. */
  readonly user?: string;
}

/** What somebody asked for once the session was there, for the record. */
export interface SessionAction extends Asker {
  readonly action: 'rerun' | 'pause' | 'resume' | 'cancel';
  readonly at: string;
  readonly reason?: string;
  /** The generation that it opened or went on with. */
  readonly generation: number;
  readonly redrive_count?: number;
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
  /** How many jobs were undone after its failure, and how many compensations have failed. Absent where there was nothing to undo. */
  readonly compensation?: { readonly undone: number; readonly failed: number };
  readonly execution_arn?: string;
  readonly execution_name?: string;
  readonly generation: number;
  /** It is to pause: its execution is stopped, and what it has begun finishes. */
  readonly pausing?: { readonly at: string; readonly now?: boolean };
  /** Object key of what a rerun has planned for this generation (`reuse-items.ts`); absent where nothing is reused. */
  readonly rerun_plan?: string;
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
  /** The session and job that have called it. */
  readonly called_by?: SessionRef & { readonly job_id: string };
  readonly user_name?: string;
  /** What people have given it to find it again. */
  readonly tags?: { readonly [key: string]: string };
  /** Counts changes of the tags. */
  readonly tags_revision?: number;
  /** Under which key its start was asked for: the `session_id` of the `DedupItem`. */
  readonly dedup_id?: string;
  /** What was asked for since, the oldest first; the newest `maxActions` of them. */
  readonly actions?: readonly SessionAction[];
  readonly environment?: string;
  readonly region: string;
  readonly updated_at: string;
}

/** A record holds an input of up to 256 KiB as well. */
export const maxActions = 20;

/** The actions of a session with one more. */
export function withAction(
  { actions = [] }: Pick<SessionItem, 'actions'>,
  action: SessionAction,
): readonly SessionAction[] {
  return [...actions, action].slice(-maxActions);
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
  /** When its session was deleted, ISO 8601: the key starts no other one. */
  readonly deleted_at?: string;
}

/** A session in line for its turn. */
export interface TurnRef extends SessionRef {
  /** When a rerun of it was asked for, ISO 8601: its place in line. Absent for one that was never started. */
  readonly asked_at?: string;
  /** It goes on by redrive, with this count: until its record says so it has ended, and has the turn all the same. */
  readonly redrive?: number;
}

/** Whose turn it is to run, for pipelines that do not run twice at once: table `sessions`, key `overlap#<pipeline>` + `-`. */
export interface TurnItem {
  readonly session_id: string;
  readonly created_at: '-';
  readonly turn_of: string;
  /** In the index by status while there is a holder. */
  readonly status?: string;
  readonly holder?: TurnRef;
  /** In the order in which it will be their turn. */
  readonly waiting: readonly TurnRef[];
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
  /** Of a call: the session that it has begun. */
  readonly called_session?: SessionRef;
  /** Of a compensation: the path of the job that it undoes. */
  readonly compensates?: string;
  /** The generation whose result it gave instead of running. */
  readonly reused_from?: number;
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
  /** Of the input that gave the output (`lib/wrapper/checkpoint.ts`). */
  readonly input_hash?: string;
  /** The generation in which it was computed, where a rerun has reused it. */
  readonly reused_from?: number;
  /** What it depends on, where a rerun has reused it; that of others is the fingerprint of the version that ran. */
  readonly fingerprint?: Fingerprint;
  /** A rerun was to keep it, whatever has changed. */
  readonly kept?: boolean;
  /** JSON text of what it was given, of a job that is to be undone when its pipeline fails. */
  readonly input?: string;
  /** Of a compensation: the path of the job that it has undone, whose result counts no more. */
  readonly compensates?: string;
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

/** A result of an earlier generation that may count in this one, in the place of a checkpoint: see `reuse-items.ts`. */
export interface CandidateItem extends Omit<CheckpointItem, 'record_type'> {
  readonly record_type: 'candidate';
}

/** What a handler has kept of its way (`ctx.checkpoint`), or a person for it: key `session_id` + `progressKey`. */
export interface ProgressItem
  extends Pick<
    CheckpointItem,
    'session_id' | 'job_timestamp' | 'job_id' | 'operation_id' | 'attempt' | 'generation' | 'execution_arn'
  > {
  readonly record_type: 'progress';
  /** Absent where what is kept later takes its place. */
  readonly milestone?: string;
  /** JSON text. */
  readonly value: string;
  readonly kept_at: string;
  /** Who has kept it, where no handler has. */
  readonly kept_by?: Asker;
}

/** Says that a job is not to run in a generation, in the place of a checkpoint. */
export interface SkipItem
  extends Pick<CheckpointItem, 'session_id' | 'job_timestamp' | 'job_id' | 'generation' | 'output'> {
  readonly record_type: 'skip';
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
