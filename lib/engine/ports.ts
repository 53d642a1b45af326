/**
 * What the engine is handed: time, randomness, ids, a journal and somebody who runs tasks. The engine itself has no
 * clock, no file and no network.
 */
import type { HistoryEvent } from '../asl/history.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Time. Real: `systemClock()`. Virtual: jumps from one wake-up to the next. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `wake` once, at or after `atMs`. Returns what cancels it. */
  wakeAt(atMs: number, wake: () => void): () => void;
  /** A virtual clock does not jump while it is held: somebody is still working at the present moment. */
  hold?(): () => void;
}

/** A task to run: one attempt of one Task state. */
export interface TaskRequest {
  readonly executionArn: string;
  readonly stateName: string;
  /** Names this try: no other has it in any execution, and it is the same after a crash. */
  readonly tryId: string;
  /** As the state has it: `arn:aws:states:::lambda:invoke`, a function ARN, … */
  readonly resource: string;
  /** What the service is called with. */
  readonly arguments: Json;
  /** Tries before this one. */
  readonly retryCount: number;
  /**
   * How often a try of this visit of the state was started again because the process that ran it had ended. The
   * attempts of a job count both: `retryCount + restarts` were before this one.
   */
  readonly restarts: number;
  readonly timeoutSeconds?: number;
  readonly heartbeatSeconds?: number;
  /** The role that the state's Credentials name. */
  readonly credentialsRoleArn?: string;
  /** Of an activity's task and of one that waits for it: whoever has the token may end the task. */
  readonly token?: string;
  /** The service has taken the request before, in a process that has ended: only the end is to be awaited. */
  readonly submitted?: boolean;
}

/** How a task ended. `error` is the name that Retry and Catch match. */
export type TaskOutcome =
  | { readonly ok: true; readonly output: Json }
  | { readonly ok: false; readonly error?: string; readonly cause?: string };

/** Why a task's signal is aborted when its execution ceases to work and can be resumed: the answer will be wanted then. */
export const ceasedToWork: Error = Object.assign(new Error('the execution ceases to work, and can be resumed'), {
  name: 'AbortError',
});

/** Runs tasks. `signal` is aborted when the task has timed out or its execution has ended: the answer is not wanted any more. */
export interface TaskRunner {
  run(task: TaskRequest, signal: AbortSignal, progress: TaskProgress): Promise<TaskOutcome>;
  /** Whether there is such an activity. @default there is */
  hasActivity?(arn: string): boolean;
}

/** What a running task tells before its end. */
export interface TaskProgress {
  /** The service has taken the request and answered this. For tasks that wait: `.sync`, `.sync:2`, `.waitForTaskToken`. */
  submitted(answer: Json): void;
  /** A sign of life, for tasks with a heartbeat. */
  heartbeat(): void;
  /** A worker has taken the activity's task. */
  taken(workerName?: string): void;
}

/**
 * A record of the journal: a history event, or something that a history does not hold and a resumed execution needs
 * (which thread an event belongs to, jitter drawn, deadlines). GetExecutionHistory gives the events only.
 */
export type JournalRecord =
  | { readonly kind: 'event'; readonly event: HistoryEvent; readonly thread: string }
  | { readonly kind: 'private'; readonly [field: string]: Json };

/** Where an execution's records go. `append` resolves when the records are durable; the engine acts only then. */
export interface Journal {
  append(records: readonly JournalRecord[]): Promise<void>;
}

/** Objects that a distributed Map reads its items from and writes its results to. A failure must reject. */
export interface MapObjects {
  /** The text of an object, uncompressed; undefined when there is none. */
  read(bucket: string, key: string): Promise<string | undefined>;
  /** The objects of a bucket: Etag, Key, LastModified, Size and StorageClass of each. */
  list(bucket: string, prefix: string): Promise<readonly Json[]>;
  /** Writes an object as a whole, in place of one that is there. @returns its size in bytes */
  write(bucket: string, key: string, text: string): Promise<number>;
}

export interface EnginePorts {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** RFC 4122 version 4. */
  readonly uuid: () => string;
  readonly tasks: TaskRunner;
  readonly journal: Journal;
  readonly objects?: MapObjects;
}
