/**
 * The Amazon States Language as this engine runs it: types of a checked definition. Fields are spelled as AWS spells
 * them; a state uses those of its query language only. `validateDefinition` (validate.ts) is the only door to these types.
 *
 * @see https://states-language.net/
 */

import type { ItemFormat } from './item-formats.ts';

export type QueryLanguage = 'JSONPath' | 'JSONata';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * JSON in which, by the state's language, every string that is wholly `{% … %}` is a JSONata expression, or every field
 * whose name ends in `.$` holds a path or an intrinsic function.
 */
export type Template = Json;

/** A number, or an expression that gives one. */
export type NumberOrExpression = number | string;

/** Assignments by variable name (without the `$`). */
export type Assignments = { readonly [variable: string]: Template };

/** Tries a failed state again. Waits `IntervalSeconds × BackoffRate^n`, at most `MaxDelaySeconds`. */
export interface Retrier {
  readonly ErrorEquals: readonly string[];
  /** @default 1 */
  readonly IntervalSeconds?: number;
  /** 0 is never. @default 3 */
  readonly MaxAttempts?: number;
  /** @default 2 */
  readonly BackoffRate?: number;
  readonly MaxDelaySeconds?: number;
  /** FULL draws each wait between 0 and its length. @default "NONE" */
  readonly JitterStrategy?: 'FULL' | 'NONE';
}

/** Where a failed state goes when no retrier takes it. */
export interface Catcher {
  readonly ErrorEquals: readonly string[];
  readonly Next: string;
  readonly Assign?: Assignments;
  /** @default the error output: `{ Error, Cause }` */
  readonly Output?: Template;
  /** JSONPath: where the error output goes in the state's input. @default "$" */
  readonly ResultPath?: string | null;
}

interface StateBase<T extends string> {
  readonly Type: T;
  readonly Comment?: string;
  readonly QueryLanguage?: QueryLanguage;
}
interface WithOutput {
  readonly Output?: Template;
}
/** JSONPath: what of the input a state sees, and what of its output it gives on. Null is `{}`. @default "$" */
interface WithPaths {
  readonly InputPath?: string | null;
  readonly OutputPath?: string | null;
}
/** JSONPath: what a state's work gets, and where its result goes. */
interface WithResult extends WithPaths {
  readonly Parameters?: Template;
  readonly ResultSelector?: Template;
  /** A reference path into the state's input; null drops the result. @default "$" */
  readonly ResultPath?: string | null;
}
interface WithAssign {
  readonly Assign?: Assignments;
}
/** Exactly one of the two in a checked definition. */
interface WithNext {
  readonly Next?: string;
  readonly End?: boolean;
}
interface WithErrorHandling {
  readonly Retry?: readonly Retrier[];
  readonly Catch?: readonly Catcher[];
}

export interface PassState extends StateBase<'Pass'>, WithOutput, WithResult, WithAssign, WithNext {
  readonly Result?: Json;
}
export interface TaskState extends StateBase<'Task'>, WithOutput, WithResult, WithAssign, WithNext, WithErrorHandling {
  readonly Resource: string;
  /** @default the state's input */
  readonly Arguments?: Template;
  readonly TimeoutSeconds?: NumberOrExpression;
  readonly TimeoutSecondsPath?: string;
  readonly HeartbeatSeconds?: NumberOrExpression;
  readonly HeartbeatSecondsPath?: string;
  readonly Credentials?: { readonly RoleArn?: string; readonly 'RoleArn.$'?: string };
}
/** What a rule of a JSONPath Choice asks: And, Or, Not, or a Variable with one operator (see choice.ts). */
export interface PathRule {
  readonly And?: readonly PathRule[];
  readonly Or?: readonly PathRule[];
  readonly Not?: PathRule;
  readonly Variable?: string;
  readonly [operator: string]: unknown;
}
/** A rule has a Condition in JSONata, the fields of a PathRule in JSONPath. */
export type ChoiceRule = PathRule &
  WithOutput &
  WithAssign & {
    readonly Condition?: string | boolean;
    readonly Next: string;
    readonly Comment?: string;
  };
export interface ChoiceState extends StateBase<'Choice'>, WithOutput, WithPaths, WithAssign {
  readonly Choices: readonly ChoiceRule[];
  readonly Default?: string;
}
export interface WaitState extends StateBase<'Wait'>, WithOutput, WithPaths, WithAssign, WithNext {
  readonly Seconds?: NumberOrExpression;
  readonly SecondsPath?: string;
  readonly Timestamp?: string;
  readonly TimestampPath?: string;
}
export interface SucceedState extends StateBase<'Succeed'>, WithOutput, WithPaths {}
export interface FailState extends StateBase<'Fail'> {
  readonly Error?: string;
  readonly ErrorPath?: string;
  readonly Cause?: string;
  readonly CausePath?: string;
}
export interface ParallelState
  extends StateBase<'Parallel'>,
    WithOutput,
    WithResult,
    WithAssign,
    WithNext,
    WithErrorHandling {
  readonly Branches: readonly Scope[];
  /** What each branch gets. @default the state's input */
  readonly Arguments?: Template;
}
export interface MapState extends StateBase<'Map'>, WithOutput, WithResult, WithAssign, WithNext, WithErrorHandling {
  /** @default the state's input, which must be a list */
  readonly Items?: Template;
  /** JSONPath: a reference path to the list. @default "$" */
  readonly ItemsPath?: string;
  /** What each iteration gets; JSONPath's older name for it is Parameters. @default the item */
  readonly ItemSelector?: Template;
  readonly ItemProcessor?: ItemProcessor;
  /** The older name of ItemProcessor. A checked definition has one of the two. */
  readonly Iterator?: ItemProcessor;
  /** 0 is without limit. @default 0 */
  readonly MaxConcurrency?: NumberOrExpression;
  readonly MaxConcurrencyPath?: string;
  readonly ToleratedFailureCount?: NumberOrExpression;
  readonly ToleratedFailureCountPath?: string;
  readonly ToleratedFailurePercentage?: NumberOrExpression;
  readonly ToleratedFailurePercentagePath?: string;
  readonly ItemReader?: ItemReader;
  readonly ItemBatcher?: ItemBatcher;
  readonly ResultWriter?: ResultWriter;
  /** Part of the map run's name. */
  readonly Label?: string;
}
export type ItemProcessor = Scope & {
  readonly ProcessorConfig?: {
    /** @default "INLINE" */
    readonly Mode?: 'INLINE' | 'DISTRIBUTED';
    readonly ExecutionType?: 'STANDARD' | 'EXPRESS';
  };
};
/** Where a distributed Map reads its items: an object of S3, or a listing of objects. */
export interface ItemReader {
  readonly Resource: string;
  readonly Arguments?: Template;
  readonly Parameters?: Template;
  readonly ReaderConfig?: Partial<ItemFormat> & {
    /** 0 is all. @default 0 */
    readonly MaxItems?: NumberOrExpression;
    readonly MaxItemsPath?: string;
  };
}
/** What becomes of the children's results: how they are put, and where to in S3 if they are exported. */
export interface ResultWriter {
  readonly Resource?: string;
  readonly Arguments?: Template;
  readonly Parameters?: Template;
  readonly WriterConfig?: {
    readonly Transformation?: 'NONE' | 'COMPACT' | 'FLATTEN';
    readonly OutputType?: 'JSON' | 'JSONL';
  };
}
/** Items that a child of a distributed Map gets together, as `{ BatchInput, Items }`. */
export interface ItemBatcher {
  readonly MaxItemsPerBatch?: NumberOrExpression;
  readonly MaxItemsPerBatchPath?: string;
  readonly MaxInputBytesPerBatch?: NumberOrExpression;
  readonly MaxInputBytesPerBatchPath?: string;
  readonly BatchInput?: Template;
}

export type State =
  | PassState
  | TaskState
  | ChoiceState
  | WaitState
  | SucceedState
  | FailState
  | ParallelState
  | MapState;
export type StateType = State['Type'];
export type StateOf<T extends StateType> = Extract<State, { Type: T }>;

/** States that run one after another: a machine, a branch of a Parallel, the body of a Map. */
export interface Scope {
  readonly StartAt: string;
  readonly States: { readonly [name: string]: State };
}

/** A whole state machine. */
export interface Definition extends Scope {
  readonly Comment?: string;
  readonly Version?: string;
  readonly QueryLanguage?: QueryLanguage;
  readonly TimeoutSeconds?: number;
}
