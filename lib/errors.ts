/**
 * Errors: what bunsui throws, and the error names that Step Functions sees.
 *
 * Three kinds: author mistakes are `Diagnostic` data, expected outcomes are return values, the rest throws a
 * `BunsuiError`. Names are string literals because Step Functions matches `ErrorEquals` against `error.name`
 * and bundlers rename classes.
 */

/**
 * Every code bunsui reports, by family: BS1xxx what an author wrote, BS2xxx the command line and configuration,
 * BS3xxx sessions, BS4xxx the local runtime, BS5xxx AWS, BS6xxx the HTTP API.
 */
export const errorCodes = {
  BS1001: 'a pipeline file could not be loaded',
  BS1002: 'a pipeline file exports no pipeline',
  BS1101: 'an id is not allowed',
  BS1102: 'two nodes of a pipeline share an id',
  BS1103: 'two operations share an id',
  BS1104: 'the dependencies form a cycle',
  BS1105: 'a reference to something this pipeline does not have',
  BS1106: 'a reference is used outside the branch, switch or map that made it',
  BS1107: 'a value that may be absent is used where one is required',
  BS1108: 'an input does not fit the schema of its operation',
  BS1109: 'a schema that has no JSON form',
  BS1110: 'a timeout is out of range',
  BS1111: 'a retry is out of range',
  BS1112: 'a value that JSON cannot hold',
  BS1113: 'a limit of Step Functions would be exceeded',
  BS1114: 'a pipeline without jobs',
  BS1115: 'an entry file that does not exist',
  BS1116: 'a schedule that AWS would not take',
  BS1117: 'a trigger that AWS would not take',
  BS1118: 'a notification that nobody would get',
  BS1119: 'a mode or a duration that is not allowed',
  BS1120: 'an approval that nobody could answer',
  BS1130: 'a secret where only a job may be given one',
  BS1140: 'settings that the kind of an operation does not take',
  BS1141: 'a kind of operations that was made for another version',
  BS1142: 'a compensation that could not undo its job',
  BS1143: 'a deadline of which nobody would be told in time',
  BS1121: 'a switch without cases, or with two for one text',
  BS1122: 'a loop without a bound, or that carries nothing on',
  BS1123: 'a wait for a time that is none',
  BS1124: 'a failure that nobody can go on after',
  BS1125: 'a call of a pipeline that cannot be called',
  BS1126: 'a machine of its own where there can be none',
  BS1127: 'a map over S3 that could not be run',
  BS1160: 'a store that cannot be reached with what is given',
  BS1161: 'a key that a store does not take',
  BS1162: 'an object that is not in its store',
  BS1163: 'a store that refused or failed a call',
  BS1201: 'a barrier was added: the graph is not series-parallel',
  BS2001: 'a command line that bunsui does not understand',
  BS2002: 'a file could not be read',
  BS2003: 'no platform is deployed there',
  BS2004: 'a channel that is not configured as its kind asks',
  BS2005: 'a program that bunsui needs ended with an error',
  BS2006: 'a file that is there already',
  BS2007: 'a plugin that cannot be used',
  BS3001: 'the input does not fit the schema of the pipeline',
  BS3002: 'no such session',
  BS3003: 'no such pipeline',
  BS3004: 'the same idempotency key was used with another input',
  BS3005: 'a session that has ended',
  BS3006: 'no such job in the session',
  BS3007: 'no such schedule',
  BS3008: 'a session that cannot be rerun this way',
  BS3009: 'no such channel',
  BS3010: 'an address that messages may not be sent to',
  BS4001: 'the state folder cannot be written',
  BS4002: 'another process owns the state folder',
  BS4003: 'a journal is damaged',
  BS4004: 'a handler could not be bundled',
  BS3011: 'a report that is not written yet',
  BS3012: 'a chain of triggers that is too long',
  BS3013: 'no such approval in the session',
  BS3014: 'an approval that does not wait for an answer',
  BS3015: 'an answer that does not fit the form of its approval',
  BS3016: 'a link that is not valid, or not any more',
  BS3017: 'a session that has not ended',
  BS5001: 'AWS refused or failed a call',
  BS6001: 'a request that the API does not understand',
  BS6002: 'no such address in the API',
  BS6003: 'a method that an address does not have',
  BS6004: 'more than the API carries',
  BS6005: 'an error inside of the API',
  BS6006: 'too many calls at once',
  BS6007: 'a caller who may not do this',
} as const;

export type ErrorCode = keyof typeof errorCodes;

/** Where an author wrote something: `file` as given by the runtime's call site (absolute path or file URL stripped to a path), 1-based line and column. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * One mistake of an author, found while a pipeline is recorded or compiled. A pass reports and carries on, so one
 * run shows every mistake.
 *
 * `path` is where in the pipeline (`["flights", "jobs", "load", "input", "key"]`), `source` where in the file.
 */
export interface Diagnostic {
  readonly code: ErrorCode;
  readonly severity: 'error' | 'warning' | 'info';
  readonly message: string;
  readonly path: readonly (string | number)[];
  readonly source?: SourcePosition;
  readonly hint?: string;
}

/** The families users know from records and from the wire. */
export type ErrorFamily = 'SessionError' | 'PipelineError' | 'ConfigError' | 'ValidationError' | 'AWSError';

/** An error bunsui throws. `code` is stable, `recoverable` says whether the same call can succeed later. */
export class BunsuiError extends Error {
  override readonly name: ErrorFamily;
  readonly code: ErrorCode;
  readonly recoverable: boolean;
  readonly context: Readonly<Record<string, unknown>>;
  readonly hint: string | undefined;

  constructor(
    family: ErrorFamily,
    code: ErrorCode,
    message: string,
    options: {
      readonly recoverable?: boolean;
      readonly context?: Readonly<Record<string, unknown>>;
      readonly hint?: string;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = family;
    this.code = code;
    this.recoverable = options.recoverable ?? false;
    this.context = options.context ?? {};
    this.hint = options.hint;
  }
}

/**
 * Names of errors a job can fail with that bunsui itself gives; what Retry and Catch match. Names that Lambda and
 * Step Functions give (`Sandbox.Timedout`, `Runtime.ExitError`, `States.Timeout`, …) stay theirs.
 */
export const jobErrors = {
  /** The job's input does not fit the operation's input schema. Never retried. */
  inputInvalid: 'Bunsui.InputInvalid',
  /** The handler returned nothing, or something that does not fit the output schema or is not JSON. Never retried. */
  outputInvalid: 'Bunsui.OutputInvalid',
  /** What expressions of the pipeline read of the output is more than goes through the state machine. Never retried. */
  outputTooLarge: 'Bunsui.OutputTooLarge',
  /** A secret that the job is given is not there, or cannot be read. Never retried. */
  secretUnavailable: 'Bunsui.SecretUnavailable',
  /** A loop has come to its greatest number of rounds, and has not ended. */
  loopBound: 'Bunsui.LoopBound',
  /** The job's completion could not be recorded; the attempt is repeated. */
  recordFailed: 'Bunsui.RecordFailed',
  /** It came when its session was being undone already, and has done nothing. Nobody waits for it any more. */
  undone: 'Bunsui.Undone',
  /** Whoever was asked has rejected it. */
  rejected: 'Bunsui.Rejected',
  /**
   * Nobody has answered in time. In records; Step Functions itself has only one name for this, `States.Timeout`, and a
   * state that failed with another one could not be redriven.
   */
  approvalTimedOut: 'Bunsui.ApprovalTimedOut',
  /**
   * The runtime stopped while this attempt ran, and ran the job again when it went on. It stands in records only: no
   * state fails with it, so no Retry and no Catch ever meets it.
   */
  interrupted: 'Bunsui.Interrupted',
} as const;

/** The errors that an execution is stopped with to pause its session: functions finish, or nobody waits for them. */
export const pausedErrors = { wait: 'Bunsui.Paused', now: 'Bunsui.PausedNow' } as const;

/** Whether an execution was stopped to pause its session. */
export function isPauseError(error: string | undefined): boolean {
  return error === pausedErrors.wait || error === pausedErrors.now;
}
