/**
 * What a session looks like to whoever reads it: the result of folding its history. JSON-able. All times are
 * milliseconds since the epoch; inputs and outputs are parsed values.
 */
import type { SourcePosition } from '../errors.ts';
import type { Json } from '../ir/expressions.ts';
import type { AttemptStatus, JobStatus, SessionStatus } from './status.ts';

/** An error as Step Functions names it. `cause` is text, often JSON (`{"errorType","errorMessage","trace"}`). */
export interface FailureView {
  readonly name: string;
  readonly cause: string;
}

/** Why a session failed. `job` is the path of the job it failed in, when it failed in one. */
export interface SessionFailureView extends FailureView {
  readonly job?: string;
  readonly source?: SourcePosition;
}

/** A session that a job has called. */
export interface CalledSession {
  readonly session: string;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** One try of a job. */
export interface AttemptView {
  /** From 1, within the job. */
  readonly number: number;
  readonly startedAt: number;
  /** Absent while it runs. */
  readonly endedAt?: number;
  readonly status: AttemptStatus;
  readonly error?: FailureView;
  /** The event that scheduled it, or started it again after an interruption: its identity within the execution. */
  readonly eventId: number;
  /** Of a call: the session that it has begun. */
  readonly called?: CalledSession;
}

/**
 * A job of the session; a map or loop (which has iterations in place of an operation and attempts); a wait; or a record of
 * a map over S3 that has failed, or a batch of them by the first one's number.
 */
export interface JobView {
  /** Path within the session: `load`, `convert[17]/one`. */
  readonly job: string;
  readonly kind: 'job' | 'map' | 'loop' | 'wait' | 'record';
  /** Id of the node in the pipeline: the last part of the path. */
  readonly node: string;
  /** True where the job is an approval: it waits for a person. */
  readonly isApproval?: true;
  /** The operation's id; of jobs that have one. */
  readonly operation?: string;
  readonly status: JobStatus;
  readonly attempts: readonly AttemptView[];
  readonly input?: Json;
  readonly output?: Json;
  /** Of a compensation that has begun: the path of the job that it undoes. */
  readonly compensates?: string;
  /** Why it failed: of its last attempt, or of an expression of its state. Kept when the pipeline went on regardless. */
  readonly error?: FailureView;
  readonly startedAt?: number;
  readonly endedAt?: number;
  readonly source: SourcePosition;
  /** For jobs: what its result depends on (`ir/fingerprints.ts`), where it is known. */
  readonly fingerprint?: string;
  /**
   * For maps that have begun (over S3: that have ended): how many items there are, and how many iterations have succeeded and failed. For loops as
   * many items as rounds have begun.
   */
  readonly iterations?: { readonly total: number; readonly completed: number; readonly failed: number };
  /** For maps over S3 that have begun: their run, and how often it was redriven. */
  readonly run?: { readonly arn: string; readonly redrives: number };
}

/** A session at one moment. Jobs come in the order of the pipeline's text; iterations stand behind their map, by index. */
export interface SessionView {
  readonly status: SessionStatus;
  /** Absent until the execution has started. */
  readonly startedAt?: number;
  readonly endedAt?: number;
  /** What the caller gave, without the reserved key. */
  readonly input: Json;
  readonly output?: Json;
  readonly error?: SessionFailureView;
  readonly jobs: readonly JobView[];
}
